"""The phases that a contender goes through, and what each costs it: cold, restart, change, drift, idle."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from bench.contenders import Contender
from bench.counts import READS, WRITES
from bench.driver import NAMESPACES, Driver, in_flight
from bench.results import Phase, Restart, Row
from bench.sample import CHILDREN, Sample, app
from bench.tracker import Tracker, coming_back, tracking

IDLE = 60.0
"""Seconds of the idle phase."""
SETTLED = 3.0
"""Seconds of quiet after which a phase is over; more after a restart, since kro waits before it begins."""
RESTARTED = 15.0
DRIFT = 10
"""One child of so many is deleted."""
ASIDE = 10
"""Requests of a cold start that have nothing to do with the number of resources."""


@dataclass(slots=True)
class Course:
    """One contender with `count` resources of its own in an own namespace."""

    driver: Driver
    contender: Contender
    sample: Sample
    count: int
    patience: float
    quick: bool = False
    _row: Row = field(init=False)
    _namespace: str = field(init=False)

    def __post_init__(self) -> None:
        self._row = Row(self.contender.title, self.count)
        self._namespace = f"bench-{self.contender.name}"

    async def run(self) -> Row:
        """All phases. Leaves the namespace empty; raises TimeoutError after `patience` seconds a phase."""
        contender, process = self.contender, self.contender.process
        kinds = (contender.kind, *CHILDREN)
        await self.driver.create(NAMESPACES, {"metadata": {"name": self._namespace}})
        await contender.prepare(self.driver, process, self.sample)
        await in_flight(self.count, self._create)
        try:
            told = contender.told
            async with tracking(self.driver, contender.kind, self._namespace, told) as tracker:
                await self._cold(tracker)
                await self._restart()
                await self._change(tracker)
            await self._drift()
            async with self._phase("idle", floor=0):
                await asyncio.sleep(5 if self.quick else IDLE)
            process.stop()
            self._row.restart = await self._back()
        finally:
            process.stop()
            await self.driver.clear(kinds, self._namespace)
        return self._row

    async def _cold(self, tracker: Tracker) -> None:
        process = self.contender.process
        async with self._phase("cold", floor=5 * self.count + ASIDE, fresh=True) as phase:
            process.start()
            phase.wall = await self._until(tracker) - process.started
            await process.quiet(SETTLED)
        await self._complete()

    async def _restart(self) -> None:
        process = self.contender.process
        process.stop()
        async with self._phase("restart", floor=0, fresh=True):
            process.start()
            await process.quiet(RESTARTED)

    async def _change(self, tracker: Tracker) -> None:
        async with self._phase("change", floor=2 * self.count) as phase:
            tracker.expect(2)
            started = time.monotonic()
            await in_flight(self.count, self._update)
            phase.wall = await self._until(tracker) - started
            await self.contender.process.quiet(SETTLED)

    async def _drift(self) -> None:
        """Delete one child of ten, the kinds in turn, and wait until each is there again."""
        doomed = [
            (CHILDREN[number % len(CHILDREN)], f"app-{number * DRIFT // len(CHILDREN)}")
            for number in range(len(CHILDREN) * self.count // DRIFT)
        ]

        async def delete(number: int) -> None:
            kind, name = doomed[number]
            await self.driver.delete(kind, self._namespace, name)

        names = {(kind.plural, name) for kind, name in doomed}
        async with (
            coming_back(self.driver, CHILDREN, self._namespace, names) as back,
            self._phase("drift", floor=len(doomed)) as phase,
        ):
            started = time.monotonic()
            await in_flight(len(doomed), delete)
            async with asyncio.timeout(self.patience):
                phase.wall = await back - started
            await self.contender.process.quiet(SETTLED)
        await self._complete()

    async def _back(self) -> Restart:
        """One more restart, for its times alone: asking for them costs the contender something."""
        process = self.contender.process
        process.start()
        quiet = asyncio.create_task(process.quiet(RESTARTED))
        ready = passed = 0.0
        async with aiohttp.ClientSession() as session:
            while not quiet.done() and not (ready and passed):
                if not ready and await _text(session, self.contender.ready) is not None:
                    ready = time.monotonic() - process.started
                if ready and await self._passes(session) >= self.count:
                    passed = time.monotonic() - process.started
                await asyncio.sleep(0.1 if ready else 0.02)
        return Restart(ready, passed, await quiet - process.started)

    async def _passes(self, session: aiohttp.ClientSession) -> float:
        text = await _text(session, self.contender.metrics) or ""
        return sum(map(float, re.findall(rf"^{self.contender.passes}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))

    async def _create(self, number: int) -> None:
        await self.driver.create(self.contender.kind, app(f"app-{number}", str(number)), self._namespace)

    async def _update(self, number: int) -> None:
        patch = {"spec": {"env": {"NUMBER": f"changed-{number}"}}}
        await self.driver.change(self.contender.kind, self._namespace, f"app-{number}", patch)

    async def _until(self, tracker: Tracker) -> float:
        async with asyncio.timeout(self.patience):
            return await tracker.all(self.count)

    async def _complete(self) -> None:
        """What was claimed to be done is there: all children of all resources."""
        for kind in CHILDREN:
            found = await self.driver.count(kind, self._namespace)
            assert found == self.count, f"{self.contender.title}: {found} of {self.count} {kind.plural}"

    @asynccontextmanager
    async def _phase(self, name: str, *, floor: int, fresh: bool = False) -> AsyncIterator[Phase]:
        """Measures the block. `fresh`: the process starts in it, so all that it has used counts."""
        process, phase = self.contender.process, Phase(name, floor)
        before, cpu = await self.driver.served(), 0.0 if fresh else process.cpu
        yield phase
        phase.cpu = process.cpu - cpu
        phase.rss, phase.peak = process.memory("VmRSS"), process.memory("VmHWM")
        counted = {(kind.group, kind.plural) for kind in (self.contender.kind, *CHILDREN)} | {("", "events")}
        after = await self.driver.served()
        for request, total in after.items():
            if not (number := total - before[request]):
                continue
            if (request.group, request.resource) in counted:
                phase.requests[request.verb] = phase.requests.get(request.verb, 0) + number
            elif request.verb in (*WRITES, *READS):
                key = f"{name}: {request.verb} {request.resource}"
                self._row.apart[key] = self._row.apart.get(key, 0) + number
        self._row.phases.append(phase)


async def _text(session: aiohttp.ClientSession, url: str) -> str | None:
    """A page that answers 200, or None."""
    try:
        async with session.get(url) as answer:
            return await answer.text() if answer.status == 200 else None
    except aiohttp.ClientError:
        return None
