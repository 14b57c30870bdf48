"""What is known of enforcement is told before the first pass: a restart changes no verdict."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from pileus.cluster.prober import Prober, Trial
from pileus.engine.compare import digest
from pileus.engine.ports import ApiError
from pileus.objects.surroundings import Enforcement

RECORD = {"answer": "enforced", "where": "", "at": "2999-01-01T00:00:00Z", "fabric": digest(())}


class _Client:
    """Knows one ConfigMap, or answers with an error."""

    def __init__(self, record: dict[str, str] | int):
        self._record = record

    async def get(self, kind: Any, namespace: str, name: str, **_: Any) -> Any:
        if isinstance(self._record, int) or kind.kind != "ConfigMap":
            status = self._record if isinstance(self._record, int) else 404
            raise ApiError(status, "No", f"The API server answered {status}.")
        return {"data": self._record}


@pytest.mark.parametrize(
    ("record", "off", "holds", "words"),
    [
        (RECORD, False, True, "tried and blocked"),
        (RECORD | {"answer": "open"}, False, False, "tried and passed"),
        (404, False, None, "No image"),  # nor is the operator's own pod there
        (403, False, None, "was not found out"),
        (404, True, None, "wants it not"),
    ],
)
async def test_what_is_known_is_told_first(
    record: dict[str, str] | int, off: bool, holds: bool | None, words: str
) -> None:
    told: list[Enforcement] = []
    asked, known = asyncio.Event(), asyncio.Event()
    prober = Prober(
        _Client(record),  # type: ignore[arg-type]
        Trial("here", off=off),
        leading=lambda: True,
        fabric=tuple,
        found=lambda found: told.append(found) if not known.is_set() else None,
        asked=asked,
        known=known,
    )
    task = asyncio.create_task(prober.run())
    await asyncio.sleep(0)
    assert not told
    assert not known.is_set()
    asked.set()
    await asyncio.wait_for(known.wait(), 5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert [one.holds for one in told] == [holds]
    assert words in told[0].words
