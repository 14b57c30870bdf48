"""The control groups of a cluster: one root group, in each hierarchy that the machine has.

Namespaces do not end control groups, so they are made before the cluster and removed after it. Version 1
has a hierarchy a controller, version 2 one for all, and some machines have both.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_WANTED = ("cpu", "cpuset", "memory", "pids", "io", "hugetlb")
_PATIENCE = 10.0  # seconds that the kernel may take to let go of the groups of processes that have ended


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where a hierarchy is mounted, and of which version."""

    root: Path
    unified: bool


def hierarchies() -> list[Hierarchy]:
    """All that this process sees."""
    found: dict[Path, Hierarchy] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            found[Path(target)] = Hierarchy(Path(target), kind == "cgroup2")
    return list(found.values())


def create(name: str) -> None:
    """The cluster's group in each hierarchy. Raises OSError where that is not allowed."""
    for hierarchy in hierarchies():
        group = hierarchy.root / name
        group.mkdir(exist_ok=True)
        if hierarchy.unified:
            _delegate(hierarchy.root)
            _delegate(group)
        elif (group / "cpuset.cpus").exists():
            # A new group of cpuset has no processors at all until somebody says which.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (group / setting).write_text((hierarchy.root / setting).read_text())


def remove(name: str) -> list[Path]:
    """Remove the cluster's groups; those that could not be, because something still runs in them."""
    groups = [hierarchy.root / name for hierarchy in hierarchies()]
    end = time.monotonic() + _PATIENCE
    while left := [group for group in groups if group.exists()]:
        for group in left:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):  # busy or gone: the next round sees
                    Path(folder).rmdir()
        if time.monotonic() > end:
            return [group for group in left if group.exists()]
        time.sleep(0.01)
    return []


def _delegate(group: Path) -> None:
    """Let groups below use what this one has; a controller that is taken elsewhere is left out."""
    available = (group / "cgroup.controllers").read_text().split()
    for controller in _WANTED:
        if controller in available:
            with suppress(OSError):
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
