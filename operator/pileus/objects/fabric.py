"""What a cluster itself is made of, for firewalls: its DNS, API, ranges and families of addresses, enforcers.

A pure data structure, like the surroundings of which it is a part: each object that is put in tells which
topics it touched. Only what administrators decide counts: labels alone are anybody's to set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.engine.plan import Topic
from pileus.objects import netpol
from pileus.objects.reading import at, condition, items, mapping, text

DNS: Topic = ("dns",)
API_SERVER: Topic = ("apiserver",)
RANGES: Topic = ("ranges",)
FAMILIES: Topic = ("families",)
AGENTS: Topic = ("agents",)

DNS_LABELS = {
    "kube-system": ("k8s-app", "kube-dns"),
    "openshift-dns": ("dns.operator.openshift.io/owning-dns", "default"),
}
"""By which label the Service of the cluster's DNS is known, in namespaces that are the cluster's own."""

LOCAL_DNS = ("k8s-app", "node-local-dns")
LOCAL_DNS_ADDRESS = "169.254.20.10"

AGENTS_BY_LABEL = {
    ("k8s-app", "cilium"): "Cilium",
    ("k8s-app", "calico-node"): "Calico",
    ("app", "antrea"): "Antrea",
    ("app", "kube-network-policies"): "kube-network-policies",
}
"""By which label the pods of an enforcer's agent are known."""


@dataclass(frozen=True, slots=True)
class Dns:
    """The cluster's DNS. addresses: of a cache on the nodes themselves, where there is one."""

    namespace: str
    selector: Mapping[str, str]
    ports: tuple[tuple[str, int | str], ...]
    addresses: tuple[str, ...] = ()


