"""T13: a thousand resources, and five thousand, behind a slow API server."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.campaign import faults
from tests.campaign.conftest import Points
from tests.campaign.faults import Rule
from tests.campaign.ground import Ground, ready
from tests.campaign.storecalls import TRIED

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = 0.03
"""Seconds that every write takes longer."""
IN_FLIGHT = 16
BASE_MEMORY = 130e6
"""Bytes of resident memory that are allowed beside what each resource takes. Generous: what is bounded is
that nothing grows without end."""


@pytest.mark.full
@pytest.mark.timeout(1800)
async def test_t13_many_resources(ground: Ground, points: Points, full: bool) -> None:
    for count in ground.subject.many if full else (100,):
        await _many(ground, points, count)


async def _many(ground: Ground, points: Points, count: int) -> None:
    """Every tenth can never be made; the others, and a newcomer, must not suffer from that."""
    await ground.clear()
    ground.deadline = min(600.0, 60.0 + count)
    spaces = [await ground.namespace("many", around=False) for _ in range(2)]
    healthy, sick = spaces
    ground.proxy.rules[:] = [
        Rule(faults.writes_to(sick), faults.answer(500), times=None),
        Rule(lambda call: call.changes, faults.slow(SLOW), times=None),
    ]
    await ground.start()
    shared = ground.operator.metric("pileus_cached_objects")  # the cluster's own: storage classes and such
    others = ground.operator.metric("pileus_resources")  # the stores that Buckets are on
    spec = ground.subject.still
    places = asyncio.Semaphore(IN_FLIGHT)

    async def one(number: int) -> None:
        async with places:
            await ground.apply(sick if number % 10 == 0 else healthy, spec, name=f"app-{number}")

    try:
        await asyncio.gather(*(one(number) for number in range(count)))
        for number in range(count):
            if number % 10:
                await _until_ready(ground, healthy, f"app-{number}")
        points.check(f"{count}: every healthy one is made")
        await ground.apply(healthy, spec, name="newcomer")
        await _until_ready(ground, healthy, "newcomer")
        points.check(f"{count}: a newcomer gets its turn while a tenth fails for ever")
        made = count - len(range(0, count, 10)) + 1
        points.check(f"{count}: none was made twice", _twice(ground, healthy, made))
        memory = _resident(ground.operator.pid)
        allowed = BASE_MEMORY + ground.subject.each * count
        points.check(f"{count}: memory", f"{memory / 1e6:.0f} MB" if memory > allowed else "")
        ground.proxy.rules.clear()
        for number in range(0, count, 10):
            await _until_ready(ground, sick, f"app-{number}")
        points.check(f"{count}: the sick recover")
        await asyncio.gather(*map(ground.delete_all, spaces))
        await ground.until(lambda live: live is None, healthy, "gone", name="newcomer")
        await ground.eventually(
            lambda: ground.operator.metric("pileus_resources") == others,
            "deleted resources are forgotten",
            pause=1,
        )
        await ground.eventually(  # garbage is collected in its own time
            lambda: ground.operator.metric("pileus_cached_objects") < count + shared,
            "objects of what was deleted are kept",
            pause=1,
        )
        points.check(f"{count}: nothing is kept of what was deleted")
    finally:
        ground.deadline = ground.subject.patience
        await ground.drop(*spaces)


async def _until_ready(ground: Ground, space: str, name: str) -> None:
    await ground.until(lambda live: ready(live) == "Ready", space, f"{name} is Ready", name=name)


def _twice(ground: Ground, space: str, made: int) -> list[str]:
    """Children that were written more than once: nothing but load disturbed them.

    What stores are tried with bears one name for all of them, and is written to many times in one trial: of
    these it is the trials that are counted, by the bucket that each begins with.
    """
    writes = Counter(
        (call.resource, call.target.name)
        for call in ground.proxy.writes(space)
        if call.target.subresource != "status" and call.resource != "events"
    )
    trials = writes["PUT bucket", TRIED]
    twice = [
        f"{resource} {name}"
        for (resource, name), times in writes.items()
        if times > 1 and not name.startswith(TRIED)
    ]
    return twice[:5] + ([f"{trials} trials of {made} stores"] if trials > made else [])


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the operator does not run")
