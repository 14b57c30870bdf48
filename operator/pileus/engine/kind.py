"""The descriptor by which a kind joins the engine: its names, what it writes and watches, its pure functions.

A kind is one folder under `pileus.kinds` that exports one `Kind`. The CRD, the chart's RBAC rules,
the watches, the metrics labels and the reference pages are all made from this descriptor.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from pileus.crds.markers import Rule
from pileus.engine.conditions import Verdict
from pileus.engine.plan import ObjectKind, ObjectRef, Plan, Topic
from pileus.engine.world import Reference, Resource, World

GROUP = "pileus.dev"
VERSION = "v1alpha1"


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """A column of `kubectl get`: `priority` 0 is always shown, 1 only with `-o wide`."""

    name: str
    type: str
    json_path: str
    description: str = ""
    priority: int = 0


Sample = tuple[tuple[str, ...], float]
"""Values of a gauge's labels, and its value."""


@dataclass(frozen=True, slots=True)
class StatusGauge:
    """A metric of a kind, computed from the statuses of its resources when it is scraped.

    of: what one status adds, given the time. combine: how samples with the same labels become one.
    """

    name: str
    help: str
    of: Callable[[Mapping[str, Any], dt.datetime], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    combine: Callable[[Iterable[float]], float] = sum


class Survey(Protocol):
    """What is kept of all objects of some kinds, put in as they come and go; pure data."""

    def put(self, kind: str, namespace: str, name: str, manifest: Mapping[str, Any] | None) -> set[Topic]:
        """Take in an object as it is now (None: it is gone); returns the topics that this touched."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Foreign kinds of which every object matters, whoever it belongs to, and what is kept of them.

    They are watched from when the first resource needs them. make: an empty survey.
    """

    kinds: tuple[ObjectKind, ...]
    make: Callable[[], Survey]


@dataclass(frozen=True, slots=True)
class Kind:
    """One of our kinds.

    spec / status: the pydantic models that users' input and our status follow.
    columns: the kind's own printer columns, between READY and AGE.
    children: foreign kinds that it may own; all of them are watched by label.
    permanent: ids of the children's kinds that every plan has, so that they are never pruned.
    related: foreign kinds that it only reads by label (Pods, ReplicaSets).
    shared: foreign cluster-wide inputs that any resource of the kind may depend on (Gateways).
    removes: related kinds whose objects a plan may remove. amends: foreign kinds that it may amend.
    calls: subresources that it may call, each with the kind that serves it.
    references: the Secrets and ConfigMaps that a spec names, whose content must be followed.
    looks_at: objects of its children's and related kinds that a resource's spec names though they belong to
        others, so that a pass sees them. A change of theirs wakes nobody.
    surveyed: what its passes see beyond that, as `World.survey`; they are woken by the topics of their plans.
    compile, judge: the pure middle. gauges: its own metrics.
    outside: whether its resources are something outside of the cluster, which their plans wish for.
    part: the plan for such a resource that is being deleted, which wishes for what is to become of that; the
        resource goes when that has come true. None: there is nothing to wait for.
    parted: whether it has.
    usual: reasons of Ready=False that are the normal course of things and make no Event.
    dependents: names of kinds whose resources may refer to one, if it has to know of them now.
    by_namespace: whether the labels of a resource's namespace matter to it.
    root_rules: CEL rules over the whole object, such as the length of its name.
    object_kind: its own objects, as the cluster layer names objects of any kind (derived).
    sealed: those of its children that may be read by namespace only (derived).
    """

    name: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    description: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[PrinterColumn, ...]
    children: tuple[ObjectKind, ...]
    related: tuple[ObjectKind, ...]
    shared: tuple[ObjectKind, ...]
    references: Callable[[BaseModel], tuple[Reference, ...]]
    compile: Callable[[Resource, World], Plan]
    judge: Callable[[Resource, Plan, World], Verdict]
    outside: bool = False
    part: Callable[[Resource, World], Plan] | None = None
    parted: Callable[[Resource, World], bool] = lambda resource, world: True
    root_rules: tuple[Rule, ...] = ()
    permanent: frozenset[str] = frozenset()
    surveyed: Surveyed | None = None
    removes: tuple[ObjectKind, ...] = ()
    amends: tuple[ObjectKind, ...] = ()
    calls: tuple[tuple[ObjectKind, str], ...] = ()
    gauges: tuple[StatusGauge, ...] = ()
    usual: frozenset[str] = frozenset()
    looks_at: Callable[[Resource], tuple[ObjectRef, ...]] = lambda resource: ()
    namespaced: bool = True
    by_namespace: bool = False
    dependents: Callable[[Resource], tuple[str, ...]] = lambda resource: ()
    group: str = GROUP
    version: str = VERSION
    object_kind: ObjectKind = field(init=False, repr=False, compare=False)
    sealed: tuple[ObjectKind, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sealed", tuple(child for child in self.children if child.sealed))
        own = ObjectKind(self.group, self.version, self.name, self.plural, namespaced=self.namespaced)
        object.__setattr__(self, "object_kind", own)

    @property
    def api_version(self) -> str:
        """``pileus.dev/v1alpha1``."""
        return self.object_kind.api_version
