"""T11 and T12: two replicas of which one sleeps; and the previous release, from which this one takes over."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.campaign.calls import Call
from tests.campaign.conftest import Points
from tests.campaign.faults import Forward, Rule, writes_to
from tests.campaign.ground import QUIET, ROOT, Ground, ready
from tests.campaign.masks import differences

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.full
async def test_t11_the_leader_sleeps_longer_than_its_lease(
    ground: Ground, points: Points, full: bool, dice: random.Random
) -> None:
    """It is stopped in the middle of a pass; when it wakes, another one leads, and it must not write."""
    space = await ground.namespace("awake")
    await ground.finished(space, ground.subject.mix[1])
    writes = min(4, len(ground.proxy.writes(space)))
    await ground.drop(space)
    moments = range(writes) if full else [dice.randrange(writes)]
    for number in moments:
        await _sleep_at(ground, points, number)


async def _sleep_at(ground: Ground, points: Points, number: int) -> None:
    await ground.stop()
    other_way = await ground.second_proxy()
    first, second = ground.replica("first"), ground.replica("second", other_way)
    space = await ground.namespace("sleeper")
    seen = 0

    async def sleep(call: Call, forward: Forward) -> object:
        nonlocal seen
        seen += 1
        if seen == number + 1:
            first.send(signal.SIGSTOP)
        return await forward()

    try:
        await first.start()
        await first.until(lambda: first.metric("pileus_leading") == 1, "the first leads")
        await second.start()
        ground.proxy.rules.append(Rule(writes_to(space), sleep, times=number + 1))  # type: ignore[arg-type]
        await ground.apply(space, ground.subject.mix[1])
        await second.until(lambda: second.metric("pileus_leading") == 1, "the second takes over")
        await ground.apply(space, ground.subject.mix[2])
        await ground.until(lambda live: ready(live) == "Ready", space, "the second writes")
        await ground.settled(space)
        end = await ground.snapshot(space)
        since = len(ground.proxy.calls)
        first.send(signal.SIGCONT)
        await first.until(lambda: first.metric("pileus_leading") == 0, "the first knows that it slept")
        await asyncio.sleep(2 * QUIET)
        late = [str(call) for call in ground.proxy.writes(space, since=since)]
        points.check(f"asleep at write {number + 1}: the sleeper writes nothing", late)
        points.check(
            f"asleep at write {number + 1}: what the second made stays",
            differences(await ground.snapshot(space), end),
        )
        # and it is still of use
        await second.stop()
        await ground.apply(space, ground.subject.mix[1])
        with points.point(f"asleep at write {number + 1}: the sleeper leads again"):
            await ground.until(lambda live: ready(live) == "Ready", space, "the first works")
    finally:
        await first.kill()
        await second.kill()
        await other_way.close()
        ground.proxy.heal()
    await ground.apply(space, None)
    await ground.drop(space)


@pytest.mark.full
@pytest.mark.needs("previous")
async def test_t12_this_release_takes_over(ground: Ground, points: Points, tmp_path: Path) -> None:
    """The release before builds the state. This one changes nothing in what runs.

    A field that it decides in addition, at the value that is there, costs one write that claims it.
    """
    _unpack(ground.subject.previous, tmp_path)
    await ground.stop()
    before = ground.replica("previous", PYTHONPATH=f"{tmp_path / 'operator'}:{ROOT}")
    specs = [*ground.subject.mix, *ground.subject.everything]
    spaces = await ground.namespaces("takeover", len(specs))
    await before.start()
    await asyncio.gather(*(ground.finished(space, spec) for space, spec in zip(spaces, specs, strict=True)))
    ends = await ground.snapshots(spaces)
    await before.stop()
    since = len(ground.proxy.calls)
    now = ground.replica("this")
    await now.start()
    await asyncio.sleep(1)
    await ground.settled(*spaces)
    after = await ground.snapshots(spaces)
    for space, spec in zip(spaces, specs, strict=True):
        writes = Counter(call.write for call in ground.proxy.writes(space, since=since))
        twice = [str(write) for write, times in writes.items() if times > 1]
        points.check(f"{spec}", differences(ends[space], after[space]) or twice)
    await now.kill()
    await ground.drop(*spaces)


def _unpack(commit: str, directory: Path) -> None:
    """The operator's sources of another commit."""
    archive = subprocess.run(
        ["git", "archive", commit, "operator"], cwd=ROOT, capture_output=True, check=False
    )
    assert archive.returncode == 0, (
        f"The release before, commit {commit[:12]}, is not in this clone: run `git fetch --unshallow`. "
        f"{archive.stderr.decode()}"
    )
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
