"""A contender as its own process, seen from outside only: CPU and memory from /proc, children included."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE = 0.05
"""Seconds between two looks at the CPU time."""
WINDOW = 0.5
BUSY = 0.06
"""Seconds of CPU within `WINDOW` from which on a process counts as busy."""


class EndedError(Exception):
    """A contender ended by itself; the message shows the end of its log."""


@dataclass
class Process:
    """One program, started and stopped as often as wanted; `log` takes what it says."""

    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    _running: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started: float = 0.0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.started = time.monotonic()
            self._running = subprocess.Popen(
                self.argv, env={**os.environ, **self.env}, stderr=log, stdout=log
            )

    def stop(self) -> None:
        """As Kubernetes does it: ask, and end it after a grace period."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(30)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    def check(self) -> None:
        """Raises EndedError if it does not run."""
        if self._running is None or self._running.poll() is not None:
            raise EndedError(f"{self.argv[0]} has ended:\n{self.log.read_text(errors='replace')[-2000:]}")

    @property
    def cpu(self) -> float:
        """Seconds of CPU since its start: its own, its descendants', and of those that have ended."""
        return sum(_cpu(pid) for pid in self._tree())

    def memory(self, key: str) -> float:
        """MB (10^6 bytes) of it and its descendants: `VmRSS` now, `VmHWM` at most so far."""
        return sum(_memory(pid, key) for pid in self._tree())

    async def quiet(self, at_least: float) -> float:
        """Wait until it has used hardly any CPU for that many seconds; when it was busy last (monotonic)."""
        seen = [(time.monotonic(), self.cpu)]
        busy = seen[0][0]
        while time.monotonic() - busy < at_least + WINDOW:
            await asyncio.sleep(SAMPLE)
            self.check()
            seen.append((time.monotonic(), self.cpu))
            while seen[-1][0] - seen[0][0] > WINDOW:
                seen.pop(0)
            if seen[-1][1] - seen[0][1] >= BUSY:
                busy = seen[-1][0]
        return busy

    def _tree(self) -> list[int]:
        self.check()
        assert self._running is not None
        parents = dict(_parents())
        found = [self._running.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found


def _parents() -> list[tuple[int, int]]:
    """Every process and its parent."""
    pairs = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            pairs.append((int(entry.name), int(fields[1])))
    return pairs


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu(pid: int) -> float:
    return sum(int(ticks) for ticks in _stat(pid)[11:15]) / TICKS


def _memory(pid: int, key: str) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(rf"{key}:\s+(\d+) kB", text)
    return int(found.group(1)) * 1024 / 1e6 if found else 0.0


def free_port() -> int:
    """A port of the loopback interface that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
