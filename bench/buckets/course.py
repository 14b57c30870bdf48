"""The phases that the Buckets of one store go through: cold, idle, restart, resync, leave.

Between store and operator is a tap that counts calls; writes are the API server's own count. Both are all
there is: no other controller touches Buckets, their Secrets or their Events.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.buckets import bare
from bench.buckets.bare import Work
from bench.buckets.calls import Call
from bench.buckets.results import Engine, Phase
from bench.buckets.tap import Tap
from bench.counts import Request
from bench.driver import NAMESPACES, Driver, in_flight
from bench.process import Process
from bench.tracker import tracking
from pileus.engine.plan import Manifest, ObjectKind
from pileus.local.s3.objects import object_store
from pileus.local.s3.stores import Store
from pileus.objects.catalog import OBJECT_STORE

BUCKETS = ObjectKind("pileus.dev", "v1alpha1", "Bucket", "buckets")
COUNTED = {("pileus.dev", "buckets"), ("pileus.dev", "objectstores"), ("", "secrets"), ("", "events")}
LOOK = "GetBucketTagging"
"""A call that is made once a look."""
SETTLED = 4.0
"""Seconds without a call about a bucket after which a phase is over."""
APP = "app"
PROBED = "pileus-probe-"


def bucket(name: str, store: str) -> Manifest:
    """With one consumer; it goes with its resource."""
    spec = {"store": store, "access": [{"name": APP}], "deletionPolicy": "DeleteIfEmpty"}
    return {"metadata": {"name": name}, "spec": spec}


def ready(manifest: Manifest) -> int:
    """The generation that a resource is Ready in."""
    status = manifest.get("status", {})
    holds = {one["type"] for one in status.get("conditions") or () if one["status"] == "True"}
    return int(status["observedGeneration"]) if "Ready" in holds else -1


@dataclass(slots=True)
class Course:
    """`count` Buckets on one store. operator: as it is; resyncing: with another time between looks."""

    driver: Driver
    tap: Tap
    store: Store
    count: int
    operator: Process
    resyncing: Callable[[float], Process]
    idle: float
    patience: float
    _engine: Engine = field(init=False)
    _namespace: str = field(init=False)
    _names: dict[str, str] = field(default_factory=dict)
    _made: dict[str, list[Call]] = field(default_factory=dict)

    async def run(self) -> Engine:
        """All phases. Leaves no Bucket and no store; raises TimeoutError after `patience` seconds a phase."""
        self._engine = Engine(self.store.engine, self.count)
        self._namespace = f"bench-{self.store.engine}"
        await self.driver.create(NAMESPACES, {"metadata": {"name": self._namespace}})
        async with self.tap.to(self.store.outside) as s3, self.tap.to(self.store.users_outside) as users:
            try:
                await self._empty(s3, users)
                await self._cold()
                async with self._phase("idle"):
                    await asyncio.sleep(self.idle)
                took = await self._restart()
                await self._resync(took)
                await self._leave()
                await self._compare(s3, users)
            finally:
                self.operator.stop()
                await self.driver.clear((BUCKETS,), self._namespace)
                await self.driver.clear((OBJECT_STORE,), "")
        return self._engine

    async def _empty(self, s3: str, users: str) -> None:
        """The store gets known; then the operator goes, so that it finds all Buckets at once."""
        store = object_store(self.store)
        store["spec"] |= {"endpoint": s3, "usersEndpoint": users}
        store["spec"].pop("ca", None)  # the tap speaks HTTP
        self.operator.start()
        async with asyncio.timeout(self.patience), tracking(self.driver, OBJECT_STORE, "", ready) as tracker:
            await self.driver.create(OBJECT_STORE, store)
            await tracker.all(1)
            await self._settled(self.operator)
        self._engine.empty = self.operator.memory("VmRSS")
        self.operator.stop()

    async def _cold(self) -> None:
        async def create(number: int) -> None:
            await self.driver.create(BUCKETS, bucket(f"data-{number}", self.store.engine), self._namespace)

        await in_flight(self.count, create)
        async with (
            tracking(self.driver, BUCKETS, self._namespace, ready) as tracker,
            self._phase("cold", fresh=True) as phase,
        ):
            self.operator.start()
            async with asyncio.timeout(self.patience):
                phase.wall = await tracker.all(self.count) - self.operator.started
                await self._settled(self.operator)
        for item in (await self.driver.list(BUCKETS, self._namespace))["items"]:
            self._names[item["status"]["bucketName"]] = item["status"]["access"][0]["user"]

    async def _restart(self) -> float:
        """Seconds until the last look was over. Leaves the operator stopped."""
        self.operator.stop()
        async with self._phase("restart", fresh=True) as phase:
            self.operator.start()
            phase.wall = await self._looked(self.operator) - self.operator.started
        self.operator.stop()
        return phase.wall

    async def _compare(self, s3: str, users: str) -> None:
        """What a bare script takes for the very same calls, by the same way, in a store as empty as before.

        versitygw writes all of its users anew for each change, so what is left in it would slow it down.
        """
        self.operator.stop()
        sample = next(iter(self._names))
        about = {sample, self._names[sample]}
        for name in ("cold", "restart"):
            phase = self._engine.phase(name)
            operations = tuple(call.operation for call in self._made[name] if call.about in about)
            keys = (self.store.access_key, self.store.secret_key)
            work = Work(s3, users, *keys, operations, f"bare-{self._namespace}", self.count)
            before = len(self.tap.calls)
            phase.bare = await bare.seconds(work)
            made = len(self.tap.calls) - before
            assert made == len(operations) * self.count, f"{made} calls instead of {len(operations)} each"

    async def _resync(self, took: float) -> None:
        """Each Bucket's turn comes once in it: no second one before all have had their first."""
        process = self.resyncing(2 * took + 30)
        process.start()
        try:
            await self._looked(process)
            async with self._phase("resync", process):
                await self._looked(process)
        finally:
            process.stop()

    async def _leave(self) -> None:
        async def delete(number: int) -> None:
            await self.driver.delete(BUCKETS, self._namespace, f"data-{number}")

        self.operator.start()
        await self._looked(self.operator)
        async with self._phase("leave") as phase:
            started = time.monotonic()
            await in_flight(self.count, delete)
            async with asyncio.timeout(self.patience):
                while await self.driver.count(BUCKETS, self._namespace):  # noqa: ASYNC110 - others'
                    await asyncio.sleep(0.5)
                phase.wall = time.monotonic() - started
                await self._settled(self.operator)

    async def _looked(self, process: Process) -> float:
        """Wait until each bucket was looked at from now on and all is quiet; when the last call was."""
        first = len(self.tap.calls)
        async with asyncio.timeout(self.patience):
            left = set(self._names)
            while left:
                await asyncio.sleep(0.5)
                process.check()
                left -= {call.about for _, call in self.tap.calls[first:] if call.operation == LOOK}
            await self._settled(process)
        return max(moment for moment, call in self.tap.calls[first:] if call.about in self._names)

    async def _settled(self, process: Process) -> None:
        """Wait until nothing is called, and the process is quiet."""
        while True:
            before = len(self.tap.calls)
            await process.quiet(SETTLED)
            if not any(_concerns(call) for _, call in self.tap.calls[before:]):
                return

    @asynccontextmanager
    async def _phase(
        self, name: str, process: Process | None = None, *, fresh: bool = False
    ) -> AsyncIterator[Phase]:
        """Measures the block. `fresh`: the process starts in it, so all that it has used counts."""
        process, phase = process or self.operator, Phase(name)
        first, before = len(self.tap.calls), await self.driver.served()
        cpu = 0.0 if fresh else process.cpu
        yield phase
        phase.cpu = process.cpu - cpu
        phase.rss, phase.peak = process.memory("VmRSS"), process.memory("VmHWM")
        made = self._made[name] = [call for _, call in self.tap.calls[first:]]
        phase.calls = dict(Counter(call.operation for call in made if _concerns(call)))
        phase.own = dict(Counter(call.operation for call in made if not _concerns(call)))
        after = await self.driver.served()
        for request, total in after.items():
            if (request.group, request.resource) in COUNTED and (number := total - before[request]):
                phase.requests[_words(request)] = number
        self._engine.phases.append(phase)


def _concerns(call: Call) -> bool:
    """Whether it is about somebody's bucket, and not about the store itself."""
    return bool(call.about) and not call.about.startswith(PROBED)


def _words(request: Request) -> str:
    return f"{request.verb} {'/'.join(filter(None, (request.resource, request.subresource)))}"
