"""From apply to Ready on a real kubelet: what the operator adds to what Kubernetes itself takes.

In turn, a ContainerApp until it is Ready, and the same Deployment and Service applied by hand until the
Deployment is Available; then what is the operator's alone, without the pod in between: from the
ContainerApp to its Deployment, and from the Deployment's Available to the ContainerApp's Ready. Everything
is seen by watches of one client, which sees both sides equally late.

The app has a UDP port: that makes a Service, and no readiness probe. A probe that comes a moment too early is
asked again only after ten seconds, on either side, and would drown what is to be seen here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.driver import APPS, NAMESPACES, Driver
from bench.results import Ready
from bench.sample import rendered
from pileus.cluster.client import Client
from pileus.cluster.credentials import Endpoint
from pileus.engine.plan import Manifest, ObjectKind
from pileus.local.cluster import LocalCluster
from pileus.local.deploy import deploy
from pileus.local.report import Report
from pileus.objects import catalog

NAMESPACE = "bench-ready"
WARM_UP = 2
"""Pairs that do not count."""
PATIENCE = 60.0
BY_HAND = (catalog.SERVICE, catalog.DEPLOYMENT)


def app(name: str) -> Manifest:
    """One replica that does nothing and ends when it is told to."""
    spec = {
        "image": "local.pileus.dev/web:1",
        "command": ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
        "ports": [{"name": "nothing", "port": 8080, "protocol": "UDP"}],
        "replicas": 1,
        "size": "nano",
    }
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def measure(directory: Path, pairs: int, report: Report) -> Ready:
    """On a cluster of its own, which goes afterwards."""
    cluster = LocalCluster(directory, profile="node", report=report)
    cluster.up()
    try:
        deploy(cluster, report=report)
        return asyncio.run(_measure(cluster.kubeconfig, pairs, report))
    finally:
        cluster.down()


async def _measure(kubeconfig: Path, pairs: int, report: Report) -> Ready:
    async with Client(await Endpoint.load(str(kubeconfig)), agent="bench") as client:
        driver = Driver(client)
        await driver.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        await driver.exists(catalog.SERVICE_ACCOUNT, NAMESPACE, "default")
        ready = Ready()
        async with _moments(driver) as moments:
            for number in range(-WARM_UP, pairs):
                report.progress(f"Apply to Ready: pair {number + 1} of {pairs}")
                pair = Pair(driver, moments, number + WARM_UP)
                ways = (pair.operator, pair.hand)
                # Neither is always the first.
                for way in ways if number % 2 else reversed(ways):
                    await way(ready if number >= 0 else Ready())
                    await _empty(driver)
        return ready


class Moments:
    """When what was first seen (monotonic), by kind, name and what."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], asyncio.Future[float]] = defaultdict(
            lambda: asyncio.get_running_loop().create_future()
        )

    def note(self, kind: ObjectKind, manifest: Manifest) -> None:
        now = time.monotonic()
        holds = [
            c["type"] for c in manifest.get("status", {}).get("conditions") or () if c["status"] == "True"
        ]
        for what in ("there", *holds):
            first = self._seen[(kind.kind, manifest["metadata"]["name"], what)]
            if not first.done():
                first.set_result(now)

    async def of(self, kind: ObjectKind, name: str, what: str) -> float:
        """Wait for it; `what` is a condition that holds, or "there"."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.shield(self._seen[(kind.kind, name, what)])


class Pair:
    """One app by the operator and one by hand, of the same content."""

    def __init__(self, driver: Driver, moments: Moments, number: int):
        self._driver = driver
        self._moments = moments
        self._number = number

    async def operator(self, ready: Ready) -> None:
        """A ContainerApp."""
        name = f"operator-{self._number}"
        started = time.monotonic()
        await self._driver.apply(APPS, app(name), NAMESPACE)
        done = await self._moments.of(APPS, name, "Ready")
        made = await self._moments.of(catalog.DEPLOYMENT, name, "there")
        available = await self._moments.of(catalog.DEPLOYMENT, name, "Available")
        ready.operator.append(_ms(done - started))
        ready.seen.append(_ms(made - started))
        ready.told.append(_ms(done - available))
        await self._driver.delete(APPS, NAMESPACE, name)

    async def hand(self, ready: Ready) -> None:
        """Its Service and Deployment."""
        name = f"by-hand-{self._number}"
        uid = "00000000-0000-0000-0000-000000000000"
        wanted = app(name)
        found = rendered({**APPS.type_meta, **wanted, "metadata": wanted["metadata"] | {"uid": uid}})
        children = {kind: _alone(child) for kind, child in found if kind in BY_HAND}
        started = time.monotonic()
        for kind in BY_HAND:
            await self._driver.apply(kind, children[kind], NAMESPACE)
        done = await self._moments.of(catalog.DEPLOYMENT, name, "Available")
        ready.hand.append(_ms(done - started))
        for kind in BY_HAND:
            await self._driver.delete(kind, NAMESPACE, name)


def _alone(child: Manifest) -> Manifest:
    """As a person would write it: nobody's child, no account of its own, nothing of Pileus to be watched."""
    metadata = {"name": child["metadata"]["name"]}
    if child["kind"] == "Deployment":
        pod = child["spec"]["template"]["spec"]
        pod["serviceAccountName"] = "default"
        child["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "hand"
    return {**child, "metadata": metadata}


@asynccontextmanager
async def _moments(driver: Driver) -> AsyncIterator[Moments]:
    moments = Moments()

    async def follow(kind: ObjectKind, version: str) -> None:
        async for event, manifest in driver.events(kind, NAMESPACE, version):
            if event in ("ADDED", "MODIFIED"):
                moments.note(kind, manifest)

    tasks = []
    for kind in (APPS, catalog.DEPLOYMENT):
        page = await driver.list(kind, NAMESPACE)
        tasks.append(asyncio.create_task(follow(kind, page["metadata"]["resourceVersion"])))
    try:
        yield moments
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _empty(driver: Driver) -> None:
    """Wait until the pods are gone: the next one shall have the node for itself."""
    async with asyncio.timeout(PATIENCE):
        while await driver.count(catalog.POD, NAMESPACE):  # noqa: ASYNC110 - nothing is timed here
            await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
