"""The campaign on trial: every deliberate bug must be noticed, for what catches nothing proves nothing."""

from __future__ import annotations

import importlib
import inspect
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.campaign.conftest import Points
from tests.campaign.ground import DEADLINE, SOURCE, Ground
from tests.campaign.mutations import MUTATIONS, Mutation

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODULES = [
    importlib.import_module(f"tests.campaign.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("test_t[01]*.py"))
]
PATIENCE = 20.0
"""Seconds after which a state that never comes is given up here: a bug is expected."""
SMOKE = ("trust a stale view", "drop the uid precondition of updates")


class _Noticed(Exception):  # noqa: N818 - what is hoped for
    """The first failed point is enough."""


class _Impatient(Points):
    def check(self, point: str, problems: object = None) -> None:
        super().check(point, problems)
        if self.failed:
            raise _Noticed(self.failed[0])


async def test_mutations_are_noticed(
    ground: Ground,
    points: Points,
    report: list[str],
    full: bool,
    seed: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    chosen = [mutation for mutation in MUTATIONS if full or mutation.name in SMOKE]
    report.append("")
    report.append(f"{'deliberate bug':58} {'class':20} noticed by")
    try:
        for number, mutation in enumerate(chosen):
            words = await _noticed(ground, mutation, tmp_path / str(number), seed, request)
            points.check(f"{mutation.name} ({mutation.caught})", "" if words else "nothing noticed it")
            by = f"{mutation.caught}: {words[:90]}" if words else "NOBODY"
            report.append(f"{mutation.name:58} {mutation.fault:20} {by}")
    finally:
        ground.source, ground.deadline = SOURCE, DEADLINE


async def _noticed(
    ground: Ground, mutation: Mutation, directory: Path, seed: int, request: pytest.FixtureRequest
) -> str:
    """The words of the test that noticed the bug; empty if none did."""
    test = _test(mutation.caught)
    await ground.clear()
    ground.source = mutation.apply(directory)
    ground.deadline = PATIENCE
    try:
        await ground.start()
        at_hand = {
            "ground": ground,
            "points": _Impatient(mutation.name, seed),
            "full": True,
            "seed": seed,
            "dice": random.Random(seed),
            "tmp_path": directory / "scratch",
            "request": request,
        }
        (directory / "scratch").mkdir()
        wanted = inspect.signature(test).parameters
        await test(**{name: at_hand[name] for name in wanted})
    except (_Noticed, AssertionError) as noticed:
        return str(noticed).splitlines()[0]
    return next(iter(ground.trouble()), "")


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
