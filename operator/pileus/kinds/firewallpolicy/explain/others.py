"""Policies of other engines: not evaluated, only whether they say anything of a pod.

In doubt they do: what is not known must not be answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.engine.plan import Manifest
from pileus.objects import netpol
from pileus.objects.netpol import NAMESPACE_NAME, Direction, Pod
from pileus.objects.reading import at, items, mapping, text

_POD_NAMESPACE = "io.kubernetes.pod.namespace"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind of such policies."""

    group: str
    plural: str
    kind: str
    namespaced: bool = True


FOREIGN = (
    Foreign("cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
    Foreign(
        "cilium.io", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", namespaced=False
    ),
    Foreign("policy.networking.k8s.io", "adminnetworkpolicies", "AdminNetworkPolicy", namespaced=False),
    Foreign(
        "policy.networking.k8s.io",
        "baselineadminnetworkpolicies",
        "BaselineAdminNetworkPolicy",
        namespaced=False,
    ),
    Foreign("policy.networking.k8s.io", "clusternetworkpolicies", "ClusterNetworkPolicy", namespaced=False),
    Foreign("crd.projectcalico.org", "networkpolicies", "NetworkPolicy (Calico)"),
    Foreign(
        "crd.projectcalico.org", "globalnetworkpolicies", "GlobalNetworkPolicy (Calico)", namespaced=False
    ),
)


def speaks(policy: Manifest, pod: Pod, direction: Direction, namespace: Mapping[str, str]) -> bool:
    """Whether a policy may say anything of a pod in a direction. namespace: its labels."""
    own = text(policy, "metadata", "namespace")
    if own and own != pod.namespace:
        return False
    group = text(policy, "apiVersion").partition("/")[0]
    if group == "cilium.io":
        specs = (*([policy["spec"]] if mapping(policy, "spec") else ()), *items(policy, "specs"))
        return any(_cilium(spec, pod, direction) for spec in specs)
    if pod.host_network:
        return False
    spec = mapping(policy, "spec")
    if group == "policy.networking.k8s.io":
        return _directed(spec, direction) and _subject(spec, pod, namespace)
    return True  # Calico's selectors are a language of their own


def _directed(spec: Mapping[str, Any], direction: Direction) -> bool:
    said = {one for one in ("ingress", "egress") if spec.get(one) or spec.get(f"{one}Deny")}
    return direction.lower() in said or not said


def _cilium(spec: Mapping[str, Any], pod: Pod, direction: Direction) -> bool:
    nodes = at(spec, "nodeSelector") is not None
    if nodes or pod.host_network:
        return nodes and pod.host_network
    labels = {**pod.labels, _POD_NAMESPACE: pod.namespace}
    return _directed(spec, direction) and netpol.selects(_plain(mapping(spec, "endpointSelector")), labels)


def _plain(selector: Mapping[str, Any]) -> dict[str, Any]:
    """A selector of Cilium's by plain labels; what is said of anything else may hold."""
    labels = {_key(key): value for key, value in mapping(selector, "matchLabels").items()}
    expressions = [{**one, "key": _key(text(one, "key"))} for one in items(selector, "matchExpressions")]
    return {
        "matchLabels": {key: value for key, value in labels.items() if _of_pods(key)},
        "matchExpressions": [one for one in expressions if _of_pods(one["key"])],
    }


def _key(key: str) -> str:
    return key.removeprefix("k8s:").removeprefix("any:")


def _of_pods(key: str) -> bool:
    return key == _POD_NAMESPACE or not key.startswith(("io.cilium.", "io.kubernetes.", "reserved", "cidr:"))


def _subject(spec: Mapping[str, Any], pod: Pod, namespace: Mapping[str, str]) -> bool:
    labels = {**namespace, NAMESPACE_NAME: pod.namespace}
    pods = at(spec, "subject", "pods")
    if isinstance(pods, Mapping):
        return netpol.selects(mapping(pods, "namespaceSelector"), labels) and netpol.selects(
            mapping(pods, "podSelector"), pod.labels
        )
    return netpol.selects(mapping(spec, "subject", "namespaces"), labels)
