"""Copies of a bucket in others: who may be copied into, and by which key.

A Bucket consents by a consumer with the role Replica; its status says which key that has, and in which
Secret. A copy that is made goes on while something is waited for, and ends when it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest, ObjectRef
from pileus.engine.world import Reference, Resource, World
from pileus.kinds.bucket.model import BucketSpec
from pileus.kinds.bucket.reasons import BucketReason
from pileus.objects.catalog import SECRET
from pileus.objects.reading import at, items, text
from pileus.objects.s3 import Copied, Copy, Role, Seen, Source

BUCKET = "Bucket"


@dataclass(frozen=True, slots=True)
class Copies:
    """All of them. names: of the Buckets, in the order of `wished`. basis: the Buckets that decide."""

    wished: tuple[Copy, ...] = ()
    names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    basis: frozenset[ObjectRef] = frozenset()

    def made(self, seen: Seen) -> bool:
        """Whether the store makes them, by what was seen."""
        return all(
            (found := _found(copy, seen)) is not None
            and (found.key, found.prefixes) == (copy.key, (copy.prefix,))
            for copy in self.wished
        )

    def away(self, world: World) -> Iterator[Finding]:
        """Warnings of those that wait since their store is away from where the bucket is."""
        seen = world.outside if isinstance(world.outside, Seen) else Seen()
        for copy, name in zip(self.wished, self.names, strict=True):
            found = _found(copy, seen)
            if found is not None and found.away:
                words = (
                    f"What is new is not copied into Bucket {name!r} now: the store does not reach "
                    f"{copy.endpoint}. It goes on by itself."
                )
                yield Finding(BucketReason.REPLICA_AWAY, words)


def references(spec: BaseModel) -> tuple[Reference, ...]:
    """The Buckets that are named."""
    assert isinstance(spec, BucketSpec)
    return tuple(sorted({Reference(BUCKET, one.bucket) for one in spec.replicate_to}))


def decide(resource: Resource, spec: BucketSpec, world: World) -> Copies:
    """Where the bucket is to be copied to, and why not elsewhere."""
    wished: list[Copy] = []
    names: list[str] = []
    findings: list[Finding] = []
    basis: set[ObjectRef] = set()
    for one in spec.replicate_to:
        referent = world.references.get(Reference(BUCKET, one.bucket))
        live = referent.manifest if referent else None
        basis.add(
            ObjectRef(f"{BUCKET}.{resource.api_version.partition('/')[0]}", resource.namespace, one.bucket)
        )
        if refusal := _refused(resource, spec, one.bucket, live):
            findings.append(refusal)
            continue
        assert live is not None
        copy = _copy(resource, one.prefix, live)
        if copy.endpoint in {other.endpoint for other in wished} and copy.endpoint:
            other = names[[other.endpoint for other in wished].index(copy.endpoint)]
            words = (
                f"spec.replicateTo: Buckets {other!r} and {one.bucket!r} are on one store, which takes one "
                "copy of a bucket: name one of them."
            )
            findings.append(Finding(Reason.INVALID_SPEC, words, stalled=True))
            continue
        if not copy.key:
            findings.append(_waits(one.bucket, live))
        if copy.bucket and copy.endpoint:
            wished.append(copy)
            names.append(one.bucket)
    return Copies(tuple(wished), tuple(names), tuple(findings), frozenset(basis))


def _refused(resource: Resource, spec: BucketSpec, name: str, live: Manifest | None) -> Finding | None:
    """What somebody has to change."""
    what = f"Bucket {name!r}, which spec.replicateTo names,"
    if name == resource.name:
        words = "spec.replicateTo: a bucket is not copied into itself: name another Bucket."
        return Finding(Reason.INVALID_SPEC, words, stalled=True)
    if live is None or at(live, "metadata", "deletionTimestamp"):
        how = "does not exist in this namespace" if live is None else "is being deleted"
        words = f"{what} {how}: create it, or correct spec.replicateTo."
        return Finding(BucketReason.REPLICA_MISSING, words, stalled=True)
    if not _consumer(live):
        words = f"{what} does not consent: add access: [{{name: replica, role: Replica}}] to its spec."
        return Finding(BucketReason.REPLICA_NOT_ALLOWED, words, stalled=True)
    if at(live, "spec", "versioning") is not True:
        words = f"{what} keeps no versions: set versioning: true in its spec."
        return Finding(BucketReason.REPLICA_UNFIT, words, stalled=True)
    if spec.object_lock and not at(live, "spec", "objectLock"):
        words = f"{what} cannot lock objects as this one does: name one that has objectLock."
        return Finding(BucketReason.REPLICA_UNFIT, words, stalled=True)
    return None


def _copy(resource: Resource, prefix: str, live: Manifest) -> Copy:
    """By what its status says of the Bucket; without a key as long as that is not settled."""
    status: Manifest = live.get("status") or {}
    consumer = _consumer(live)
    entry = next((one for one in items(status, "access") if text(one, "name") == consumer), {})
    key = text(entry, "keyId") if _settled(live) else ""
    return Copy(
        bucket=text(status, "bucketName"),
        endpoint=text(status, "endpoint").rstrip("/"),
        region=text(status, "region") or "us-east-1",
        prefix=prefix,
        key=key,
        secret=Source(SECRET.kind, resource.namespace, text(entry, "secret"), key) if key else None,
    )


def _consumer(live: Manifest) -> str:
    """The name of the consumer by which a Bucket consents; empty if it does not."""
    return next(
        (text(one, "name") for one in items(live, "spec", "access") if one.get("role") == Role.REPLICA), ""
    )


def _settled(live: Manifest) -> bool:
    """Whether a Bucket is what its spec says, or about to be.

    That it is being changed is no reason to wait: two that are copies of each other would do so for ever.
    """
    if at(live, "status", "observedGeneration") != at(live, "metadata", "generation"):
        return False
    conditions = {one.get("type"): one for one in items(live, "status", "conditions")}
    provisioned = conditions.get("Provisioned", {})
    return provisioned.get("status") == "True" or provisioned.get("reason") == BucketReason.PROVISIONING


def _waits(name: str, live: Manifest) -> Finding:
    conditions = items(live, "status", "conditions")
    ready = next((one for one in conditions if one.get("type") == "Ready"), {})
    why = text(ready, "message") if ready.get("status") == "False" else "it is being made so."
    return Finding(
        BucketReason.REPLICA_PENDING, f"Bucket {name!r}, which spec.replicateTo names, waits: {why}"
    )


def _found(copy: Copy, seen: Seen) -> Copied | None:
    return next(
        (one for one in seen.copies if (one.endpoint, one.bucket) == (copy.endpoint, copy.bucket)), None
    )
