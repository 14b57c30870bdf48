"""What the rules and presets of a policy mean, in one vocabulary for every enforcer.

A `Flows` is one rule, its presets resolved against the cluster: who, where, which ports. It is made once and
compiled to what the enforcer understands (`standard`, `cilium`), counted (`assess`), and shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pileus.engine.labels import KIND, OWNER_NAME
from pileus.kinds.firewallpolicy.fields import Selector
from pileus.kinds.firewallpolicy.model import FirewallPolicySpec, FirewallRule, Http, Icmp, Peer, Target

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that every namespace has, with its name; nobody can set it."""


class Direction(StrEnum):
    """As seen from the target."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


class Capability(StrEnum):
    """What a standard NetworkPolicy cannot say."""

    FQDN = "fqdn"
    DENY = "action: Deny"
    HTTP = "http"
    ICMP = "icmp"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods by label. namespaces: None means the policy's own; both as Kubernetes writes selectors."""

    selector: Mapping[str, Any]
    namespaces: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A range of addresses without some."""

    cidr: str
    without: tuple[str, ...] = ()

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.cidr else 4


@dataclass(frozen=True, slots=True)
class Named:
    """Hosts by their names in DNS."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Anybody:
    """Everybody, in the cluster or outside."""


Side = Pods | Block | Named | Anybody


@dataclass(frozen=True, slots=True)
class Port:
    """protocol: TCP, UDP, SCTP. number: or the name of a container's port. last: of a range."""

    protocol: str
    number: int | str
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Flows:
    """One rule in one direction. ports: empty means all. name: of the rule or preset."""

    name: str
    direction: Direction
    sides: tuple[Side, ...]
    ports: tuple[Port, ...] = ()
    deny: bool = False
    http: tuple[Http, ...] = ()
    icmp: tuple[Icmp, ...] = ()
    log: bool = False

    def of_families(self, families: frozenset[int]) -> Flows:
        """Without addresses of which nothing in the cluster can be: they match nothing, and some enforcers
        that come upon them stop enforcing anything (kube-router in a cluster without IPv6).

        What is denied stays: that is for Cilium, and would be looser if there were such addresses after all.
        """
        if self.deny:
            return self
        sides = tuple(side for side in self.sides if not isinstance(side, Block) or side.family in families)
        return self if sides == self.sides else dataclasses.replace(self, sides=sides)

    @property
    def needs(self) -> tuple[Capability, ...]:
        """What the enforcer has to be able to do beyond the standard."""
        asked = {
            Capability.FQDN: any(isinstance(side, Named) for side in self.sides),
            Capability.DENY: self.deny,
            Capability.HTTP: bool(self.http),
            Capability.ICMP: bool(self.icmp),
            Capability.LOG: self.log,
        }
        return tuple(capability for capability, needed in asked.items() if needed)


def of_rule(rule: FirewallRule) -> Flows:
    """A rule as it is written."""
    return Flows(
        name=rule.name,
        direction=Direction(rule.direction),
        sides=tuple(_side(peer) for peer in rule.peers),
        ports=ports(rule.ports),
        deny=rule.action == "Deny",
        http=rule.http or (),
        icmp=rule.icmp or (),
        log=rule.log,
    )


def target(spec: Target) -> dict[str, Any]:
    """The target as a label selector; {} selects all."""
    if spec.apps:
        return resources("ContainerApp", spec.apps)
    if spec.vms:
        return resources("CloudVM", spec.vms)
    return selector(spec.selector) if spec.selector else {}


def isolates(spec: FirewallPolicySpec, direction: Direction, flows: tuple[Flows, ...]) -> bool:
    """Whether everything in this direction is blocked that nothing allows."""
    if (said := said_of(spec, direction)) is not None:
        return said
    return any(one.direction is direction and not one.deny for one in flows)


def said_of(spec: FirewallPolicySpec, direction: Direction) -> bool | None:
    """What the user said of isolation in a direction; None: nothing."""
    if spec.isolate is None:
        return None
    return spec.isolate.ingress if direction is Direction.INGRESS else spec.isolate.egress


def resources(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Selects the pods of our resources of a kind."""
    if len(names) == 1:
        return {"matchLabels": {KIND: kind, OWNER_NAME: names[0]}}
    one_of = {"key": OWNER_NAME, "operator": "In", "values": sorted(names)}
    return {"matchLabels": {KIND: kind}, "matchExpressions": [one_of]}


def selector(written: Selector) -> dict[str, Any]:
    """As Kubernetes writes it."""
    found: dict[str, Any] = {}
    if written.match_labels:
        found["matchLabels"] = dict(written.match_labels)
    if written.match_expressions:
        found["matchExpressions"] = [
            {"key": one.key, "operator": one.operator, **({"values": list(one.values)} if one.values else {})}
            for one in written.match_expressions
        ]
    return found


def named_namespaces(*names: str) -> dict[str, Any]:
    """Selects namespaces by name."""
    if len(names) == 1:
        return {"matchLabels": {NAMESPACE_NAME: names[0]}}
    return {"matchExpressions": [{"key": NAMESPACE_NAME, "operator": "In", "values": sorted(names)}]}


def ports(written: tuple[str, ...] | None) -> tuple[Port, ...]:
    """Ports as users write them."""
    return tuple(port(one) for one in written or ())


def port(written: str) -> Port:
    """`30000-30100/udp` and the like."""
    number, _, protocol = written.partition("/")
    protocol = (protocol or "tcp").upper()
    first, _, last = number.partition("-")
    if first.isdigit() and (not last or last.isdigit()):
        return Port(protocol, int(first), int(last) if last else None)
    return Port(protocol, number)


def _side(peer: Peer) -> Side:
    if peer.any:
        return Anybody()
    if peer.fqdn:
        return Named(peer.fqdn)
    if peer.cidr:
        return Block(peer.cidr, tuple(sorted(peer.except_ or ())))
    namespaces = None
    if peer.namespace:
        namespaces = named_namespaces(peer.namespace)
    elif peer.namespace_selector is not None:
        namespaces = selector(peer.namespace_selector)
    if peer.app:
        return Pods(resources("ContainerApp", (peer.app,)), namespaces)
    if peer.vm:
        return Pods(resources("CloudVM", (peer.vm,)), namespaces)
    return Pods(selector(peer.selector) if peer.selector else {}, namespaces)
