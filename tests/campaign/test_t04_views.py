"""T4 to T6: views of the past, missed events, and watches that are cut, repeated, silent or refused."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.campaign.calls import Call
from tests.campaign.conftest import Points
from tests.campaign.ground import QUIET, Ground, message
from tests.campaign.masks import differences
from tests.campaign.subject import Scenario, Spec
from tests.campaign.test_t01_crashes import chosen
from tests.engine.harness import condition

pytestmark = pytest.mark.asyncio(loop_scope="session")

STALE: dict[str, Callable[[Ground, Call], bool]] = {
    "everything": lambda ground, call: call.target.group != "apiextensions.k8s.io",
    "our resources": lambda ground, call: call.target.resource == ground.subject.target.plural,
    "the children": lambda ground, call: (
        call.target.resource in {kind.plural for kind in ground.subject.owned}
    ),
}
"""Whose watches begin in the past: every view may lag on its own."""


async def test_t04_restart_onto_a_stale_view(ground: Ground, points: Points, full: bool) -> None:
    """The operator comes back and sees the cluster as it was before the last step; then it catches up."""
    lives = [(scenario, number) for scenario in chosen(ground, full) for number in range(len(scenario.steps))]
    for stale, concerned in STALE.items():
        if stale == "everything" and not full:
            continue
        spaces = await ground.namespaces("stale", len(lives))
        await _at(ground, spaces, lives, before=1)
        version = await ground.version()
        await _at(ground, spaces, lives, before=0)
        ends = await ground.snapshots(spaces)
        await ground.kill()
        ground.proxy.views.past = lambda call, c=concerned, v=version: v if c(ground, call) else None  # type: ignore[misc]
        ground.proxy.views.caught_up.clear()
        since = len(ground.proxy.calls)
        await ground.start()
        await asyncio.sleep(2 * QUIET)
        await ground.settled(*spaces)
        during = await ground.snapshots(spaces)
        wrong = {
            space: [
                str(call)
                for call in ground.proxy.writes(space, since=since)
                if call.verb == "delete" and call.committed == 200 and _wanted(call, ends[space])
            ]
            for space in spaces
        }
        ground.proxy.views.caught_up.set()
        late = await ground.reach(ends)
        for space, (scenario, number) in zip(spaces, lives, strict=True):
            point = f"{scenario.name}, {scenario.steps[number].name}, {stale} in the past"
            gone = [name for name in ends[space] if name not in during[space]]
            stopped = _stopped(ends[space], during[space])
            estranged = _estranged(ground, during[space])
            points.check(point, wrong[space] or gone or stopped or estranged or late.get(space))
        ground.proxy.heal()
        await ground.drop(*spaces)


async def _at(ground: Ground, spaces: list[str], lives: list[tuple[Scenario, int]], *, before: int) -> None:
    """Bring each life to its step, or the one before it."""

    async def one(space: str, scenario: Scenario, number: int) -> None:
        first = number if not before else 0
        for step in scenario.steps[first : number + 1 - before]:
            await ground.apply(space, step.spec)
            await ground.done(space, step)

    await asyncio.gather(*(one(space, *life) for space, life in zip(spaces, lives, strict=True)))


def _wanted(call: Call, end: dict[str, object]) -> bool:
    names = {name for name in end if name.split(" ", 1)[1] == call.target.name}
    return any(name.split(" ")[0].lower() in call.target.resource for name in names)


def _stopped(
    end: dict[str, dict[str, dict[str, object]]], now: dict[str, dict[str, dict[str, object]]]
) -> str:
    """Specs that were turned back to what the past asked for."""
    return ", ".join(
        f"{name} was turned back: {differences(now[name].get('spec'), wanted.get('spec'))}"
        for name, wanted in end.items()
        if name in now and wanted.get("spec") != now[name].get("spec")
    )


def _estranged(ground: Ground, now: dict[str, dict[str, dict[str, object]]]) -> str:
    """Whether the operator takes what it made for somebody else's, since it sees it late."""
    live = now.get(f"{ground.subject.kind.name} app")
    words = message(live)
    taken = (condition(live, "Ready") or {}).get("reason") == "NameTaken"
    return words if taken or "belongs to a deleted" in words else ""


Act = Callable[[Ground, str], Awaitable[None]]


async def _child_deleted(ground: Ground, space: str) -> None:
    for kind in ground.subject.owned:
        if kind.kind in ground.subject.edits:
            await ground.delete(kind, space, ground.subject.child(kind))


async def _made_and_gone(ground: Ground, space: str) -> None:
    await ground.apply(space, ground.subject.base, name="brief")
    await ground.apply(space, None, name="brief")


async def _made_anew(ground: Ground, space: str) -> None:
    await ground.apply(space, None)
    await ground.until(lambda live: live is None, space, "gone")
    await ground.apply(space, ground.subject.mix[1])


async def _there_and_back(ground: Ground, space: str) -> None:
    for spec in (*ground.subject.mix[2:4], ground.subject.mix[1]):
        await ground.apply(space, spec)


MISSED: dict[str, Act] = {
    "children deleted": _child_deleted,
    "a resource made and deleted": _made_and_gone,
    "deleted and made anew under its name": _made_anew,
    "changed there and back": _there_and_back,
}


