"""Drives the operator as a user's process would run: a real API server, a real process, its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pileus.cluster.client import Client, path
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from tests.engine.widget import KINDS

WIDGETS = ObjectKind("pileus.dev", "v1alpha1", "Widget", "widgets")
NAMESPACES = ObjectKind("", "v1", "Namespace", "namespaces", namespaced=False)
ALL_PARTS = list(KINDS)
DEADLINE = 30.0
"""Seconds after which a state that should come is given up; not a timing that a test asserts."""


class Kube:
    """The test driver's own, privileged view of the API server."""

    def __init__(self, client: Client, namespace: str):
        self.client = client
        self.namespace = namespace

    async def get(self, kind: ObjectKind, name: str) -> Manifest | None:
        try:
            return await self.client.get(kind, self.namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: ObjectKind) -> list[Manifest]:
        answer = await self.client.request("list", path(kind, self.namespace))
        return list(answer["items"])

    async def create(self, kind: ObjectKind, manifest: Manifest) -> Manifest:
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}
        return await self.client.request("create", path(kind, self.namespace), method="POST", body=body)

    async def merge(self, kind: ObjectKind, name: str, patch: Manifest) -> Manifest:
        return await self.client.request(
            "patch",
            path(kind, self.namespace, name),
            method="PATCH",
            body=patch,
            content_type="application/merge-patch+json",
        )

    async def delete(self, kind: ObjectKind, name: str) -> None:
        await self.client.request("delete", path(kind, self.namespace, name), method="DELETE")

    async def widget(self, name: str, **spec: Any) -> Manifest:
        return await self.create(WIDGETS, {"metadata": {"name": name}, "spec": spec})

    async def until(
        self, kind: ObjectKind, name: str, wanted: Callable[[Manifest | None], bool], why: str
    ) -> Any:
        """Wait for an object to be as wanted; fails with what it is instead."""
        deadline = asyncio.get_running_loop().time() + DEADLINE
        while True:
            live = await self.get(kind, name)
            if wanted(live):
                return live
            assert asyncio.get_running_loop().time() < deadline, f"{why}: {kind.kind} {name} is {live}"
            await asyncio.sleep(0.05)

    async def until_ready(self, name: str, reason: str = "Ready", status: str = "") -> Manifest:
        """Wait until the Ready condition of the current generation has this reason."""

        def wanted(live: Manifest | None) -> bool:
            found = condition(live, "Ready")
            generation = (live or {}).get("metadata", {}).get("generation")
            current = ((live or {}).get("status") or {}).get("observedGeneration") == generation
            return bool(found and current and found["reason"] == reason)

        live: Manifest = await self.until(WIDGETS, name, wanted, f"Ready with reason {reason}")
        return live


class Operator:
    """One operator process: for Widgets, or with `whole` the product itself."""

    def __init__(
        self,
        kubeconfig: Path,
        *,
        lease_namespace: str,
        identity: str = "one",
        whole: bool = False,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ):
        """`environment`: more variables. `log`: where its log goes, for tests that read it."""
        self._command = ["pileus", "run"] if whole else ["tests.engine.process"]
        self._log = log
        self._env = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PILEUS_IDENTITY": identity,
            "PILEUS_ADDRESS": "127.0.0.1",
            "POD_NAME": identity,
            "PILEUS_NAMESPACE": lease_namespace,
            "PYTHONPATH": f"{Path(__file__).parents[2] / 'operator'}:{Path(__file__).parents[2]}",
            **(environment or {}),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *, ready: bool = True) -> None:
        """Start it; with `ready`, wait until its caches are in step."""
        self._port = free_port()
        quiet = None if os.environ.get("PILEUS_TEST_LOGS") else asyncio.subprocess.DEVNULL
        with contextlib.ExitStack() as files:
            log = files.enter_context(self._log.open("ab")) if self._log else quiet
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._command,
                env={**self._env, "PILEUS_PORT": str(self._port)},
                stderr=log,
            )
        if ready:
            await self.until(lambda: self._ready(), "ready")

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()

    async def stop(self) -> None:
        await self.kill(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def until(self, wanted: Callable[[], bool], why: str) -> None:
        deadline = asyncio.get_running_loop().time() + DEADLINE
        while not wanted():
            assert self._process is None or self._process.returncode is None, "the operator ended"
            assert asyncio.get_running_loop().time() < deadline, why
            await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Wait until nothing is queued or written for a while (events need a moment to come back)."""
        quiet = 0
        last = self.writes()
        deadline = asyncio.get_running_loop().time() + DEADLINE
        while quiet < 10:
            assert asyncio.get_running_loop().time() < deadline, "the operator never comes to rest"
            await asyncio.sleep(0.1)
            now = self.writes()
            busy = self.metric("pileus_queue_depth") + self.metric("pileus_queue_busy")
            quiet = quiet + 1 if now == last and not busy else 0
            last = now

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that carry these labels."""
        total = 0.0
        for line in self._scrape().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
        return total

    def writes(self) -> float:
        """Writes other than Lease renewals (which are the only updates) and Events."""
        return self.metric("pileus_api_requests_total", verb="patch") + self.metric(
            "pileus_api_requests_total", verb="delete"
        )

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def page(self) -> str:
        """All metrics, as Prometheus reads them."""
        return self._scrape()

    def _scrape(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def condition(manifest: Manifest | None, kind: str) -> Manifest | None:
    for entry in ((manifest or {}).get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return dict(entry)
    return None
