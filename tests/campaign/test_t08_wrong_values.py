"""T8: values of the right type that are wrong; refused in words, or told by a condition, then mended.

What the user reads must name the field at fault and what helps. Each row has a namespace of its own, and
all of them are tried at once; only rows that need other settings of the operator come apart.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from pileus.cluster.client import path
from pileus.engine.ports import ApiError
from pileus.objects.catalog import POD
from tests.campaign.conftest import Points
from tests.campaign.ground import Ground, Snapshot, message, ready
from tests.campaign.masks import differences
from tests.campaign.schema import names
from tests.campaign.subject import Wrong

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 16
SAMPLE = 24
"""Rows of a small run."""
NOT_READY = ("Ready", "ContainersReady")


async def test_t08_wrong_values_are_told(
    ground: Ground, points: Points, full: bool, dice: random.Random
) -> None:
    rows = list(ground.subject.wrong)
    if not full:
        rows = dice.sample([row for row in rows if not row.slow], SAMPLE)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row: Wrong) -> None:
        async with gate:
            with points.point(row.name):
                try:
                    await _tried(ground, row)
                except ApiError as error:
                    raise AssertionError(f"answered {error.status}: {error.message}") from error

    for settings in sorted({row.settings for row in rows}):  # none first: so runs the operator now
        if settings:
            await ground.stop()
            ground.operator = ground.replica(**dict(settings))
            await ground.start()
        there = [row for row in rows if row.settings == settings]
        await asyncio.gather(*(one(row) for row in there if not row.absent))
        for away in {_names(row): row.absent for row in there if row.absent}.values():
            await ground.forget(away)
            try:
                await asyncio.gather(*(one(row) for row in there if row.absent == away))
            finally:
                await ground.ensure(away)


def _names(row: Wrong) -> tuple[str, ...]:
    return tuple(manifest["metadata"]["name"] for manifest in row.absent)


async def _tried(ground: Ground, row: Wrong) -> None:
    space = await ground.namespace("wrong")
    for manifest in row.beside:
        await ground.apply_foreign(space, manifest)
    if row.before is not None:
        await ground.apply(space, row.before)
        await ground.until(lambda live: ready(live) == "Ready", space, "Ready before")
        if row.reason and not row.stands:  # a claim that is kept, and found again by another app of this name
            await ground.apply(space, None)
            await ground.until(lambda live: live is None, space, "gone")
    stood = await _children(ground, space) if row.stands else {}
    words = await (_refused(ground, space, row) if not row.reason else _told(ground, space, row))
    assert names(row.field, words), f"the field {row.field} is not named: {words}"
    assert row.remedy in words, f"the remedy {row.remedy!r} is not said: {words}"
    if row.stands:
        await ground.settled(space)
        changed = differences(stood, await _children(ground, space)) if stood else "nothing stood"
        assert not changed, f"what stood before is changed: {changed}"
    name = "app" if not row.reason and row.resource != "app" else row.resource
    if row.anew:
        await ground.apply(space, None, name=name)
        await ground.until(lambda live: live is None, space, "gone", name=name)
    await ground.apply(space, row.mended, name=name)
    await ground.until(lambda live: ready(live) == "Ready", space, "Ready when mended", name=name)
    await ground.drop(space)


async def _children(ground: Ground, space: str) -> Snapshot:
    found = await ground.snapshot(space)
    return {name: item for name, item in found.items() if name.split()[0] != ground.subject.target.kind}


async def _refused(ground: Ground, space: str, row: Wrong) -> str:
    answer = ApiError(200, "Accepted", "accepted")
    try:
        if row.before is not None:
            await ground.apply(space, row.spec, name=row.resource)
        else:
            await _create(ground, space, row)
    except ApiError as error:
        answer = error
    expected = 400 if "unknown field" in row.remedy else 422  # strict decoding comes before validation
    assert answer.status == expected, f"answered {answer.status}: {answer.message}"
    return answer.message


async def _create(ground: Ground, space: str, row: Wrong) -> None:
    """As a plain create: a server-side apply says less where a list has one key twice."""
    await ground.client.request(
        "create",
        path(ground.subject.target, space),
        method="POST",
        params={"fieldValidation": "Strict"},
        body=ground.manifest(space, row.resource, row.spec),
    )


async def _told(ground: Ground, space: str, row: Wrong) -> str:
    await ground.apply(space, row.spec, name=row.resource)
    if row.kubelet:
        await ground.until(lambda live: ready(live) == "Ready", space, "Ready as long as nothing is played")
        await _play(ground, space, row)
    live = await ground.until(
        lambda live: ready(live) == row.reason, space, f"says {row.reason}", name=row.resource
    )
    if ground.subject.restless:  # its engine's word comes later
        await ground.settled(space)
        live = await ground.get(ground.subject.target, space, row.resource)
        assert ready(live) == row.reason, f"says {ready(live)} in the end: {message(live)}"
    return message(live)


async def _play(ground: Ground, space: str, row: Wrong) -> None:
    """Have the pods' statuses say what a kubelet would."""
    for pod in await ground.list(POD, space):
        status = pod["status"]
        for kind in ("containerStatuses", "initContainerStatuses"):
            for entry in status.get(kind, ()):
                if played := row.kubelet.get(entry["name"]):
                    entry |= {"ready": False, "started": False, "lastState": {}, **played}
        for entry in status["conditions"]:
            if entry["type"] in NOT_READY:
                entry["status"] = "False"
        await ground.patch(POD, space, pod["metadata"]["name"], {"status": status}, "status")
