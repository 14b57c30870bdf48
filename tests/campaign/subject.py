"""What a kind brings to the campaign. A new kind joins by one module in `subjects/` that fills this in.

Nothing here runs anything: scenarios, tables of effects and of wrong values are data, and the tests are
the same for every kind.
"""

from __future__ import annotations

import json
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
    `until`: what the resource must say beside that.
    """

    name: str
    spec: Spec | None
    reason: str = "Ready"
    rest: float = 0.7
    until: Callable[[Manifest], bool] = lambda live: True


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
    where: `Kind/path` prefixes of child objects, `status/path` of the resource itself; where an object
        comes or goes, its `Kind` alone. Each of these must change in some transition of the row.
    values: those that the schema cannot give. only: these instead of the schema's (`why` says why),
        which are still shown to be admitted.
    context: what stands around the field, laid over the base; None takes a field of the base away.
    without: what is left out where the field is absent, if not the field alone; None: it is never absent.
    alone: every value is reached from absence, since it cannot follow another.
    together: what else changes with the field. fixed: words of the refusal to change it on what is there;
        then two that are new are compared. fresh: whether the way does not matter; where it does, a
        new app with the same spec is another matter.
    theirs: places that another controller decides. lasting: places where what was kept is left.
    one_way: words of the refusal to go back. slow: another controller takes its time to say so.
    """

    field: str
    where: tuple[str, ...]
    values: tuple[Any, ...] = ()
    context: Spec = field(default_factory=dict)
    only: bool = False
    why: str = ""
    without: str | None = ""
    alone: bool = False
    together: Spec = field(default_factory=dict)
    fixed: str = ""
    fresh: bool = True
    theirs: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()
    one_way: str = ""
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that the schema's types allow and that is wrong all the same.

    field: the field at fault; what the user reads must hold its path or its last word, and the words
        of the `remedy`. reason: of the Ready condition; empty if the API server refuses.
    mended: the spec that recovers. before: a spec that stood first. beside: more objects there.
    kubelet: statuses of containers by name, played on the pods, which have no kubelet here.
    settings: of the operator, where the fault is a cluster that lacks something. slow: says so only
        after half a minute. resource: its name. anew: whether it is mended by another one of its name.
    absent: of what is prepared for the whole cluster, what is away meanwhile. stands: whether what `before`
        made is there as it was while the value is refused.
    """

    name: str
    spec: Spec
    field: str
    remedy: str
    reason: str = ""
    mended: Spec = field(default_factory=dict)
    before: Spec | None = None
    beside: tuple[Manifest, ...] = ()
    kubelet: Manifest = field(default_factory=dict)
    settings: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    resource: str = "app"
    anew: bool = False
    absent: tuple[Manifest, ...] = ()
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Deputy:
    """A field that names something. `{name}` in its spec is where a name of another namespace is tried.

    field: its path in the CRD's schema. told: the reason of Ready for a name that is allowed but that
        nothing bears here; `Ready` where the name means nothing to anybody but this namespace.
    """

    field: str
    spec: Spec
    told: str = "Ready"


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind and all that the campaign needs to know of it.

    base: the smallest spec that works. still: as base, with as little going on as
    can be: effects are looked for around it, and thousands are made of it.
    mix: specs to change between. everything: specs that between them make every kind of child.
    secretive: specs that name all of `around`, in every way there is.
    scenarios, effects, wrong, deputies: the tables of T1 to T6, T7, T8 and T14. nameless: fields with text
    that names no object, by their path, with what they hold.
    bookkeeping: places that change with any other, with the reason.
    edits: how to break a child by hand, by kind: a merge patch that changes an owned field. Every one of
    these kinds is a child of `mix[1]`, named `app` or as `named` has it. strangers: the smallest object of
    each, somebody else's.
    loosened: further edits that must heal: a spec, the kind of a child of it, and the patch.
    replaced: `mix[1]` changed so that its children must be written to, and so that they must be pruned.
    beside: objects that must be in each namespace first. around: the same, whose content is read.
    canaries: texts in them that must turn up nowhere else.
    prepare: objects that must be in the cluster. settings: the operator's environment.
    chart: the chart's values. crds: further definitions that must be there.
    elsewhere: specs that make what `everything` does not, in clusters with other settings.
    pending: reasons of conditions that are never the last word.
    cluster: what its cluster has beside a control plane. volumes: whether stagehands play what binds them.
    also: kinds whose objects are looked at beside the children. seen: what of an object is looked at (None:
    nothing), whole lives or (False) ends only; of a child no status.
    drawn: texts of one namespace that are drawn by lot, and what stands for them. lots: the same of requests,
    as patterns. beats: fields that say no more than that somebody still looks.
    settled: whether a status says that nothing is under way. asks: reasons of Ready that last until the user
    does something, beside those of what is Stalled. rest: seconds without a write after which it is
    believed. patience: seconds after which a state that must come is given up.
    restless: whether other controllers do much in their own time. Then a step waits for its garbage, and only
    those writes of a status are points that two undisturbed runs make.
    previous: commit of the release before, which this one takes over from. many: how many are made at once.
    each: bytes of resident memory that the operator may need for one, with all that belongs to it.
    at_once: points of T1 to T3 and ways of T7 that are tried at a time.
    small: beginnings of the names of those tests that are in the small run (None: all that can be).
    bugs: whether the deliberate bugs are tried on it.
    beds: specs in which a child is broken that cannot heal in `mix[1]`, by kind.
    later: by kind of child, two specs of which the second makes it where the first was in force.
    by_the_clock: lives whose ends depend on the time of day.
    protected: a spec under which the resource may not be deleted.
    invisible: fields that change no object, with what tries them instead.
    sociable: whether what is in other namespaces, and goes there, matters to it.
    abandoned: beginnings of the names of what stays if an operator is killed while it is about it, and the
        resource is deleted, or is about something else, before the next one runs.
    never: what is wrong with the children as they were for a moment, given those of the ends before and after
        it (None: anything may be on the way).
    """

    kind: Kind
    target: ObjectKind
    crd: str
    base: Spec
    still: Spec
    mix: tuple[Spec, ...]
    everything: tuple[Spec, ...]
    secretive: tuple[Spec, ...]
    scenarios: tuple[Scenario, ...]
    effects: tuple[Effect, ...]
    wrong: tuple[Wrong, ...]
    deputies: tuple[Deputy, ...]
    nameless: dict[str, str]
    edits: dict[str, Manifest]
    bookkeeping: dict[str, str]
    strangers: dict[str, Manifest]
    replaced: tuple[Spec, Spec]
    around: tuple[Manifest, ...] = ()
    beside: tuple[Manifest, ...] = ()
    canaries: tuple[str, ...] = ()
    prepare: Callable[[], tuple[Manifest, ...]] = tuple
    settings: dict[str, str] = field(default_factory=dict)
    chart: dict[str, Any] = field(default_factory=dict)
    crds: tuple[str, ...] = ()
    pending: frozenset[str] = frozenset()
    elsewhere: tuple[tuple[dict[str, str], tuple[Spec, ...]], ...] = ()
    cluster: tuple[str, ...] = ()
    volumes: bool = True
    named: dict[str, str] = field(default_factory=dict)
    also: tuple[ObjectKind, ...] = ()
    seen: Callable[[Manifest, bool], Manifest | None] = lambda item, history: item
    drawn: Callable[[list[Manifest]], dict[str, str]] = lambda items: {}
    lots: tuple[tuple[str, str], ...] = ()
    beats: frozenset[str] = frozenset()
    settled: Callable[[Manifest], bool] = lambda live: True
    asks: frozenset[str] = frozenset()
    restless: bool = False
    rest: float = 0.0
    patience: float = 90.0
    previous: str = ""
    many: tuple[int, ...] = (1000, 5000)
    each: float = 12e3
    at_once: int = 1000
    small: tuple[str, ...] | None = None
    bugs: bool = False
    loosened: tuple[tuple[Spec, str, Manifest], ...] = ()
    beds: dict[str, Spec] = field(default_factory=dict)
    later: dict[str, tuple[Spec, Spec]] = field(default_factory=dict)
    by_the_clock: tuple[Scenario, ...] = ()
    protected: Spec | None = None
    invisible: dict[str, str] = field(default_factory=dict)
    sociable: bool = False
    abandoned: tuple[str, ...] = ()
    never: Callable[[list[Manifest], list[Manifest], list[Manifest]], str] | None = None

    def manifest(self, name: str, spec: Spec, namespace: str = "") -> Manifest:
        """The resource as a user applies it; `<here>` in its spec stands for its namespace and name."""
        here = json.dumps(spec).replace("<here>", f"{namespace}-{name}")
        return {**self.target.type_meta, "metadata": {"name": name}, "spec": json.loads(here)}

    def child(self, kind: ObjectKind) -> str:
        """Name of the child of this kind that tests deal with."""
        return self.named.get(kind.kind, "app")

    def bed(self, kind: ObjectKind) -> Spec:
        """The spec under which a child of this kind is broken."""
        return self.beds.get(kind.kind, self.mix[1])

    @property
    def namespaced(self) -> bool:
        """Whether it is in a namespace."""
        return self.target.namespaced

    @property
    def owned(self) -> tuple[ObjectKind, ...]:
        """The kinds of children."""
        return self.kind.children
