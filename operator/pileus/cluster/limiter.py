"""Bounds the writes in flight, and finds the bound by itself between 4 and 32.

After TCP Vegas: the shortest latency seen is taken as the cost of a write on an idle server; what
a write takes longer is queueing there. Few queued writes raise the bound by one, many lower it,
and an overload answer (429, 5xx, time-out) halves it. More in flight only lengthens the queue:
one API server was fastest with 8 to 16 and slower with 64.
"""

from __future__ import annotations

import asyncio
from collections import deque

FLOOR, CEILING = 4, 32
FEW, MANY = 4.0, 8.0
"""Writes that may queue on the server before the bound stops rising, and before it falls."""
WINDOW = 16
"""Writes after which the bound is looked at again."""


class Limiter:
    """An asynchronous semaphore whose bound adapts; use `acquire` and `release(seconds, overload)`."""

    def __init__(self) -> None:
        self.bound = 8
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._best = float("inf")
        self._sum = 0.0
        self._count = 0

    async def acquire(self) -> None:
        """Wait for a place."""
        if self.in_flight < self.bound and not self._waiting:
            self.in_flight += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            else:
                self._waiting.remove(place)
            raise

    def release(self, seconds: float, *, overload: bool = False) -> None:
        """Give the place back and learn from how long the write took."""
        self._leave()
        if overload:
            self.bound = max(FLOOR, self.bound // 2)
            self._sum, self._count = 0.0, 0
            return
        self._best = min(self._best, seconds)
        self._sum += seconds
        self._count += 1
        if self._count >= WINDOW:
            queued = self.bound * (1 - self._best / max(self._sum / self._count, 1e-9))
            if queued < FEW:
                self.bound = min(CEILING, self.bound + 1)
            elif queued > MANY:
                self.bound = max(FLOOR, self.bound - 1)
            self._sum, self._count = 0.0, 0
            self._best *= 1.01  # forget slowly: a restarted or moved server has another shortest latency
        self._admit()

    def _leave(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < self.bound:
            place = self._waiting.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)
