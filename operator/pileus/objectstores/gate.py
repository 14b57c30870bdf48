"""How many calls a store gets at once, and when it is left alone.

Each store has threads of its own, so one that does not answer holds up nobody else's buckets. After some
calls in a row that found nobody there, its circuit is open: calls fail at once, without being made, until it
is time to try one again; the pauses double up to half a minute. Times are in seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from pileus.engine.backoff import backoff
from pileus.engine.ports import NotLeading
from pileus.objects.s3 import Trouble
from pileus.objectstores.errors import StoreError

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 8
"""Calls that are under way at once at one store."""
TOLERATED = 3
"""Calls in a row that may find nobody before the circuit opens."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0

Count = Callable[[str, str, float], None]
"""Called with (operation, result, seconds) after each call; result is "ok" or the trouble."""


class Gate:
    """The way to one store."""

    def __init__(self, *, count: Count, threads: int = THREADS):
        self._count = count
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._places = asyncio.Semaphore(threads)
        self._failures = 0
        self._until = 0.0
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nobody may go on this way any more: who is under way must not change anything."""
        return self._closed

    @property
    def wait(self) -> float:
        """Seconds until the store is tried again; 0 while it is not left alone."""
        return max(0.0, self._until - asyncio.get_running_loop().time())

    async def call(self, operation: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `work` returns, from a thread of the store's. Raises StoreError.

        `operation` is what it is counted as; one piece of work may make several calls of the store.
        """
        if self._closed:
            raise _changed(operation)
        if self.wait > 0:
            raise StoreError(
                Trouble.UNREACHABLE, f"{operation}: the store does not answer, and is left alone"
            )
        loop = asyncio.get_running_loop()
        async with self._places:
            started = loop.time()
            result = "ok"
            try:
                found = await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
            except asyncio.CancelledError:
                if not self._closed:
                    raise  # it is whoever waits that is cancelled
                result = Trouble.UNREACHABLE.value
                raise _changed(operation) from None
            except NotLeading:
                result = ""  # nobody was asked
                if self._closed:
                    raise _changed(operation) from None
                raise
            except StoreError as error:
                result = error.trouble.value
                self._heard(error.trouble is not Trouble.UNREACHABLE)
                raise
            finally:
                if result:
                    self._count(operation, result, loop.time() - started)
            self._heard(True)
            return found

    def close(self) -> None:
        """What is under way ends by itself, at the next call that may change something."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _heard(self, answered: bool) -> None:
        if answered:
            self._failures, self._until = 0, 0.0
            return
        self._failures += 1
        if self._failures >= TOLERATED:
            again = self._failures - TOLERATED + 1
            pause = backoff(again, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
            self._until = asyncio.get_running_loop().time() + pause


def _changed(operation: str) -> StoreError:
    return StoreError(Trouble.UNREACHABLE, f"{operation}: the way to the store was changed")
