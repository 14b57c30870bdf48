"""The metrics of Buckets, from their statuses. No label holds a bucket's name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from pileus.engine.kind import Sample, StatusGauge
from pileus.objects.reading import at, items, text
from pileus.objects.times import elapsed

Status = Mapping[str, Any]


def _states(status: Status, _: dt.datetime) -> Iterator[Sample]:
    ready = next((one for one in items(status, "conditions") if one.get("type") == "Ready"), {})
    yield (text(status, "store"), str(ready.get("reason") or "New")), 1


def _bytes(status: Status, _: dt.datetime) -> Iterator[Sample]:
    if at(status, "usage"):
        yield (text(status, "store"),), float(at(status, "usage", "bytes") or 0)


def _objects(status: Status, _: dt.datetime) -> Iterator[Sample]:
    if at(status, "usage"):
        yield (text(status, "store"),), float(at(status, "usage", "objects") or 0)


def _key_age(status: Status, now: dt.datetime) -> Iterator[Sample]:
    for entry in items(status, "access"):
        if since := text(entry, "rotatedAt"):
            yield (text(status, "store"),), elapsed(since, now)


GAUGES = (
    StatusGauge("pileus_buckets", "Buckets by store and reason of Ready.", _states, ("store", "reason")),
    StatusGauge("pileus_bucket_bytes", "Bytes in buckets, by store, where it counts.", _bytes, ("store",)),
    StatusGauge(
        "pileus_bucket_objects", "Objects in buckets, by store, where it counts.", _objects, ("store",)
    ),
    StatusGauge(
        "pileus_bucket_key_age_seconds",
        "Age of the oldest key of a consumer, by store.",
        _key_age,
        ("store",),
        combine=max,
    ),
)
