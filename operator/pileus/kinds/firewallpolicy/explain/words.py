"""The answer, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pileus.kinds.firewallpolicy.explain import beside, ends, flows
from pileus.kinds.firewallpolicy.explain.ends import End, Member, Named, Wanted
from pileus.kinds.firewallpolicy.explain.flows import Group, Half, Line
from pileus.kinds.firewallpolicy.explain.remedy import Remedy, remedy
from pileus.kinds.firewallpolicy.explain.scene import Scene

EXIT = {"allowed": 0, "blocked": 1, "unknown": 2}
_SAID = {"allowed": "allowed", "blocked": "blocked", "unknown": "cannot be answered"}
_SOME = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that is said of the flows between two ends."""

    scene: Scene
    source: End
    target: End
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> flows.Answered:
        """Of all lines together: allowed only if all of them are."""
        found = {line.answer for line in self.lines}
        return "blocked" if "blocked" in found else "unknown" if "unknown" in found else "allowed"

    @property
    def status(self) -> int:
        """The exit status."""
        return EXIT[self.verdict]


def explain(source: Named, target: Named, port: Wanted | None, scene: Scene) -> Answer:
    """Answer about the flows from one end to the other. Raises `CannotAnswer`."""
    found, other = ends.find(source, scene), ends.find(target, scene)
    lines = flows.lines(found, other, port, scene)
    return Answer(
        scene, found, other, lines, tuple(dict.fromkeys(beside.notes(found, other, port, lines, scene)))
    )


def text(answer: Answer) -> str:
    """For people."""
    found = [row for line in answer.lines for row in _line(line, answer)]
    return "\n".join([*found, *(f"Note: {one}" for one in answer.notes)])


def data(answer: Answer) -> dict[str, Any]:
    """For machines; the names of the fields are API."""
    return {
        "verdict": answer.verdict,
        "source": _end(answer.source),
        "target": _end(answer.target),
        "ports": [
            {
                "port": line.port.via or line.port.number,
                "protocol": line.port.protocol,
                "verdict": line.answer,
                "flows": [_group(group, answer) for group in line.groups],
                "parts": [{"cidr": name, "verdict": said.answer} for name, said in line.parts],
            }
            for line in answer.lines
        ],
        "notes": list(answer.notes),
    }


def _line(line: Line, answer: Answer) -> Iterable[str]:
    groups = line.groups
    answers = {group.said.answer for group in groups}
    in_part = " in part" if len(answers) > 1 else ""
    yield f"{answer.source.shown} → {_target(line, answer.target)}: {_SAID[line.answer]}{in_part}"
    for group in groups:
        indent = "  "
        if len(groups) > 1:
            yield f"  {_apart(group, groups, answer)}: {_SAID[group.said.answer]}"
            indent = "    "
        for half, end in ((group.said.egress, answer.source), (group.said.ingress, answer.target)):
            if end.address and half.state == "open":
                continue
            for row in _half(half, group, end, answer):
                yield indent + row


def _target(line: Line, end: End) -> str:
    port, groups = line.port, line.groups
    front = f"[{end.shown}]" if ":" in end.shown else end.shown
    numbers = sorted({group.port.number for group in groups})
    where = f"{port.via or ' or '.join(map(str, numbers))}/{port.protocol.lower()}"
    behind = (
        f", port {' or '.join(map(str, numbers))} of its pods" if port.via and numbers != [port.via] else ""
    )
    return f"{front}:{where}{behind}"


def _apart(group: Group, groups: tuple[Group, ...], answer: Answer) -> str:
    """By what a group differs from the others."""
    words = []
    for word, kept, whole in (
        ("from", [one.sources for one in groups], group.sources),
        ("to", [one.targets for one in groups], group.targets),
    ):
        if any(set(one) != set(whole) for one in kept):
            words.append(f"{word} {_names(whole)}")
    if any(one.families != group.families for one in groups):
        words.append("over " + " and ".join(f"IPv{one}" for one in sorted(group.families)))
    if any(one.port != group.port for one in groups):
        words.append(f"port {group.port.number}")
    if not words or _overlaps(group):
        words = [f"{_name(one)} to {_name(other)} over IPv{family}" for one, other, family in _pairs(group)]
        words = [*words[:_SOME], *([f"{len(words) - _SOME} more"] if len(words) > _SOME else [])]
        return "from " + "; ".join(words)
    return ", ".join(words)


