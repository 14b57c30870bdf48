"""T7: every field, through values that its schema gives and values that mean something.

An app goes from one spec to another and back, beside a new app that begins with the other. What changes
must lie where the table of effects says, all that the table says must change, the way must not
matter, and going back must bring back what was. Where a field cannot change on what is there, that must be
refused, and the new app is compared with the one that was. All apps go each stage at once.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from pileus.engine.ports import ApiError
from tests.campaign.conftest import Points
from tests.campaign.ground import QUIET, ROOT, Ground, ready
from tests.campaign.schema import Schema, leaves, messages, names, spec_schema
from tests.campaign.subject import Effect, Spec
from tests.campaign.variants import Snapshot, Variant, outside, places, spec_of, tried, unmoved, ways
from tests.engine.harness import condition

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 16
SPACE = 40
"""Apps of one namespace."""
SAMPLE = 6
"""Rows of a small run."""
PATIENCE = 90.0
"""Seconds after which what differs is taken to differ for good."""


async def test_t07_each_field_has_its_effect(
    ground: Ground, points: Points, full: bool, dice: random.Random
) -> None:
    schema = spec_schema(ROOT / ground.subject.crd)
    rows = list(ground.subject.effects)
    if not full:
        rows = dice.sample([row for row in rows if not row.slow], SAMPLE)
    scene = _Scene(ground, points, schema)
    variants = [variant for found in await _bounded(scene.admitted(row) for row in rows) for variant in found]
    at_once = ground.subject.at_once
    for first in range(0, len(variants), at_once):
        await scene.play(variants[first : first + at_once])
    for variant in variants:
        points.check(str(variant), variant.problems)
    for row in rows:
        seen = set().union(*(variant.places for variant in variants if variant.row is row))
        points.check(f"{row.field} has an effect", "" if seen else "none of its values changes anything")
        stale = [where for where in row.where if outside({where}, _above(seen))]
        points.check(f"{row.field} has all its effects", stale)


Wrongs = Callable[[dict[int, Snapshot]], dict[int, list[str]]]


class _Scene:
    """The apps of one test: those that move, by their variants' numbers, then as many new ones."""

    def __init__(self, ground: Ground, points: Points, schema: Schema):
        self.ground = ground
        self.points = points
        self.leaves = leaves(schema)
        self.ours = messages(schema)
        self.kind = ground.subject.target.kind
        self.rest = max(QUIET, ground.subject.rest)
        self.spaces: list[str] = []
        self.count = 0

    async def admitted(self, row: Effect) -> list[Variant]:
        """The ways of a row whose specs the API server takes; what it refuses, it must refuse in words."""
        still = self.ground.subject.still
        schema = self.leaves[row.field]
        for value in unmoved(row, schema):
            await self._admits(row, value, spec_of(row, still, value))
        values = [
            value
            for value in tried(row, schema)
            if await self._admits(row, value, spec_of(row, still, value))
        ]
        return list(ways(row, still, values)) if values else []

    async def _admits(self, row: Effect, value: Any, spec: Spec) -> bool:
        try:
            await self.ground.apply("default", spec, name="tried", dryRun="All")
        except ApiError as error:
            self.points.check(f"{row.field}: {value!r:.60} is refused in words", self._wordless(error, row))
            return False
        return True

    def _wordless(self, error: ApiError, row: Effect) -> str:
        told = names(row.field, error.message) or any(words in error.message for words in self.ours)
        return "" if error.status == 422 and told else f"{error.status}: {error.message}"

    async def play(self, variants: list[Variant]) -> None:
        """All of them: to the start, to the end beside new apps, and back to the start."""
        count = self.count = len(variants)
        self.spaces = await self.ground.namespaces("specs", -(-2 * count // SPACE))
        moved, new = list(range(count)), list(range(count, 2 * count))
        await _bounded(self._apply(n, variants[n].start) for n in moved)
        self._note(variants, await self._until(lambda found: {}), "at the start")
        found = await self._look()
        for n in moved:
            variants[n].before = found.get(n, {})
        refused = await _bounded(self._apply(n, variants[n].end) for n in moved)
        for variant, words in zip(variants, refused, strict=True):
            if variant.row.fixed not in words or (words and not variant.row.fixed):
                variant.problems.append(f"the change is {f'refused: {words}' if words else 'not refused'}")
        await _bounded(self._apply(n, variants[n - count].end) for n in new)
        late = await self._until(
            lambda found: {n: self._other_than_new(variants[n], found, n) for n in moved}
        )
        self._note(variants, late, "not as a new one")
        found = await self._look()
        for n, variant in enumerate(variants):
            variant.after = found.get(n + count if variant.row.fixed else n, {})
            variant.places = places(variant.before, variant.after, self.kind)
            allowed = (*variant.row.where, *variant.row.theirs, *self.ground.subject.bookkeeping)
            if elsewhere := outside(variant.places, allowed):
                variant.problems.append(f"changes elsewhere: {elsewhere}")
        refused = await _bounded(self._apply(n, variants[n].start) for n in moved)
        stuck = {n for n in moved if refused[n]}
        for n in stuck:
            if not variants[n].row.one_way or variants[n].row.one_way not in refused[n]:
                variants[n].problems.append(f"the way back is refused: {refused[n]}")
        back = [n for n in moved if n not in stuck]
        late = await self._until(
            lambda found: {n: self._other_than_before(variants[n], found, n) for n in back}
        )
        self._note(variants, late, "not as before")
        await self.ground.drop(*self.spaces)

    def _note(self, variants: list[Variant], late: dict[int, list[str]], what: str) -> None:
        for n, lines in late.items():
            variants[n].problems.append(f"{what}: {lines}")

    def _other_than_new(self, variant: Variant, found: dict[int, Snapshot], n: int) -> list[str]:
        if not variant.row.fresh or variant.row.fixed:
            return []
        new = found.get(n + self.count, {})
        # What keeps the books counts an app's own name in.
        allowed = (*variant.row.theirs, *self.ground.subject.bookkeeping)
        return outside(places(found.get(n, {}), new, self.kind), allowed)

    def _other_than_before(self, variant: Variant, found: dict[int, Snapshot], n: int) -> list[str]:
        row = variant.row
        return outside(places(variant.before, found.get(n, {}), self.kind), (*row.theirs, *row.lasting))

    async def _until(self, wrong: Wrongs) -> dict[int, list[str]]:
        """Wait until nothing is under way or wrong, and all is quiet; else what is, by the moved app."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max(PATIENCE, self.ground.subject.patience)
        while True:
            while self.ground.proxy.quiet(*self.spaces) < self.rest and loop.time() < deadline:
                await asyncio.sleep(0.2)
            late = {n: lines for n, lines in wrong(await self._look()).items() if lines}
            for n, words in (await self._under_way()).items():
                late.setdefault(n % self.count, []).append(words)
            if not late and self.ground.proxy.quiet(*self.spaces) >= self.rest:
                return {}
            if loop.time() > deadline:
                return late
            await asyncio.sleep(0.5)

    async def _under_way(self) -> dict[int, str]:
        """Apps whose status does not speak of their present spec, or says that it is not the last word."""
        found: dict[int, str] = {}
        for item in await self.ground.list(self.ground.subject.target):
            metadata, reason = item["metadata"], ready(item)
            if metadata["namespace"] not in self.spaces:
                continue
            stands = (condition(item, "Stalled") or {}).get("status") == "True"
            asks = stands or reason in self.ground.subject.asks
            if not reason or not (asks or self.ground.subject.settled(item)):
                found[_number(metadata["name"])] = f"under way: {reason or 'observedGeneration is behind'}"
        return found

    async def _look(self) -> dict[int, Snapshot]:
        """Each app's objects, by its number, with its name taken out."""
        found: dict[int, Snapshot] = {}
        for objects in (await self.ground.snapshots(self.spaces, history=False)).values():
            for key, value in objects.items():
                name = NAME.search(key)
                if name is not None:
                    found.setdefault(int(name[1]), {})[NAME.sub("@", key)] = _unnamed(value)
        return found

    async def _apply(self, n: int, spec: Spec) -> str:
        """Apply the spec to an app; the words of a refusal."""
        try:
            await self.ground.apply(self.spaces[n // SPACE], spec, name=f"app{n:04}")
        except ApiError as error:
            return f"{error.status} {error.message}"
        return ""


NAME = re.compile(r"\bapp(\d{4})\b")


def _number(name: str) -> int:
    found = NAME.search(name)
    assert found is not None, name
    return int(found[1])


def _unnamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {NAME.sub("@", key): _unnamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unnamed(item) for item in value]
    return NAME.sub("@", value) if isinstance(value, str) else value


def _above(seen: Iterable[str]) -> tuple[str, ...]:
    """Each place and all above it, so that a row's place counts as seen when something below it is."""
    found: set[str] = set()
    for place in seen:
        steps = re.split(r"(?=[.\[])", place)
        found.update(itertools.accumulate(steps))
    return tuple(found)


async def _bounded(work: Iterable[Awaitable[Any]]) -> list[Any]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: Awaitable[Any]) -> Any:
        async with gate:
            return await task

    return list(await asyncio.gather(*(one(task) for task in work)))
