"""The metrics of Buckets, as Prometheus reads them."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import generate_latest

from pileus.kinds.bucket import BUCKET
from pileus.telemetry.metrics import Scraped, Telemetry
from tests.unit.bucket.buckets import APP, Cluster, bucket


def scraped(*statuses: dict[str, Any]) -> dict[str, float]:
    telemetry = Telemetry([BUCKET])
    telemetry.scrape_from(
        Scraped(
            statuses=lambda: [("Bucket", status) for status in statuses],
            queue=lambda: (0, 0.0, 0),
            write_limit=lambda: 4,
            cached=lambda: 0,
            engines=list,
            leading=lambda: True,
        )
    )
    lines = generate_latest(telemetry.registry).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line.startswith("pileus_bucket"))
    return {name: float(value) for name, _, value in pairs}


def status(store: str, reason: str = "", **more: Any) -> dict[str, Any]:
    ready = "True" if reason == "Ready" else "False"
    conditions = [
        {"type": "Provisioned", "status": "True", "reason": "Provisioned"},
        {"type": "Ready", "status": ready, "reason": reason},
    ]
    return {"store": store, "conditions": conditions if reason else [], **more}


def test_buckets_are_counted_by_store() -> None:
    found = scraped(
        status("ceph", "Ready", usage={"bytes": 100, "objects": 2}),
        status("ceph", "Ready", usage={"bytes": 50, "objects": 1}),
        status("ceph", "SettingRefused", usage={"bytes": 0, "objects": 0}),
        status("aws", "Ready"),
        {},
    )
    assert found == {
        'pileus_buckets{reason="Ready",store="ceph"}': 2,
        'pileus_buckets{reason="SettingRefused",store="ceph"}': 1,
        'pileus_buckets{reason="Ready",store="aws"}': 1,
        'pileus_buckets{reason="New",store=""}': 1,
        'pileus_bucket_bytes{store="ceph"}': 150,
        'pileus_bucket_objects{store="ceph"}': 3,
    }


def test_the_age_is_of_the_oldest_key() -> None:
    def keys(store: str, *since: str) -> dict[str, Any]:
        return status(store, access=[{"name": "x", "rotatedAt": moment} for moment in since])

    series = 'pileus_bucket_key_age_seconds{{store="{}"}}'.format
    found = scraped(
        keys("ceph", "2021-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        keys("ceph", "2022-01-01T00:00:00Z"),
        keys("aws", "2021-01-01T00:00:00Z"),
        keys("new", ""),
    )
    year = 366 * 86400
    assert found[series("ceph")] - found[series("aws")] == pytest.approx(year, abs=60)
    assert series("new") not in found, "what is not there is not old"


def test_no_label_holds_a_buckets_name() -> None:
    """There may be thousands of them, and a name may tell what is in it."""
    cluster = Cluster()
    cluster.settle(bucket(APP, bucketName="secret-project"))
    assert not [series for series in scraped(cluster.status) if "secret-project" in series]
