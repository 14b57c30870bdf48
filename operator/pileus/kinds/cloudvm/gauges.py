"""The metrics of CloudVMs, from their statuses. No label holds a name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from pileus.engine.kind import Sample, StatusGauge
from pileus.objects.reading import items, text
from pileus.objects.times import elapsed

Status = Mapping[str, Any]


def _phase(status: Status, _: dt.datetime) -> Iterator[Sample]:
    yield (text(status, "phase") or "New",), 1


def _restarts(status: Status, _: dt.datetime) -> Iterator[Sample]:
    yield (), float(bool(status.get("restartRequired")))


def _migrations(status: Status, _: dt.datetime) -> Iterator[Sample]:
    if phase := text(status, "migration", "phase"):
        yield (phase,), 1


def _disks(status: Status, _: dt.datetime) -> Iterator[Sample]:
    for disk in items(status, "disks"):
        yield (text(disk, "phase"),), 1


def _progress(status: Status, _: dt.datetime) -> Iterator[Sample]:
    for disk in items(status, "disks"):
        if text(disk, "phase") == "Filling":
            yield (), float(text(disk, "progress").rstrip("%") or 0)


def _snapshot_age(status: Status, now: dt.datetime) -> Iterator[Sample]:
    taken = [entry for entry in items(status, "snapshots") if entry.get("ready") is True]
    if taken:
        yield (), min(elapsed(text(entry, "taken"), now) for entry in taken)


GAUGES = (
    StatusGauge("pileus_cloudvm_phase", "Machines by phase.", _phase, ("phase",)),
    StatusGauge(
        "pileus_cloudvm_restart_required", "Machines with changes that wait for a restart.", _restarts
    ),
    StatusGauge(
        "pileus_cloudvm_migrations",
        "Machines whose last migration, asked for by a token, is in this phase.",
        _migrations,
        ("phase",),
    ),
    StatusGauge("pileus_cloudvm_disks", "Disks by phase.", _disks, ("phase",)),
    StatusGauge(
        "pileus_cloudvm_disk_progress_percent",
        "Progress of the disk that is least filled, of those being filled.",
        _progress,
        combine=min,
    ),
    StatusGauge(
        "pileus_cloudvm_snapshot_age_seconds",
        "Age of the newest snapshot that can be restored, of the machine for which it is greatest.",
        _snapshot_age,
        combine=max,
    ),
)