class Fabric:
    """One cluster's."""

    def __init__(self) -> None:
        self._dns: dict[tuple[str, str], Dns] = {}
        self._api: dict[str, tuple[tuple[str, int], ...]] = {}
        self._api_service: tuple[tuple[str, int], ...] = ()
        self._nodes: dict[str, tuple[str, ...]] = {}
        self._pod_ranges: dict[str, tuple[str, ...]] = {}
        self._ranges: dict[str, tuple[str, ...]] = {}
        self._agents: dict[tuple[str, str], str] = {}
        self._local_dns: set[tuple[str, str]] = set()

    def dns(self) -> Dns | None:
        """The cluster's DNS, None where there is none that is known."""
        found = [self._dns[key] for key in sorted(self._dns)]
        if not found:
            return None
        local = (LOCAL_DNS_ADDRESS,) if self._local_dns else ()
        return Dns(found[0].namespace, found[0].selector, found[0].ports, local)

    def api_server(self) -> tuple[tuple[str, int], ...]:
        """Where the Kubernetes API is: addresses and ports, before and behind its Service."""
        behind = {one for addresses in self._api.values() for one in addresses}
        return tuple(sorted(behind | set(self._api_service))) if behind else ()

    def ranges(self) -> tuple[str, ...]:
        """Addresses of the cluster's own: nodes, pods and Services."""
        found = {one for ranges in (*self._nodes.values(), *self._ranges.values()) for one in ranges}
        return tuple(sorted(found))

    def families(self) -> frozenset[int]:
        """4, 6 or both: of which families the addresses of pods and Services are; both where nobody knows."""
        pods = [one for nodes in self._pod_ranges.values() for one in nodes]
        services = [one for ranges in self._ranges.values() for one in ranges]
        front = [address for address, _ in self._api_service]
        return frozenset(6 if ":" in one else 4 for one in (*pods, *services, *front)) or frozenset({4, 6})

    def enforcing(self) -> tuple[str, ...]:
        """Nodes and enforcers: when these change, it may have changed whether policies hold."""
        return (*sorted(self._nodes), *sorted(self.agents()))

    def agents(self) -> frozenset[str]:
        """Names of the enforcers whose agents run."""
        return frozenset(self._agents.values())

    def node(self, _: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        """A node."""
        families = self.families()
        before = self._nodes.pop(name, ())
        self._pod_ranges.pop(name, None)
        if manifest is not None:
            addresses = [text(one, "address") for one in items(manifest, "status", "addresses")]
            own = [netpol.alone(one) for one in addresses if netpol.is_address(one)]
            pods = at(manifest, "spec", "podCIDRs")
            self._pod_ranges[name] = tuple(map(str, pods)) if isinstance(pods, list) else ()
            self._nodes[name] = tuple(sorted({*own, *self._pod_ranges[name]}))
        if before != self._nodes.get(name, ()):
            yield RANGES
        if families != self.families():
            yield FAMILIES

    def service_range(self, _: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        """A range of addresses of Services."""
        families = self.families()
        before = self._ranges.pop(name, ())
        cidrs = at(manifest, "spec", "cidrs")
        if isinstance(cidrs, list):
            self._ranges[name] = tuple(map(str, cidrs))
        if before != self._ranges.get(name, ()):
            yield RANGES
        if families != self.families():
            yield FAMILIES

    def endpoints(self, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        """Endpoints of the API."""
        if namespace != "default":
            return  # anybody can call something the same
        before = self._api.pop(name, ())
        if manifest is not None:
            ports = [one["port"] for one in items(manifest, "ports") if isinstance(one.get("port"), int)]
            addresses = [
                address
                for one in items(manifest, "endpoints")
                if at(one, "conditions", "ready") is not False
                for address in one.get("addresses") or ()
            ]
            self._api[name] = tuple((address, port) for address in sorted(addresses) for port in ports)
        if before != self._api.get(name, ()):
            yield API_SERVER

    def service(self, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        """One that leads to the API or the DNS."""
        if (namespace, name) == ("default", "kubernetes"):
            yield from self._front(manifest)
        before = self._dns.pop((namespace, name), None)
        key, value = DNS_LABELS.get(namespace, ("", ""))
        if key and mapping(manifest, "metadata", "labels").get(key) == value:
            ports = {
                (text(one, "protocol") or "TCP", port)
                for one in items(manifest, "spec", "ports")
                if one.get("port") == 53
                for port in (53, one.get("targetPort") or 53)
            }
            selector = {str(key): str(value) for key, value in mapping(manifest, "spec", "selector").items()}
            if selector:
                self._dns[namespace, name] = Dns(namespace, selector, tuple(sorted(ports, key=str)))
        if before != self._dns.get((namespace, name)):
            yield DNS

    def _front(self, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        families = self.families()
        before = self._api_service
        addresses = at(manifest, "spec", "clusterIPs")
        ports = [one["port"] for one in items(manifest, "spec", "ports") if isinstance(one.get("port"), int)]
        found = addresses if isinstance(addresses, list) else []
        self._api_service = tuple((str(one), port) for one in found for port in ports)
        if before != self._api_service:
            yield API_SERVER
        if families != self.families():
            yield FAMILIES

    def pod(self, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        """A pod, as far as it is the cluster's own: of an enforcer, or a cache of DNS."""
        labels = mapping(manifest, "metadata", "labels")
        key = (namespace, name)
        local = LOCAL_DNS in labels.items() and namespace == "kube-system"
        if local != (key in self._local_dns):
            (self._local_dns.add if local else self._local_dns.discard)(key)
            yield DNS
        works = condition(manifest, "Ready").get("status") == "True"
        pods = [AGENTS_BY_LABEL[pair] for pair in labels.items() if pair in AGENTS_BY_LABEL]
        # Labels are anybody's to set: what runs in the network of its host was put there by an administrator.
        agent = pods[0] if pods and works and at(manifest, "spec", "hostNetwork") is True else None
        if self._agents.get(key) != agent:
            before = self.agents()
            self._agents.pop(key, None)
            if agent:
                self._agents[key] = agent
            if before != self.agents():
                yield AGENTS
