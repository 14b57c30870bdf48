"""The first process of a cluster: starts its parts in order, starts them again when they end, reaps.

Run as a script, `first.py SPEC`, never imported: in the node profile it is process 1 of its own
namespaces, so that its death ends everything; elsewhere its children die with it (PR_SET_PDEATHSIG).
It needs nothing but the standard library, and stays small, because it stays.

It decides nothing about the cluster: the spec says what to prepare and what to run, `parts.json` says
how far it is. SIGHUP reads the spec again and starts what is new; SIGTERM ends everything.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_STARTING_TICK, _QUIET_TICK = 0.05, 30.0
_STABLE_SECONDS = 10.0  # a part that ran this long starts again at once when it ends
_EARLY_ENDS = 5  # a part that ends this often before it ever worked is not going to
_PATIENCE = 300.0  # seconds for a part to work; machines that compile meanwhile are slow
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Running:
    """One part and its process."""

    spec: dict[str, Any]
    pid: int = 0
    state: str = "waiting"
    since: float = field(default_factory=time.monotonic)
    restarts: int = 0
    started: float = 0.0
    due: float = 0.0
    delay: float = 0.0
    seconds: float | None = None  # from start to work, the first time

    def worked(self) -> bool:
        """Whether others that come after it may start."""
        return self.seconds is not None


class First:
    """All parts of one cluster."""

    def __init__(self, spec: Path) -> None:
        self._path = spec
        self._spec: dict[str, Any] = json.loads(spec.read_text())
        self._state = Path(self._spec["state"])
        self._parts: dict[str, Running] = {}
        self._phase, self._reason, self._culprit = "starting", "", ""
        self._saved = ""
        self._ending = self._reload = False
        self._wake, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGHUP, self._read_again)

    def run(self) -> None:
        """Until SIGTERM, or until the machine is switched off by killing this process."""
        self._save()
        self._prepare()
        self._add_parts()
        while not self._ending:
            if self._reload:
                self._reload = False
                self._spec = json.loads(self._path.read_text())
                self._add_parts()
            self._reap()
            for part in self._parts.values():
                self._advance(part)
            self._judge()
            self._save()
            self._sleep()
        self._stop()

    def _prepare(self) -> None:
        for argv in self._spec["setup"]:
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                words = done.stderr.strip() or done.stdout.strip()
                self._fail(f"`{' '.join(argv)}` failed: {words}")
                return

    def _add_parts(self) -> None:
        for spec in self._spec["parts"]:
            if spec["name"] not in self._parts:
                self._parts[spec["name"]] = Running(spec)
                if self._phase == "ready":
                    self._phase = "starting"

    def _advance(self, part: Running) -> None:
        now = time.monotonic()
        if part.state == "waiting" and self._phase != "failed":
            before = [self._parts[name] for name in part.spec["after"] if name in self._parts]
            if all(other.worked() for other in before):
                self._start(part)
        elif part.state == "ended" and now >= part.due:
            part.restarts += 1
            self._start(part)
        elif part.state == "starting":
            if _works(part.spec):
                part.state = "ready"
                if part.seconds is None:
                    part.seconds = round(now - part.since, 2)
            elif not part.worked() and now - part.since > _PATIENCE:
                self._fail(f"{part.spec['name']} does not answer after {_PATIENCE:.0f} s.", part)

    def _start(self, part: Running) -> None:
        log = (Path(self._spec["logs"]) / f"{part.spec['name']}.log").open("ab")
        listening = part.spec.get("listens")
        with log:
            try:
                child = subprocess.Popen(
                    part.spec["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._state,
                    env={**os.environ, **part.spec["env"]},
                    pass_fds=() if listening is None else (listening,),
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
            except OSError as error:
                self._fail(f"{part.spec['name']} cannot be started: {error}.", part)
                part.state = "failed"
                return
        child.returncode = 0  # reaped below, by pid, like everybody else's orphans
        part.pid, part.state = child.pid, "starting"
        if not part.worked() and part.restarts == 0:
            part.since = time.monotonic()
        part.started = time.monotonic()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for part in self._parts.values():
                if part.pid == pid:
                    self._ended(part, os.waitstatus_to_exitcode(status))

    def _ended(self, part: Running, code: int) -> None:
        ran = time.monotonic() - part.started
        part.pid, part.state = 0, "ended"
        part.delay = 0.2 if ran > _STABLE_SECONDS else min(5.0, part.delay * 2 or 0.2)
        part.due = time.monotonic() + part.delay
        how = f"signal {-code}" if code < 0 else f"status {code}"
        given_up = not part.worked() and part.restarts + 1 >= _EARLY_ENDS
        if given_up:
            part.state = "failed"
            self._fail(f"{part.spec['name']} ended {_EARLY_ENDS} times with {how}.", part)
        else:
            words = f"{part.spec['name']} ended with {how}; it starts again in {part.delay:.1f} s."
            with (Path(self._spec["logs"]) / f"{part.spec['name']}.log").open("a") as log:
                log.write(f"pileus: {words}\n")

    def _fail(self, reason: str, part: Running | None = None) -> None:
        if self._phase != "failed":
            self._phase = "failed"
            self._reason = reason
            self._culprit = part.spec["name"] if part else ""

    def _judge(self) -> None:
        if self._phase == "starting" and all(part.worked() for part in self._parts.values()):
            self._phase = "ready"

    def _save(self) -> None:
        parts = {
            name: {
                "pid": part.pid,
                "port": part.spec["port"],
                "state": part.state,
                "restarts": part.restarts,
                "seconds": part.seconds,
            }
            for name, part in self._parts.items()
        }
        document = {"phase": self._phase, "reason": self._reason, "parts": parts}
        if self._phase == "failed":
            document["culprit"] = self._culprit
        text = json.dumps(document)
        if text != self._saved:
            target = Path(self._spec["progress"])
            partial = target.with_suffix(".partial")
            partial.write_text(text)
            partial.rename(target)
            self._saved = text

    def _sleep(self) -> None:
        states = {part.state for part in self._parts.values()}
        busy = "starting" in states or "ended" in states or (self._phase == "starting")
        select.select([self._wake], [], [], _STARTING_TICK if busy else _QUIET_TICK)
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def _stop(self) -> None:
        # Nothing is worth a long goodbye: the state is thrown away.
        alive = [part.pid for part in self._parts.values() if part.pid]
        for number, patience in ((signal.SIGTERM, 0.3), (signal.SIGKILL, 5.0)):
            for pid in alive:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            end = time.monotonic() + patience
            while time.monotonic() < end:
                self._reap()
                if not any(part.pid for part in self._parts.values()):
                    return
                time.sleep(0.02)

    def _end(self, *_: object) -> None:
        self._ending = True

    def _read_again(self, *_: object) -> None:
        self._reload = True


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _works(spec: dict[str, Any]) -> bool:
    """Whether the part answers; one without a question to ask works as soon as it runs."""
    if spec.get("socket"):
        return Path(spec["socket"]).is_socket()
    probe = spec.get("ready")
    if not probe:
        return True
    url = urllib.parse.urlsplit(probe["url"])
    try:
        connection: http.client.HTTPConnection
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=probe["ca"] or None)
            if not probe["ca"]:  # a part that makes its own certificate, on our loopback
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if probe["certificate"]:
                context.load_cert_chain(probe["certificate"], probe["key"])
            connection = http.client.HTTPSConnection(url.netloc, timeout=1, context=context)
        else:
            connection = http.client.HTTPConnection(url.netloc, timeout=1)
        try:
            connection.request("GET", url.path)
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    First(Path(sys.argv[1])).run()
