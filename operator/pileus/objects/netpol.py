"""What NetworkPolicies (networking.k8s.io/v1) let pass: a pure evaluator, by upstream's definition.

A pod that no policy of a direction selects is open in that direction. One that is selected is isolated: what
any rule of any selecting policy allows may pass, and nothing else. A flow passes if its source may send it
and its target may receive it; replies belong to the flow. A pod always reaches itself.

Where upstream leaves it to the enforcers, this is what the local cluster's does:

- An `ipBlock` matches addresses whoever has them, those of pods too (some enforcers exempt pods).
- A pod in the network of its host is an address: no selector selects it, neither as subject nor as peer, and
  its ports have no names.
- A flow has the addresses that the enforcer sees: a Service's is its endpoint's.

Not here: that a node reaches its own pods (kubelet's probes), for which callers who know nodes ask first; and
which pods have ended, which callers leave out. What the API server would refuse matches nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from pileus.engine.labels import OWNER_NAME
from pileus.engine.plan import Manifest
from pileus.objects.reading import at, items, mapping, number, text

Direction = Literal["Ingress", "Egress"]
Labels = Mapping[str, str]
Pair = tuple[str, str]

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label with its name that every namespace has."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as flows see it; `ports` are its containers' named ones: name and protocol to number."""

    namespace: str
    name: str
    labels: Labels = field(hash=False)
    ips: tuple[str, ...] = ()
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict, hash=False)
    host_network: bool = False


@dataclass(frozen=True, slots=True)
class Outside:
    """An address that is no pod's."""

    ip: str


Peer = Pod | Outside


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection, or the first packet of what has none; `family` chooses among the addresses of pods."""

    source: Peer
    target: Peer
    port: int
    protocol: str = "TCP"
    family: int = 4


@dataclass(frozen=True, slots=True)
class Side:
    """What one end says: the policies that isolate it, and which of their rules (by index) allow the flow."""

    isolated_by: tuple[tuple[str, str], ...] = ()
    allowed_by: tuple[tuple[str, str, int], ...] = ()

    @property
    def allowed(self) -> bool:
        """True if this end lets the flow pass."""
        return bool(self.allowed_by) or not self.isolated_by


_OPEN = Side()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both ends say."""

    egress: Side
    ingress: Side

    @property
    def allowed(self) -> bool:
        """True if the flow passes."""
        return self.egress.allowed and self.ingress.allowed


