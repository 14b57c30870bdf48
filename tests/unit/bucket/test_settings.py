"""Every setting in the one form in which it is wished for and read back."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.kinds.bucket.build.settings import settings
from pileus.kinds.bucket.model import BucketSpec
from pileus.objects.s3 import CorsRule, LifecycleRule, Lock, Quota, Settings
from tests.unit.bucket.buckets import bucket

ROWS: dict[str, tuple[dict[str, Any], Settings]] = {
    "nothing": ({}, Settings()),
    "versions": ({"versioning": True}, Settings(versioning=True)),
    "lifecycle, in the order of prefixes whatever the order in the spec": (
        {
            "lifecycle": [
                {"prefix": "tmp/", "expireAfter": "7d"},
                {"prefix": "logs/", "expireAfter": "90d", "expireNoncurrentAfter": "30d"},
                {"abortUploadsAfter": "1d"},
            ]
        },
        Settings(
            lifecycle=(
                LifecycleRule("", abort_uploads=1),
                LifecycleRule("logs/", expire=90, expire_noncurrent=30),
                LifecycleRule("tmp/", expire=7),
            )
        ),
    ),
    "lifecycle, several rules of one prefix": (
        {"lifecycle": [{"expireAfter": "9d"}, {"abortUploadsAfter": "1d"}, {"expireAfter": "9999d"}]},
        Settings(
            lifecycle=(
                LifecycleRule(abort_uploads=1),
                LifecycleRule(expire=9),
                LifecycleRule(expire=9999),
            )
        ),
    ),
    "cors: origins, methods and headers are sets, rules are tried in their order": (
        {
            "cors": [
                {
                    "origins": ["https://b.dev", "https://a.dev"],
                    "methods": ["PUT", "GET"],
                    "headers": ["x-b", "x-a"],
                    "expose": ["ETag"],
                    "maxAge": "1h30m",
                },
                {"origins": ["*"], "methods": ["GET"]},
            ]
        },
        Settings(
            cors=(
                CorsRule(("https://a.dev", "https://b.dev"), ("GET", "PUT"), ("x-a", "x-b"), ("ETag",), 5400),
                CorsRule(("*",), ("GET",)),
            )
        ),
    ),
    "encryption": ({"encryption": "SSE-S3"}, Settings(encryption=True)),
    "lock, in the words of S3": (
        {"versioning": True, "objectLock": {"mode": "Governance", "days": 30}},
        Settings(versioning=True, lock=Lock("GOVERNANCE", 30)),
    ),
    "lock that nobody can lift": (
        {"versioning": True, "objectLock": {"mode": "Compliance", "days": 1}},
        Settings(versioning=True, lock=Lock("COMPLIANCE", 1)),
    ),
    "public": ({"publicRead": True}, Settings(public_read=True)),
    "quota in whole KiB": ({"quota": {"size": "1Gi"}}, Settings(quota=Quota(2**30))),
    "quota, rounded up to KiB: what was asked for fits in": (
        {"quota": {"size": "1500001"}},
        Settings(quota=Quota(1465 * 1024)),
    ),
    "quota, in decimal units": ({"quota": {"size": "5M"}}, Settings(quota=Quota(4883 * 1024))),
    "quota, a fraction": ({"quota": {"size": "1.5Gi"}}, Settings(quota=Quota(3 * 2**29))),
    "quota, of one KiB more than whole": (
        {"quota": {"size": str(2**20 + 1)}},
        Settings(quota=Quota(2**20 + 1024)),
    ),
    "quota of objects": ({"quota": {"objects": 10**12}}, Settings(quota=Quota(objects=10**12))),
    "quota of both": ({"quota": {"size": "1Mi", "objects": 5}}, Settings(quota=Quota(2**20, 5))),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_setting(row: str) -> None:
    spec, expected = ROWS[row]
    assert settings(bucket(spec).spec) == expected


def test_every_field_that_sets_something_has_a_row() -> None:
    """A new field of the spec is to be thought of here."""
    elsewhere = {"store", "bucketName", "adopt", "access", "replicateTo", "deletionPolicy"}
    fields = {str(field.alias) for field in BucketSpec.model_fields.values()}
    assert fields - elsewhere == {field for spec, _ in ROWS.values() for field in spec}
