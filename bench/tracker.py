"""Watches instead of polling: when the last resource had its status, when the last child was back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from bench.driver import Driver
from pileus.engine.plan import Manifest, ObjectKind

Told = Callable[[Manifest], int]
"""The generation that a resource's status is about."""


class Tracker:
    """How many resources of a namespace have a status about their present spec; fed by one watch."""

    def __init__(self, told: Told):
        self._told = told
        self._generation = 1
        self._done: set[str] = set()
        self._news = asyncio.Event()
        self._last = 0.0

    def saw(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        if metadata["generation"] >= self._generation and self._told(manifest) == metadata["generation"]:
            self._done.add(metadata["name"])
            self._last = time.monotonic()
            self._news.set()

    def expect(self, generation: int) -> None:
        """From now on count resources of this generation or a later one."""
        self._generation = generation
        self._done.clear()

    async def all(self, count: int) -> float:
        """Wait until `count` resources are done; the moment of it (monotonic)."""
        while len(self._done) < count:
            self._news.clear()
            await self._news.wait()
        return self._last


@asynccontextmanager
async def tracking(driver: Driver, kind: ObjectKind, namespace: str, told: Told) -> AsyncIterator[Tracker]:
    """A tracker that runs as long as the block."""
    tracker = Tracker(told)
    page = await driver.list(kind, namespace)
    for item in page["items"]:
        tracker.saw(item)

    async def follow() -> None:
        async for event, manifest in driver.events(kind, namespace, page["metadata"]["resourceVersion"]):
            if event in ("ADDED", "MODIFIED"):
                tracker.saw(manifest)

    async with _beside(follow()):
        yield tracker


@asynccontextmanager
async def coming_back(
    driver: Driver, kinds: tuple[ObjectKind, ...], namespace: str, deleted: set[tuple[str, str]]
) -> AsyncIterator[asyncio.Future[float]]:
    """Follows objects (plural, name) that go and come; the moment when the last is there again."""
    left = set(deleted)
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def follow(kind: ObjectKind, version: str) -> None:
        gone = set()
        async for event, manifest in driver.events(kind, namespace, version, metadata_only=True):
            ref = (kind.plural, manifest["metadata"]["name"])
            if event == "DELETED":
                gone.add(ref)
            elif event == "ADDED" and ref in gone:
                left.discard(ref)
                if not left and not done.done():
                    done.set_result(time.monotonic())

    async with contextlib.AsyncExitStack() as stack:
        for kind in kinds:
            page = await driver.list(kind, namespace, limit="1")
            await stack.enter_async_context(_beside(follow(kind, page["metadata"]["resourceVersion"])))
        yield done


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
