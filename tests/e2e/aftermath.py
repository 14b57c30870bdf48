"""What a failed test should tell of the parts beneath it: they are gone when somebody reads the report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pileus.local import LocalCluster
from pileus.local.report import ending
from tests.e2e.beside import OperatorBeside


def sections(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Titles and texts: the machine, parts that ended, those of the engine it was about, its operator."""
    used: Mapping[str, Any] = getattr(item, "funcargs", {})
    for value in used.values():
        if isinstance(value, LocalCluster):
            yield "machine", _machine(value.layout.root)
            for name, part in value.progress().get("parts", {}).items():
                about = f"[{name.partition('-')[0]}" in item.name
                if about or part["restarts"] or part["state"] != "ready":
                    told = f"{part['state']}, started again {part['restarts']} times"
                    yield (
                        f"{name}: {told}",
                        ending((value.layout.logs / f"{name}.log").read_text(errors="replace")),
                    )
        elif isinstance(value, OperatorBeside):
            yield "operator", ending(value.log())


def _machine(directory: Path) -> str:
    free = shutil.disk_usage(directory).free / 2**30
    lines = Path("/proc/meminfo").read_text().splitlines()
    memory = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    load = os.getloadavg()[0]
    return f"load {load:.1f}, {int(memory) / 2**20:.1f} GiB of memory and {free:.1f} GiB of disk free"
