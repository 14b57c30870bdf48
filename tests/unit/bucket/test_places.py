"""On which store a bucket is, and why it may not be there: before anything is made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.kinds.bucket import BUCKET
from pileus.objects.s3 import Fault, Feature, StoreSeen, Trouble
from tests.unit.bucket.buckets import APP, Cluster, bucket, condition, reasons, world
from tests.unit.objectstore.stores import EVERYTHING, live

Spec = dict[str, Any]
A, B = live("a"), live("b")
DEFAULT, SECOND = live("main", default=True), live("second", default=True)
AWAY = Fault(Trouble.UNREACHABLE, "GetBucketTagging: no answer in time")

CHOSEN: dict[str, tuple[tuple[Manifest, ...], Spec, Manifest, str]] = {
    "the one that it names": ((A, B), {"store": "b"}, {}, "b"),
    "the default if it names none": ((A, DEFAULT, B), {}, {}, "main"),
    "the one that it names before the default": ((A, DEFAULT), {"store": "a"}, {}, "a"),
    "the one where it is, though the default is another by now": ((A, DEFAULT), {}, {"store": "a"}, "a"),
    "one of two defaults, if it named it": ((DEFAULT, SECOND), {"store": "second"}, {}, "second"),
}


@pytest.mark.parametrize("row", CHOSEN)
def test_the_store(row: str) -> None:
    stores, spec, status, expected = CHOSEN[row]
    resource = dataclasses.replace(bucket(spec), status=status)
    plan = BUCKET.compile(resource, world(*stores))
    assert reasons(plan) == []
    assert plan.wish.store == expected


NOWHERE: dict[str, tuple[tuple[Manifest, ...], Spec, str, str]] = {
    "there is none": (
        (live("none"),),
        {"store": "main"},
        "StoreNotFound",
        "'main', which is in spec.store, does not exist: ask for it, or make",
    ),
    "none is the default": ((B, A), {}, "NoDefaultStore", "No ObjectStore is the default: make another "),
    "those that there are are named, in order": ((B, A), {}, "NoDefaultStore", "(a, b)"),
    "several are the default": (
        (SECOND, DEFAULT),
        {},
        "NoDefaultStore",
        "Several ObjectStores are the default: make another Bucket that names one in spec.store (main, ",
    ),
}


@pytest.mark.parametrize("row", NOWHERE)
def test_no_store(row: str) -> None:
    stores, spec, reason, words = NOWHERE[row]
    plan = BUCKET.compile(bucket(spec, **APP), world(*stores))
    assert [(one.reason, one.stalled) for one in plan.findings] == [(reason, True)]
    assert words in plan.findings[0].message
    _refuses(plan)


def test_there_is_no_store_at_all() -> None:
    plan = BUCKET.compile(bucket(), dataclasses.replace(world(), shared={}))
    assert "(there is none)" in plan.findings[0].message


def test_a_store_that_is_gone_leaves_the_status_as_it_was() -> None:
    """It says where the bucket was, and which users are still to go."""
    cluster, resource = Cluster(), bucket(APP)
    cluster.settle(resource)
    before = cluster.status
    cluster.stores = ()
    cluster.apply(resource)
    kept = ("store", "endpoint", "region", "bucketName", "access")
    assert {key: cluster.status[key] for key in kept} == {key: before[key] for key in kept}
    assert "media-app" in {ref.name for ref in cluster.children}, "what runs keeps its Secret"


TEAMS = {"matchLabels": {"team": "media", "stage": "live"}}
LABELS: dict[str, tuple[Spec, dict[str, str], bool]] = {
    "no labels are wanted": ({"allow": {"namespaceSelector": {}}}, {}, True),
    "nothing is said": ({}, {}, True),
    "all of them": (
        {"allow": {"namespaceSelector": TEAMS}},
        {"team": "media", "stage": "live", "more": "x"},
        True,
    ),
    "one is missing": ({"allow": {"namespaceSelector": TEAMS}}, {"team": "media"}, False),
    "one is another": (
        {"allow": {"namespaceSelector": TEAMS}},
        {"team": "media", "stage": "test"},
        False,
    ),
    "none": ({"allow": {"namespaceSelector": TEAMS}}, {}, False),
}


@pytest.mark.parametrize("row", LABELS)
def test_who_may_be_there(row: str) -> None:
    spec, labels, allowed = LABELS[row]
    plan = BUCKET.compile(bucket(APP), world(live(default=True, **spec), namespace=labels))
    assert reasons(plan) == ([] if allowed else ["StoreNotAllowed"])
    if not allowed:
        assert "not for namespace 'acme'" in plan.findings[0].message
        assert plan.findings[0].stalled
        _refuses(plan)


VERSIONS = {"versioning": True}
NEEDS: tuple[tuple[Feature, str, Spec], ...] = (
    (Feature.VERSIONING, "versioning", VERSIONS),
    (Feature.QUOTA, "quota.size", {"quota": {"size": "1Mi"}}),
    (Feature.QUOTA_OBJECTS, "quota.objects", {"quota": {"objects": 1}}),
    (Feature.EXPIRE, "lifecycle.expireAfter", {"lifecycle": [{"expireAfter": "7d"}]}),
    (Feature.ABORT_UPLOADS, "lifecycle.abortUploadsAfter", {"lifecycle": [{"abortUploadsAfter": "1d"}]}),
    (
        Feature.EXPIRE_NONCURRENT,
        "lifecycle.expireNoncurrentAfter",
        {**VERSIONS, "lifecycle": [{"prefix": "a", "expireAfter": "1d"}, {"expireNoncurrentAfter": "1d"}]},
    ),
    (Feature.CORS, "cors", {"cors": [{"origins": ["*"], "methods": ["GET"]}]}),
    (Feature.ENCRYPTION, "encryption", {"encryption": "SSE-S3"}),
    (Feature.OBJECT_LOCK, "objectLock", {**VERSIONS, "objectLock": {"mode": "Governance", "days": 1}}),
    (Feature.PUBLIC_READ, "publicRead", {"publicRead": True}),
    (Feature.IDENTITIES, "access", APP),
    (Feature.WRITE_ONLY, "access.role: WriteOnly", {"access": [{"name": "app", "role": "WriteOnly"}]}),
    (Feature.REPLICATION, "access.role: Replica", {"access": [{"name": "app", "role": "Replica"}]}),
)


@pytest.mark.parametrize(("feature", "field", "spec"), NEEDS, ids=[row[1] for row in NEEDS])
def test_what_a_store_lacks_is_refused_by_name(feature: Feature, field: str, spec: Spec) -> None:
    lacking = live(default=True, seen=StoreSeen(features=EVERYTHING - {feature}))
    plan = BUCKET.compile(bucket(spec), world(lacking))
    assert [(one.reason, one.stalled) for one in plan.findings] == [("FeatureMissing", True)]
    assert f"cannot do {field} (it has no {feature})" in plan.findings[0].message
    _refuses(plan)
    assert reasons(BUCKET.compile(bucket(spec), world())) == [], "and nothing else is in the way"
    assert reasons(BUCKET.compile(bucket(), world(lacking))) == [], "who does not ask for it does not mind"


def test_no_bucket_needs_what_no_field_asks_for() -> None:
    """Every other feature is named by a row above; a new one is to be thought of there."""
    assert set(Feature) - {feature for feature, *_ in NEEDS} == {Feature.TAGS, Feature.USAGE}


def test_all_that_is_lacking_is_told_at_once() -> None:
    bare = live(default=True, seen=StoreSeen(features=frozenset({Feature.TAGS})))
    plan = BUCKET.compile(bucket(versioning=True, publicRead=True), world(bare))
    assert "versioning (it has no Versioning), publicRead (it has no PublicRead)" in plan.findings[0].message


def test_a_store_that_nobody_has_looked_at_yet() -> None:
    plan = BUCKET.compile(bucket(APP), world(live(default=True, seen=StoreSeen())))
    assert [(one.reason, one.stalled) for one in plan.findings] == [("StoreNotReady", False)]
    _refuses(plan)


def test_a_store_that_never_answered_is_told_with_its_cause() -> None:
    plan = BUCKET.compile(bucket(APP), world(live(default=True, seen=StoreSeen(fault=AWAY))))
    assert [(one.reason, one.stalled) for one in plan.findings] == [("StoreNotReady", False)]
    assert "ObjectStore 'main' is not ready: GetBucketTagging: no answer in time" in plan.findings[0].message
    _refuses(plan)


def test_a_store_that_is_away_keeps_its_buckets_wished_for() -> None:
    """It is known what it can do: its buckets go on as soon as it is back."""
    cluster, resource = Cluster(), bucket(APP)
    cluster.settle(resource)
    cluster.stores = (live(default=True, seen=StoreSeen(features=EVERYTHING, fault=AWAY)),)
    plan, verdict = cluster.apply(resource)
    assert reasons(plan, verdict) == ["StoreNotReady"]
    assert "no answer in time" in plan.findings[0].message
    assert plan.wish is not None
    assert condition(verdict, "Provisioned").status == "True", "it is there all the same"


def test_a_feature_that_we_do_not_know_is_no_reason_to_fail() -> None:
    newer = live(default=True)
    newer["status"]["features"] += ["Teleportation"]
    assert reasons(BUCKET.compile(bucket(), world(newer))) == []


def _refuses(plan: Any) -> None:
    assert plan.wish is None, "nothing is wished for"
    assert plan.objects == ()
    assert not plan.prune, "what is there stays"
