"""Apply: make the live children equal the plan's objects with as few writes as possible.

Objects are written in the plan's order, one after the other, so that a crash leaves a prefix of
them. Each is one forced server-side apply, left out when the live object already carries the
digest of what is desired and every desired field. An object that is not there is created by an
apply that fails if it is there after all: that is how a stranger's object of the same name is
noticed without a read, and never adopted. Pruning comes last, only after every apply succeeded, and
deletes only what this resource controls, by uid and version.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pileus.engine import labels
from pileus.engine.compare import covers, digest, restrict, stamped
from pileus.engine.conditions import Reason
from pileus.engine.kind import Kind
from pileus.engine.plan import (
    Act,
    Amendment,
    Call,
    Finding,
    Manifest,
    ObjectKind,
    ObjectRef,
    Plan,
    Removal,
    Sealed,
)
from pileus.engine.ports import ApiError, Outside, Recorder, Writer
from pileus.engine.world import Resource, World

logger = logging.getLogger(__name__)

TAKEN_RETRY = 30.0
"""Seconds after which a name that somebody else has is tried again."""
REFUSED_RETRY = 60.0


@dataclass(slots=True)
class Outcome:
    """What applying a plan came to.

    live: the children as they are now, by reference (only the plan's own objects).
    finding: why it stopped, or None.
    made: True if an object was created. What is seen of the resource may be of before it went, and garbage
        collection at work: that is found out by a write of its status, even of one that is there.
    again: True if something was written that the plan was derived from: the next pass may want more, and
        no event need come, since the echo of an own write is none.
    retry: True if the same pass should be tried again soon (the API server's trouble, not the user's).
    after: seconds before which trying again is pointless.
    """

    live: dict[ObjectRef, Manifest] = field(default_factory=dict)
    finding: Finding | None = None
    made: bool = False
    again: bool = False
    retry: bool = False
    after: float = 0.0
    writes: int = 0

    def refuse(self, error: ApiError, what: str) -> None:
        """A write of `what` failed, and ends the pass: why, and when to try again."""
        self.finding, self.retry = explain(error, what)
        self.after = error.retry_after if self.retry else REFUSED_RETRY


class Applier:
    """Applies plans of one kind; remembers which answers of the API server differ from what was sent."""

    def __init__(self, kind: Kind, writer: Writer, recorder: Recorder, outside: Outside):
        self._kind = kind
        self._writer = writer
        self._recorder = recorder
        self._outside = outside
        self._kinds = {(child.api_version, child.kind): child for child in kind.children}
        self._prunable = {child.id: child for child in kind.children if child.id not in kind.permanent}
        # Where the API server or a webhook changes what we send, sending it again would change nothing:
        # (digest sent, digest of what it made of it), by object.
        self._normalised: dict[ObjectRef, tuple[str, str]] = {}

    def reference(self, manifest: Manifest) -> ObjectRef:
        """The reference of a desired object."""
        kind = self._kinds[(manifest["apiVersion"], manifest["kind"])]
        metadata = manifest["metadata"]
        return ObjectRef(kind.id, metadata["namespace"] if kind.namespaced else "", metadata["name"])

    async def apply(self, resource: Resource, plan: Plan, world: World) -> Outcome:
        """Write what differs, then prune. Raises `NotLeading` when this replica must not write."""
        outcome = Outcome()
        for desired in plan.objects:
            kind = self._kinds[(desired["apiVersion"], desired["kind"])]
            ref = self.reference(desired)
            if kind.engine is not None and kind.id not in world.served:
                outcome.finding = _engine_missing(kind, resource)
                return outcome
            try:
                outcome.live[ref] = await self._settle(
                    resource, kind, ref, desired, world.children, outcome, plan
                )
            except _Blocked as blocked:
                outcome.finding = blocked.finding
                outcome.after = blocked.after
                return outcome
            except ApiError as error:
                outcome.refuse(error, str(ref))
                return outcome
        for act in plan.acts:
            try:
                outcome.writes += 1
                await self._act(act)
            except ApiError as error:
                outcome.refuse(error, str(_meant(act)))
                return outcome
        if plan.prune:
            await self._prune(resource, plan, world, outcome)
        return outcome

    async def _act(self, act: Act) -> None:
        match act:
            case Removal(kind, ref, uid):
                await self._writer.remove(kind, ref, uid=uid)
                done = f"remove {kind.kind}"
            case Amendment(kind, manifest, uid):
                await self._writer.update(kind, manifest, uid=uid)
                done = f"amend {kind.kind}"
            case Call(kind, ref, subresource):
                await self._writer.call(kind, ref, subresource)
                done = subresource
        self._recorder.act(self._kind.name, done)

    async def _settle(
        self,
        resource: Resource,
        kind: ObjectKind,
        ref: ObjectRef,
        desired: Manifest,
        children: Mapping[ObjectRef, Manifest],
        outcome: Outcome,
        plan: Plan,
    ) -> Manifest:
        sent, mark = stamped(desired)
        dated, sealed, exact = _dated(sent, resource), plan.sealed.get(ref), ref in plan.exact
        live = children.get(ref)
        if live is None:
            try:
                whole = self._unsealed(resource, ref, dated, sealed)
                outcome.writes += 1
                answer = await self._writer.create(kind, whole)
                outcome.made = True
                outcome.again |= exact
                return self._learn(ref, mark, sent, answer)
            except ApiError as error:
                if error.status != 409 or _quota(error) or _terminating(error):
                    raise
            # There is one after all. If it is ours, the cache was only behind.
            live = await self._writer.adopt_view(kind, ref)
            if live is None:
                raise ApiError(409, "Conflict", f"{ref} came and went while it was being made.")
        if not ours(kind, live, resource):
            raise _Blocked(_name_taken(kind, ref, live, resource), TAKEN_RETRY)
        if live["metadata"].get("deletionTimestamp"):
            raise _Blocked(_still_deleting(ref, live), 0.0)
        if exact and ref not in children:
            raise ApiError(409, "Conflict", f"{ref} is there: what was derived from its absence is past.")
        if self._settled(ref, mark, sent, live):
            return live
        if (live["metadata"].get("annotations") or {}).get(labels.APPLIED) == mark:
            self._recorder.drift(self._kind.name)
        whole = self._unsealed(resource, ref, dated, sealed)
        outcome.writes += 1
        version = live["metadata"]["resourceVersion"] if exact else ""
        try:
            answer = await self._writer.update(kind, whole, uid=live["metadata"]["uid"], version=version)
        except ApiError as error:
            if exact and error.status == 409:
                await self._writer.adopt_view(kind, ref)  # what was derived from is past
            raise
        outcome.again |= exact
        return self._learn(ref, mark, sent, answer)

    def _unsealed(
        self, resource: Resource, ref: ObjectRef, manifest: Manifest, sealed: Sealed | None
    ) -> Manifest:
        """The manifest with its secret, which exists nowhere else but in the request that is made of it."""
        if sealed is None:
            return manifest
        key = (resource.kind, resource.namespace, resource.name)
        secret = self._outside.unseal(key, sealed.key)
        if secret is None:
            raise _Blocked(Finding(Reason.PROGRESSING, f"{ref} waits for a new key."), 0.0)
        content = {**sealed.data, sealed.field: secret}
        data = {name: base64.b64encode(text.encode()).decode() for name, text in content.items()}
        return {**manifest, "data": data}

    def _settled(self, ref: ObjectRef, mark: str, sent: Manifest, live: Manifest) -> bool:
        if covers(live, sent):
            return True
        known = self._normalised.get(ref)
        return known is not None and known == (mark, digest(restrict(live, sent)))

    def _learn(self, ref: ObjectRef, mark: str, sent: Manifest, answer: Manifest) -> Manifest:
        if covers(answer, sent):
            self._normalised.pop(ref, None)
        else:
            self._normalised[ref] = (mark, digest(restrict(answer, sent)))
        return answer

    async def _prune(self, resource: Resource, plan: Plan, world: World, outcome: Outcome) -> None:
        for ref, live in world.children.items():
            if ref in outcome.live or ref in plan.keep or ref.kind not in self._prunable:
                continue
            if not controlled(live, resource) or live["metadata"].get("deletionTimestamp"):
                continue
            metadata = live["metadata"]
            try:
                outcome.writes += 1
                await self._writer.delete(
                    self._prunable[ref.kind], ref, uid=metadata["uid"], version=metadata["resourceVersion"]
                )
            except ApiError as error:
                # A conflict only says that it changed meanwhile: its event brings the next pass.
                outcome.refuse(error, str(ref))
                return
            self._normalised.pop(ref, None)
            self._recorder.pruned(self._kind.name)


class _Blocked(Exception):  # noqa: N818 - carries a finding out of one object's apply
    def __init__(self, finding: Finding, after: float):
        super().__init__(finding.reason)
        self.finding = finding
        self.after = after


def _meant(act: Act) -> ObjectRef:
    if isinstance(act, Amendment):
        metadata = act.manifest["metadata"]
        return ObjectRef(act.kind.id, metadata["namespace"], metadata["name"])
    return act.ref


def controlled(live: Manifest, resource: Resource) -> bool:
    """True if the resource is the object's controller."""
    return controlled_by(live, resource.uid)


def controlled_by(live: Manifest, uid: str) -> bool:
    """True if what has this uid is the object's controller."""
    return any(
        owner.get("controller") and owner.get("uid") == uid
        for owner in live["metadata"].get("ownerReferences") or ()
    )


def behind(resource: Resource, world: World) -> bool:
    """True if a child was written for a newer spec of this very resource than the one that is seen here.

    Then the view of the resource is stale: acting on it would turn back, or delete, what the newer
    spec asked for. Views may lag behind each other after a restart, and when a standby takes over.
    """
    return any(
        int((live["metadata"].get("annotations") or {}).get(labels.GENERATION) or 0) > resource.generation
        for live in world.children.values()
        if controlled(live, resource)
    )


def _dated(sent: Manifest, resource: Resource) -> Manifest:
    """`sent` with the resource's generation beside the digest; on its own it is no reason to write."""
    metadata = sent["metadata"]
    annotations = {**metadata["annotations"], labels.GENERATION: str(resource.generation)}
    return {**sent, "metadata": {**metadata, "annotations": annotations}}


def ours(kind: ObjectKind, live: Manifest, resource: Resource) -> bool:
    """True if we may write the object: the resource controls it, or it is kept data with its labels."""
    if controlled(live, resource):
        return True
    if not kind.outlives:
        return False
    marks = live["metadata"].get("labels") or {}
    return (
        not any(owner.get("controller") for owner in live["metadata"].get("ownerReferences") or ())
        and marks.get(labels.MANAGED_BY) == labels.MANAGER
        and marks.get(labels.KIND) == resource.kind
        and marks.get(labels.OWNER_NAME) == resource.name
    )


def explain(error: ApiError, what: str) -> tuple[Finding, bool]:
    """The finding for a failed write of `what`, and whether to try again soon."""
    if error.status in (0, 429) or error.status >= 500:
        return Finding(
            Reason.API_UNAVAILABLE, f"Writing {what} failed and is tried again: {error.message}"
        ), True
    if _terminating(error):
        return Finding(
            Reason.NAMESPACE_TERMINATING, f"{what} is not made: its namespace is being deleted."
        ), False
    if _quota(error):
        return Finding(Reason.QUOTA_EXCEEDED, f"{what} is refused by a quota: {error.message}"), False
    if _not_known_yet(error):
        words = f"{what} is made as soon as the API server's admission has taken in this kind's definition."
        return Finding(Reason.PROGRESSING, words), True
    if error.status == 403:
        return Finding(Reason.FORBIDDEN, f"Pileus may not write {what}: {error.message}", stalled=True), False
    if error.status in (404, 409) or _replaced(error):
        return Finding(
            Reason.PROGRESSING, f"{what} changed while it was being written; it is tried again."
        ), True
    return Finding(Reason.REJECTED, f"{what} is refused: {error.message}", stalled=True), False


def _replaced(error: ApiError) -> bool:
    # The uid that we apply to is gone and another object has the name: a validation error for the server.
    return error.status == 422 and any(
        cause.get("field") == "metadata.uid" for cause in error.details.get("causes") or ()
    )


def _not_known_yet(error: ApiError) -> bool:
    # OwnerReferencesPermissionEnforcement learns of a new definition up to half a minute late.
    return error.status == 403 and "cannot find RESTMapping" in error.message


def _quota(error: ApiError) -> bool:
    return error.status == 403 and bool(re.search(r"exceeded quota|failed quota", error.message))


def _terminating(error: ApiError) -> bool:
    causes = error.details.get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes) or (
        error.status == 403 and "because it is being terminated" in error.message
    )


