"""T10: everything at once, by dice; then the faults stop, and the desired state comes and stays.

A Hypothesis state machine throws the dice. A failing seed is printed in the campaign's table; once it
is mended it goes into `SEEDS`, and is played in every full run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from pileus.engine.ports import ApiError
from tests.campaign import faults
from tests.campaign.calls import Call
from tests.campaign.conftest import Points
from tests.campaign.faults import Rule
from tests.campaign.ground import QUIET, Ground, Snapshot
from tests.campaign.test_t04_views import end_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS: tuple[int, ...] = (1128846769,)
"""Seeds that failed once."""
THROWN = 16
"""Seeds of a full run, beside those."""
STEPS = 14
SPACES = 3

PLACES = strategies.integers(0, SPACES - 1)


async def test_t10_a_mix_of_everything(
    ground: Ground, points: Points, full: bool, seed: int, request: pytest.FixtureRequest
) -> None:
    ends = [await end_of(ground, spec) for spec in ground.subject.mix]
    given = request.config.getoption("--seed")
    seeds = [*SEEDS, *range(seed, seed + THROWN)] if full and given is None else [seed]
    loop = asyncio.get_running_loop()
    async with ground.supervised():
        for number in seeds:
            before = len(points.failed)
            await asyncio.to_thread(_play, ground, ends, loop, number, points, 2 if full else 1)
            if len(points.failed) > before:
                points.seeds.append(number)


def _play(
    ground: Ground,
    ends: list[Snapshot],
    loop: asyncio.AbstractEventLoop,
    number: int,
    points: Points,
    lives: int,
) -> None:
    class Bound(Mix):
        stage = ground
        wanted = ends
        running = loop

    hypothesis.seed(number)(Bound)
    settings = hypothesis.settings(
        max_examples=1 + lives,  # Hypothesis begins with the simplest life
        stateful_step_count=STEPS,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with points.point(f"seed {number}"):
        run_state_machine_as_test(Bound, settings=settings)


class Mix(RuleBasedStateMachine):
    """Users, vandals and a bad network, on a few namespaces."""

    stage: Ground
    wanted: list[Snapshot]
    running: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.spaces = self._do(self.stage.namespaces("mix", SPACES))
        self.asked: list[int | None] = [None] * SPACES
        self.in_vain: set[int] = set()  # places where it was applied to what was still going
        self.mix = self.stage.subject.mix
        self.proxy = self.stage.proxy

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.running).result()

    # users

    @initialize(which=strategies.integers(0, 6))
    def begin(self, which: int) -> None:
        for place in range(SPACES):
            self.apply(place, which + place)

    @rule(place=PLACES, which=strategies.integers(0, 6))
    def apply(self, place: int, which: int) -> None:
        which %= len(self.mix)
        self.asked[place] = which
        self.in_vain.discard(place)
        found = self._do(self.stage.apply(self.spaces[place], self.mix[which]))
        if "deletionTimestamp" in found["metadata"]:
            self.in_vain.add(place)

    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        self.asked[place] = None
        self.in_vain.discard(place)
        self._do(self.stage.apply(self.spaces[place], None))

    # vandals

    @rule(place=PLACES, which=strategies.integers(0, 3), how=strategies.sampled_from(("edit", "delete")))
    def vandalize(self, place: int, which: int, how: str) -> None:
        self._do(self._vandalize(self.spaces[place], which, how))

    async def _vandalize(self, space: str, which: int, how: str) -> None:
        edits = self.stage.subject.edits
        kinds = [kind for kind in self.stage.subject.owned if kind.kind in edits]
        if not kinds:
            return
        kind = kinds[which % len(kinds)]
        name = self.stage.subject.child(kind)
        if how == "delete" or await self.stage.get(kind, space, name) is None:
            await self.stage.delete(kind, space, name)
        else:
            with contextlib.suppress(ApiError):  # gone meanwhile
                await self.stage.patch(kind, space, name, edits[kind.kind])

    # a bad network

    @rule(status=strategies.sampled_from((409, 429, 500, 503, 504)), times=strategies.integers(1, 3))
    def refuse(self, status: int, times: int) -> None:
        self._fault(faults.answer(status, retry_after=1 if status == 429 else 0), times)

    @rule(how=strategies.sampled_from(("504", "reset")), times=strategies.integers(1, 2))
    def lose(self, how: str, times: int) -> None:
        self._fault(faults.lose(how), times)

    @rule(when=strategies.sampled_from(("before", "after")))
    def crash(self, when: str) -> None:
        self._fault(faults.crash(self.stage.kill, when), 1)

    def _fault(self, act: faults.Act, times: int) -> None:
        concerned = frozenset(self.spaces)
        self.proxy.rules.append(
            Rule(lambda call: call.changes and call.target.namespace in concerned, act, times)
        )

    @rule(forgetful=strategies.booleans())
    def cut(self, forgetful: bool) -> None:
        self.proxy.views.forgetful = forgetful
        self.running.call_soon_threadsafe(self.proxy.views.cut)

    @rule(every=strategies.integers(0, 3), twice=strategies.booleans())
    def flaky(self, every: int, twice: bool) -> None:
        self.proxy.views.cut_every, self.proxy.views.twice = every, twice

    @rule(silent=strategies.booleans())
    def silence(self, silent: bool) -> None:
        audible = self.proxy.views.audible
        self.running.call_soon_threadsafe(audible.clear if silent else audible.set)

    @rule(seconds=strategies.floats(0.0, 1.0))
    def wait(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    # and then

    def teardown(self) -> None:
        self._do(self._rest())

    async def _rest(self) -> None:
        self.proxy.heal()
        for place in self.in_vain:
            await self._again(place)
        late = await self.stage.reach(
            {
                space: {} if asked is None else self.wanted[asked]
                for space, asked in zip(self.spaces, self.asked, strict=True)
            },
            history=False,
            but=self.stage.subject.abandoned,
        )
        assert not late, f"asked for {self.asked}: {late}"
        if self.stage.subject.sociable:
            await self.stage.alone(*self.spaces)
            await asyncio.sleep(2 * QUIET)  # what their going wakes comes half a second after it
            await self.stage.settled(*self.spaces)
        since = len(self.proxy.calls)
        await self.stage.restart()
        await asyncio.sleep(1.0)
        await self.stage.settled(*self.spaces)
        further = [f"{call} {_said(call)}" for call in self.proxy.writes(*self.spaces, since=since)]
        assert not further, f"a restart found something left to write: {further}"
        for space in self.spaces:
            await self.stage.apply(space, None)
        await self.stage.drop(*self.spaces)

    async def _again(self, place: int) -> None:
        """As a user does, or what applies for him: once more, when it is gone."""
        space, which = self.spaces[place], self.asked[place]
        assert which is not None
        await self.stage.until(lambda live: live is None, space, "it is gone")
        await self.stage.apply(space, self.mix[which])


def _said(call: Call) -> str:
    """A status that was written, conditions by their reasons."""
    body = call.body if isinstance(call.body, dict) else {}
    status = dict(body.get("status") or {})
    conditions = status.pop("conditions", None) or ()
    told = ", ".join(f"{entry['type']}: {entry['reason']} {entry['message']}" for entry in conditions)
    return f"{told} {status}"
