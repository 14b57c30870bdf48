"""The bound on writes in flight: it holds, it adapts, and nobody is forgotten."""

from __future__ import annotations

import asyncio

from pileus.cluster.limiter import CEILING, FLOOR, WINDOW, Limiter


async def _cycle(limiter: Limiter, seconds: float, times: int, *, overload: bool = False) -> None:
    for _ in range(times):
        await limiter.acquire()
        limiter.release(seconds, overload=overload)


async def test_the_bound_holds_and_everybody_gets_a_turn() -> None:
    limiter = Limiter()
    most = 0
    turns = 0

    async def write() -> None:
        nonlocal most, turns
        await limiter.acquire()
        most = max(most, limiter.in_flight)
        await asyncio.sleep(0)
        turns += 1
        limiter.release(0.01, overload=True)

    await asyncio.gather(*(write() for _ in range(200)))
    assert (turns, limiter.in_flight) == (200, 0)
    assert most <= 8


async def test_it_rises_while_the_server_does_not_queue_and_no_further_than_the_ceiling() -> None:
    limiter = Limiter()
    await _cycle(limiter, 0.005, WINDOW * 100)
    assert limiter.bound == CEILING


async def test_it_falls_when_writes_queue_and_no_further_than_the_floor() -> None:
    limiter = Limiter()
    await _cycle(limiter, 0.005, WINDOW * 20)
    await _cycle(limiter, 0.5, WINDOW * 100)
    assert FLOOR <= limiter.bound <= 9


async def test_overload_halves_it_at_once() -> None:
    limiter = Limiter()
    await _cycle(limiter, 0.005, 1, overload=True)
    assert limiter.bound == 4


async def test_a_cancelled_wait_gives_its_place_on() -> None:
    limiter = Limiter()
    for _ in range(limiter.bound):
        await limiter.acquire()
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    limiter.release(0.01)
    await waiting[1]
    assert limiter.in_flight == limiter.bound
