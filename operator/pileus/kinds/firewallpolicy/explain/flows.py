"""Whether flows between two ends pass, and by what: each pod is asked about, the same is told once.

Nothing is guessed. Where enforcers differ, or policies count that are not evaluated, the state is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy.explain import ends, internet, others
from pileus.kinds.firewallpolicy.explain.ends import INTERNET, End, Member, Port, Wanted
from pileus.kinds.firewallpolicy.explain.scene import CannotAnswer, Scene, ref
from pileus.objects import netpol
from pileus.objects.netpol import Direction, Flow, Outside, Peer, Pod
from pileus.objects.reading import mapping, text

State = Literal["open", "allowed", "blocked", "unknown"]
Answered = Literal["allowed", "blocked", "unknown"]
Policy = tuple[str, str]

_NOBODY = Outside("")
"""In no range and selected by nobody: what lets it pass lets everybody pass."""


@dataclass(frozen=True, slots=True)
class Half:
    """What one end says. why: in a sentence, where it is not a rule or the lack of one.

    by: the policies that isolate. rules: those that allow, by policy and index. ranged: they do so by an
    address alone, though the other side is a pod.
    """

    direction: Direction
    state: State = "open"
    by: tuple[Policy, ...] = ()
    rules: tuple[tuple[str, str, int], ...] = ()
    why: str = ""
    ranged: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What both ends say of a flow."""

    egress: Half
    ingress: Half

    @property
    def answer(self) -> Answered:
        """One end that blocks is enough; else what is not known of one is not known of the flow."""
        states = {self.egress.state, self.ingress.state}
        return "blocked" if "blocked" in states else "unknown" if "unknown" in states else "allowed"


