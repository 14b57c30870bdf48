"""A lease that lapses between two renewals is lost and held anew: whoever could not write tries again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from pileus.cluster import lease as module
from pileus.cluster.lease import RENEW_DEADLINE, Lease
from pileus.engine.ports import ApiError


class _Client:
    """An API server that has one Lease, and takes its time. now: seconds on the clock that it moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.takes = 0.0
        self.kept: dict[str, Any] = {}

    async def request(self, verb: str, url: str, *, body: Any = None, **_: Any) -> Any:
        await asyncio.sleep(0)
        self.now += self.takes
        if body is not None:
            self.kept = body
        if not self.kept:
            raise ApiError(404, "NotFound", "There is no such Lease.")
        return self.kept


@pytest.mark.parametrize(("takes", "lapses"), [(0.1, False), (RENEW_DEADLINE * 0.45, True)])
async def test_a_lapse_is_told(takes: float, lapses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Client()
    monkeypatch.setattr(module, "_clock", lambda: client.now)
    monkeypatch.setattr(module, "RETRY", 0.01)
    lease = Lease(client, namespace="n", name="l", identity="one")  # type: ignore[arg-type]
    competes = asyncio.create_task(lease.run())
    await lease.held.wait()
    lost = asyncio.create_task(lease.lost.wait())
    client.takes, before = takes, client.now
    while client.now < before + 4 * takes:
        await asyncio.sleep(0.01)
    client.takes = 0.1
    while not lease.leading():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert lost.done() == lapses
    await lease.held.wait()
    lost.cancel()
    competes.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await competes
