"""What a cluster may leave on a machine, so that tests can say that it left nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pileus.local import cgroups
from pileus.local.paths import Layout

T = TypeVar("T")


def traces(layout: Layout) -> dict[str, set[str]]:
    """Processes, control groups and files of one cluster, and all mounts and links of the host."""
    files = {path.name for path in layout.root.iterdir()} if layout.root.exists() else set()
    return {
        "processes": _processes(str(layout.root)),
        "groups": {str(h.root) for h in cgroups.hierarchies() if (h.root / layout.name).exists()},
        "mounts": {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()},
        "links": set(os.listdir("/sys/class/net")),
        "files": files - {layout.lock.name},
    }


def process_namespace(pid: int) -> str:
    """What identifies the process namespace in which `pid` lives."""
    return os.readlink(f"/proc/{pid}/ns/pid")


def members(namespace: str) -> set[int]:
    """All processes of a process namespace; those that only wait to be reaped have left it."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "ns" / "pid") == namespace:
                found.add(int(entry.name))
    return found


def eventually(question: Callable[[], T], *, seconds: float = 60) -> T:
    """The first true answer; the last one when there was none."""
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def _processes(directory: str) -> set[str]:
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if f"{directory}/" in command:
                    found.add(command.replace("\0", " "))
    return found
