"""Misuse that the API server refuses by itself, with words that name the field and the remedy."""

from __future__ import annotations

import pytest

from tests.e2e.apps import ready
from tests.e2e.buckets.specs import Place, bucket, made
from tests.e2e.kubectl import Kubectl, Manifest, RefusedError

pytestmark = pytest.mark.cluster

A = {"name": "a"}
REFUSED: tuple[tuple[str, Manifest, tuple[str, ...]], ...] = (
    ("bucket-name-letters", {"bucketName": "Upper_Case"}, ("spec.bucketName",)),
    ("bucket-name-short", {"bucketName": "ab"}, ("spec.bucketName", "at least 3")),
    ("adopt-nothing", {"adopt": True}, ("give bucketName",)),
    ("lock-without-versions", {"objectLock": {"mode": "Governance", "days": 1}}, ("set versioning: true",)),
    (
        "noncurrent-without-versions",
        {"lifecycle": [{"expireNoncurrentAfter": "1d"}]},
        ("set versioning: true",),
    ),
    ("empty-rule", {"lifecycle": [{"prefix": "a"}]}, ("Give expireAfter",)),
    ("hours", {"lifecycle": [{"expireAfter": "12h"}]}, ("spec.lifecycle[0].expireAfter",)),
    ("empty-quota", {"quota": {}}, ("Give size, or objects",)),
    ("no-origin", {"cors": [{"origins": [], "methods": ["GET"]}]}, ("spec.cors[0].origins",)),
    (
        "bad-origin",
        {"cors": [{"origins": ["acme.dev/path"], "methods": ["GET"]}]},
        ("spec.cors[0].origins[0]",),
    ),
    ("bad-method", {"cors": [{"origins": ["*"], "methods": ["FETCH"]}]}, ("spec.cors[0].methods[0]",)),
    ("encryption", {"encryption": "ROT13"}, ("spec.encryption", "SSE-S3")),
    ("twice", {"access": [A, A]}, ("spec.access[1]", "Duplicate")),
    (
        "one-secret-for-two",
        {"access": [{"name": "a", "secret": "s"}, {"name": "b", "secret": "s"}]},
        ("give each its own",),
    ),
    ("role", {"access": [{"name": "a", "role": "Admin"}]}, ("spec.access[0].role",)),
    ("copies-without-versions", {"replicateTo": [{"bucket": "b"}]}, ("set versioning: true",)),
    (
        "copy-in-itself",
        {"versioning": True, "replicateTo": [{"bucket": "copy-in-itself"}]},
        ("spec.replicateTo", "name another Bucket"),
    ),
    ("too-often", {"access": [{"name": "a", "rotateEvery": "5s"}]}, ("at least 1m",)),
    ("unknown-field", {"replicas": 3}, ("replicas",)),
    ("policy", {"deletionPolicy": "Orphan"}, ("spec.deletionPolicy",)),
)


@pytest.mark.parametrize(
    ("name", "spec", "words"), REFUSED, ids=lambda row: row if isinstance(row, str) else ""
)
def test_it_is_refused(name: str, spec: Manifest, words: tuple[str, ...], dry: Kubectl) -> None:
    with pytest.raises(RefusedError) as refused:
        dry.apply(bucket("anywhere", name, **spec), options=("--dry-run=server",))
    for word in words:
        assert word in str(refused.value)


CHANGES: tuple[tuple[str, Manifest, Manifest, str], ...] = (
    ("renamed", {"bucketName": "first-name-x"}, {"bucketName": "second-name-x"}, "cannot be renamed"),
    ("named-late", {}, {"bucketName": "second-name-x"}, "cannot be renamed"),
    (
        "locked-late",
        {"versioning": True},
        {"versioning": True, "objectLock": {"mode": "Governance", "days": 1}},
        "decided when it is made",
    ),
)


@pytest.mark.parametrize(
    ("name", "before", "after", "words"), CHANGES, ids=lambda row: row if isinstance(row, str) else ""
)
def test_a_change_is_refused(name: str, before: Manifest, after: Manifest, words: str, ns: Kubectl) -> None:
    ns.apply(bucket("nowhere", name, **before))
    with pytest.raises(RefusedError) as refused:
        ns.apply(bucket("nowhere", name, **after))
    assert words in str(refused.value)


def test_it_cannot_move_to_another_store(places: dict[str, Place], ns: Kubectl) -> None:
    made(ns, next(iter(places.values())))
    with pytest.raises(RefusedError) as refused:
        ns.apply(bucket("elsewhere"))
    assert "cannot move to another store" in str(refused.value)


def test_buckets_that_name_each_other_wake_nobody_without_end(places: dict[str, Place], ns: Kubectl) -> None:
    store = next(iter(places.values())).name
    for name, other in (("one", "two"), ("two", "one")):
        ns.apply(bucket(store, name, versioning=True, replicateTo=[{"bucket": other}]))
    for name in ("one", "two"):
        ns.apply(bucket(store, name, versioning=True))
        ns.until("bkt", name, ready)
