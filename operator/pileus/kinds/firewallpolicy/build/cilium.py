"""The CiliumNetworkPolicy of a policy whose rules say more than the standard can.

It says everything, also what the standard could say: one object changes at once or not at all. What Cilium
means by its fields is in its documentation of policies; its CRD checks what is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.firewallpolicy.build.rules import (
    NAMESPACE_NAME,
    Anybody,
    Block,
    Capability,
    Direction,
    Flows,
    Named,
    Pods,
    Port,
)
from pileus.objects.catalog import CILIUM_NETWORK_POLICY
from pileus.objects.metadata import child

PER_RULE = 40
"""So many ports one entry of toPorts may have."""

ENTITIES = {"KubeAPIServer": "kube-apiserver", "DNS": "host"}
"""What the addresses of a preset are to Cilium: the API itself, and the node with its cache of DNS."""

_NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
_POD_NAMESPACE = "io.kubernetes.pod.namespace"


def policy(
    resource: Resource, pods: Manifest, flows: Iterable[Flows], directions: Iterable[Direction]
) -> Manifest:
    """What isolates the pods, allows and denies."""
    found, isolated = tuple(flows), frozenset(directions)
    fqdn = any(Capability.FQDN in one.needs for one in found)
    spec: Manifest = {
        "endpointSelector": _selector(pods),
        "enableDefaultDeny": {str(one).lower(): one in isolated for one in Direction},
    }
    for direction in Direction:
        ours = [one for one in found if one.direction is direction]
        allows = [rule for one in ours if not one.deny for rule in _rules(one, fqdn=fqdn)]
        denies = [rule for one in ours if one.deny for rule in _rules(one, fqdn=False)]
        if direction in isolated or allows:
            # An empty rule allows nothing, and isolates; without any, Cilium takes the direction for unsaid.
            spec[direction.lower()] = allows or [{}]
        if denies:
            spec[f"{direction.lower()}Deny"] = denies
    if any(one.log for one in found):
        spec["log"] = {"value": f"{resource.namespace}/{resource.name}"}  # of the policy: rules have none
    return child(
        resource,
        api_version=CILIUM_NETWORK_POLICY.api_version,
        kind=CILIUM_NETWORK_POLICY.kind,
        name=resource.name,
        body={"spec": spec},
    )


def _rules(flows: Flows, *, fqdn: bool) -> list[Manifest]:
    """A rule of Cilium's has one way of naming the other side: as many rules as there are ways."""
    ports = _ports(flows, fqdn=fqdn)
    rules = []
    for key, value in _sides(flows):
        rule: Manifest = {key: value}
        if flows.icmp:
            rule["icmps"] = [{"fields": [{"family": one.family, "type": one.type} for one in flows.icmp]}]
        elif ports:
            rule["toPorts"] = ports
        rules.append(rule)
    return rules


def _sides(flows: Flows) -> Iterable[tuple[str, Any]]:
    word = "from" if flows.direction is Direction.INGRESS else "to"
    pods = [_endpoints(side) for side in flows.sides if isinstance(side, Pods)]
    blocks = [_block(side) for side in flows.sides if isinstance(side, Block)]
    names = [_name(side) for side in flows.sides if isinstance(side, Named)]
    if flows.name in ENTITIES and blocks:
        # Ranges of addresses do not mean what has an identity in Cilium, such as nodes.
        yield "toEntities", [ENTITIES[flows.name]]
        blocks = []
    if any(isinstance(side, Anybody) for side in flows.sides):
        yield f"{word}Entities", ["all"]
    if pods:
        yield f"{word}Endpoints", pods
    if blocks:
        yield f"{word}CIDRSet", blocks
    if names:
        yield "toFQDNs", names


def _endpoints(side: Pods) -> Manifest:
    selector = _selector(side.selector)
    if side.namespaces is None:
        return selector
    labels: dict[str, str] = dict(selector.get("matchLabels", {}))
    expressions = list(selector.get("matchExpressions", ()))
    for key, value in side.namespaces.get("matchLabels", {}).items():
        labels[_namespace_label(key)] = value
    for one in side.namespaces.get("matchExpressions", ()):
        expressions.append({**one, "key": _namespace_label(one["key"])})
    if not side.namespaces:  # all: said, since a selector that says nothing of them means the policy's own
        expressions.append({"key": f"k8s:{_POD_NAMESPACE}", "operator": "Exists"})
    return {
        **({"matchLabels": labels} if labels else {}),
        **({"matchExpressions": expressions} if expressions else {}),
    }


def _namespace_label(key: str) -> str:
    return f"k8s:{_POD_NAMESPACE if key == NAMESPACE_NAME else _NAMESPACE_LABELS + key}"


def _selector(written: Mapping[str, Any]) -> Manifest:
    found: Manifest = {}
    if labels := written.get("matchLabels"):
        found["matchLabels"] = {f"k8s:{key}": value for key, value in labels.items()}
    if expressions := written.get("matchExpressions"):
        found["matchExpressions"] = [{**one, "key": f"k8s:{one['key']}"} for one in expressions]
    return found


def _block(side: Block) -> Manifest:
    return {"cidr": side.cidr, **({"except": list(side.without)} if side.without else {})}


def _name(side: Named) -> Manifest:
    key = "matchPattern" if "*" in side.pattern else "matchName"
    return {key: side.pattern}


def _ports(flows: Flows, *, fqdn: bool) -> list[Manifest]:
    found = [_port(port) for port in flows.ports]
    entries = [{"ports": found[start : start + PER_RULE]} for start in range(0, len(found), PER_RULE)]
    if flows.http:
        requests = [_request(one.method, one.path) for one in flows.http]
        return [{**entry, "rules": {"http": requests}} for entry in entries]
    if fqdn and flows.name == "DNS":
        # What a name stands for Cilium learns from the answers that it sees.
        return [{**entry, "rules": {"dns": [{"matchPattern": "*"}]}} for entry in entries]
    return entries


def _request(method: str | None, path: str | None) -> Manifest:
    return {**({"method": method} if method else {}), **({"path": path} if path else {})}


def _port(port: Port) -> Manifest:
    found: Manifest = {"port": str(port.number), "protocol": port.protocol}
    if port.last is not None:
        found["endPort"] = port.last
    return found