Selects = Callable[[Labels], bool]
_MatchesPeer = Callable[[Peer, Labels, int], bool]  # with the labels of its namespace, and the family
_MatchesPort = Callable[[Flow], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule; None stands for all peers, or all ports."""

    peers: tuple[_MatchesPeer, ...] | None
    ports: tuple[_MatchesPort, ...] | None

    def allows(self, flow: Flow, other: Peer, namespace: Labels) -> bool:
        """True if the rule names the other end and the port."""
        return (self.ports is None or any(matches(flow) for matches in self.ports)) and (
            self.peers is None or any(matches(other, namespace, flow.family) for matches in self.peers)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A compiled policy; `rules` has the directions that it isolates. pairs: as `pairs_of` its selector."""

    namespace: str
    name: str
    selects: Selects
    rules: Mapping[Direction, tuple[Rule, ...]]
    pairs: tuple[Pair, ...] | None = None


class Policies:
    """Policies, found by namespace and label: a flow costs only those that may select one of its two ends."""

    def __init__(self, policies: Iterable[Manifest], namespaces: Mapping[str, Labels]) -> None:
        """`namespaces` are their labels by name."""
        self._by_label: dict[tuple[str, Pair | None], dict[Policy, int]] = {}
        self._by_name: dict[tuple[str, str], list[Policy]] = {}
        self._added = 0
        self._namespaces = namespaces
        for policy in policies:
            self.add(policy)

    def add(self, manifest: Manifest) -> None:
        """Take one in."""
        policy = _policy(manifest)
        self._added += 1
        self._by_name.setdefault((policy.namespace, policy.name), []).append(policy)
        for key in _keys(policy):
            self._by_label.setdefault(key, {})[policy] = self._added

    def remove(self, namespace: str, name: str) -> None:
        """Take out what has this name."""
        for policy in self._by_name.pop((namespace, name), ()):
            for key in _keys(policy):
                del self._by_label[key][policy]
                if not self._by_label[key]:
                    del self._by_label[key]

    def but(self, namespace: str, name: str, instead: Manifest | None = None) -> Policies:
        """The same without what has this name, with another instead. Nothing that is in is compiled anew."""
        found = Policies((), self._namespaces)
        found._by_label = {key: dict(those) for key, those in self._by_label.items()}
        found._by_name = {key: list(those) for key, those in self._by_name.items()}
        found._added = self._added
        found.remove(namespace, name)
        if instead:
            found.add(instead)
        return found

    def selecting(self, pod: Pod, direction: Direction) -> tuple[Policy, ...]:
        """The policies that isolate a pod in a direction, in the order in which they were taken in."""
        if pod.host_network:
            return ()
        found = dict(self._by_label.get((pod.namespace, None), ()))
        for pair in pod.labels.items():
            found |= self._by_label.get((pod.namespace, pair), {})
        return tuple(
            one
            for one in sorted(found, key=found.__getitem__)
            if direction in one.rules and one.selects(pod.labels)
        )

    def verdict(self, flow: Flow) -> Verdict:
        """Whether a flow passes, and by what."""
        if _same(flow.source, flow.target):
            return Verdict(_OPEN, _OPEN)
        return Verdict(
            self._side(flow, "Egress", flow.source, flow.target),
            self._side(flow, "Ingress", flow.target, flow.source),
        )

    def _side(self, flow: Flow, direction: Direction, subject: Peer, other: Peer) -> Side:
        selecting = self.selecting(subject, direction) if isinstance(subject, Pod) else ()
        if not selecting:
            return _OPEN
        labels = self._labels(other)
        return Side(
            tuple((policy.namespace, policy.name) for policy in selecting),
            tuple(
                (policy.namespace, policy.name, index)
                for policy in selecting
                for index, rule in enumerate(policy.rules[direction])
                if rule.allows(flow, other, labels)
            ),
        )

    def _labels(self, peer: Peer) -> Labels:
        """The labels of a peer's namespace."""
        if not isinstance(peer, Pod):
            return {}
        labels = self._namespaces.get(peer.namespace, {})
        if labels.get(NAMESPACE_NAME) == peer.namespace:
            return labels
        return {**labels, NAMESPACE_NAME: peer.namespace}


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """True if a label selector matches; an empty one matches everything, none at all nothing."""
    return selector is not None and _selector(selector)(labels)


def selector(written: Mapping[str, Any]) -> Selects:
    """A label selector, compiled."""
    return _selector(written)


def pairs_of(written: Mapping[str, Any]) -> tuple[Pair, ...] | None:
    """Labels of which a pod has one if the selector matches it, as few as may be; None: there are none such.

    They have one key: that of the owner's name where there is one, since it tells the most apart.
    """
    wanted = mapping(written, "matchLabels")
    listed = [one for one in items(written, "matchExpressions") if one.get("operator") == "In"]
    if listed and OWNER_NAME not in wanted:
        return tuple((str(listed[0]["key"]), value) for value in listed[0].get("values") or ())
    if wanted:
        key = OWNER_NAME if OWNER_NAME in wanted else max(wanted)
        return ((key, wanted[key]),)
    return None


def alone(address: str) -> str:
    """The range that holds one address only."""
    return f"{address}/{128 if ':' in address else 32}"


def is_address(words: str) -> bool:
    """True if it is an address of IPv4 or IPv6."""
    return _parsed(words) is not None


def pod(live: Any) -> Pod:
    """A live pod; of two ports with the same name and protocol the first is meant."""
    ports: dict[tuple[str, str], int] = {}
    sidecars = [one for one in items(live, "spec", "initContainers") if one.get("restartPolicy") == "Always"]
    for container in (*items(live, "spec", "containers"), *sidecars):
        for port in items(container, "ports"):
            if name := text(port, "name"):
                ports.setdefault((name, text(port, "protocol") or "TCP"), number(port, "containerPort"))
    addresses = [text(one, "ip") for one in items(live, "status", "podIPs")] or [
        text(live, "status", "podIP")
    ]
    return Pod(
        text(live, "metadata", "namespace"),
        text(live, "metadata", "name"),
        mapping(live, "metadata", "labels"),
        tuple(filter(None, addresses)),
        ports,
        at(live, "spec", "hostNetwork") is True,
    )


def _same(one: Peer, other: Peer) -> bool:
    if isinstance(one, Pod) and isinstance(other, Pod):
        return (one.namespace, one.name) == (other.namespace, other.name)
    return False


def _policy(manifest: Manifest) -> Policy:
    spec = mapping(manifest, "spec")
    namespace = text(manifest, "metadata", "namespace")
    ingress, egress = items(spec, "ingress"), items(spec, "egress")
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if egress else ["Ingress"])
    rules: dict[Direction, tuple[Rule, ...]] = {}
    if "Ingress" in types:
        rules["Ingress"] = tuple(_rule(rule, "from", namespace) for rule in ingress)
    if "Egress" in types:
        rules["Egress"] = tuple(_rule(rule, "to", namespace) for rule in egress)
    selector = mapping(spec, "podSelector")
    name = text(manifest, "metadata", "name")
    return Policy(namespace, name, _selector(selector), rules, pairs_of(selector))


