"""The work queue: nothing is lost, nothing runs twice at once, failures back off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from pileus.engine import queue as queue_module
from pileus.engine.queue import Queue, Retry


@contextlib.asynccontextmanager
async def running(
    handle: Callable[[str], Awaitable[float | None]], workers: int = 4
) -> AsyncIterator[Queue[str]]:
    queue: Queue[str] = Queue(handle, workers=workers)
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_many_events_of_one_key_are_one_pass() -> None:
    passes: list[str] = []

    async def handle(key: str) -> None:
        passes.append(key)

    queue: Queue[str] = Queue(handle)
    for _ in range(100):
        queue.add("a")
    queue.add("b")
    assert queue.depth == 2
    task = asyncio.create_task(queue.run())
    while queue.depth or queue.busy:
        await asyncio.sleep(0)
    task.cancel()
    assert passes == ["a", "b"]


async def test_an_event_during_a_pass_makes_one_more_and_never_two_at_once() -> None:
    gate = asyncio.Event()
    done = asyncio.Event()
    inside = 0
    passes = 0

    async def handle(_: str) -> None:
        nonlocal inside, passes
        inside += 1
        assert inside == 1, "two passes over one resource at once"
        await gate.wait()
        passes += 1
        inside -= 1
        if passes == 2:
            done.set()

    async with running(handle) as queue:
        queue.add("a")
        while not inside:
            await asyncio.sleep(0)
        for _ in range(10):
            queue.add("a")
        gate.set()
        await done.wait()
        while queue.depth or queue.busy:
            await asyncio.sleep(0)
    assert passes == 2


async def test_a_failure_is_tried_again_ever_later() -> None:
    delays: list[float] = []
    done = asyncio.Event()

    class Recording(Queue[str]):
        def add_after(self, key: str, seconds: float) -> None:
            delays.append(seconds)
            super().add_after(key, 0.0)

    async def handle(_: str) -> None:
        if len(delays) < 4:
            raise Retry
        done.set()

    queue = Recording(handle)
    task = asyncio.create_task(queue.run())
    queue.add("a")
    await done.wait()
    task.cancel()
    first = queue_module.FIRST_BACKOFF
    assert [round(delay / first / 2**n) for n, delay in enumerate(delays)] == [1, 1, 1, 1], delays


async def test_the_server_is_not_asked_before_it_wants_to_be() -> None:
    delays: list[float] = []

    class Recording(Queue[str]):
        def add_after(self, key: str, seconds: float) -> None:
            delays.append(seconds)

    async def handle(_: str) -> None:
        raise Retry(120.0)

    queue = Recording(handle)
    task = asyncio.create_task(queue.run())
    queue.add("a")
    while not delays:
        await asyncio.sleep(0)
    task.cancel()
    assert delays == [120.0]


async def test_the_sooner_of_two_delays_wins() -> None:
    done = asyncio.Event()

    async def handle(_: str) -> None:
        done.set()

    async with running(handle) as queue:
        queue.add_after("a", 3600)
        queue.add_after("a", 0)
        queue.add_after("a", 3600)
        await done.wait()


async def test_a_handler_that_breaks_ends_the_queue_loudly() -> None:
    async def handle(_: str) -> None:
        raise RuntimeError("defect")

    queue: Queue[str] = Queue(handle)
    queue.add("a")
    result = await asyncio.gather(queue.run(), return_exceptions=True)
    assert isinstance(result[0], ExceptionGroup)


async def order(queue: Queue[str], passes: list[str]) -> list[str]:
    task = asyncio.create_task(queue.run())
    while queue.depth or queue.busy:
        await asyncio.sleep(0)
    task.cancel()
    return passes


async def test_news_goes_before_the_backlog() -> None:
    passes: list[str] = []

    async def handle(key: str) -> None:
        passes.append(key)

    queue: Queue[str] = Queue(handle, workers=1)
    queue.add_all(["a", "b", "c"])
    queue.add("new")
    queue.add("c")
    queue.add_all(["new"])
    assert queue.depth == 4
    assert await order(queue, passes) == ["new", "c", "a", "b"]


async def test_news_without_end_does_not_starve_the_backlog() -> None:
    passes: list[str] = []

    async def handle(key: str) -> None:
        passes.append(key)
        if key == "busy" and len(passes) < 100:
            queue.add("busy")

    queue: Queue[str] = Queue(handle, workers=1)
    queue.add_all(["a", "b"])
    queue.add("busy")
    await order(queue, passes)
    assert {"a", "b"} <= set(passes[: 2 * queue_module.TURN])


async def test_passes_that_never_wait_leave_others_their_turn() -> None:
    left: list[int] = []

    async def handle(_: str) -> None:
        return None

    queue: Queue[str] = Queue(handle, workers=4)
    queue.add_all(str(number) for number in range(1000))
    task = asyncio.create_task(queue.run())
    while queue.depth or queue.busy:
        await asyncio.sleep(0)
        left.append(queue.depth)
    task.cancel()
    assert len(left) > 100, "the loop came round again and again while the queue worked"
