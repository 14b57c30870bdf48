"""Policies, and the clusters around them, for tests, as values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from pileus.engine.conditions import Condition, Verdict
from pileus.engine.labels import KIND, OWNER_NAME
from pileus.engine.plan import Manifest, Plan, Topic
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.kinds.firewallpolicy.compile import Compiled, Facts
from pileus.objects.catalog import CILIUM_NETWORK_POLICY, NETWORK_POLICY
from pileus.objects.netpol import NAMESPACE_NAME
from pileus.objects.surroundings import Enforcement, Surroundings

UID = "11111111-2222-3333-4444-555555555555"
HERE = "acme"
SERVED = frozenset({NETWORK_POLICY.id, CILIUM_NETWORK_POLICY.id})
_KINDS = {(kind.api_version, kind.kind): kind for kind in Surroundings.KINDS}


def policy(
    spec: Mapping[str, Any] | None = None, *, name: str = "guard", namespace: str = HERE, **more: Any
) -> Resource:
    """A FirewallPolicy of the app `web` with this spec, as users write it."""
    written = {"target": {"apps": ["web"]}, **(spec or {}), **more}
    return Resource(
        kind="FirewallPolicy",
        api_version="pileus.dev/v1alpha1",
        namespace=namespace,
        name=name,
        uid=UID,
        generation=1,
        spec=FIREWALL_POLICY.spec.model_validate(written),
    )


def rule(*peers: Mapping[str, Any], direction: str = "Ingress", name: str = "r", **more: Any) -> Manifest:
    """A rule with these peers."""
    return {"name": name, "direction": direction, "peers": list(peers), **more}


def namespace(name: str, **labels: str) -> Manifest:
    """A namespace, labelled as the API server labels it."""
    metadata = {"name": name, "labels": {NAMESPACE_NAME: name, **labels}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def node(name: str, *addresses: str, pods: Iterable[str] = ()) -> Manifest:
    """A node; pods: ranges of its pods."""
    listed = [{"type": "InternalIP", "address": one} for one in addresses]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDRs": list(pods)},
        "status": {"addresses": [{"type": "Hostname", "address": name}, *listed]},
    }


def pod(
    name: str,
    *,
    namespace: str = HERE,
    app: str = "",
    vm: str = "",
    labels: Mapping[str, str] | None = None,
    ips: Iterable[str] = ("10.244.1.9",),
    ports: Iterable[tuple[str, int, str]] = (),
    host: bool = False,
    networks: str = "",
    phase: str = "Running",
    ready: bool = True,
) -> Manifest:
    """A pod; app, vm: whose of ours it is. ports: name, number, protocol."""
    own = {KIND: "ContainerApp", OWNER_NAME: app} if app else {}
    own = {KIND: "CloudVM", OWNER_NAME: vm} if vm else own
    listed = [{"name": n, "containerPort": port, "protocol": protocol} for n, port, protocol in ports]
    annotations = {"k8s.v1.cni.cncf.io/networks": networks} if networks else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**own, **(labels or {})},
            "annotations": annotations,
        },
        "spec": {
            "containers": [{"name": "main", "ports": listed}],
            **({"hostNetwork": True} if host else {}),
        },
        "status": {
            "phase": phase,
            "podIPs": [{"ip": ip} for ip in ips],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def service(
    name: str, *, namespace: str = HERE, labels: Mapping[str, str] | None = None, **spec: Any
) -> Manifest:
    """A Service."""
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def endpoints(*addresses: str, port: int = 6443, name: str = "kubernetes", **more: Any) -> Manifest:
    """The addresses of the Kubernetes API."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", **more},
        "endpoints": [{"addresses": [one], "conditions": {"ready": True}} for one in addresses],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def netpol(name: str, *, namespace: str = HERE, **spec: Any) -> Manifest:
    """Somebody's NetworkPolicy."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def dns(**more: Any) -> Manifest:
    """The Service of the cluster's DNS."""
    ports = [{"name": f"dns-{one}", "port": 53, "protocol": one, "targetPort": 53} for one in ("UDP", "TCP")]
    given: dict[str, Any] = {"selector": {"k8s-app": "kube-dns"}, "ports": ports, **more}
    return service("kube-dns", namespace="kube-system", labels={"k8s-app": "kube-dns"}, **given)