def _engine_missing(kind: ObjectKind, resource: Resource) -> Finding:
    return Finding(
        Reason.ENGINE_MISSING,
        f"{resource.kind} {resource.name!r} needs {kind.engine}, which this cluster does not have "
        f"(no {kind.kind} in {kind.api_version}); it goes on by itself once that is installed.",
        stalled=True,
    )


def _name_taken(kind: ObjectKind, ref: ObjectRef, live: Manifest, resource: Resource) -> Finding:
    namesake = (resource.kind, resource.name)
    for owner in live["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and (owner.get("kind"), owner.get("name")) == namesake:
            return Finding(
                Reason.PROGRESSING,
                f"{ref} still belongs to a deleted {resource.kind} of this name; it is made anew once "
                f"garbage collection has removed it.",
            )
    return Finding(
        Reason.NAME_TAKEN,
        f"A {kind.kind} named {ref.name!r} exists and is not managed by this resource; it is left alone. "
        f"Delete or rename it, or choose another name here.",
        stalled=True,
    )


def _still_deleting(ref: ObjectRef, live: Manifest) -> Finding:
    holders = ", ".join(live["metadata"].get("finalizers") or ()) or "its dependents"
    return Finding(
        Reason.PROGRESSING, f"{ref} is being deleted, held by {holders}; it is made again once it is gone."
    )
