"""A level-triggered work queue: one entry a resource, however many events woke it.

Adding a key that waits changes nothing; adding one that is being worked on makes it run once more
afterwards. What happened to a resource goes before what concerns all of them (the first pass after a
start), and neither starves the other. Failures back off per key, exponentially with jitter, from
half a second to a minute; a success forgets them. Times are in seconds of the event loop's
clock. Keys are opaque.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from pileus.engine.backoff import backoff

logger = logging.getLogger(__name__)

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 60.0
TURN = 8
"""Of so many keys taken one is from the backlog, so that news without end cannot starve it."""

Key = TypeVar("Key", bound=Hashable)


class Queue(Generic[Key]):
    """Coalescing queue with delays; `handle` returns seconds after which to look again, or None."""

    def __init__(self, handle: Callable[[Key], Awaitable[float | None]], *, workers: int = 32):
        self._handle = handle
        self._workers = workers
        self._news: dict[Key, float] = {}
        self._backlog: dict[Key, float] = {}
        self._taken = 0
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._delayed: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._sequence = 0
        self._wake = asyncio.Event()
        self._timer_wake = asyncio.Event()

    @property
    def depth(self) -> int:
        """Keys that are ready and wait for a worker."""
        return len(self._news) + len(self._backlog)

    @property
    def oldest(self) -> float:
        """How long the oldest ready key has been waiting."""
        firsts = [next(iter(lane.values())) for lane in (self._news, self._backlog) if lane]
        return max(0.0, asyncio.get_running_loop().time() - min(firsts)) if firsts else 0.0

    @property
    def busy(self) -> int:
        """Keys being worked on."""
        return len(self._running)

    def add(self, key: Key) -> None:
        """Have `key` looked at as soon as possible."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._news:
            self._backlog.pop(key, None)
            self._news[key] = asyncio.get_running_loop().time()
            self._wake.set()

    def add_all(self, keys: Iterable[Key]) -> None:
        """Have `keys` looked at because everything is, not because something happened to each: what is
        added by `add` meanwhile goes first."""
        now = asyncio.get_running_loop().time()
        for key in keys:
            if key in self._running:
                self._again.add(key)
            elif key not in self._news:
                self._backlog.setdefault(key, now)
        self._wake.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have `key` looked at after `seconds`, unless it already is to be looked at sooner."""
        due = asyncio.get_running_loop().time() + seconds
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._sequence += 1
        heapq.heappush(self._delayed, (due, self._sequence, key))
        self._timer_wake.set()

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a key that does not exist any more."""
        self._failures.pop(key, None)
        self._due.pop(key, None)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._timer())
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            while not (self._news or self._backlog):
                self._wake.clear()
                await self._wake.wait()
            key = self._next()
            self._running.add(key)
            try:
                delay = await self._handle(key)
                self._failures.pop(key, None)
                if delay is not None:
                    self.add_after(key, delay)
            except Retry as retry:
                self.add_after(key, max(retry.after, self._backoff(key)))
            finally:
                self._running.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)
            # A pass that has nothing to write never waits: let events, probes and the lease have their turn.
            await asyncio.sleep(0)

    def _next(self) -> Key:
        self._taken += 1
        lane = self._news if self._news and (self._taken % TURN or not self._backlog) else self._backlog
        key = next(iter(lane))
        del lane[key]
        return key

    def _backoff(self, key: Key) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return backoff(failures, first=FIRST_BACKOFF, longest=LONGEST_BACKOFF)

    async def _timer(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._timer_wake.clear()
            now = loop.time()
            while self._delayed and self._delayed[0][0] <= now:
                due, _, key = heapq.heappop(self._delayed)
                if self._due.get(key) == due:
                    del self._due[key]
                    self.add(key)
            wait = self._delayed[0][0] - now if self._delayed else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._timer_wake.wait(), wait)


class Retry(Exception):  # noqa: N818 - a request to the queue, not an error
    """Raised by a handler: look again with backoff, and not before `after` seconds."""

    def __init__(self, after: float = 0.0):
        super().__init__(after)
        self.after = after
