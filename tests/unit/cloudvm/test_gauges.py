"""The metrics of machines, as Prometheus reads them."""

from __future__ import annotations

from typing import Any

from prometheus_client import generate_latest

from pileus.kinds.cloudvm import CLOUD_VM
from pileus.telemetry.metrics import Scraped, Telemetry


def scraped(*statuses: dict[str, Any]) -> dict[str, float]:
    telemetry = Telemetry([CLOUD_VM])
    telemetry.scrape_from(
        Scraped(
            statuses=lambda: [("CloudVM", status) for status in statuses],
            queue=lambda: (0, 0.0, 0),
            write_limit=lambda: 4,
            cached=lambda: 0,
            engines=list,
            leading=lambda: True,
        )
    )
    lines = generate_latest(telemetry.registry).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line.startswith("pileus_cloudvm"))
    return {name: float(value) for name, _, value in pairs}


def test_machines_are_counted() -> None:
    found = scraped(
        {"phase": "Running", "restartRequired": ["size.cpu"], "migration": {"phase": "Failed"}},
        {
            "phase": "Running",
            "disks": [
                {"phase": "Filling", "progress": "30%"},
                {"phase": "Filling", "progress": "70%"},
                {"phase": "Ready"},
            ],
        },
        {},
    )

    assert found == {
        'pileus_cloudvm_phase{phase="Running"}': 2,
        'pileus_cloudvm_phase{phase="New"}': 1,
        "pileus_cloudvm_restart_required": 1,
        'pileus_cloudvm_migrations{phase="Failed"}': 1,
        'pileus_cloudvm_disks{phase="Filling"}': 2,
        'pileus_cloudvm_disks{phase="Ready"}': 1,
        "pileus_cloudvm_disk_progress_percent": 30,
    }


def test_the_age_is_of_the_newest_snapshot_that_can_be_restored() -> None:
    def snapshots(*entries: tuple[str, bool]) -> dict[str, Any]:
        return {"snapshots": [{"taken": taken, "ready": ready} for taken, ready in entries]}

    found = scraped(
        snapshots(
            ("2020-01-03T00:00:00Z", False), ("2020-01-02T00:00:00Z", True), ("2020-01-01T00:00:00Z", True)
        ),
        snapshots(("2021-01-01T00:00:00Z", True)),
    )
    other = scraped(snapshots(("2021-01-01T00:00:00Z", True)))

    year = 365 * 86400
    ages = [entry["pileus_cloudvm_snapshot_age_seconds"] for entry in (found, other)]
    assert year - 86400 <= ages[0] - ages[1] <= year
