"""Every state of the children that the API server showed, and what of that may never be.

The driver watches the children by itself; what is seen has the order that the API server gave it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from pileus.cluster.client import path
from pileus.engine.plan import Manifest, ObjectKind
from tests.campaign.ground import Ground

IDLE = 3600.0
"""Seconds for which nothing may happen."""

Event = tuple[int, Manifest, bool]
"""(version, object, whether it is there from then on)."""


@dataclass(slots=True)
class States:
    """What was seen, by namespace; and the versions at which all was at rest."""

    ground: Ground
    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    ends: list[int] = field(default_factory=list)

    async def end(self) -> None:
        """All is at rest."""
        self.ends.append(int(await self.ground.version()))

    def wrong(self, namespace: str) -> list[str]:
        """What is wrong with a state that was there between two ends that follow each other."""
        never = self.ground.subject.never
        if never is None:
            return []
        events = sorted(self.events[namespace], key=lambda event: event[0])
        found: list[str] = []
        for start, end in zip(self.ends, self.ends[1:], strict=False):
            before, after = _at(events, start), _at(events, end)
            for version in (version for version, _, _ in events if start < version <= end):
                if words := never(before, _at(events, version), after):
                    found.append(f"on the way: {words}")
        return found


@contextlib.asynccontextmanager
async def recorded(ground: Ground) -> AsyncIterator[States]:
    """While this lasts, the states of the children are written down, where the subject asks about them."""
    states = States(ground)
    await states.end()
    kinds = ground.subject.owned if ground.subject.never else ()
    tasks = [asyncio.create_task(_follow(states, kind)) for kind in kinds]
    try:
        yield states
        assert not any(task.done() for task in tasks), "a watch of the driver's own ended"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(states: States, kind: ObjectKind) -> None:
    params = {"watch": "1", "resourceVersion": str(states.ends[0]), "timeoutSeconds": str(int(IDLE))}
    async for event in states.ground.client.stream(path(kind), params=params, idle=IDLE):
        item = event["object"]
        metadata = item["metadata"]
        there = event["type"] != "DELETED"
        states.events[metadata["namespace"]].append((int(metadata["resourceVersion"]), item, there))


def _at(events: Iterable[Event], version: int) -> list[Manifest]:
    """What was there at a version."""
    there: dict[tuple[str, str], Manifest] = {}
    for seen, item, exists in events:
        if seen <= version:
            there.pop((item["kind"], item["metadata"]["name"]), None)
            if exists:
                there[item["kind"], item["metadata"]["name"]] = item
    return list(there.values())
