"""Whose a bucket is: claimed before it is made, taken over only by who may, and never from somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.objects.s3 import BucketWish
from pileus.objectstores.buckets import foreign
from tests.unit.bucket.buckets import APP, MARK, UID, Cluster, bucket, condition, reasons
from tests.unit.objectstore.stores import CLUSTER, live

CHOSEN: Manifest = {"bucketName": "acme-media"}
ADOPT: Manifest = {**CHOSEN, "adopt": True}
LEFT = f"{CLUSTER}/acme/before/00000000-0000-0000-0000-000000000000"
THEIRS = f"{CLUSTER}/other/media/{UID}"
ABROAD = f"elsewhere/acme/media/{UID}"


def listing(bucket: str = "acme-*", namespace: str = "acme") -> Manifest:
    return live(default=True, adopt=[{"bucket": bucket, "namespace": namespace}])


def test_a_name_of_our_own_needs_no_claim() -> None:
    """Nobody else can have it, so a bucket of that name was made by us though the status does not say so."""
    plan, verdict = Cluster().apply(bucket())
    assert (plan.wish.makes, plan.wish.takes, plan.wish.takes_over) == (True, True, "")
    assert plan.wish.owner == MARK
    assert verdict.fields["bucketName"] == plan.wish.bucket


def test_a_name_that_was_chosen_is_claimed_before_it_is_made() -> None:
    cluster, resource = Cluster(), bucket(CHOSEN)
    plan, verdict = cluster.apply(resource)
    assert (plan.wish.bucket, plan.wish.makes, plan.wish.takes) == ("acme-media", False, False)
    assert "bucketName" not in verdict.fields, "it is not known yet whether it is free"
    cluster.act()
    assert not cluster.exists

    plan, verdict = cluster.apply(resource)
    assert not plan.wish.makes, "the status does not say yet that it is ours"
    assert verdict.fields["bucketName"] == "acme-media"
    assert verdict.recheck_after == 0.0, "an echo of our own status wakes nobody"

    plan, verdict = cluster.apply(resource)
    assert (plan.wish.makes, plan.wish.takes) == (True, True)
    assert verdict.recheck_after is None
    cluster.act()
    assert (cluster.exists, cluster.owner) == (True, MARK)


def test_after_a_crash_between_making_and_marking_it_is_still_ours() -> None:
    cluster, resource = Cluster(status={"bucketName": "acme-media"}), bucket(CHOSEN)
    cluster.exists = True
    cluster.settle(resource)
    assert cluster.owner == MARK


TAKEN = ["BucketTaken"]
ROWS: dict[str, tuple[str, bool, Manifest, Manifest, list[str], str]] = {
    "of nobody, and not asked for": ("", False, CHOSEN, listing(), TAKEN, "adopt: true"),
    "of nobody, and not listed": (
        "",
        False,
        ADOPT,
        live(default=True),
        ["AdoptionNotAllowed"],
        "spec.adopt of the ObjectStore",
    ),
    "of nobody, and listed for others": (
        "",
        False,
        ADOPT,
        listing(namespace="other"),
        ["AdoptionNotAllowed"],
        "spec.adopt of the ObjectStore",
    ),
    "of nobody, and another name is listed": (
        "",
        False,
        ADOPT,
        listing("media-*"),
        ["AdoptionNotAllowed"],
        "spec.adopt of the ObjectStore",
    ),
    "of nobody, listed by its name": ("", False, ADOPT, listing("acme-media"), [], ""),
    "of nobody, listed by a pattern": ("", False, ADOPT, listing(), [], ""),
    "of nobody, listed for everybody": ("", False, ADOPT, listing(namespace="*"), [], ""),
    "of nobody with a mark that its resource is gone": ("", True, CHOSEN, listing(), TAKEN, "adopt: true"),
    "of another namespace": (THEIRS, False, CHOSEN, listing(), TAKEN, "make another Bucket"),
    "of another namespace, though it is asked for": (
        THEIRS,
        False,
        ADOPT,
        listing(),
        TAKEN,
        "somebody else's",
    ),
    "left behind by another namespace": (THEIRS, True, ADOPT, listing(), TAKEN, "somebody else's"),
    "of this namespace's name in another cluster": (
        ABROAD,
        True,
        ADOPT,
        listing(),
        TAKEN,
        "somebody else's",
    ),
    "in use by another Bucket of this namespace": (
        LEFT,
        False,
        ADOPT,
        listing(),
        TAKEN,
        "of a Bucket of this namespace",
    ),
    "left behind by this namespace, and not asked for": (LEFT, True, CHOSEN, listing(), TAKEN, "adopt: true"),
    "left behind by this namespace": (LEFT, True, ADOPT, live(default=True), [], ""),
    "ours": (MARK, False, CHOSEN, live(default=True), [], ""),
    "ours, though the status was lost": (MARK, False, ADOPT, live(default=True), [], ""),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_bucket_that_is_there(row: str) -> None:
    owner, left, spec, store, expected, words = ROWS[row]
    cluster = Cluster(stores=(store,), exists=True, owner=owner, left=left)
    resource = bucket(spec, **APP)
    cluster.settle(resource)

    plan, verdict = cluster.apply(resource)
    assert reasons(plan, verdict) == expected
    if expected:
        assert all(one.stalled for one in plan.findings)
        assert words in plan.findings[0].message
        assert (cluster.owner, cluster.left) == (owner, left), "it is left alone"
        assert cluster.users == {}
        assert cluster.children == {}, "nobody gets a key"
        assert condition(verdict, "Provisioned").reason == expected[0]
        assert "bucketName" not in verdict.fields, "it is not ours to name"
    else:
        assert (cluster.owner, cluster.left) == (MARK, False)
        assert verdict.fields["bucketName"] == "acme-media"


@pytest.mark.parametrize("row", ROWS)
def test_what_is_told_is_what_is_done(row: str) -> None:
    """The driver leaves a bucket alone if and only if somebody was told why."""
    owner, left, spec, store, expected, _ = ROWS[row]
    cluster = Cluster(stores=(store,), exists=True, owner=owner, left=left)
    resource = bucket(spec)
    cluster.apply(resource)
    cluster.act()
    plan, _ = cluster.apply(resource)
    assert isinstance(plan.wish, BucketWish)
    looked: Any = cluster.outside
    assert foreign(plan.wish, looked) == bool(expected)


def test_a_bucket_that_was_taken_away_is_left_to_who_has_it() -> None:
    """Somebody marked it as theirs behind our back: keys stay as they are, and it is told."""
    cluster, resource = Cluster(), bucket(APP)
    cluster.settle(resource)
    users, secrets = dict(cluster.users), set(cluster.children)
    cluster.owner = THEIRS
    cluster.settle(resource)
    assert reasons(*cluster.apply(resource)) == TAKEN
    assert (cluster.users, set(cluster.children)) == (users, secrets)


def test_it_stays_by_the_name_that_it_has() -> None:
    """A name that a newer release would derive is not asked for anew: the data is in the old one."""
    cluster = Cluster(status={"bucketName": "acme-media-of-old", "store": "main"})
    assert cluster.compile(bucket()).wish.bucket == "acme-media-of-old"


def test_a_bucket_that_vanished_is_made_anew_and_that_is_told() -> None:
    cluster, resource = Cluster(), bucket(CHOSEN)
    cluster.settle(resource)
    assert cluster.compile(resource).wish.known
    assert not Cluster().compile(resource).wish.known, "what was never there is not missed"