async def test_t05_events_are_missed(ground: Ground, points: Points, full: bool) -> None:
    """What happens while no watch is open is found out afterwards: by replay, or (410) by a new list."""
    wanted = await end_of(ground, ground.subject.mix[1])
    # What has a finalizer of ours is not gone before we have seen it go.
    acts = {
        name: act for name, act in MISSED.items() if act is not _made_anew or not ground.subject.kind.part
    }
    for memory in ("replayed", "forgotten") if full else ("forgotten",):
        spaces = await ground.namespaces("missed", len(acts))
        await asyncio.gather(*(ground.apply(space, ground.subject.mix[1]) for space in spaces))
        late = await ground.reach(dict.fromkeys(spaces, wanted), history=False)
        assert not late, late
        ground.proxy.views.open.clear()
        ground.proxy.views.cut()
        for space, act in zip(spaces, acts.values(), strict=True):
            await act(ground, space)
        await asyncio.sleep(2 * QUIET)  # garbage is collected meanwhile
        ground.proxy.views.forgetful = memory == "forgotten"
        ground.proxy.views.open.set()
        late = await ground.reach(dict.fromkeys(spaces, wanted), history=False)
        for space, name in zip(spaces, acts, strict=True):
            points.check(f"{name}, {memory}", late.get(space))
        ground.proxy.heal()
        await ground.drop(*spaces)


async def end_of(ground: Ground, spec: Spec) -> dict[str, object]:
    """What a fresh resource with this spec becomes."""
    space = await ground.namespace("wanted")
    await ground.finished(space, spec)
    end = await ground.snapshot(space, history=False)
    await ground.drop(space)
    return end


@contextlib.asynccontextmanager
async def _cut(ground: Ground, every: int, *, forgetful: bool = False) -> AsyncIterator[None]:
    ground.proxy.views.cut_every = every
    ground.proxy.views.forgetful = forgetful
    yield


@contextlib.asynccontextmanager
async def _twice(ground: Ground) -> AsyncIterator[None]:
    ground.proxy.views.twice = True
    ground.proxy.views.cut()
    yield


@contextlib.asynccontextmanager
async def _for(seconds: float, then: Callable[[], None]) -> AsyncIterator[None]:
    """Ends the fault after a while, in the midst of what goes on; waits for that at the end."""

    async def end() -> None:
        await asyncio.sleep(seconds)
        then()

    task = asyncio.create_task(end())
    yield
    await task


@contextlib.asynccontextmanager
async def _silence(ground: Ground, seconds: float) -> AsyncIterator[None]:
    ground.proxy.views.audible.clear()
    async with _for(seconds, ground.proxy.views.audible.set):
        yield


@contextlib.asynccontextmanager
async def _refused(ground: Ground, seconds: float) -> AsyncIterator[None]:
    ground.proxy.views.open.clear()
    ground.proxy.views.cut()
    async with _for(seconds, ground.proxy.views.open.set):
        yield


@contextlib.asynccontextmanager
async def _barren(ground: Ground, seconds: float, points: Points) -> AsyncIterator[None]:
    """Watches end at once, for a while: that must not become a hot loop of requests."""
    ground.proxy.views.barren = True
    ground.proxy.views.cut()
    since = len(ground.proxy.calls)

    def end() -> None:
        watches: Counter[str] = Counter(
            call.resource for call in ground.proxy.calls[since:] if call.verb == "watch"
        )
        most = max(watches.values(), default=0)
        allowed = 4 + 2 * math.log2(1 + seconds)
        points.check("watches that end at once are few", f"{watches}" if most > allowed else "")
        ground.proxy.views.barren = False

    async with _for(seconds, end):
        yield


@contextlib.asynccontextmanager
async def _paged(ground: Ground) -> AsyncIterator[None]:
    ground.proxy.views.streaming = False
    await ground.restart()
    yield


async def test_t06_faulty_watches(ground: Ground, points: Points, full: bool) -> None:
    """Each way in which a watch can fail, through whole lives."""
    faults = {
        "cut after each event": lambda: _cut(ground, 1),
        "cut after three events": lambda: _cut(ground, 3),
        "cut and forgotten (410)": lambda: _cut(ground, 2, forgetful=True),
        "every event twice": lambda: _twice(ground),
        "silent for a while": lambda: _silence(ground, 30 if full else 2),
        "ended at once for a while": lambda: _barren(ground, 4, points),
        "refused for a while": lambda: _refused(ground, 3),
        "no streaming lists": lambda: _paged(ground),
    }
    if not full:
        faults = {name: faults[name] for name in ("cut after each event", "cut and forgotten (410)")}
    scenarios = chosen(ground, full)
    calms = [await ground.calm(scenario) for scenario in scenarios]
    for name, fault in faults.items():
        spaces = await ground.namespaces("watch", len(scenarios))
        problems: dict[str, str] = {}
        async with fault():
            for number in range(max(len(scenario.steps) for scenario in scenarios)):
                lives = [
                    (space, scenario.steps[number], calm.ends[number])
                    for space, scenario, calm in zip(spaces, scenarios, calms, strict=True)
                    if number < len(scenario.steps)
                ]
                await asyncio.gather(*(ground.apply(space, step.spec) for space, step, _ in lives))
                late = await ground.reach({space: end for space, _, end in lives})
                problems |= {space: f"step {number}: {lines}" for space, lines in late.items()}
        for space, scenario in zip(spaces, scenarios, strict=True):
            points.check(f"{scenario.name}, {name}", problems.get(space))
        ground.proxy.heal()
        await ground.drop(*spaces)
