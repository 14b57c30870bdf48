"""T1 and T2: the operator dies before or after each write; the answer to each write is lost.

One namespace for each point, all at once: the step is applied in all of them, and each has its own
fault armed. So every crash also catches the other namespaces somewhere in the middle.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.campaign import faults
from tests.campaign.calls import WriteName
from tests.campaign.conftest import Points
from tests.campaign.faults import Act, Rule
from tests.campaign.ground import Calm, Ground
from tests.campaign.states import States, recorded
from tests.campaign.subject import Scenario

pytestmark = pytest.mark.asyncio(loop_scope="session")


SAMPLE = 4
"""Writes of a scenario that the small run disturbs."""

Plan = tuple[int, WriteName, str]
"""(step, write, act): one point."""


async def test_t01_crash_at_every_write(
    ground: Ground, points: Points, full: bool, dice: random.Random
) -> None:
    acts = {when: faults.crash(ground.kill, when) for when in ("before", "after")}
    for scenario in chosen(ground, full):
        async with ground.supervised():
            calm = await ground.calm(scenario)
            await _disturbed(ground, points, scenario, calm, _plans(calm, acts, full, dice), acts)


async def test_t02_the_answer_to_every_write_is_lost(
    ground: Ground, points: Points, full: bool, dice: random.Random
) -> None:
    acts = {how: faults.lose(how) for how in ("504", "reset")}
    for scenario in chosen(ground, full):
        calm = await ground.calm(scenario)
        await _disturbed(ground, points, scenario, calm, _plans(calm, acts, full, dice), acts)


def chosen(ground: Ground, full: bool) -> list[Scenario]:
    """The scenarios of this run."""
    return [scenario for scenario in ground.subject.scenarios if full or scenario.smoke]


def _plans(calm: Calm, acts: dict[str, Act], full: bool, dice: random.Random) -> list[Plan]:
    plans = [
        (step, write, how) for step, writes in enumerate(calm.writes) for write in writes for how in acts
    ]
    return plans if full else dice.sample(plans, min(SAMPLE, len(plans)))


async def _disturbed(
    ground: Ground,
    points: Points,
    scenario: Scenario,
    calm: Calm,
    plans: list[Plan],
    acts: dict[str, Act],
) -> None:
    """The scenario once for each plan; each must come to the calm run's end, step by step."""
    at_once = ground.subject.at_once
    for first in range(0, len(plans), at_once):
        await _together(ground, points, scenario, calm, plans[first : first + at_once], acts)


async def _together(
    ground: Ground,
    points: Points,
    scenario: Scenario,
    calm: Calm,
    plans: list[Plan],
    acts: dict[str, Act],
) -> None:
    async with recorded(ground) as states:
        spaces = await ground.namespaces(scenario.name, len(plans))
        await _lived(ground, points, scenario, calm, dict(zip(spaces, plans, strict=True)), acts, states)
    await ground.drop(*spaces)


async def _lived(
    ground: Ground,
    points: Points,
    scenario: Scenario,
    calm: Calm,
    lives: dict[str, Plan],
    acts: dict[str, Act],
    states: States,
) -> None:
    spaces, plans = list(lives), list(lives.values())
    problems: dict[str, str] = {}
    rules: dict[str, Rule] = {}
    for number, step in enumerate(scenario.steps):
        for space, (at, write, how) in zip(spaces, plans, strict=True):
            if at == number:
                rules[space] = Rule(faults.writes_to(space, write), acts[how])
        ground.proxy.rules[:] = [rule for rule in rules.values() if not rule.taken]
        await asyncio.gather(*(ground.apply(space, step.spec) for space in spaces))
        late = await ground.reach({space: calm.ends[number] for space in spaces if space not in problems})
        problems |= {space: f"{step.name}: {lines}" for space, lines in late.items()}
        await states.end()
    ground.proxy.rules.clear()
    for space, (at, write, how) in zip(spaces, plans, strict=True):
        point = f"{scenario.name}, {scenario.steps[at].name}, {how} {write}"
        if not rules[space].taken and _on_the_way(write, calm.writes[at]):
            continue
        missed = "" if rules[space].taken else "this write was never made"
        points.check(point, problems.get(space) or missed or states.wrong(space))


def _on_the_way(write: WriteName, step: list[WriteName]) -> bool:
    """Whether a write of a calm step may be left out: how often a status, or what another write of the step
    replaces, is written depends on when others report."""
    later = step[step.index(write) + 1 :]
    return write.resource.endswith("/status") or any(one[:3] == write[:3] for one in later)