def front(*addresses: str) -> Manifest:
    """The Service of the Kubernetes API."""
    ports = [{"name": "https", "port": 443, "protocol": "TCP"}]
    return service("kubernetes", namespace="default", clusterIPs=list(addresses), ports=ports)


def service_range(*cidrs: str) -> Manifest:
    """Addresses of Services."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": list(cidrs)},
    }


def agent(key: str = "k8s-app", value: str = "cilium", **more: Any) -> Manifest:
    """A pod that enforces policies on a node; Cilium's if nothing is said."""
    given: dict[str, Any] = {"namespace": "kube-system", "host": True, "ips": ("203.0.113.11",), **more}
    return pod(f"{value}-x", labels={key: value}, **given)


LOCAL_DNS = pod("node-local-dns-x", namespace="kube-system", labels={"k8s-app": "node-local-dns"}, host=True)
CLUSTER: tuple[Manifest, ...] = (
    *(namespace(one) for one in ("default", "kube-system", "monitoring", "envoy-gateway-system", HERE)),
    namespace("data", team="data"),
    node("n1", "203.0.113.11", "2001:db8:1::11", pods=("10.244.1.0/24", "2001:db8:244:1::/64")),
    service_range("10.96.0.0/12", "2001:db8:96::/112"),
    front("10.96.0.1"),
    endpoints("203.0.113.11"),
    dns(),
)
"""Two families of addresses; the nodes' are public."""


def around(*manifests: Manifest, enforcement: Enforcement | None = None) -> Surroundings:
    """What is kept of a cluster of these objects."""
    found = Surroundings()
    for one in manifests:
        put(found, one)
    found.tried(enforcement or Enforcement(True, "A trial of the tests'."))
    return found


def put(found: Surroundings, manifest: Manifest, *, gone: bool = False) -> set[Topic]:
    """Take it in, or out; what that touched."""
    kind = _KINDS[manifest["apiVersion"], manifest["kind"]]
    metadata = manifest["metadata"]
    return found.put(kind.id, metadata.get("namespace", ""), metadata["name"], None if gone else manifest)


def world(*beside: Manifest, cluster: Iterable[Manifest] = CLUSTER, **more: Any) -> World:
    """A world with the usual cluster, and these objects in it."""
    enforcement = more.pop("enforcement", None)
    given: dict[str, Any] = {"served": SERVED, **more}
    return World(survey=around(*cluster, *beside, enforcement=enforcement), **given)


def referred(*manifests: Manifest) -> dict[Reference, Referent]:
    """Resources of ours, as who refers to them sees them."""
    return {
        Reference(one["kind"], one["metadata"]["name"]): Referent(ReferenceState.PRESENT, manifest=one)
        for one in manifests
    }


def compiled(resource: Resource, there: World) -> tuple[Plan, Compiled]:
    """The plan, and what `judge` is told."""
    plan = FIREWALL_POLICY.compile(resource, there)
    facts = plan.facts["firewall"]
    assert isinstance(facts, Facts)
    return plan, facts.compiled


def made(resource: Resource, there: World) -> Manifest:
    """The one object that it becomes."""
    (one,) = FIREWALL_POLICY.compile(resource, there).objects
    return one


def judge(resource: Resource, there: World) -> Verdict:
    """What its user is told."""
    verdict = FIREWALL_POLICY.judge(resource, FIREWALL_POLICY.compile(resource, there), there)
    FIREWALL_POLICY.status.model_validate(verdict.fields)
    return verdict


def warned(resource: Resource, there: World) -> dict[str, str]:
    """Messages of warnings by their reasons."""
    return {str(one.reason): one.message for one in FIREWALL_POLICY.compile(resource, there).warnings}


def condition(verdict: Verdict, type_: str) -> Condition:
    """A condition of the verdict."""
    (found,) = (one for one in verdict.conditions if one.type == type_)
    return found


def replaced(resource: Resource, **more: Any) -> Resource:
    """The same with another part."""
    return dataclasses.replace(resource, **more)
