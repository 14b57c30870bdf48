"""What is told of a bucket: faults with their remedy, settings that were refused, and what is in it."""

from __future__ import annotations

import datetime as dt

import pytest

from pileus.engine.conditions import Condition
from pileus.kinds.bucket import BUCKET
from pileus.objects.s3 import Fault, Seen, Trouble, Usage
from pileus.objects.times import stamp
from tests.unit.bucket.buckets import APP, MARK, Cluster, bucket, condition, only, reasons
from tests.unit.objectstore.stores import NOW


@pytest.fixture
def cluster() -> Cluster:
    settled = Cluster()
    settled.settle(bucket(APP))
    return settled


def test_all_is_well(cluster: Cluster) -> None:
    plan, verdict = cluster.apply(bucket(APP))
    assert reasons(plan, verdict) == []
    assert verdict.conditions == (
        Condition("Provisioned", "True", "Provisioned"),
        Condition("AccessReady", "True", "AccessReady"),
    )
    assert {key: verdict.fields[key] for key in ("store", "endpoint", "region", "bucketName")} == {
        "store": "main",
        "endpoint": "https://s3.example.dev",
        "region": "us-east-1",
        "bucketName": plan.wish.bucket,
    }
    assert verdict.recheck_after is None


def test_without_consumers_there_is_nothing_to_wait_for() -> None:
    alone = Cluster()
    alone.settle(bucket())
    _, verdict = alone.apply(bucket())
    assert condition(verdict, "AccessReady") == Condition("AccessReady", "True", "NoAccess")
    assert "access" not in verdict.fields


FAULTS: dict[str, tuple[Fault, bool, str]] = {
    "away": (
        Fault(Trouble.UNREACHABLE, "look: no answer in time"),
        False,
        "ObjectStore 'main': look: no answer in time; it is tried again by itself.",
    ),
    "busy": (Fault(Trouble.BUSY, "look: SlowDown (503)"), False, "it is tried again by itself."),
    "denied": (
        Fault(Trouble.DENIED, "CreateBucket: AccessDenied (403)"),
        True,
        "ObjectStore 'main': CreateBucket: AccessDenied (403); its status tells its administrator more.",
    ),
    "not trusted": (Fault(Trouble.UNTRUSTED, "look: x"), True, "administrator"),
    "refused": (Fault(Trouble.REFUSED, "CreateBucket: TooManyBuckets (400)"), True, "TooManyBuckets"),
    "in the way": (Fault(Trouble.CONFLICT, "CreateBucket: BucketAlreadyExists (409)"), True, "(409)"),
}


@pytest.mark.parametrize("row", FAULTS)
def test_a_fault_is_told_with_what_helps(cluster: Cluster, row: str) -> None:
    fault, stalled, words = FAULTS[row]
    cluster.saw(fault=fault)
    plan, verdict = cluster.apply(bucket(APP))
    finding = only(verdict.findings)
    assert (reasons(plan, verdict), finding.stalled) == ([fault.trouble], stalled)
    assert words in finding.message
    assert condition(verdict, "Provisioned").status == "False"
    assert condition(verdict, "AccessReady").status == "True", "what runs has its keys"
    assert plan.wish is not None, "it is wished for still"


def test_every_trouble_is_either_waited_for_or_told_as_stalled() -> None:
    passing = {trouble for trouble in Trouble if Fault(trouble, "").passing}
    assert passing == {Trouble.UNREACHABLE, Trouble.BUSY}


def test_a_setting_that_was_refused_is_named(cluster: Cluster) -> None:
    cluster.saw(refused={"cors": "PutBucketCors: MalformedXML (400)", "lock": "x"})
    plan, verdict = cluster.apply(bucket(APP))
    finding = only(verdict.findings)
    assert (reasons(plan, verdict), finding.stalled) == (["SettingRefused"], True)
    assert finding.message.startswith("cors: PutBucketCors: MalformedXML (400). Leave it out")


def test_a_fault_goes_before_what_was_refused(cluster: Cluster) -> None:
    cluster.saw(refused={"cors": "x"}, fault=Fault(Trouble.BUSY, "look: SlowDown (503)"))
    assert reasons(*cluster.apply(bucket(APP))) == ["StoreBusy"]


def test_what_is_being_changed_is_not_ready(cluster: Cluster) -> None:
    plan, verdict = cluster.apply(bucket(APP, versioning=True))
    finding = only(verdict.findings)
    assert (reasons(plan, verdict), finding.stalled) == (["Provisioning"], False)
    assert finding.message == "The bucket is being changed."
    cluster.settle(bucket(APP, versioning=True))
    assert reasons(*cluster.apply(bucket(APP, versioning=True))) == []


def test_usual_reasons_make_no_event() -> None:
    fresh = Cluster()
    for _ in range(3):
        plan, verdict = fresh.apply(bucket(APP))
        assert set(reasons(plan, verdict)) <= BUCKET.usual
        fresh.act()


def test_what_is_in_it_is_told_once_for_as_long_as_it_is_the_same(cluster: Cluster) -> None:
    """A look every quarter of an hour that finds the same is no reason to write a status."""
    hour = dt.timedelta(hours=1)
    counts = [(5, 1), (5, 1), (6, 1), (6, 2), (6, 2)]
    told = []
    for number, (size, objects) in enumerate(counts):
        cluster.saw(usage=Usage(size, objects, NOW + number * hour))
        cluster.apply(bucket(APP))
        told.append(cluster.status["usage"])
    assert told == [
        {"bytes": size, "objects": objects, "asOf": stamp(NOW + since * hour)}
        for (size, objects), since in zip(counts, (0, 0, 2, 3, 3), strict=True)
    ]


def test_nothing_in_it_is_a_count_too(cluster: Cluster) -> None:
    cluster.saw(usage=Usage(0, 0, NOW))
    cluster.apply(bucket(APP))
    assert cluster.status["usage"] == {"bytes": 0, "objects": 0, "asOf": stamp(NOW)}


def test_where_nobody_counts_nothing_is_told(cluster: Cluster) -> None:
    assert "usage" not in cluster.status


def test_what_was_lost_is_warned_of(cluster: Cluster) -> None:
    """It is ready again, and empty: nobody would look."""
    cluster.saw(lost=True)
    plan, verdict = cluster.apply(bucket(APP))
    assert reasons(plan, verdict) == []
    warning = only(plan.warnings)
    assert warning.reason == "BucketLost"
    assert f"Bucket {plan.wish.bucket!r} was gone from its store" in warning.message


def test_what_was_there_is_missed_if_it_is_gone(cluster: Cluster) -> None:
    assert cluster.compile(bucket(APP)).wish.known
    assert not Cluster().compile(bucket()).wish.known
    cluster.status["conditions"] = [{"type": "Provisioned", "status": "False"}]
    assert not cluster.compile(bucket(APP)).wish.known


def test_what_was_seen_of_another_wish_is_not_taken_for_this() -> None:
    """A bucket that is deleted has a Parting; the next one of its name begins anew."""
    fresh = Cluster(outside=None, exists=True, owner=MARK)
    fresh.outside = Seen(exists=False)
    _, verdict = fresh.apply(bucket())
    assert condition(verdict, "Provisioned").message == "The bucket is being made."
