"""What was read of a cluster to answer about one flow, and who wrote its policies.

Whoever reads puts in everything of both ends' namespaces: what is missing here counts as not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pileus.engine.labels import KIND, OWNER_NAME
from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy.build.standard import RULES
from pileus.kinds.firewallpolicy.model import PRESETS
from pileus.objects import netpol
from pileus.objects.netpol import Direction
from pileus.objects.reading import annotation, items, mapping, text


class CannotAnswer(Exception):  # noqa: N818 - not an error of the program
    """There is no answer; the message says why, and what to do about it."""


@dataclass(frozen=True)
class Scene:
    """`namespace` is the one that was asked in. `others` are policies of other engines, with their kind.

    resources: apps and machines that exist, as (kind, namespace, name). nodes: addresses of nodes.
    unread: what could not be read and may matter, in sentences.
    """

    namespace: str
    namespaces: Mapping[str, Mapping[str, str]]
    pods: tuple[Manifest, ...] = ()
    services: tuple[Manifest, ...] = ()
    policies: tuple[Manifest, ...] = ()
    firewalls: tuple[Manifest, ...] = ()
    others: tuple[Manifest, ...] = ()
    resources: frozenset[tuple[str, str, str]] = frozenset()
    nodes: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()

    @cached_property
    def compiled(self) -> netpol.Policies:
        """The NetworkPolicies."""
        return netpol.Policies(self.policies, self.namespaces)

    @cached_property
    def _authors(self) -> Mapping[tuple[str, str], Author]:
        return {ref(one): self._author(one) for one in self.policies}

    def author(self, policy: tuple[str, str]) -> Author:
        """Whose a NetworkPolicy is."""
        return self._authors[policy]

    def firewall_of(self, manifest: Manifest) -> Manifest | None:
        """The FirewallPolicy that a policy was made from; labels alone are anybody's to set."""
        labels = mapping(manifest, "metadata", "labels")
        if labels.get(KIND) != "FirewallPolicy":
            return None
        owners = {text(one, "uid") for one in items(manifest, "metadata", "ownerReferences")}
        for one in self.firewalls:
            same = ref(one) == (text(manifest, "metadata", "namespace"), labels.get(OWNER_NAME))
            if same and text(one, "metadata", "uid") in owners:
                return one
        return None

    def within(self, namespace: str) -> str:
        """How a namespace is said after a name: not at all if it is the one that was asked in."""
        return "" if namespace == self.namespace else f" of namespace {namespace!r}"

    def _author(self, manifest: Manifest) -> Author:
        namespace, name = ref(manifest)
        firewall = self.firewall_of(manifest)
        names: dict[Direction, tuple[str, ...]] = {}
        if firewall is not None:
            name = ref(firewall)[1]
            names = _names(annotation(manifest, RULES))
        kind = "FirewallPolicy" if firewall is not None else "NetworkPolicy"
        words = f"{kind} {name!r}{self.within(namespace)}"
        return Author(kind, namespace, name, words, firewall, names)


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a NetworkPolicy: a FirewallPolicy, or somebody else. words: its name for people."""

    kind: str
    namespace: str
    name: str
    words: str
    firewall: Manifest | None = None
    names: Mapping[Direction, tuple[str, ...]] = field(default_factory=dict)

    def rule(self, direction: Direction, index: int) -> str:
        """The name of a rule or preset; empty if it has none."""
        names = self.names.get(direction, ())
        return names[index] if index < len(names) else ""

    def says(self, direction: Direction, index: int) -> str:
        """A rule, for people."""
        if name := self.rule(direction, index):
            return f"{'preset' if name in PRESETS else 'rule'} {name!r} of {self.words}"
        return f"rule number {index + 1} of spec.{direction.lower()} of {self.words}"


def ref(manifest: Manifest) -> tuple[str, str]:
    """Namespace and name."""
    return text(manifest, "metadata", "namespace"), text(manifest, "metadata", "name")


def _names(written: str) -> dict[Direction, tuple[str, ...]]:
    """What the annotation says; nothing if somebody made something else of it."""
    try:
        found = json.loads(written or "{}")
    except ValueError:
        return {}
    directions: tuple[Direction, ...] = ("Ingress", "Egress")
    if not isinstance(found, dict):
        return {}
    lists = {one: found.get(one.lower()) for one in directions}
    return {one: tuple(map(str, names)) for one, names in lists.items() if isinstance(names, list)}
