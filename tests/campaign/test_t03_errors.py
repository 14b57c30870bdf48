"""T3: each write is refused for a while; the condition says so, tries are few, and healing heals."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

import pytest

from pileus.engine.plan import Manifest
from pileus.objects.reading import condition
from tests.campaign import faults
from tests.campaign.calls import WriteName
from tests.campaign.conftest import Points
from tests.campaign.faults import Rule
from tests.campaign.ground import Calm, Ground, ready
from tests.campaign.storecalls import STORE
from tests.campaign.subject import Scenario
from tests.campaign.test_t01_crashes import chosen

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLD = {409: "Progressing", 429: "ApiUnavailable", 500: "ApiUnavailable", 403: "Forbidden"}
"""Reason of Ready while every try to write a child gets this answer."""
BY_STORE = {
    409: ("StoreBusy",),
    429: ("StoreBusy",),
    500: ("StoreBusy",),
    403: ("StoreDenied", "SettingRefused"),
}
"""The same of a call of an object store."""
HELD = 6.0
"""Seconds that a refusal lasts at least: long enough for a hot loop to give itself away."""


async def test_t03_every_write_is_refused_for_a_while(ground: Ground, points: Points, full: bool) -> None:
    # A refusal by permission is tried again after a minute only.
    answers = [status for status in TOLD if full or status != 403]
    steps: list[_Step] = []
    for scenario in chosen(ground, full):
        calm = await ground.calm(scenario)
        for number in range(len(scenario.steps) if full else 1):
            plans = _plans(calm.writes[number], answers)
            steps += [_Step(scenario, calm, number, some) for some in _cut(plans, ground.subject.at_once)]
    ground.deadline *= 3 if full else 1  # hundreds of apps at once
    try:
        for together in _grouped(steps, ground.subject.at_once):
            await asyncio.gather(*(_step(ground, points, step) for step in together))
    finally:
        ground.deadline /= 3 if full else 1


Plan = tuple[WriteName, int]
"""(write, answer): one point."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Points of one step."""

    scenario: Scenario
    calm: Calm
    number: int
    plans: list[Plan]


def _plans(writes: list[WriteName], answers: list[int]) -> list[Plan]:
    once = {(write.verb, write.resource, write.name): write for write in writes}
    return [(write, status) for write in once.values() for status in answers]


def _cut(plans: list[Plan], most: int) -> list[list[Plan]]:
    return [plans[first : first + most] for first in range(0, len(plans), most)]


def _grouped(steps: list[_Step], most: int) -> list[list[_Step]]:
    """The steps in order, so many at a time that their points are not more."""
    groups: list[list[_Step]] = []
    room = 0
    for step in steps:
        if len(step.plans) > room:
            groups.append([])
            room = most
        groups[-1].append(step)
        room -= len(step.plans)
    return groups


async def _step(ground: Ground, points: Points, tried: _Step) -> None:
    scenario, number, plans, ends = tried.scenario, tried.number, tried.plans, tried.calm.ends
    step = scenario.steps[number]
    spaces = await ground.namespaces(scenario.name, len(plans))
    for before in range(number):
        await asyncio.gather(*(ground.apply(space, scenario.steps[before].spec) for space in spaces))
        late = await ground.reach(dict.fromkeys(spaces, ends[before]))
        assert not late, f"undisturbed as yet: {late}"
    rules = {
        space: Rule(
            faults.attempts_at(space, write),
            faults.answer(status, retry_after=1 if status == 429 else 0),
            times=None,
        )
        for space, (write, status) in zip(spaces, plans, strict=True)
    }
    ground.proxy.rules += rules.values()
    shown = [ground.proxy.events[space] for space in spaces]
    await asyncio.gather(*(ground.apply(space, step.spec) for space in spaces))
    told = await asyncio.gather(
        *(
            _told(ground, space, rules[space], seen, *plan)
            for space, seen, plan in zip(spaces, shown, plans, strict=True)
        )
    )
    late = await ground.reach(dict.fromkeys(spaces, ends[number]))
    for space, (write, status), problem in zip(spaces, plans, told, strict=True):
        point = f"{scenario.name}, {step.name}, {status} for {write}"
        points.check(point, problem or late.get(space))
    await ground.drop(*spaces)


async def _told(ground: Ground, space: str, rule: Rule, shown: int, write: WriteName, status: int) -> str:
    """Wait until the refusal is told (a status that cannot be written: until it is tried again); heal it."""
    started = asyncio.get_running_loop().time()
    problem = ""
    tries = 2 if write.resource.endswith("/status") else 1
    try:
        while len(rule.taken) < tries:
            await asyncio.sleep(0.1)
            waited = asyncio.get_running_loop().time() - started
            assert waited < ground.deadline, f"tried {len(rule.taken)} times of {tries}"
        if not write.resource.endswith("/status"):
            reasons = BY_STORE[status] if rule.taken[0].target.group == STORE else (TOLD[status],)
            await ground.until(
                lambda live: ready(live) in reasons or _lacks(live, status), space, f"says {reasons}"
            )
    except AssertionError as error:
        problem = str(error)
    await asyncio.sleep(max(0.0, HELD - (asyncio.get_running_loop().time() - started)))
    ground.proxy.rules.remove(rule)
    return problem or _tries(rule, ground.proxy.events[space] - shown)


def _lacks(live: Manifest | None, status: int) -> bool:
    """Whether a store says what its keys are denied: that is no reason not to be ready for the rest."""
    told = str(condition(live, "Reachable").get("message", ""))
    return status == 403 and "AccessDenied (403)" in told


def _tries(rule: Rule, events: int) -> str:
    """More tries than backoff and the events that were shown can explain are a hot loop."""
    if not rule.taken:
        return "never tried"
    lasted = asyncio.get_running_loop().time() - rule.taken[0].at
    allowed = 4 + 2 * math.log2(1 + lasted) + 2 * events
    return f"{len(rule.taken)} tries in {lasted:.0f} s" if len(rule.taken) > allowed else ""
