"""Each field of a Bucket in both directions, as the store itself has it; and what a store lacks."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster import s3
from tests.e2e.apps import ready, says
from tests.e2e.buckets import engines
from tests.e2e.buckets.specs import CORS, Place, bucket, counted, eventually, look_again, made, refusal
from tests.e2e.kubectl import Kubectl, Manifest

pytestmark = pytest.mark.cluster


def _versioning(place: Place, name: str) -> Any:
    return place.s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"


def _cors(place: Place, name: str) -> Any:
    if refusal(lambda: place.s3.get_bucket_cors(Bucket=name)):
        return []
    rules = place.s3.get_bucket_cors(Bucket=name)["CORSRules"]
    return [
        (rule["AllowedOrigins"], sorted(rule["AllowedMethods"]), rule.get("MaxAgeSeconds")) for rule in rules
    ]


def _lifecycle(place: Place, name: str) -> Any:
    if refusal(lambda: place.s3.get_bucket_lifecycle_configuration(Bucket=name)):
        return set()
    rules = place.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return {
        (
            rule.get("Filter", {}).get("Prefix") or rule.get("Prefix") or "",
            rule.get("Expiration", {}).get("Days"),
            rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
            rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        )
        for rule in rules
    }


def _quota(place: Place, name: str) -> Any:
    return engines.quota(place.store, name)


def _encryption(place: Place, name: str) -> Any:
    if refusal(lambda: place.s3.get_bucket_encryption(Bucket=name)):
        return []
    found = place.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    return [rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in found["Rules"]]


def _public(place: Place, name: str) -> Any:
    place.s3.put_object(Bucket=name, Key="page", Body=b"open")
    context = None
    if place.store.ca:
        import ssl

        context = ssl.create_default_context(cafile=place.store.ca)
    try:
        with urllib.request.urlopen(f"{place.store.outside}/{name}/page", context=context) as answer:
            return answer.read() == b"open"
    except urllib.error.HTTPError as error:
        return None if error.code != 403 else False


def _lock(place: Place, name: str) -> Any:
    rule = place.s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["Rule"]
    return rule["DefaultRetention"]["Mode"], rule["DefaultRetention"]["Days"]


@dataclass(frozen=True)
class Row:
    """A setting. one, other: two ways to ask for it, each with what the store has then; none: without it."""

    needs: tuple[str, ...]
    one: tuple[Manifest, Any]
    other: tuple[Manifest, Any] | None
    none: Any
    seen: Callable[[Place, str], Any]


def _noncurrent(days: str) -> Manifest:
    return {"versioning": True, "lifecycle": [{"expireNoncurrentAfter": days}]}


ROWS = (
    Row(("Versioning",), ({"versioning": True}, True), None, False, _versioning),
    Row(
        ("CORS",),
        ({"cors": [CORS]}, [(["https://acme.dev"], ["GET", "PUT"], 300)]),
        ({"cors": [{"origins": ["*"], "methods": ["GET"]}]}, [(["*"], ["GET"], None)]),
        [],
        _cors,
    ),
    Row(("PublicRead",), ({"publicRead": True}, True), None, False, _public),
    Row(("EncryptionSSES3",), ({"encryption": "SSE-S3"}, ["AES256"]), None, [], _encryption),
    Row(
        ("Expire",),
        ({"lifecycle": [{"prefix": "tmp/", "expireAfter": "7d"}]}, {("tmp/", 7, None, None)}),
        ({"lifecycle": [{"expireAfter": "3d"}]}, {("", 3, None, None)}),
        set(),
        _lifecycle,
    ),
    Row(
        ("AbortUploads",),
        ({"lifecycle": [{"abortUploadsAfter": "1d"}]}, {("", None, 1, None)}),
        ({"lifecycle": [{"abortUploadsAfter": "2d"}]}, {("", None, 2, None)}),
        set(),
        _lifecycle,
    ),
    Row(
        ("ExpireNoncurrent",),
        (_noncurrent("30d"), {("", None, None, 30)}),
        (_noncurrent("5d"), {("", None, None, 5)}),
        set(),
        _lifecycle,
    ),
    Row(
        ("Expire", "AbortUploads", "ExpireNoncurrent"),
        (
            {
                "versioning": True,
                "lifecycle": [
                    {"prefix": "tmp/", "expireAfter": "7d"},
                    {"abortUploadsAfter": "1d", "expireNoncurrentAfter": "30d"},
                ],
            },
            {("tmp/", 7, None, None), ("", None, 1, 30)},
        ),
        None,
        set(),
        _lifecycle,
    ),
    Row(
        ("Quota",),
        ({"quota": {"size": "10Mi"}}, (10 * 2**20, 0)),
        ({"quota": {"size": "20Mi"}}, (20 * 2**20, 0)),
        (0, 0),
        _quota,
    ),
    Row(
        ("Quota", "QuotaObjects"),
        ({"quota": {"size": "10Mi", "objects": 3}}, (10 * 2**20, 3)),
        ({"quota": {"objects": 5}}, (0, 5)),
        (0, 0),
        _quota,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row.needs))
def test_a_setting_comes_changes_and_goes(row: Row, place: Place, ns: Kubectl) -> None:
    """What a store lacks is refused: see test_what_a_store_lacks_is_refused_by_name."""
    place.needs(*row.needs)
    name = made(ns, place)
    assert row.seen(place, name) == row.none, "nothing is set that was not asked for"
    steps = [row.one, *([row.other] if row.other else []), ({}, row.none)]
    for spec, expected in steps:
        ns.apply(bucket(place.name, **spec))
        ns.until("bkt", "data", ready)
        assert row.seen(place, name) == expected, spec


def test_object_lock_is_there_from_the_beginning(place: Place, ns: Kubectl) -> None:
    place.needs("ObjectLock")
    name = made(ns, place, versioning=True, objectLock={"mode": "Governance", "days": 1})
    assert _lock(place, name) == ("GOVERNANCE", 1)
    ns.apply(bucket(place.name, versioning=True, objectLock={"mode": "Governance", "days": 2}))
    ns.until("bkt", "data", ready)
    assert _lock(place, name) == ("GOVERNANCE", 2)


LACKING: tuple[tuple[str, Manifest, str], ...] = (
    ("Versioning", {"versioning": True}, "versioning"),
    ("Quota", {"quota": {"size": "1Mi"}}, "quota.size"),
    ("QuotaObjects", {"quota": {"objects": 1}}, "quota.objects"),
    ("Expire", {"lifecycle": [{"expireAfter": "1d"}]}, "lifecycle.expireAfter"),
    ("AbortUploads", {"lifecycle": [{"abortUploadsAfter": "1d"}]}, "lifecycle.abortUploadsAfter"),
    ("ExpireNoncurrent", _noncurrent("1d"), "lifecycle.expireNoncurrentAfter"),
    ("CORS", {"cors": [CORS]}, "cors"),
    ("EncryptionSSES3", {"encryption": "SSE-S3"}, "encryption"),
    ("ObjectLock", {"versioning": True, "objectLock": {"mode": "Governance", "days": 1}}, "objectLock"),
    ("PublicRead", {"publicRead": True}, "publicRead"),
    ("WriteOnly", {"access": [{"name": "app", "role": "WriteOnly"}]}, "access.role: WriteOnly"),
    ("Replication", {"access": [{"name": "app", "role": "Replica"}]}, "access.role: Replica"),
    ("Replication", {"versioning": True, "replicateTo": [{"bucket": "copy"}]}, "replicateTo"),
)


@pytest.mark.parametrize(("feature", "spec", "field"), LACKING, ids=[f"{row[0]}-{row[2]}" for row in LACKING])
def test_what_a_store_lacks_is_refused_by_name(
    feature: str, spec: Manifest, field: str, place: Place, ns: Kubectl
) -> None:
    if not place.lacks(feature):
        pytest.skip(f"{place.name} has {feature}.")
    name = f"{ns.namespace}-x"
    ns.apply(bucket(place.name, bucketName=name, **{"access": [{"name": "app"}], **spec}))
    ns.until("bkt", "data", says("FeatureMissing", field, place.name))
    assert not place.has(name), "nothing is made"
    assert not ns.exists("secret", "data-app")
    if "objectLock" not in spec:  # which cannot be left out later
        ns.apply(bucket(place.name, bucketName=name))
        ns.until("bkt", "data", ready, "without it, it is made")


def test_a_quota_of_bytes_is_enforced(place: Place, ns: Kubectl) -> None:
    place.needs("Quota")
    name = made(ns, place, quota={"size": "1Mi"})
    place.s3.put_object(Bucket=name, Key="fits", Body=b"x" * 2**10)
    assert refusal(lambda: place.s3.put_object(Bucket=name, Key="too-much", Body=b"x" * 2**21))


def test_a_quota_of_objects_is_enforced(place: Place, ns: Kubectl) -> None:
    place.needs("QuotaObjects")
    name = made(ns, place, quota={"objects": 2})
    for key in ("a", "b"):
        place.s3.put_object(Bucket=name, Key=key, Body=b"12345")
    assert refusal(lambda: place.s3.put_object(Bucket=name, Key="c", Body=b"1"))


def test_usage_is_told(place: Place, ns: Kubectl) -> None:
    place.needs("Usage")
    name = made(ns, place)
    for key in ("a", "b"):
        place.s3.put_object(Bucket=name, Key=key, Body=b"12345")
    counted(place, ns, objects=2, bytes=10)


DRIFTS: tuple[tuple[str, Callable[[Place, str], Any], Callable[[Place, str], Any]], ...] = (
    (
        "Versioning",
        lambda place, name: place.s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Suspended"}
        ),
        _versioning,
    ),
    (
        "PublicRead",
        lambda place, name: place.s3.put_bucket_policy(Bucket=name, Policy=s3.policy(name, principal="*")),
        lambda place, name: not _public(place, name),
    ),
    ("CORS", lambda place, name: place.s3.delete_bucket_cors(Bucket=name), _cors),
)


@pytest.mark.parametrize("row", DRIFTS, ids=lambda row: row[0])
def test_what_somebody_changed_in_the_store_is_put_back(row: Any, place: Place, ns: Kubectl) -> None:
    feature, harm, seen = row
    place.needs(feature)
    specs: Manifest = {"Versioning": {"versioning": True}, "CORS": {"cors": [CORS]}}
    name = made(ns, place, **specs.get(feature, {}))
    before = seen(place, name)
    assert before
    harm(place, name)
    assert seen(place, name) != before
    look_again(ns)
    eventually(lambda: seen(place, name) == before, "it is put back")
    ns.until("bkt", "data", ready)
