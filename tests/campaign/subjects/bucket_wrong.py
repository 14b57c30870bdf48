"""Buckets that are wrong although each value has the right type; what names something in them; what does not.

A row's field and remedy must both be in what the user reads; the mended spec must become Ready.
"""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Deputy, Spec, Wrong
from tests.campaign.subjects.bucket_specs import CEPH, access, bucket

NAME = "{name}"


def _wrong(name: str, field: str, remedy: str, /, before: Spec | None = None, **spec: Any) -> Wrong:
    return Wrong(name, bucket(**spec), field, remedy, mended=before or bucket(), before=before)


def _told(name: str, reason: str, field: str, remedy: str, /, **spec: Any) -> Wrong:
    """Told by a condition, and mended by another Bucket of this name."""
    whole = {key: value for key, value in bucket(**spec).items() if value is not None}
    return Wrong(name, whole, field, remedy, reason, mended=bucket(), anew=True)


NAMED, LOCK = bucket(bucketName="<here>-a"), {"mode": "Governance", "days": 1}

REFUSED: tuple[Wrong, ...] = (
    Wrong(
        "a name of 51 characters", bucket(), "metadata.name", "at most 50", mended=bucket(), resource="a" * 51
    ),
    _wrong("another name in the store", "bucketName", "make another Bucket", NAMED, bucketName="<here>-b"),
    _wrong(
        "a name in the store, later", "bucketName", "make another Bucket", bucket(), bucketName="<here>-b"
    ),
    _wrong("another store", "store", "make another Bucket", bucket(), store=CEPH),
    _wrong("locks, later", "objectLock", "make another Bucket", bucket(), versioning=True, objectLock=LOCK),
    _wrong("adopt without a name", "bucketName", "give bucketName", adopt=True),
    _wrong("locks without versions", "versioning", "set versioning: true", objectLock=LOCK),
    _wrong(
        "old versions without versions",
        "versioning",
        "set versioning: true",
        store=CEPH,
        lifecycle=[{"expireNoncurrentAfter": "7d"}],
    ),
    _wrong(
        "one Secret for two",
        "access",
        "give each its own",
        access=[access("a", secret="s"), access("b", secret="s")],
    ),
    _wrong("copies without versions", "versioning", "set versioning: true", replicateTo=[{"bucket": "b"}]),
    _wrong(
        "two copies in one bucket",
        "replicateTo",
        "Duplicate",
        versioning=True,
        replicateTo=[{"bucket": "b"}, {"bucket": "b", "prefix": "x/"}],
    ),
    Wrong(
        "a copy in itself",
        bucket(versioning=True, replicateTo=[{"bucket": "itself"}]),
        "replicateTo",
        "name another Bucket",
        mended=bucket(),
        resource="itself",
    ),
    _wrong("one name for two", "access", "Duplicate", access=[access("a"), access("a")]),
    _wrong("a quota of nothing", "quota", "Give size", quota={}),
    _wrong("a rule of nothing", "lifecycle", "Give expireAfter", lifecycle=[{"prefix": "a/"}]),
    _wrong("hours where days are counted", "expireAfter", "should match", lifecycle=[{"expireAfter": "7h"}]),
    _wrong(
        "a page without a scheme", "origins", "should match", cors=[{"origins": ["a.b"], "methods": ["GET"]}]
    ),
    _wrong("keys for seconds", "rotateEvery", "at least 1m", access=[access(rotateEvery="30s")]),
    _wrong("an old key for months", "overlap", "at most 720h", access=[{"name": "a", "overlap": "721h"}]),
    _wrong("a name with a slash", "bucketName", "should match", bucketName="a/b"),
    _wrong("a field that is none", "retention", "unknown field", retention="7d"),
)

TOLD: tuple[Wrong, ...] = (
    _told("a store that is not there", "StoreNotFound", "store", "make another Bucket", store="nowhere"),
    _told("no store, and none for all", "NoDefaultStore", "store", "spec.store", store=None),
    _told("encryption, which it lacks", "FeatureMissing", "encryption", "leave it out", encryption="SSE-S3"),
    _told("a quota, which it lacks", "FeatureMissing", "quota", "leave it out", quota={"objects": 1}),
    _told(
        "copies, which it lacks",
        "FeatureMissing",
        "replicateTo",
        "leave it out",
        versioning=True,
        replicateTo=[{"bucket": "b"}],
    ),
    _told(
        "being a copy, which it lacks",
        "FeatureMissing",
        "access.role: Replica",
        "leave it out",
        access=[access(role="Replica")],
    ),
    _told(
        "rules, which it lacks",
        "FeatureMissing",
        "lifecycle.expireAfter",
        "leave it out",
        lifecycle=[{"expireAfter": "7d"}],
    ),
    _told(
        "the Secret that another has by default",
        "InvalidSpec",
        "access",
        "give each its own",
        access=[access("a"), access("b", secret="app-a")],
    ),
)

WRONG = (*REFUSED, *TOLD)


def _deputy(field: str, told: str = "Ready", **spec: Any) -> Deputy:
    return Deputy(field, bucket(**spec), told)


DEPUTIES: tuple[Deputy, ...] = (
    _deputy("store", "StoreNotFound", store=NAME),
    # All names of a store are one for all: who is first has it, and others are told so.
    _deputy("bucketName", bucketName=NAME),
    # Secrets of the Bucket's own namespace, and users whose names begin with it.
    _deputy("access[].secret", access=[access(secret=NAME)]),
    _deputy("access[].name", access=[access(NAME)]),
    # Buckets of the same namespace, and here the store lacks it besides.
    _deputy("replicateTo[].bucket", "FeatureMissing", versioning=True, replicateTo=[{"bucket": NAME}]),
)

NAMELESS: dict[str, str] = {
    "quota.size": "an amount",
    "lifecycle[].prefix": "keys in the bucket",
    "lifecycle[].expireAfter": "a time",
    "lifecycle[].abortUploadsAfter": "a time",
    "lifecycle[].expireNoncurrentAfter": "a time",
    "cors[].origins[]": "pages, as browsers name them to the store",
    "cors[].headers[]": "headers of HTTP",
    "cors[].expose[]": "headers of HTTP",
    "cors[].maxAge": "a time",
    "replicateTo[].prefix": "keys in the bucket",
    "access[].rotateEvery": "a time",
    "access[].rotate": "a text that means nothing",
    "access[].overlap": "a time",
}
