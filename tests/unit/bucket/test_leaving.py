"""The end of a bucket: what is wished for it, when its resource may go, and what is told meanwhile."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pileus.engine import labels
from pileus.engine.conditions import Verdict
from pileus.engine.plan import Plan
from pileus.engine.world import Resource, World
from pileus.kinds.bucket import BUCKET
from pileus.kinds.bucket.build import names
from pileus.objects.s3 import Farewell, Fate, Fault, Parting, StoreSeen, Trouble
from tests.unit.bucket.buckets import APP, MARK, Cluster, bucket, only, reasons, world
from tests.unit.objectstore.stores import EVERYTHING, live

AWAY = Fault(Trouble.UNREACHABLE, "GetBucketTagging: no answer in time")
DENIED = Fault(Trouble.DENIED, "DeleteBucket: AccessDenied (403)")
DERIVED = names.derived(bucket(), world())


def leaving(resource: Resource, **more: Any) -> Resource:
    """The resource as it is after somebody deleted it."""
    status = {"store": "main", "bucketName": DERIVED, "endpoint": "https://s3.example.dev"}
    given: dict[str, Any] = {"status": status, "finalizers": (labels.FINALIZER,), **more}
    return dataclasses.replace(resource, deleting=True, **given)


def told(resource: Resource, there: World) -> tuple[Plan, Verdict]:
    assert BUCKET.part is not None
    plan = BUCKET.part(resource, there)
    return plan, BUCKET.judge(resource, plan, there)


def farewell(resource: Resource, there: World | None = None) -> Farewell:
    plan, _ = told(resource, there or world())
    assert isinstance(plan.wish, Farewell)
    return plan.wish


FATES: tuple[tuple[dict[str, str], Fate, str], ...] = (
    ({}, Fate.RETAIN, "data stays unless somebody said that it may go"),
    ({"deletionPolicy": "Retain"}, Fate.RETAIN, "as asked"),
    ({"deletionPolicy": "DeleteIfEmpty"}, Fate.DELETE_IF_EMPTY, "as asked"),
    ({"deletionPolicy": "Delete"}, Fate.DELETE, "as asked"),
)


@pytest.mark.parametrize(("spec", "expected", "why"), FATES)
def test_what_becomes_of_it(spec: dict[str, str], expected: Fate, why: str) -> None:
    assert farewell(leaving(bucket(spec))) == Farewell("main", DERIVED, MARK, expected), why


def test_a_spec_that_cannot_be_read_deletes_nothing() -> None:
    resource = dataclasses.replace(leaving(bucket()), spec=None)
    assert farewell(resource) == Farewell("main", DERIVED, MARK, Fate.RETAIN)


def test_every_user_that_may_be_left_goes() -> None:
    """Those that were to go already, too."""
    cluster = Cluster()
    cluster.settle(bucket(access=[{"name": "app"}, {"name": "batch"}]))
    cluster.apply(bucket(APP))
    resource = dataclasses.replace(cluster.known(bucket(APP)), deleting=True)
    assert farewell(resource).users == set(cluster.users)
    assert len(cluster.users) == 2


def test_it_leaves_the_store_where_it_is() -> None:
    """Another one is the default by now."""
    stores = (live("main"), live("other", default=True))
    assert farewell(leaving(bucket()), world(*stores)).store == "main"


LOST: dict[str, tuple[dict[str, Any], str]] = {
    "a name of our own is derived again": ({}, DERIVED),
    "a name that was chosen stands in the spec": ({"bucketName": "acme-media"}, "acme-media"),
}


@pytest.mark.parametrize("row", LOST)
def test_a_lost_status_leaves_nothing_behind(row: str) -> None:
    """The mark says whether it is ours: a name alone removes nothing."""
    spec, name = LOST[row]
    wish = farewell(leaving(bucket(spec, **APP), status={}))
    user = names.user(bucket(), "app", world())
    assert (wish.bucket, wish.owner, wish.users) == (name, MARK, {user})


def test_a_name_that_was_never_claimed_can_be_asked_for() -> None:
    """An empty name is none that a store could be asked for: the resource would never go."""
    cluster = Cluster(exists=True, owner="somebody/else/x/y")
    cluster.settle(bucket(bucketName="acme-media"))
    assert "bucketName" not in cluster.status
    resource = dataclasses.replace(cluster.known(bucket(bucketName="acme-media")), deleting=True)
    assert farewell(resource).bucket == "acme-media"


GOES: dict[str, tuple[Any, dict[str, str], bool]] = {
    "nothing was seen yet": (None, {}, False),
    "it is not done": (Parting(removed=1000), {}, False),
    "the store is away": (Parting(fault=AWAY), {}, False),
    "done": (Parting(done=True), {}, True),
    "the administrator lets it go": (Parting(fault=AWAY), {"pileus.dev/abandon": "true"}, True),
    "the administrator lets it go, and nobody has looked": (None, {"pileus.dev/abandon": "true"}, True),
    "another word is none": (None, {"pileus.dev/abandon": "false"}, False),
}


@pytest.mark.parametrize("row", GOES)
def test_the_resource_goes(row: str) -> None:
    outside, annotations, expected = GOES[row]
    resource = leaving(bucket(deletionPolicy="Delete"), annotations=annotations)
    assert BUCKET.parted(resource, world(outside=outside)) == expected


IF_EMPTY, DELETE = {"deletionPolicy": "DeleteIfEmpty"}, {"deletionPolicy": "Delete"}
WORDS: dict[str, tuple[dict[str, str], Any, tuple[str, bool, str]]] = {
    "nothing was seen yet": ({}, None, ("Deleting", False, "Bucket 'media' is being deleted.")),
    "it is not empty": (
        IF_EMPTY,
        Parting(left=4),
        (
            "BucketNotEmpty",
            True,
            f"Bucket {DERIVED!r} is not empty: 4 objects, versions or uploads are in it. Remove them, or set "
            "deletionPolicy to Retain or Delete.",
        ),
    ),
    "more is in it than is counted": (
        IF_EMPTY,
        Parting(left=1000),
        ("BucketNotEmpty", True, "is not empty: at least 1000 objects, versions or uploads are in it"),
    ),
    "it is being emptied": (
        DELETE,
        Parting(removed=2000, left=1),
        ("Emptying", False, f"Bucket {DERIVED!r} is being emptied: 2000 objects, versions and uploads are"),
    ),
    "its store is away": (
        DELETE,
        Parting(removed=2000, fault=AWAY),
        (
            "StoreUnreachable",
            False,
            "its store does not let go: GetBucketTagging: no answer in time. It is tried again; to leave the "
            "bucket behind, set pileus.dev/abandon=true.",
        ),
    ),
    "its store refuses": (
        DELETE,
        Parting(fault=DENIED),
        ("StoreDenied", True, "DeleteBucket: AccessDenied (403). It is tried again; to leave"),
    ),
    "it was not empty and its store is away by now": (
        IF_EMPTY,
        Parting(left=4, fault=AWAY),
        ("StoreUnreachable", False, "does not let go"),
    ),
}


@pytest.mark.parametrize("row", WORDS)
def test_why_it_is_not_gone_yet(row: str) -> None:
    spec, outside, (reason, stalled, words) = WORDS[row]
    plan, verdict = told(leaving(bucket(spec)), world(outside=outside))
    finding = only(verdict.findings)
    assert (reasons(plan, verdict), finding.stalled) == ([reason], stalled)
    assert words in finding.message


def test_a_store_that_is_gone_is_told_with_the_way_out() -> None:
    plan, verdict = told(leaving(bucket(DELETE)), world(live("other")))
    assert reasons(plan, verdict) == ["StoreNotFound"]
    finding = only(plan.findings)
    assert finding.stalled
    assert "ObjectStore 'main', which is in spec.store, does not exist" in finding.message
    assert finding.message.endswith(
        "To delete this resource and leave the bucket as it is, annotate it with pileus.dev/abandon=true."
    )
    assert plan.wish is None


@pytest.mark.parametrize("features", [None, EVERYTHING], ids=["never tried", "tried before"])
def test_a_store_that_does_not_answer_is_told_with_the_way_out(features: Any) -> None:
    """After a start nobody has seen anything of the bucket, but it is known how its store fares."""
    away = live("main", seen=StoreSeen(features=features, fault=AWAY))
    plan, verdict = told(leaving(bucket(DELETE)), world(away))
    assert reasons(plan, verdict) == ["StoreNotReady"]
    finding = only((*plan.findings, *verdict.findings))
    assert "no answer in time" in finding.message
    assert "pileus.dev/abandon=true" in finding.message
    assert plan.wish is not None, "it is taken leave of as soon as the store is back"


def test_what_is_left_is_told_until_the_end() -> None:
    cluster, resource = Cluster(), bucket(APP)
    cluster.settle(resource)
    status = cluster.status
    _, verdict = told(leaving(resource, status=status), world(outside=Parting(removed=5)))
    kept = ("store", "endpoint", "region", "bucketName", "access")
    assert verdict.fields == {key: status[key] for key in kept}
