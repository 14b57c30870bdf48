"""What may be done to a request: answered in the server's stead, lost, held, or deadly.

A `Rule` picks calls and says what becomes of them. Rules live in a list of the proxy; the first that
takes a call decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from tests.campaign import storecalls
from tests.campaign.calls import Call, WriteName

Forward = Callable[[], Awaitable[web.Response]]
Act = Callable[[Call, Forward], Awaitable[web.Response]]
Match = Callable[[Call], bool]


class Reset(Exception):  # noqa: N818 - an order to the proxy, not an error
    """Close the operator's connection without an answer."""


@dataclass(slots=True)
class Rule:
    """`act` on the calls that `match`, `times` at most (None: always). `taken`: those so far."""

    match: Match
    act: Act
    times: int | None = 1
    taken: list[Call] = field(default_factory=list)

    def takes(self, call: Call) -> bool:
        """Whether this rule decides about the call; counts it."""
        if (self.times is not None and len(self.taken) >= self.times) or not self.match(call):
            return False
        self.taken.append(call)
        return True


# which calls


def writes_to(namespace: str, name: WriteName | None = None) -> Match:
    """Writes in a namespace: all, or the one of this name."""

    def match(call: Call) -> bool:
        there = call.changes and call.target.namespace == namespace
        return there and (name is None or call.write == name)

    return match


def attempts_at(namespace: str, name: WriteName) -> Match:
    """Every try to write this object, whatever the content, so that a fault stays."""
    there = writes_to(namespace)
    return lambda call: there(call) and call.write[:3] == name[:3]


# what becomes of them

REASONS = {
    403: "Forbidden",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def refused(call: Call, status: int, *, retry_after: int = 0, message: str = "") -> web.Response:
    """An answer as whoever was called writes it."""
    if call.target.group == storecalls.STORE:
        return storecalls.refusal(call, status, message)
    return refusal(status, retry_after=retry_after, message=message)


def refusal(status: int, *, retry_after: int = 0, message: str = "") -> web.Response:
    """An answer as the API server writes it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": REASONS.get(status, "Unknown"),
        "message": message or f"injected by the proving ground: {REASONS.get(status, status)}",
        "code": status,
    }
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return web.json_response(body, status=status, headers=headers)


def answer(status: int, *, retry_after: int = 0) -> Act:
    """The server is never asked."""

    async def act(call: Call, forward: Forward) -> web.Response:
        return refused(call, status, retry_after=retry_after)

    return act


def lose(how: str) -> Act:
    """The server does it, and its answer is lost: `504`, or `reset` of the connection."""

    async def act(call: Call, forward: Forward) -> web.Response:
        await forward()
        if how == "reset":
            raise Reset
        return refused(call, 504)

    return act


def crash(kill: Callable[[], Awaitable[None]], when: str) -> Act:
    """The operator dies `before` the server gets the request, or `after` the server has done it."""

    async def act(call: Call, forward: Forward) -> web.Response:
        if when == "after":
            await forward()
        await kill()
        raise Reset

    return act


def slow(seconds: float) -> Act:
    """The server takes its time."""

    async def act(call: Call, forward: Forward) -> web.Response:
        await asyncio.sleep(seconds)
        return await forward()

    return act


def hold(gate: asyncio.Event) -> Act:
    """The request waits until the gate opens."""

    async def act(call: Call, forward: Forward) -> web.Response:
        await gate.wait()
        return await forward()

    return act
