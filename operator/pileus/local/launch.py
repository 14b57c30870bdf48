"""Starts the first process of a cluster, finds it again, and ends it with everything below it.

The process is found by its command line, which names the cluster's spec file: there is no pid file that
could be missing after a crash of `up` or name somebody else's process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pileus.local import host, node
from pileus.local.paths import Layout

FIRST = Path(__file__).parent / "first.py"
FORWARD = Path(__file__).parent / "forward.py"
_PATIENCE = 20.0


class LaunchError(Exception):
    """The first process cannot be started or ended; the message says which."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first process as seen from here; `outer` is unshare, where there are namespaces."""

    pid: int
    outer: int | None


def find(layout: Layout) -> Found | None:
    """The cluster's first process, or None where it does not run."""
    inner = outer = None
    for pid in _pids():
        argv = _command_line(pid)
        if str(layout.spec) in argv and str(FIRST) in argv:
            if Path(argv[0]).name == node.UNSHARE[0]:
                outer = pid
            else:
                inner = pid
    if inner is not None:
        return Found(inner, outer)
    return Found(outer, outer) if outer is not None else None


def start(layout: Layout, spec: Mapping[str, Any], *, namespaces: bool, inherit: Sequence[int] = ()) -> None:
    """Write the spec and start the first process, which outlives this one."""
    layout.spec.write_text(json.dumps(spec, indent=1))
    layout.progress.unlink(missing_ok=True)
    script = [sys.executable, "-I", "-S", str(FIRST), str(layout.spec)]
    with (layout.logs / "first.log").open("ab") as log:
        done = subprocess.run(
            ["setsid", "--fork", *(node.UNSHARE if namespaces else ()), *script],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            pass_fds=tuple(inherit),
            check=False,
        )
    if done.returncode != 0:
        words = (layout.logs / "first.log").read_text().strip()[-300:]
        raise LaunchError(f"The cluster's first process cannot be started: {words}")


def end(layout: Layout) -> bool:
    """End the first process and all that it runs; whether there was one."""
    seen: set[int] = set()
    start = time.monotonic()
    while (found := find(layout)) or any(_alive(pid) for pid in seen):
        waited = time.monotonic() - start
        if waited > _PATIENCE:
            raise LaunchError(f"The processes {sorted(seen)} of the cluster in {layout.root} do not end.")
        if found:
            pids = {pid for pid in (found.pid, found.outer) if pid is not None}
            # In namespaces the kernel ends all the rest; elsewhere parts get a moment to end by themselves.
            impatient = found.outer is not None or waited > _PATIENCE / 2
            if impatient or not pids <= seen:
                _kill(pids, signal.SIGKILL if impatient else signal.SIGTERM)
            seen |= pids
        time.sleep(0.02)
    return bool(seen)


def reload(layout: Layout, spec: Mapping[str, Any]) -> None:
    """Let the running first process start the parts that are new in the spec."""
    found = find(layout)
    if found is None:
        raise LaunchError(f"The cluster in {layout.root} does not run.")
    partial = layout.spec.with_suffix(".partial")
    partial.write_text(json.dumps(spec, indent=1))
    partial.rename(layout.spec)
    os.kill(found.pid, signal.SIGHUP)


def progress(layout: Layout) -> dict[str, Any]:
    """What the first process says: phase, and per part pid, state, restarts, seconds."""
    try:
        found: dict[str, Any] = json.loads(layout.progress.read_text())
    except OSError:
        return {"phase": "absent", "parts": {}}
    return found


def inside(found: Found, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` in the cluster's namespaces, in the present directory."""
    if found.outer is None:
        return list(argv)
    enter = ["nsenter", "-t", str(found.pid), "-n", "-m", "-p", "-u", "-i", "--"]
    return [*enter, "env", "-C", str(Path.cwd()), *argv]


def host_pids(found: Found) -> dict[int, int]:
    """The host's number of each process of the cluster by the number that it has inside."""
    if found.outer is None:
        return {pid: pid for pid in _pids()}
    numbers: dict[int, int] = {}
    with suppress(OSError):
        space = Path(f"/proc/{found.pid}/ns/pid").readlink()
        for pid in _pids():
            with suppress(OSError):
                if Path(f"/proc/{pid}/ns/pid").readlink() == space:
                    numbers[int(_status(pid)["NSpid"].split()[-1])] = pid
    return numbers


def resident(pid: int) -> int:
    """Bytes of memory that a process holds, 0 when it has gone."""
    try:
        return int(_status(pid).get("VmRSS", "0 kB").split()[0]) * 1024
    except OSError:
        return 0


def _environment() -> dict[str, str]:
    """What parts get from us: nothing of a developer's shell may change a cluster."""
    kept = {name: os.environ[name] for name in ("LANG", "TZ", "GOMAXPROCS") if name in os.environ}
    return {"PATH": host.SEARCHED, "HOME": "/root" if os.geteuid() == 0 else str(Path.home()), **kept}


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _alive(pid: int) -> bool:
    try:
        return not _status(pid)["State"].startswith("Z")
    except (OSError, KeyError):
        return False


def _kill(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