def _overlaps(group: Group) -> bool:
    """Whether a group is not all of its sources to all of its targets."""
    full = {
        (one, other, family)
        for one in group.sources
        for other in group.targets
        for family in group.families
        if one != other
    }
    return not full <= group.pairs


def _pairs(group: Group) -> list[tuple[Member | str, Member | str, int]]:
    return sorted(group.pairs, key=lambda pair: (_name(pair[0]), _name(pair[1]), pair[2]))


def _half(half: Half, group: Group, end: End, answer: Answer) -> Iterable[str]:
    front = f"{half.direction} of {end.shown}"
    scene = answer.scene
    if half.why:
        yield f"{front}: {half.why}."
    elif half.state == "open":
        yield f"{front}: nothing isolates it."
    elif half.state == "allowed":
        rules = [scene.author((space, name)).says(half.direction, index) for space, name, index in half.rules]
        rules = list(dict.fromkeys(rules))
        yield f"{front}: {_listed(rules)} allow{'s' if len(rules) == 1 else ''} it."
    else:
        yield from _blocked(front, half, group, answer)


def _blocked(front: str, half: Half, group: Group, answer: Answer) -> Iterable[str]:
    authors = [answer.scene.author(policy) for policy in half.by]
    many = len(authors) > 1
    isolate, no_rule = (
        ("isolate", "no rule of theirs allows this")
        if many
        else ("isolates", "none of its rules allows this")
    )
    yield f"{front}: {_listed([one.words for one in authors])} {isolate} it, and {no_rule}."
    found = remedy(half, group, answer.source, answer.target, answer.scene)
    within = answer.scene.within(found.namespace)
    other = answer.target if half.direction == "Egress" else answer.source
    if not found.line:
        yield f"  No rule can name {other.shown}: it has no label that lasts. Give it one."
        return
    if found.firewall:
        how = f"in {found.place} of FirewallPolicy {found.firewall!r}{within}"
        how += ", in place of the entry of that name" if found.instead else ""
    else:
        which = f" with target {found.target}" if found.target else " of your own for it"
        whose = "it is" if not many else "they are"
        yield f"  {whose.capitalize()} no FirewallPolicy's: ask whoever made {'them' if many else 'it'}."
        how = f"in {found.place} of a FirewallPolicy{which}{within}"
    yield f"  This would allow it, {how}:"
    yield f"    {found.line}"


def _group(group: Group, answer: Answer) -> dict[str, Any]:
    return {
        "verdict": group.said.answer,
        "port": group.port.number,
        "sources": [_name(one) for one in group.sources],
        "targets": [_name(one) for one in group.targets],
        "families": [f"IPv{one}" for one in sorted(group.families)],
        **{
            half.direction.lower(): _half_data(half, group, answer)
            for half in (group.said.egress, group.said.ingress)
        },
    }


def _half_data(half: Half, group: Group, answer: Answer) -> dict[str, Any]:
    authors = {policy: answer.scene.author(policy) for policy in half.by}
    found: dict[str, Any] = {
        "state": half.state,
        "isolatedBy": [
            {"kind": one.kind, "namespace": one.namespace, "name": one.name} for one in authors.values()
        ],
        "allowedBy": [
            {
                "kind": authors[space, name].kind,
                "namespace": space,
                "name": authors[space, name].name,
                "rule": authors[space, name].rule(half.direction, index),
                "number": index + 1,
            }
            for space, name, index in half.rules
        ],
    }
    if half.why:
        found["why"] = half.why
    if half.state == "blocked":
        found["missing"] = _missing(remedy(half, group, answer.source, answer.target, answer.scene))
    return found


def _missing(found: Remedy) -> dict[str, Any]:
    return {
        "namespace": found.namespace,
        "firewallPolicy": found.firewall,
        "field": found.place,
        "yaml": found.line,
        "target": found.target,
        "replaces": found.instead,
    }


def _end(end: End) -> dict[str, Any]:
    return {
        "kind": end.named.kind,
        "namespace": end.named.namespace,
        "name": end.named.name,
        "pods": [one.pod.name for one in end.members],
    }


def _name(one: Member | str) -> str:
    return f"pod/{one.pod.name}" if isinstance(one, Member) else one


def _names(found: Iterable[Member | str]) -> str:
    names = sorted(map(_name, found))
    more = f" and {len(names) - _SOME} more" if len(names) > _SOME else ""
    return ", ".join(names[:_SOME]) + more


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
