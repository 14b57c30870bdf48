"""What a resource should become: the vocabulary between `compile` and `apply`.

A `Plan` is a value. It lists the desired objects in the order in which they are applied, what the
resource waits for, and what was refused. Desired objects are sparse: they hold only the fields that
Pileus decides, never a default of the API server, so that other field managers keep theirs.
Names, owner references and the common labels are part of the object; the engine adds only the
hash annotation.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Manifest = dict[str, Any]
"""A Kubernetes object as plain JSON data."""


Topic = tuple[str, ...]
"""Something in a survey that can be touched, such as the pods of a namespace with some label."""


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A foreign kind that Pileus writes or watches.

    `engine` names the project that installs it (``None``: part of Kubernetes, always there), in the
    words that a message to the user may use, for example ``"Gateway API"``. `outlives` says that its
    objects may be kept when their resource goes (data), and are recognised by their labels alone.
    `selector` finds those of interest, for kinds on which others put their name over ours. `sealed` says that
    its content is nobody's to read (Secrets): only its metadata is, and only in namespaces where that is
    granted.

    Derived, and made once since every reference holds them:
    `api_version` is ``apps/v1``, or ``v1`` for the core group; `id` is ``Deployment.apps``: the kind
    without its version, stable across API versions.
    """

    group: str
    version: str
    kind: str
    plural: str
    engine: str | None = None
    namespaced: bool = True
    outlives: bool = False
    selector: str = ""
    sealed: bool = False
    api_version: str = field(init=False, repr=False, compare=False)
    id: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        api_version = f"{self.group}/{self.version}" if self.group else self.version
        object.__setattr__(self, "api_version", sys.intern(api_version))
        object.__setattr__(self, "id", sys.intern(f"{self.kind}.{self.group}" if self.group else self.kind))

    @property
    def type_meta(self) -> dict[str, str]:
        """`apiVersion` and `kind`, which items of a list lack."""
        return {"apiVersion": self.api_version, "kind": self.kind}


class ObjectRef(NamedTuple):
    """Names one object; `kind` is an `ObjectKind.id`, `namespace` is empty for cluster-scoped kinds.

    A tuple, since the caches look up tens of thousands of them: a dataclass hashes in Python.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.partition('.')[0]} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a resource is not ready, in words that name the object and the remedy.

    `stalled` says that nothing moves until somebody changes something (kstatus: Stalled).
    """

    reason: str
    message: str
    stalled: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """A live object that another controller made, and that must go: a running VM that is to start anew."""

    kind: ObjectKind
    ref: ObjectRef
    uid: str


@dataclass(frozen=True, slots=True)
class Amendment:
    """A live object that another controller made, some of whose fields we decide: the size of a claim.

    manifest: those fields, and the names of the object. uid: only this very object is meant.
    """

    kind: ObjectKind
    manifest: Manifest
    uid: str


@dataclass(frozen=True, slots=True)
class Call:
    """A verb of an engine's API that no field of an object can say: pause.

    kind: the kind as that API serves it. subresource: what is called, by PUT with an empty options body.
    """

    kind: ObjectKind
    ref: ObjectRef
    subresource: str


Act = Removal | Amendment | Call
"""What must be done to an object that is not ours. A plan has it for as long as the live objects show that
it is still to be done, so that doing it twice is the same as once."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Content of a Secret. data: what may be seen; field: where the secret goes that belongs to `key`."""

    data: Mapping[str, str]
    field: str
    key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The desired state of one resource.

    objects: desired manifests in apply order.
    kinds: the `ObjectKind` of each kind id that occurs in `objects`.
    findings: what keeps the resource from being ready before anything is looked at: refusals
        (`stalled=True`) and waits. The most important comes first.
    warnings: sentences for the user that do not make the resource unready; they become
        Warning Events once, when they appear.
    exact: objects whose desired state was derived from their live state: they are written only if they are
        still as they were seen, so that a view of the past turns nothing back.
    acts: what is done to objects that are not ours, after every object was applied.
    keep: owned objects that are not desired but must not be pruned in this pass.
    sealed: what goes into objects when they are written and is in no other place: secrets. Such an object is
        compared by everything else, and cannot be written when its secret is not known any more.
    wish: what the resource becomes outside of the cluster (kind-specific); None: nothing is wished for.
    basis: objects by whose state the wish says that something outside is to come or go, children or resources
        of the same kind to which this one refers: before it does they are read anew, and have to be as they
        were seen.
    prune: False leaves every owned object alone (used when the spec could not be compiled).
    recheck_after: seconds after which time alone may change the plan, or None.
    listens: topics of the survey that matter to the plan: when one is touched, the resource gets a pass.
    facts: what `judge` needs of the compilation (kind-specific, opaque to the engine).
    """

    objects: tuple[Manifest, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    exact: frozenset[ObjectRef] = frozenset()
    acts: tuple[Act, ...] = ()
    keep: frozenset[ObjectRef] = frozenset()
    sealed: Mapping[ObjectRef, Sealed] = field(default_factory=dict)
    wish: Any = None
    basis: frozenset[ObjectRef] = frozenset()
    prune: bool = True
    recheck_after: float | None = None
    listens: frozenset[Topic] = frozenset()
    facts: Mapping[str, Any] = field(default_factory=dict)
