"""What a kind brings to the campaign. A new kind joins by one module in `subjects/` that fills this in.

Nothing here runs anything: scenarios, tables of effects and of wrong values are data, and the tests are
the same for every kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest, ObjectKind

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a user does: apply this spec (None: delete), until Ready has this reason.

    `rest`: seconds without a write after which it has come to its end, where it takes pauses by itself.
    """

    name: str
    spec: Spec | None
    reason: str = "Ready"
    rest: float = 0.7


@dataclass(frozen=True, slots=True)
class Scenario:
    """A life of one resource, step by step; `why` says what it is good for. `smoke`: in the small run too."""

    name: str
    why: str
    steps: tuple[Step, ...]
    smoke: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What a field does: where, and nowhere else, the cluster changes when it changes.

    field: its path in the CRD's schema, items of lists as `[]`, keys of mappings as `{}`.
    context: what must stand in the spec around it. values: from one to the other is a transition.
    where: `Kind/path` prefixes of child objects, `status/path` of the resource itself. Where an object
    comes or goes, its `Kind` alone. `refused` says that the API server refuses every change.
    """

    field: str
    values: tuple[Any, ...]
    where: tuple[str, ...]
    context: Spec = field(default_factory=dict)
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that the schema's types allow and that is wrong all the same.

    says: words that the refusal, or the Ready condition, must hold; the field's name is among them.
    reason: of the Ready condition; empty if the API server refuses. mended: a spec that recovers.
    """

    name: str
    spec: Spec
    says: tuple[str, ...]
    reason: str = ""
    mended: Spec = field(default_factory=dict)
    resource: str = "app"


@dataclass(frozen=True, slots=True)
class Deputy:
    """A field that names something, pointed at another namespace. `{victim}` is that namespace.

    refused: the API server refuses the text. Else the resource must not become Ready through it, or
    the name must simply mean nothing outside its own namespace.
    """

    name: str
    spec: Spec
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind and all that the campaign needs to know of it.

    base: the smallest spec that works. idle: one that is Ready and starts nothing that costs memory.
    around: objects that must be in each namespace first.
    canaries: texts in `around` that must turn up nowhere else. fresh: a spec with everything on, whose
    children are every kind that it can own, in one or several specs.
    edits: how to break a child by hand, by kind: a merge patch that changes an owned field. Every one of
    these kinds is a child named `app` of `mix[1]`. strangers: the smallest object of each, somebody else's.
    replaced: `mix[1]` changed so that its children must be written to, and so that they must be pruned.
    pending: reasons of conditions that are never the last word.
    references: resources of named objects whose reading an administrator grants by namespace.
    """

    kind: Kind
    target: ObjectKind
    base: Spec
    scenarios: tuple[Scenario, ...]
    effects: tuple[Effect, ...]
    wrong: tuple[Wrong, ...]
    deputies: tuple[Deputy, ...]
    edits: dict[str, Manifest]
    everything: tuple[Spec, ...]
    idle: Spec
    strangers: dict[str, Manifest]
    replaced: tuple[Spec, Spec]
    around: tuple[Manifest, ...] = ()
    canaries: tuple[str, ...] = ()
    crd: str = ""
    mix: tuple[Spec, ...] = ()
    pending: frozenset[str] = frozenset()
    settings: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[], tuple[Manifest, ...]] = tuple

    def manifest(self, name: str, spec: Spec) -> Manifest:
        """The resource as a user applies it."""
        return {**self.target.type_meta, "metadata": {"name": name}, "spec": spec}

    @property
    def owned(self) -> tuple[ObjectKind, ...]:
        """The kinds of children."""
        return self.kind.children
