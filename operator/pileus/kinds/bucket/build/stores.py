"""Which store a Bucket is on, whether it may be there, and what the store must have for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.bucket.model import BucketSpec
from pileus.kinds.bucket.reasons import BucketReason
from pileus.objects.catalog import OBJECT_STORE
from pileus.objects.reading import at, items, text
from pileus.objects.s3 import Feature


@dataclass(frozen=True, slots=True)
class Place:
    """A store as a Bucket needs it. features: None until they are known."""

    name: str
    endpoint: str
    region: str
    features: frozenset[Feature] | None
    adoptions: tuple[tuple[str, str], ...]
    fault: str

    def adopts(self, bucket: str, namespace: str) -> bool:
        """Whether the administrator lets this namespace take over a bucket of this name."""
        return any(fnmatchcase(bucket, name) and whose in ("*", namespace) for name, whose in self.adoptions)


def choose(resource: Resource, spec: BucketSpec | None, world: World) -> Place | Finding:
    """The store: the one that it is on already, the one that it names, or the default."""
    named = text(resource.status, "store") or (spec.store if spec else None)
    stores = world.shared.get(OBJECT_STORE.id, ())
    if named:
        found = next((store for store in stores if text(store, "metadata", "name") == named), None)
        if found is None:
            words = (
                f"ObjectStore {named!r}, which is in spec.store, does not exist: ask for it, or make another "
                "Bucket on one that does."
            )
            return Finding(BucketReason.STORE_NOT_FOUND, words, stalled=True)
        return _place(found)
    defaults = [store for store in stores if at(store, "spec", "default") is True]
    if len(defaults) == 1:
        return _place(defaults[0])
    there = ", ".join(sorted(text(store, "metadata", "name") for store in stores)) or "there is none"
    why = "No ObjectStore is the default" if not defaults else "Several ObjectStores are the default"
    words = f"{why}: make another Bucket that names one in spec.store ({there})."
    return Finding(BucketReason.NO_DEFAULT_STORE, words, stalled=True)


def refused(resource: Resource, spec: BucketSpec, place: Place, world: World) -> list[Finding]:
    """Why the bucket cannot be there, before anything is made."""
    if not _allowed(resource, place.name, world):
        return [
            Finding(
                BucketReason.STORE_NOT_ALLOWED,
                f"ObjectStore {place.name!r} is not for namespace {resource.namespace!r}: "
                "have it labelled as spec.allow.namespaceSelector wants, or make another Bucket elsewhere.",
                stalled=True,
            )
        ]
    if place.features is None:
        why = place.fault or "it is tried what it can do."
        words = f"ObjectStore {place.name!r} is not ready: {why}"
        return [Finding(BucketReason.STORE_NOT_READY, words)]
    lacking = [
        f"{field} (it has no {feature.value})"
        for field, feature in _needs(spec)
        if feature not in place.features
    ]
    if not lacking:
        return []
    words = (
        f"ObjectStore {place.name!r} cannot do {', '.join(lacking)}: leave it out, or make another Bucket "
        "elsewhere."
    )
    return [Finding(BucketReason.FEATURE_MISSING, words, stalled=True)]


def _needs(spec: BucketSpec) -> Iterator[tuple[str, Feature]]:
    """Fields that are used, each with the feature that it needs."""
    if spec.versioning:
        yield "versioning", Feature.VERSIONING
    if spec.quota and spec.quota.size:
        yield "quota.size", Feature.QUOTA
    if spec.quota and spec.quota.objects:
        yield "quota.objects", Feature.QUOTA_OBJECTS
    for rule, field, feature in (
        ("expire_after", "expireAfter", Feature.EXPIRE),
        ("abort_uploads_after", "abortUploadsAfter", Feature.ABORT_UPLOADS),
        ("expire_noncurrent_after", "expireNoncurrentAfter", Feature.EXPIRE_NONCURRENT),
    ):
        if any(getattr(one, rule) for one in spec.lifecycle):
            yield f"lifecycle.{field}", feature
    if spec.cors:
        yield "cors", Feature.CORS
    if spec.encryption:
        yield "encryption", Feature.ENCRYPTION
    if spec.object_lock:
        yield "objectLock", Feature.OBJECT_LOCK
    if spec.public_read:
        yield "publicRead", Feature.PUBLIC_READ
    if spec.access:
        yield "access", Feature.IDENTITIES
    if any(one.role == "WriteOnly" for one in spec.access):
        yield "access.role: WriteOnly", Feature.WRITE_ONLY
    if any(one.role == "Replica" for one in spec.access):
        yield "access.role: Replica", Feature.REPLICATION
    for one in spec.replicate_to:
        yield f"replicateTo {one.bucket!r}", Feature.REPLICATION


def _allowed(resource: Resource, name: str, world: World) -> bool:
    store = next(
        (one for one in world.shared.get(OBJECT_STORE.id, ()) if text(one, "metadata", "name") == name), {}
    )
    wanted: dict[str, Any] = at(store, "spec", "allow", "namespaceSelector", "matchLabels") or {}
    if not wanted:
        return True
    return all(world.namespace.get(key) == value for key, value in wanted.items())


def _place(store: Manifest) -> Place:
    conditions = {condition["type"]: condition for condition in items(store, "status", "conditions")}
    ready = conditions.get("Ready", {})
    known = at(store, "status", "features")
    return Place(
        name=text(store, "metadata", "name"),
        endpoint=text(store, "spec", "endpoint"),
        region=text(store, "spec", "region") or "us-east-1",
        features=frozenset(Feature(one) for one in known if one in set(Feature)) if known else None,
        adoptions=tuple(
            (text(one, "bucket"), text(one, "namespace")) for one in items(store, "spec", "adopt")
        ),
        fault=str(ready.get("message", "")) if ready.get("status") == "False" else "",
    )
