"""Copies: who consents, by which key, what is waited for and what is refused, and what is told."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pileus.engine.plan import ObjectRef
from pileus.engine.world import Reference, Referent, World
from pileus.kinds.bucket import BUCKET
from pileus.objects.s3 import Copied, Copy, Feature, Seen, Source, StoreSeen
from tests.unit.bucket.buckets import MARK, Cluster, bucket, condition, reasons, target, world
from tests.unit.objectstore.stores import EVERYTHING, live

SPEC: dict[str, Any] = {"versioning": True, "replicateTo": [{"bucket": "copy", "prefix": "a/"}]}
SECRET = Source("Secret", "acme", "copy-replica", "AKCOPY")
WISHED = Copy("acme-copy", "https://copy.example.dev", "eu-1", "a/", "AKCOPY", SECRET)
MADE = Copied("arn:1", "acme-copy", "https://copy.example.dev", "AKCOPY", ("a/",))


def beside(*others: dict[Reference, Referent], **more: Any) -> World:
    return world(references={name: one for other in others for name, one in other.items()}, **more)


def test_a_bucket_that_consents_gets_a_copy_by_its_own_key() -> None:
    plan = BUCKET.compile(bucket(SPEC), beside(target()))
    assert (plan.wish.copies, reasons(plan)) == ((WISHED,), [])
    assert ObjectRef("Bucket.pileus.dev", "acme", "copy") in plan.basis, "it is read anew before"
    assert Reference("Bucket", "copy") in BUCKET.references(bucket(SPEC).spec), "and followed"


REFUSED: tuple[tuple[str, dict[Reference, Referent], str, str], ...] = (
    ("nobody", {}, "ReplicaMissing", "create it"),
    ("no consent", target(spec={"access": [{"name": "app"}]}), "ReplicaNotAllowed", "role: Replica"),
    ("no versions", target(spec={"versioning": False}), "ReplicaUnfit", "set versioning: true"),
)


@pytest.mark.parametrize(("row", "there", "reason", "remedy"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused_takes_the_copy_away_and_leaves_the_bucket(
    row: str, there: dict[Reference, Referent], reason: str, remedy: str
) -> None:
    plan = BUCKET.compile(bucket(SPEC), beside(there))
    assert [(one.reason, one.stalled) for one in plan.findings] == [(reason, True)]
    assert "'copy'" in plan.findings[0].message
    assert remedy in plan.findings[0].message
    assert (plan.wish.copies, plan.wish.settings.versioning) == ((), True)


def test_one_that_is_being_deleted_is_none() -> None:
    there = target()
    (referent,) = there.values()
    assert referent.manifest
    referent.manifest["metadata"]["deletionTimestamp"] = "2026-01-02T12:00:00Z"
    assert reasons(BUCKET.compile(bucket(SPEC), beside(there))) == ["ReplicaMissing"]


def test_locks_have_to_be_kept_there_too() -> None:
    lock = {"objectLock": {"mode": "Governance", "days": 1}}
    assert reasons(BUCKET.compile(bucket({**SPEC, **lock}), beside(target()))) == ["ReplicaUnfit"]
    assert reasons(BUCKET.compile(bucket({**SPEC, **lock}), beside(target(spec=lock)))) == []


@pytest.mark.parametrize(
    "state",
    [
        {"keyId": ""},
        {"observed": 0},
        {"provisioned": "False", "reason": "StoreUnreachable"},
    ],
    ids=["no key", "not looked at", "store away"],
)
def test_what_is_waited_for_leaves_a_copy_as_it_is(state: dict[str, Any]) -> None:
    plan = BUCKET.compile(bucket(SPEC), beside(target(**state)))
    assert [(one.reason, one.stalled) for one in plan.findings] == [("ReplicaPending", False)]
    assert plan.wish.copies == (dataclasses.replace(WISHED, key="", secret=None),)


def test_that_one_is_being_changed_is_no_reason_to_wait() -> None:
    """Two that are copies of each other would wait for ever."""
    changing = target(provisioned="False", reason="Provisioning")
    assert BUCKET.compile(bucket(SPEC), beside(changing)).wish.copies == (WISHED,)


def test_a_store_takes_one_copy() -> None:
    spec = {"versioning": True, "replicateTo": [{"bucket": "copy"}, {"bucket": "third"}]}
    both = [target(), target("third", endpoint="https://copy.example.dev")]
    plan = BUCKET.compile(bucket(spec), beside(*both))
    assert reasons(plan) == ["InvalidSpec"]
    assert "'copy' and 'third'" in plan.findings[0].message
    assert [one.bucket for one in plan.wish.copies] == ["acme-copy"]
    assert reasons(BUCKET.compile(bucket(spec), beside(target(), target("third")))) == []


def test_a_store_that_lacks_it_refuses_by_name_and_makes_nothing() -> None:
    lacking = live(default=True, seen=StoreSeen(features=EVERYTHING - {Feature.REPLICATION}))
    plan = BUCKET.compile(bucket(SPEC), world(lacking, references=target()))
    assert (reasons(plan), plan.wish, plan.objects) == (["FeatureMissing"], None, ())
    assert "cannot do replicateTo 'copy' (it has no Replication)" in plan.findings[0].message


def test_none_is_a_copy_of_itself() -> None:
    spec = {"versioning": True, "replicateTo": [{"bucket": "media"}]}
    assert reasons(BUCKET.compile(bucket(spec), beside(target("media")))) == ["InvalidSpec"]


def _told(seen: Seen) -> tuple[str, str]:
    resource, there = bucket(SPEC), beside(target(), outside=seen)
    verdict = BUCKET.judge(resource, BUCKET.compile(resource, there), there)
    said = condition(verdict, "ReplicationReady")
    return said.status, str(said.reason)


def test_how_copies_stand_is_told() -> None:
    seen = Seen(exists=True, owner=MARK, copies=(MADE,))
    assert _told(seen) == ("True", "ReplicationReady")
    assert _told(dataclasses.replace(seen, copies=())) == ("False", "ReplicationPending")
    old = dataclasses.replace(MADE, key="AKOLD")
    assert _told(dataclasses.replace(seen, copies=(old,))) == ("False", "ReplicationPending")
    refused = dataclasses.replace(seen, copies=(), refused={"replicateTo": "it is not reached"})
    assert _told(refused) == ("False", "ReplicationRefused")


def test_what_the_store_refuses_of_copies_stalls_and_leaves_the_bucket_provisioned() -> None:
    seen = Seen(exists=True, owner=MARK, refused={"replicateTo": "it is not reached"})
    resource, there = bucket(SPEC), beside(target(), outside=seen)
    verdict = BUCKET.judge(resource, BUCKET.compile(resource, there), there)
    assert condition(verdict, "Provisioned").status == "True"
    assert [(one.reason, one.stalled) for one in verdict.findings] == [("ReplicationRefused", True)]


def test_a_copy_that_is_away_is_a_warning() -> None:
    seen = Seen(exists=True, owner=MARK, copies=(dataclasses.replace(MADE, away=True),))
    plan = BUCKET.compile(bucket(SPEC), beside(target(), outside=seen))
    assert [(one.reason, "'copy'" in one.message) for one in plan.warnings] == [("ReplicaAway", True)]


def test_who_asks_for_none_is_told_of_none() -> None:
    verdict = Cluster().judge(bucket())
    assert [one.type for one in verdict.conditions] == ["Provisioned", "AccessReady"]
