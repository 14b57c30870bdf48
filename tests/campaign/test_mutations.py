"""The campaign on trial: every deliberate bug must be noticed, for what catches nothing proves nothing."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pileus.engine.ports import ApiError
from tests.campaign import test_t01_crashes
from tests.campaign.conftest import Points
from tests.campaign.ground import SOURCE, Ground
from tests.campaign.mutations import MUTATIONS, Mutation
from tests.campaign.test_t14_deputies import between

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODULES = [
    importlib.import_module(f"tests.campaign.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("test_*.py"))
    if file.stem != "test_mutations"
]
PATIENCE, LONGER = 30.0, 80.0
"""Seconds after which a state that never comes is given up here: a bug is expected."""
SLOW = frozenset({"t03", "t16_the_definition"})
"""A refusal by permission is tried again after a minute; Kubernetes' garbage collector learns of a definition
that came late within half a minute."""


class _Noticed(Exception):  # noqa: N818 - what is hoped for
    """The first failed point is enough."""


class _Impatient(Points):
    def check(self, point: str, problems: object = None) -> None:
        super().check(point, problems)
        if self.failed:
            raise _Noticed(self.failed[0])


@pytest.mark.full
@pytest.mark.needs("bugs")
@pytest.mark.timeout(5400)
async def test_mutations_are_noticed(
    ground: Ground,
    points: Points,
    report: list[str],
    seed: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    report.append("")
    report.append(f"{'deliberate bug':58} {'class':20} noticed by")
    at_hand = {"ground": ground, "seed": seed, "request": request}
    monkeypatch.setattr(
        test_t01_crashes, "SAMPLE", 12
    )  # the small run alone might miss the write in question
    try:
        chosen = request.config.getoption("--bugs")
        kind = ground.subject.kind.name
        tried = [mutation for mutation in MUTATIONS if mutation.kind == kind]
        mutations = [mutation for mutation in tried if re.search(chosen, mutation.name)]
        for name in dict.fromkeys(mutation.caught for mutation in mutations):
            # Without a bug the same test, as impatient, must have nothing to say: else it proves nothing.
            words = await _noticed(ground, None, name, tmp_path / name, at_hand)
            points.check(f"{name} without a bug", words)
        for number, mutation in enumerate(mutations):
            words = await _noticed(ground, mutation, mutation.caught, tmp_path / str(number), at_hand)
            points.check(f"{mutation.name} ({mutation.caught})", "" if words else "nothing noticed it")
            by = f"{mutation.caught}: {words[:90]}" if words else "NOBODY"
            report.append(f"{mutation.name:58} {mutation.fault:20} {by}")
    finally:
        ground.source, ground.deadline = SOURCE, ground.subject.patience


async def _noticed(
    ground: Ground, mutation: Mutation | None, name: str, directory: Path, at_hand: dict[str, Any]
) -> str:
    """What the test says of the bug; empty if it notices nothing."""
    test = _test(name)
    directory.mkdir()
    (directory / "scratch").mkdir()
    await ground.clear()
    ground.source = mutation.apply(directory) if mutation else SOURCE
    ground.deadline = LONGER if name in SLOW else PATIENCE
    given = {
        **at_hand,
        "full": name == "t08",  # its small run tries a few rows only
        "points": _Impatient(name, at_hand["seed"]),
        "dice": random.Random(at_hand["seed"]),
        "tmp_path": directory / "scratch",
    }
    try:
        await ground.start()
        wanted = inspect.signature(test).parameters
        async with contextlib.AsyncExitStack() as stack:
            if "bulkhead" in wanted:
                given["bulkhead"] = await stack.enter_async_context(between(ground))
            await test(**{parameter: given[parameter] for parameter in wanted})
    except (_Noticed, AssertionError, ApiError) as noticed:
        return next(iter(str(noticed).splitlines()), "")
    return next(iter((*given["points"].failed, *ground.trouble())), "")


def _test(name: str) -> Callable[..., Awaitable[None]]:
    """The one test whose name begins so."""
    found = {
        attribute: value
        for module in MODULES
        for attribute, value in vars(module).items()
        if attribute.startswith(f"test_{name}") and inspect.iscoroutinefunction(value)
    }
    (test,) = found.values()
    return test