def _keys(policy: Policy) -> list[tuple[str, Pair | None]]:
    """Where a policy is found."""
    pairs: Iterable[Pair | None] = (None,) if policy.pairs is None else policy.pairs
    return [(policy.namespace, pair) for pair in pairs]


def _rule(rule: Mapping[str, Any], peers: str, namespace: str) -> Rule:
    return Rule(
        tuple(_peer(peer, namespace) for peer in items(rule, peers)) if rule.get(peers) else None,
        tuple(_port(port) for port in items(rule, "ports")) if rule.get("ports") else None,
    )


def _peer(peer: Mapping[str, Any], namespace: str) -> _MatchesPeer:
    of_pods, of_namespaces = (peer.get(key) for key in ("podSelector", "namespaceSelector"))
    if of_pods is None and of_namespaces is None:
        return _block(mapping(peer, "ipBlock"))
    pods = _selector(of_pods if of_pods is not None else {})
    namespaces = _selector(of_namespaces) if of_namespaces is not None else None

    def matches(other: Peer, labels: Labels, _: int) -> bool:
        if not isinstance(other, Pod) or other.host_network:
            return False
        there = other.namespace == namespace if namespaces is None else namespaces(labels)
        return there and pods(other.labels)

    return matches


def _block(block: Mapping[str, Any]) -> _MatchesPeer:
    try:
        cidr, *excepted = (ipaddress.ip_network(one, strict=False) for one in _cidrs(block))
    except ValueError:
        return lambda other, labels, family: False

    def matches(other: Peer, _: Labels, family: int) -> bool:
        address = _address(other, family)
        return address is not None and address in cidr and not any(address in one for one in excepted)

    return matches


def _cidrs(block: Mapping[str, Any]) -> list[str]:
    excepted = block.get("except")
    return [text(block, "cidr"), *(map(str, excepted) if isinstance(excepted, list | tuple) else ())]


def _address(peer: Peer, family: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    ips = peer.ips if isinstance(peer, Pod) else (peer.ip,)
    return next((one for one in map(_parsed, ips) if one is not None and one.version == family), None)


@lru_cache(maxsize=1 << 16)
def _parsed(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(ip)
    except ValueError:
        return None


def _port(port: Mapping[str, Any]) -> _MatchesPort:
    protocol = text(port, "protocol") or "TCP"
    wanted = port.get("port")
    if wanted is None:
        return lambda flow: flow.protocol == protocol
    if isinstance(wanted, str):
        key = (wanted, protocol)
        return lambda flow: flow.protocol == protocol and _named(flow.target, key) == flow.port
    first = number(port, "port")
    last = number(port, "endPort") or first
    return lambda flow: flow.protocol == protocol and first <= flow.port <= last


def _named(target: Peer, key: tuple[str, str]) -> int | None:
    if isinstance(target, Pod) and not target.host_network:
        return target.ports.get(key)
    return None


def _selector(selector: Any) -> Selects:
    if not isinstance(selector, Mapping):
        return lambda labels: False
    wanted = tuple(mapping(selector, "matchLabels").items())
    requirements = tuple(_requirement(one) for one in items(selector, "matchExpressions"))

    def matches(labels: Labels) -> bool:
        return all(labels.get(key) == value for key, value in wanted) and all(
            holds(labels) for holds in requirements
        )

    return matches


def _requirement(requirement: Mapping[str, Any]) -> Selects:
    key, values = text(requirement, "key"), tuple(requirement.get("values") or ())
    match requirement.get("operator"):
        case "In":
            return lambda labels: key in labels and labels[key] in values
        case "NotIn":
            return lambda labels: key not in labels or labels[key] not in values
        case "Exists":
            return lambda labels: key in labels
        case "DoesNotExist":
            return lambda labels: key not in labels
    return lambda labels: False
