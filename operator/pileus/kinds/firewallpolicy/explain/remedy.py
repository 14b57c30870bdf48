"""The rule that is missing where a flow is blocked: in which FirewallPolicy, as a line to write there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy.explain import ends
from pileus.kinds.firewallpolicy.explain.ends import ADDRESS, INTERNET, End, Member
from pileus.kinds.firewallpolicy.explain.flows import Group, Half
from pileus.kinds.firewallpolicy.explain.scene import Author, Scene, ref
from pileus.kinds.firewallpolicy.model import FirewallPolicySpec
from pileus.objects.fabric import DNS_LABELS
from pileus.objects.netpol import alone

NAME_LIMIT = 40


@dataclass(frozen=True, slots=True)
class Remedy:
    """firewall: the FirewallPolicy that is to get the line; empty: a new one, for `target`.

    place: the field. line: YAML, empty where no rule can name the other side. instead: of the entry with the
    same name.
    """

    namespace: str
    firewall: str
    place: str = "spec.rules"
    line: str = ""
    target: str = ""
    instead: bool = False


def remedy(half: Half, group: Group, source: End, target: End, scene: Scene) -> Remedy:
    """What would let a flow pass at the end that blocks it."""
    outward = half.direction == "Egress"
    other = target if outward else source
    namespace = half.by[0][0]
    firewall = _narrowest(map(scene.author, half.by))
    spec = spec_of(firewall) if firewall else None
    name = ref(firewall)[1] if firewall else ""
    subject = "" if name else _target(group, source if outward else target, outward=outward)
    port = f"{group.port.number}/{group.port.protocol.lower()}"
    if outward and (preset := _preset(group, other, port, spec)):
        there = spec is not None and any(one.name == preset["name"] for one in spec.presets)
        return Remedy(namespace, name, "spec.presets", _line(preset), subject, instead=there)
    peers = _peers(group.targets if outward else group.sources, other, group, namespace)
    if not peers:
        return Remedy(namespace, name, target=subject)
    taken = {one.name for one in spec.rules} if spec else set()
    rule = {"name": _name(other, port, taken), "direction": half.direction, "peers": peers, "ports": [port]}
    return Remedy(namespace, name, line=_line(rule), target=subject)


def spec_of(firewall: Manifest) -> FirewallPolicySpec | None:
    """What a FirewallPolicy asks for; None if that cannot be read."""
    try:
        return FirewallPolicySpec.model_validate(firewall.get("spec") or {})
    except ValidationError:
        return None


def _narrowest(authors: Iterable[Author]) -> Manifest | None:
    """Of the FirewallPolicies that isolate the one whose target is said most narrowly."""

    def width(firewall: Manifest) -> tuple[int, str]:
        spec = spec_of(firewall)
        if spec is None or spec.target.all:
            return 3, ref(firewall)[1]
        named = (*(spec.target.apps or ()), *(spec.target.vms or ()))
        return 0 if len(named) == 1 else 1 if named else 2, ref(firewall)[1]

    return min((one.firewall for one in authors if one.firewall), key=width, default=None)


def _preset(group: Group, other: End, port: str, spec: FirewallPolicySpec | None) -> dict[str, Any] | None:
    """A preset that means the other side."""
    there = {one.name: one for one in spec.presets} if spec else {}
    if other.named.kind == INTERNET:
        before = there.get("Internet")
        return {"name": "Internet", "ports": [*((before.ports or ()) if before else ()), port]}
    pods = [one.pod for one in group.targets if isinstance(one, Member)]
    dns = pods and all(DNS_LABELS.get(one.namespace, ("", "")) in one.labels.items() for one in pods)
    return {"name": "DNS"} if dns and group.port.number == 53 and "DNS" not in there else None


def _peers(
    found: Iterable[Member | str], other: End, group: Group, namespace: str
) -> list[Mapping[str, Any]]:
    """The other side as a rule names it; empty if that cannot be done."""
    if other.named.kind == INTERNET:
        return [{"cidr": "::/0" if family == 6 else "0.0.0.0/0"} for family in sorted(group.families)]
    if other.named.kind == ADDRESS and other.address:
        return [{"cidr": alone(other.address)}]
    peers: list[Mapping[str, Any]] = []
    for one in found:
        peer = ends.peer(one, other) if isinstance(one, Member) else None
        if not isinstance(one, Member) or peer is None:
            return []
        if one.pod.namespace != namespace:
            peer = {**peer, "namespace": one.pod.namespace}
        if peer not in peers:
            peers.append(peer)
    return peers


def _target(group: Group, subject: End, *, outward: bool) -> str:
    """The target of a FirewallPolicy that would have to be made."""
    found = _peers(group.sources if outward else group.targets, subject, group, subject.named.namespace)
    if len(found) != 1:
        return ""
    peer = found[0]
    return _flow({f"{word}s": [peer[word]] for word in ends.RESOURCES if word in peer} or dict(peer))


def _name(other: End, port: str, taken: set[str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{other.named.name}-{port.removesuffix('/tcp')}".lower()).strip("-")
    name = words if len(words) <= NAME_LIMIT else words[-NAME_LIMIT:].strip("-")
    number = 2
    while name in taken:
        name, number = f"{words[: NAME_LIMIT - 4].strip('-')}-{number}", number + 1
    return name


def _line(entry: Mapping[str, Any]) -> str:
    return f"- {_flow(entry)}"


def _flow(entry: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(entry), default_flow_style=True, sort_keys=False, width=10**6).strip()
