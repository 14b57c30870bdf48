"""What the operator is shown of the cluster: watches as they are, broken, repeated, silent, or past.

A watch is streamed through line by line. For a view of the past the list that opens a streaming watch
is taken from the API server at an old version, and what follows is held until `caught_up`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.calls import Call

Event = dict[str, Any]
EXPIRED: Event = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": "Expired",
        "code": 410,
        "message": "too old resource version (injected by the proving ground)",
    },
}


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Views:
    """How watches are treated; plain fields that tests set.

    audible: while clear, events are held back (silence) of the watches that `deaf` picks.
    open: while clear, new watches are answered 503. cut_every: a watch ends after so many events; 0: never.
    twice: every event comes twice. barren: a watch that resumes ends at once, without a word.
    forgetful: a watch that resumes from a version is told that it is too old (410).
    streaming: False refuses streaming lists (400), so that clients list page by page.
    past: the version at which a call's view begins, or None for the present. caught_up: while clear,
    views of the past stay there.
    """

    audible: asyncio.Event = field(default_factory=_set)
    open: asyncio.Event = field(default_factory=_set)
    deaf: Callable[[Call], bool] = lambda call: True
    cut_every: int = 0
    twice: bool = False
    barren: bool = False
    forgetful: bool = False
    streaming: bool = True
    past: Callable[[Call], str | None] = lambda call: None
    caught_up: asyncio.Event = field(default_factory=_set)
    cuts: int = 0
    _ends: set[asyncio.Event] = field(default_factory=set)

    def cut(self) -> None:
        """End every open watch now."""
        for end in self._ends:
            end.set()

    async def treated(self, call: Call, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """The events of one watch as the operator gets them."""
        if self.barren and not _initial(call):
            return
        if self.forgetful and call.query.get("resourceVersion"):
            yield EXPIRED
            return
        end = asyncio.Event()
        self._ends.add(end)
        passed = 0
        try:
            while (event := await _next(events, end)) is not None:
                if self.deaf(call):
                    await _either(self.audible, end)
                if end.is_set():
                    return
                yield event
                if event["type"] == "BOOKMARK":
                    continue
                if self.twice:
                    yield event
                passed += 1
                if self.cut_every and passed >= self.cut_every and not _initial(call):
                    self.cuts += 1
                    return
        finally:
            self._ends.discard(end)


def _initial(call: Call) -> bool:
    # A list that never ends is no fault of a watch: nobody would ever get in step.
    return call.query.get("sendInitialEvents") == "true"


async def _next(events: AsyncIterator[Event], end: asyncio.Event) -> Event | None:
    coming: asyncio.Task[Event] = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
    ended = asyncio.ensure_future(end.wait())
    try:
        await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    except StopAsyncIteration:
        return None
    finally:
        for task in (coming, ended):
            task.cancel()
        await asyncio.gather(coming, ended, return_exceptions=True)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    if one.is_set():
        return
    waiting = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def listed(page: dict[str, Any]) -> list[Event]:
    """A list of the past as the events that open a streaming watch, the bookmark last."""
    kind = page["kind"].removesuffix("List")
    meta = {"apiVersion": page["apiVersion"], "kind": kind}
    events: list[Event] = [{"type": "ADDED", "object": {**meta, **item}} for item in page.get("items") or ()]
    metadata = {
        "resourceVersion": page["metadata"]["resourceVersion"],
        "annotations": {"k8s.io/initial-events-end": "true"},
    }
    events.append({"type": "BOOKMARK", "object": {**meta, "metadata": metadata}})
    return events


def line(event: Event) -> bytes:
    """An event as it goes over the wire."""
    return json.dumps(event).encode() + b"\n"