@dataclass(slots=True)
class Group:
    """Flows of which the same is said."""

    said: Said
    port: Port
    sources: dict[Member | str, None] = field(default_factory=dict)
    targets: dict[Member | str, None] = field(default_factory=dict)
    families: set[int] = field(default_factory=set)
    pairs: set[tuple[Member | str, Member | str, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Line:
    """The answer for one port. parts: of the internet, those of which not the same is said as of the rest."""

    port: Port
    groups: tuple[Group, ...]
    parts: tuple[tuple[str, Said], ...] = ()

    @property
    def answer(self) -> Answered:
        """Allowed only if all of it is."""
        found = {group.said.answer for group in self.groups}
        return "blocked" if "blocked" in found else "unknown" if "unknown" in found else "allowed"


def lines(source: End, target: End, port: Wanted | None, scene: Scene) -> tuple[Line, ...]:
    """What is said of each port that is asked about. Raises `CannotAnswer`."""
    if source.address and target.address:
        raise CannotAnswer(
            f"Neither {source.shown} nor {target.shown} is a pod of the cluster: no policy speaks of what "
            "passes between them."
        )
    found: dict[tuple[int, str, str], list[tuple[Member | str, Port]]] = {}
    for member in target.members or (target.address,):
        own = (
            ends.wanted(target, member, port)
            if isinstance(member, Member)
            else (Port(port.number, port.protocol or "TCP"),)
            if port and port.number
            else ()
        )
        for one in own:
            # The same port of a Service, or the same name, may be another number in each pod.
            key = (
                one.via or (0 if port and port.name else one.number),
                one.protocol,
                port.name if port else "",
            )
            found.setdefault(key, []).append((member, one))
    if not found:
        if target.address:
            raise CannotAnswer(f"{target.shown} is no pod: its ports have no names. Give a number.")
        raise CannotAnswer(ends.no_port(target, port))
    return tuple(_line(source, target, asked, scene) for _, asked in sorted(found.items()))


def _line(source: End, target: End, asked: list[tuple[Member | str, Port]], scene: Scene) -> Line:
    groups: dict[tuple[Said, Port], Group] = {}
    parts: dict[tuple[str, Said], None] = {}
    whole = False
    for sender in source.members or (source.address,):
        for receiver, port in asked:
            if sender == receiver and len(source.members) * len(asked) > 1:
                continue  # a pod and itself: not what is asked of an app with more than one
            for family in sorted(_families(sender) & _families(receiver)):
                general, particular = _flows(sender, receiver, port, family, scene)
                whole = True
                said = _said(general, sender, receiver, scene)
                group = groups.setdefault((said, port), Group(said, port))
                group.sources[sender] = group.targets[receiver] = None
                group.families.add(family)
                group.pairs.add((sender, receiver, family))
                for name, flow in particular:
                    if (other := _said(flow, sender, receiver, scene)).answer != said.answer:
                        parts[name, other] = None
    if not whole:
        raise CannotAnswer(
            f"{source.shown} and {target.shown} have no family of addresses in common: one has IPv4, the "
            "other IPv6."
        )
    return Line(asked[0][1], tuple(groups.values()), tuple(parts))


def _families(one: Member | str) -> set[int]:
    if one == INTERNET:
        return {4, 6}
    return {6 if ":" in ip else 4 for ip in (one.pod.ips if isinstance(one, Member) else (one,))}


def _flows(
    sender: Member | str, receiver: Member | str, port: Port, family: int, scene: Scene
) -> tuple[Flow, list[tuple[str, Flow]]]:
    """The flow that is asked about; for the internet also those of ranges of which policies speak."""

    def flow(address: str) -> Flow:
        both: list[Peer] = [
            one.pod if isinstance(one, Member) else Outside(address if one == INTERNET else one)
            for one in (sender, receiver)
        ]
        return Flow(both[0], both[1], port.number, port.protocol, family)

    if INTERNET not in (sender, receiver):
        return flow(""), []
    pod = next(one.pod for one in (sender, receiver) if isinstance(one, Member))
    speaking = [one for one in scene.policies if _selects(one, pod)]
    (_, whole), *rest = internet.addresses(speaking, family).items()
    return flow(whole), [(name, flow(address)) for name, address in rest]


def _selects(policy: Manifest, pod: Pod) -> bool:
    return ref(policy)[0] == pod.namespace and netpol.selects(
        mapping(policy, "spec", "podSelector"), pod.labels
    )


def _said(flow: Flow, sender: Member | str, receiver: Member | str, scene: Scene) -> Said:
    if sender == receiver:
        itself = "a pod always reaches itself"
        return Said(Half("Egress", "allowed", why=itself), Half("Ingress", "allowed", why=itself))
    return Said(
        _half(flow, "Egress", sender, receiver, scene), _half(flow, "Ingress", receiver, sender, scene)
    )


def _half(flow: Flow, direction: Direction, subject: Member | str, other: Member | str, scene: Scene) -> Half:
    if not isinstance(subject, Member):
        return Half(direction, why="it is no pod, so that no policy isolates it")
    if speaking := _speaking(subject.pod, direction, scene):
        return Half(direction, "unknown", why=f"{speaking}, which is not evaluated, selects it")
    if subject.pod.host_network:
        return Half(direction, why="it is in the network of its node, where no NetworkPolicy isolates it")
    side = _side(flow, direction, scene)
    if not side.isolated_by:
        return Half(direction)
    everybody = _side(_without(flow, direction, _NOBODY), direction, scene)
    node = _node(subject, other, scene)
    if node and not everybody.allowed:
        if direction == "Ingress" and node == "own":
            return Half(direction, "allowed", side.isolated_by, why="the node of a pod always reaches it")
        return Half(
            direction,
            "unknown",
            side.isolated_by,
            why="the other side is a node or in the network of one, which enforcers treat differently",
        )
    if not side.allowed:
        return Half(direction, "blocked", side.isolated_by)
    rules = everybody.allowed_by if node else side.allowed_by
    ranged = isinstance(other, Member) and not node and not _by_label(flow, direction, scene)
    return Half(direction, "allowed", side.isolated_by, rules, ranged=ranged)


def _side(flow: Flow, direction: Direction, scene: Scene) -> netpol.Side:
    verdict = scene.compiled.verdict(flow)
    return verdict.egress if direction == "Egress" else verdict.ingress


def _without(flow: Flow, direction: Direction, other: Peer) -> Flow:
    return replace(flow, target=other) if direction == "Egress" else replace(flow, source=other)


def _by_label(flow: Flow, direction: Direction, scene: Scene) -> bool:
    """Whether it passes also where ranges of addresses do not match pods."""
    other = flow.target if direction == "Egress" else flow.source
    assert isinstance(other, Pod)
    return _side(_without(flow, direction, replace(other, ips=())), direction, scene).allowed


def _node(subject: Member, other: Member | str, scene: Scene) -> Literal["own", "another"] | None:
    """Whether the other side is a node, or in the network of one."""
    if isinstance(other, Member):
        if not other.pod.host_network:
            return None
        addresses = frozenset(other.pod.ips) | other.hosts
    else:
        addresses = frozenset((other,))
        if not addresses & (subject.hosts | scene.nodes):
            return None
    return "own" if addresses & subject.hosts else "another"


def _speaking(pod: Pod, direction: Direction, scene: Scene) -> str:
    """The first policy of another engine that says something of a pod, for people."""
    labels = scene.namespaces.get(pod.namespace, {})
    found = [one for one in scene.others if others.speaks(one, pod, direction, labels)]
    if not found:
        return ""
    one = found[0]
    firewall = scene.firewall_of(one)
    of = f" (of FirewallPolicy {ref(firewall)[1]!r})" if firewall else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{text(one, 'kind')} {ref(one)[1]!r}{of}{more}"


def masks(end: End, scene: Scene) -> Iterable[str]:
    """Services by which whoever comes from outside has the address of a node by the time it arrives."""
    for service in scene.services:
        spec = mapping(service, "spec")
        outward = spec.get("type") in ("LoadBalancer", "NodePort")
        if outward and spec.get("externalTrafficPolicy", "Cluster") == "Cluster":
            selector = mapping(spec, "selector")
            if selector and any(
                one.pod.namespace == ref(service)[0] and selector.items() <= one.pod.labels.items()
                for one in end.members
            ):
                yield ref(service)[1]


def members(groups: Iterable[Group]) -> Iterator[Member]:
    """All pods of groups."""
    for group in groups:
        for one in (*group.sources, *group.targets):
            if isinstance(one, Member):
                yield one


def spoken(line: Line) -> set[Policy]:
    """The policies that a line names."""
    halves = [half for group in line.groups for half in (group.said.egress, group.said.ingress)]
    return {policy for half in halves for policy in half.by}
