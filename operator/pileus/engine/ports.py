"""What the engine needs of the outside, as small protocols that `cluster` and `telemetry` implement."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef, Topic
from pileus.engine.world import Reference, Referent, Resource, World

_OTHER_UID = re.compile(r"Precondition failed: UID|uid mismatch|metadata\.uid")
"""How the API server says that the object of this name has another uid, or is none."""


class ApiError(Exception):
    """A request that the API server did not answer with success; without an answer, whether it
    was carried out is not known.

    status: HTTP code; 0 without an answer. retry_after: seconds that the server asks to wait.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after: float = 0,
    ):
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.retry_after = retry_after

    @property
    def gone(self) -> bool:
        """True if the object that was meant is not there: deleted, or another one has its name by now."""
        return self.status == 404 or (self.status in (409, 422) and bool(_OTHER_UID.search(self.message)))


class NotLeading(Exception):  # noqa: N818 - a state, not an error
    """The lease is not held (any more): nothing was written, and this replica must not write."""


class Observer(Protocol):
    """Where a pass looks: caches only, no request."""

    def resource(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The custom resource as last seen, or None when it is gone."""

    async def references(
        self, resource: Resource, wanted: Sequence[Reference]
    ) -> Mapping[Reference, Referent]:
        """What the references point at; waits until their cache is in step."""

    async def ready(self, kind: Kind, resource: Resource) -> None:
        """Wait until caches that only this resource's namespace has are in step."""

    def world(self, kind: Kind, resource: Resource, references: Mapping[Reference, Referent]) -> World:
        """Everything else, as of now."""

    def listen(self, resource: Resource, topics: frozenset[Topic]) -> None:
        """From now on the resource gets a pass when one of these topics of its kind's survey is touched."""

    async def anew(self, kind: ObjectKind, ref: ObjectRef) -> Manifest | None:
        """The metadata of one object, read now and from no cache; None without one. Raises `ApiError`."""


class Writer(Protocol):
    """The one choke point of writes. Every method raises `ApiError` or `NotLeading`."""

    async def create(self, kind: ObjectKind, manifest: Manifest) -> Manifest:
        """Server-side apply that succeeds only if no such object exists (else ApiError 409)."""

    async def update(self, kind: ObjectKind, manifest: Manifest, *, uid: str, version: str = "") -> Manifest:
        """Server-side apply, forced, to the object with this uid only, and at this version if given."""

    async def delete(self, kind: ObjectKind, ref: ObjectRef, *, uid: str, version: str) -> None:
        """Delete the object if it is still this one at this version; gone already is success."""

    async def remove(self, kind: ObjectKind, ref: ObjectRef, *, uid: str) -> None:
        """Delete the object with this uid, whatever its version; gone already is success."""

    async def call(self, kind: ObjectKind, ref: ObjectRef, subresource: str) -> None:
        """PUT a subresource that acts, such as pause."""

    async def adopt_view(self, kind: ObjectKind, ref: ObjectRef) -> Manifest | None:
        """Read one object anew into the cache, after a conflict showed that the cache was behind."""

    async def hold(self, kind: Kind, resource: Resource, *, held: bool) -> None:
        """Put our finalizer on the resource, or take it off."""

    async def status(self, kind: Kind, resource: Resource, status: Manifest) -> None:
        """Server-side apply of the whole status."""

    def event(self, resource: Resource, *, type_: str, reason: str, message: str) -> None:
        """Send a Kubernetes Event about the resource, in the background, if its budget allows."""


class Outside(Protocol):
    """What resources are outside of the cluster. All is done in the background: no method waits."""

    def seen(self, key: tuple[str, str, str], uid: str) -> Any:
        """What was seen last; None if nothing was yet."""

    def pending(self, key: tuple[str, str, str], uid: str) -> bool:
        """Whether what was wished last has not been looked at yet, or is being made so."""

    def want(
        self,
        key: tuple[str, str, str],
        uid: str,
        wish: Any,
        *,
        confirm: Callable[[], Awaitable[bool]],
        asked: str,
    ) -> None:
        """From now on it is to be as wished. The resource gets a pass whenever something else is seen.

        confirm: whether that is wished for still, read anew; asked before anything is taken away.
        asked: any other text than before asks for a look now.
        """

    def unseal(self, key: tuple[str, str, str], sealed: str) -> str | None:
        """A secret that a Secret is to be written with; None if it is not known any more."""

    def forget(self, key: tuple[str, str, str]) -> None:
        """Nothing is wished for any more; what is there stays."""


class Recorder(Protocol):
    """Where a pass leaves its figures (seconds)."""

    def stage(self, kind: str, stage: str, seconds: float) -> None:
        """One stage of one pass took so long."""

    def finished(self, kind: str, result: str, seconds: float) -> None:
        """One pass ended with this result."""

    def transition(self, kind: str, condition: str, status: str, reason: str) -> None:
        """A condition changed."""

    def pruned(self, kind: str) -> None:
        """A child was deleted because the plan no longer has it."""

    def act(self, kind: str, act: str) -> None:
        """Something was done to an object that is not ours: removed, amended, or a verb was called."""

    def drift(self, kind: str) -> None:
        """A child differed from what had been applied and was put back."""
