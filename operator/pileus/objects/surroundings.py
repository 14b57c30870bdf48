"""Pods and policies, kept so that a policy finds what it matches without a search.

A pure data structure: whoever watches the cluster puts in what is there, and is told which *topics*
that touched. A plan says which topics it listens to. So a pod that comes wakes the policies that may select
it, and no others, and nothing is ever compared with everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.engine.labels import KIND, OWNER_NAME
from pileus.engine.plan import Manifest, Topic
from pileus.objects import netpol
from pileus.objects.catalog import (
    API_ENDPOINT_SLICE,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    SERVICE,
    SERVICE_CIDR,
)
from pileus.objects.fabric import Fabric
from pileus.objects.reading import items, mapping, text

WORKLOADS: Topic = ("workloads",)
NAMESPACES: Topic = ("namespaces",)
ENFORCEMENT: Topic = ("enforcement",)

EVERYWHERE = "*"
"""Instead of a namespace: in any."""

NETWORKS = "k8s.v1.cni.cncf.io/networks"
VM_NAME = "vm.kubevirt.io/name"
_OF_ONE_POD = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "controller-uid",
        "job-name",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/job-completion-index",
    }
)
"""Labels by which pods of one workload differ."""


def pods_of(namespace: str) -> Topic:
    """Any pod of a namespace, or of any."""
    return ("pods", namespace)


def labelled(namespace: str, key: str, value: str) -> Topic:
    """The pods of a namespace, or of any, with a label."""
    return ("label", namespace, key, value)


def policies_of(namespace: str) -> Topic:
    """The NetworkPolicies of a namespace, or of any."""
    return ("policies", namespace)


def isolation_of(namespace: str, pair: netpol.Pair | None = None) -> Topic:
    """Whom the NetworkPolicies of a namespace isolate, whatever they allow: pods with a label, or any."""
    return ("isolation", namespace, *(pair or ()))


def services_of(namespace: str) -> Topic:
    """The Services of a namespace."""
    return ("services", namespace)


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod that runs or is about to. networks: whether it has others than the cluster's."""

    pod: netpol.Pod
    networks: bool = False
    open: tuple[tuple[int, str], ...] = ()
    """Ports that its containers declare, with their protocols."""

    @property
    def shape(self) -> object:
        """What makes it another workload than others: all that policies see of it but its addresses."""
        pod = self.pod
        labels = frozenset(pair for pair in pod.labels.items() if pair[0] not in _OF_ONE_POD)
        return (pod.namespace, labels, frozenset(pod.ports.items()), self.open, pod.host_network)

    @property
    def shown(self) -> str:
        """Its name for people: of the resource of ours that it is of, else its own."""
        labels = self.pod.labels
        kinds = {"ContainerApp": "app", "CloudVM": "vm"}
        kind, name = kinds.get(labels.get(KIND, "")), labels.get(OWNER_NAME)
        return f"{kind}/{name}" if kind and name else f"pod/{self.pod.name}"


@dataclass(frozen=True, slots=True)
class Service:
    """A Service, as far as it matters to who is reached through it, and from where."""

    namespace: str
    name: str
    selector: Mapping[str, str]
    masks: bool
    """Whether whoever comes from outside has the address of a node by the time it arrives."""


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Whether NetworkPolicies are enforced, as tried out. holds: None: not known (yet)."""

    holds: bool | None = None
    words: str = ""
    at: str = ""
    off: bool = False
    """Whether the administrator wants nothing tried."""


@dataclass(slots=True)
class _Space:
    """What a namespace has."""

    pods: dict[str, Workload] = field(default_factory=dict)
    by_label: dict[tuple[str, str], dict[str, Workload]] = field(default_factory=dict)
    by_shape: dict[object, dict[str, Workload]] = field(default_factory=dict)
    first: dict[object, Workload] = field(default_factory=dict)
    """Of each shape the pod that stands for it: the first by name."""
    policies: dict[str, Manifest] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)


class Surroundings:
    """What is around the policies of a cluster."""

    KINDS = (NAMESPACE, NODE, POD, SERVICE, NETWORK_POLICY, API_ENDPOINT_SLICE, SERVICE_CIDR)
    """What is put in."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Mapping[str, str]] = {}
        self.enforcement = Enforcement()
        self.fabric = Fabric()
        self._spaces: dict[str, _Space] = {}
        self._compiled: dict[str, netpol.Policies] = {}
        self._take: dict[str, Callable[[str, str, Mapping[str, Any] | None], Iterable[Topic]]] = {
            NAMESPACE.id: self._namespace,
            NODE.id: self.fabric.node,
            POD.id: self._pod,
            SERVICE.id: self._service,
            NETWORK_POLICY.id: self._policy,
            API_ENDPOINT_SLICE.id: self.fabric.endpoints,
            SERVICE_CIDR.id: self.fabric.service_range,
        }

    def put(self, kind: str, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> set[Topic]:
        """Take in an object as it is now, None: it is gone; what that touched."""
        return set(self._take[kind](namespace, name, manifest))

    def tried(self, enforcement: Enforcement) -> set[Topic]:
        """Take in what was found out about enforcement."""
        if enforcement == self.enforcement:
            return set()
        self.enforcement = enforcement
        return {ENFORCEMENT}

    def workloads(self, namespace: str) -> tuple[Workload, ...]:
        """Of the pods of a namespace one of each shape. `WORKLOADS` tells when it is another one."""
        return tuple(self._spaces.get(namespace, _Space()).first.values())

    def select(self, namespace: str, selector: Mapping[str, Any]) -> tuple[Workload, ...]:
        """Those that a label selector matches; a search only among those with its first label."""
        space = self._spaces.get(namespace)
        if space is None:
            return ()
        wanted = mapping(selector, "matchLabels")
        among = [space.by_label.get(pair, {}) for pair in wanted.items()] or [space.pods]
        matches = netpol.selector(selector)
        return tuple(one for one in min(among, key=len).values() if matches(one.pod.labels))

    def spaces(self, selector: Mapping[str, Any]) -> tuple[str, ...]:
        """The namespaces that a selector matches."""
        if name := mapping(selector, "matchLabels").get(netpol.NAMESPACE_NAME):
            labels = self.namespaces.get(name)
            return (name,) if labels is not None and netpol.selects(selector, labels) else ()
        matches = netpol.selector(selector)
        return tuple(name for name, labels in self.namespaces.items() if matches(labels))

    def policies(self, namespace: str) -> netpol.Policies:
        """The NetworkPolicies of a namespace."""
        if namespace not in self._compiled:
            space = self._spaces.get(namespace, _Space())
            self._compiled[namespace] = netpol.Policies(space.policies.values(), self.namespaces)
        return self._compiled[namespace]

    def services(self, namespace: str) -> tuple[Service, ...]:
        """The Services of a namespace."""
        return tuple(self._spaces.get(namespace, _Space()).services.values())

    def _namespace(self, _: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        before = self.namespaces.get(name)
        if manifest is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = dict(mapping(manifest, "metadata", "labels"))
        if before != self.namespaces.get(name):
            yield NAMESPACES

    def _service(self, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        yield from self.fabric.service(namespace, name, manifest)
        space = self._space(namespace)
        known = space.services.pop(name, None)
        if manifest is not None:
            spec = mapping(manifest, "spec")
            outward = spec.get("type") in ("LoadBalancer", "NodePort")
            masks = outward and spec.get("externalTrafficPolicy", "Cluster") == "Cluster"
            space.services[name] = Service(namespace, name, dict(mapping(spec, "selector")), masks)
        if known != space.services.get(name):
            yield services_of(namespace)

    def _policy(self, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        space = self._space(namespace)
        before = space.policies.pop(name, None)
        if manifest is not None:
            kept = ("name", "namespace", "labels", "annotations")
            metadata = {key: manifest["metadata"][key] for key in kept if key in manifest["metadata"]}
            space.policies[name] = {"metadata": metadata, "spec": manifest.get("spec") or {}}
        after = space.policies.get(name)
        if before != after:
            if compiled := self._compiled.get(namespace):
                compiled.remove(namespace, name)
                if after:
                    compiled.add(after)
            yield policies_of(namespace)
            yield policies_of(EVERYWHERE)
        if _isolation(before) != _isolation(after):
            for one in filter(None, (before, after)):
                pairs = netpol.pairs_of(mapping(one, "spec", "podSelector"))
                yield from (isolation_of(namespace, pair) for pair in ((None,) if pairs is None else pairs))

    def _pod(self, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> Iterable[Topic]:
        space = self._space(namespace)
        before = space.pods.get(name)
        after = _workload(manifest)
        yield from self.fabric.pod(namespace, name, manifest if after else None)
        if before == after:
            return
        if before:
            del space.pods[name]
            for pair in before.pod.labels.items():
                space.by_label[pair].pop(name)
                if not space.by_label[pair]:
                    del space.by_label[pair]
        if after:
            space.pods[name] = after
            for pair in after.pod.labels.items():
                space.by_label.setdefault(pair, {})[name] = after
        if _reshape(space, name, before, after):
            yield WORKLOADS
        for where in (namespace, EVERYWHERE):
            yield pods_of(where)
            for one in (before, after):
                for key, value in one.pod.labels.items() if one else ():
                    yield labelled(where, key, value)

    def _space(self, namespace: str) -> _Space:
        return self._spaces.setdefault(namespace, _Space())


def _isolation(policy: Manifest | None) -> object:
    """Whom a policy isolates, and in which directions."""
    spec = mapping(policy, "spec")
    return policy and (spec.get("podSelector"), spec.get("policyTypes"), bool(spec.get("egress")))


def _reshape(space: _Space, name: str, before: Workload | None, after: Workload | None) -> bool:
    """Put a pod with those of its shape; whether another stands for one now."""
    shapes = {one.shape for one in (before, after) if one}
    was = {shape: space.first.get(shape) for shape in shapes}
    if before:
        alike = space.by_shape[before.shape]
        del alike[name]
        if not alike:
            del space.by_shape[before.shape], space.first[before.shape]
        elif space.first[before.shape] is before:
            space.first[before.shape] = alike[min(alike)]
    if after:
        space.by_shape.setdefault(after.shape, {})[name] = after
        first = space.first.setdefault(after.shape, after)
        if name < first.pod.name:
            space.first[after.shape] = after
    return any(was[shape] != space.first.get(shape) for shape in shapes)


def _workload(manifest: Mapping[str, Any] | None) -> Workload | None:
    if manifest is None or text(manifest, "status", "phase") in ("Succeeded", "Failed"):
        return None
    networks = bool(mapping(manifest, "metadata", "annotations").get(NETWORKS))
    declared = {
        (port["containerPort"], text(port, "protocol") or "TCP")
        for container in items(manifest, "spec", "containers")
        for port in items(container, "ports")
        if isinstance(port.get("containerPort"), int)
    }
    return Workload(netpol.pod(manifest), networks, tuple(sorted(declared)))
