"""The fault proxy: plain HTTP to the operator, TLS to the API server, everything seen and written down.

Requests go through with the operator's own credentials, so the API server authenticates and authorizes
as ever. It listens on loopback.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web

from tests.campaign.calls import Call, Lots, placed
from tests.campaign.faults import Forward, Reset, Rule, refusal
from tests.campaign.views import Event, Views, line, listed

PASSED_ON = ("Authorization", "Content-Type", "Accept", "User-Agent")
MEGABYTES = 1024 * 1024


class Proxy:
    """One replica's way to the API server.

    calls: every request in the order it came. rules: faults, the first that takes a call decides.
    views: how watches are treated. events: number of watch events shown, by namespace.
    lots: what is drawn by lot in requests. wide: the resource whose names tell their namespace. scratch: what
    a store is tried with, by name, and for which namespace.
    """

    def __init__(
        self,
        server: str,
        trust: ssl.SSLContext,
        lots: Lots = (),
        beats: frozenset[str] = frozenset(),
        wide: str = "",
    ):
        self.calls: list[Call] = []
        self.rules: list[Rule] = []
        self.views = Views()
        self.events: Counter[str] = Counter()
        self.url = ""
        self.wide = wide
        self.scratch: dict[str, str] = {}
        self._server = server
        self._trust = trust
        self.lots = lots
        self._beats = beats
        self._last: dict[tuple[str, str, str], int] = {}
        self._active: dict[str, float] = {}
        self._waiting: set[int] = set()

    async def start(self) -> None:
        """Listen on a free port; `url` says which."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=MEGABYTES,
        )
        application = web.Application(client_max_size=16 * MEGABYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening."""
        self.views.cut()
        await self._session.close()
        await self._runner.cleanup()

    def heal(self) -> None:
        """No more faults."""
        self.rules.clear()
        old, self.views = self.views, Views()
        for event in (old.audible, old.open, old.caught_up):
            event.set()
        old.cut()

    def writes(self, *namespaces: str, since: int = 0) -> list[Call]:
        """The writes, of these namespaces or of all, from the call of this number on."""
        return [
            call
            for call in self.calls[since:]
            if call.changes and (not namespaces or call.target.namespace in namespaces)
        ]

    def quiet(self, *namespaces: str) -> float:
        """Seconds since the last write, or event that was shown, in these namespaces."""
        now = asyncio.get_running_loop().time()
        if any(
            call.changes and not call.status and call.target.namespace in namespaces
            for call in self.calls
            if id(call) in self._waiting
        ):
            return 0.0
        return min((now - self._active.get(namespace, 0.0) for namespace in namespaces), default=now)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        now = asyncio.get_running_loop().time()
        call = Call.read(request.method, request.path, dict(request.query), body, now, self.lots)
        if self.wide and call.target.resource == self.wide and call.target.name:
            namespace, name = placed(call.target.name)
            call.target = call.target._replace(namespace=namespace, name=name)
        if call.verb == "watch":
            self.calls.append(call)
            return await self._watch(request, call)

        async def forward() -> web.Response:
            return await self._forward(request, call, body)

        return await self.answered(request, call, forward)

    async def answered(self, request: web.Request, call: Call, forward: Forward) -> web.StreamResponse:
        """What the operator is answered to a call: by `forward`, or as a fault has it."""
        self.calls.append(call)
        self._waiting.add(id(call))
        self._note(call)
        try:
            rule = next((rule for rule in self.rules if rule.takes(call)), None)
            response = await (rule.act(call, forward) if rule else forward())
        except Reset:
            return _reset(request, call)
        finally:
            self._waiting.discard(id(call))
            self._note(call)
        call.status = response.status
        return response

    def _note(self, call: Call) -> None:
        if call.changes:
            self._active[call.target.namespace] = asyncio.get_running_loop().time()

    async def _forward(self, request: web.Request, call: Call, body: bytes) -> web.Response:
        query = dict(request.query)
        if call.verb == "list" and (past := self.views.past(call)):
            query |= {"resourceVersion": past, "resourceVersionMatch": "Exact"}
        async with self._session.request(
            request.method,
            self._server + request.path,
            params=query,
            data=body or None,
            headers=_headers(request),
        ) as upstream:
            content = await upstream.read()
            call.committed = upstream.status
            kept = {name: upstream.headers[name] for name in ("Retry-After",) if name in upstream.headers}
            return web.Response(
                status=upstream.status, body=content, content_type=upstream.content_type, headers=kept
            )

    async def _watch(self, request: web.Request, call: Call) -> web.StreamResponse:
        views = self.views
        if not views.open.is_set():
            call.status = 503
            return refusal(503)
        if not views.streaming and call.query.get("sendInitialEvents"):
            call.status = 400
            return refusal(400, message="sendInitialEvents is forbidden: injected by the proving ground")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        call.status = call.committed = 200
        try:
            async for event in views.treated(call, self._events(request, call, views)):
                if not response.prepared:
                    await response.prepare(request)
                await response.write(line(event))
                self._shown(call, event)
        except _Refused as refused:
            call.status = call.committed = refused.status
            return web.Response(status=refused.status, body=refused.body, content_type="application/json")
        except (ConnectionError, aiohttp.ClientError):
            return _reset(request, call)
        if not response.prepared:
            await response.prepare(request)
        return response

    def _shown(self, call: Call, event: Event) -> None:
        if event["type"] in ("BOOKMARK", "ERROR"):
            return
        metadata = event["object"]["metadata"]
        namespace = metadata.get("namespace", "")
        if self.wide and call.target.resource == self.wide:
            namespace, _ = placed(metadata["name"])
        self.events[namespace] += 1
        if self._beats and self._only_beats(call, event):
            return
        self._active[namespace] = asyncio.get_running_loop().time()

    def _only_beats(self, call: Call, event: Event) -> bool:
        """Whether an object is as it was last shown, but for fields that only say that it is looked at."""
        metadata = event["object"]["metadata"]
        key = (call.target.resource, metadata.get("namespace", ""), metadata["name"])
        found = hash(json.dumps(_without(event, self._beats)))
        before, self._last[key] = self._last.get(key), found
        return before == found

    async def _events(self, request: web.Request, call: Call, views: Views) -> AsyncIterator[Event]:
        """The events of the API server for this watch, from the past on if the view begins there."""
        query = dict(request.query)
        past = views.past(call)
        if past and query.pop("sendInitialEvents", None):
            for event in listed(await self._past(request, query, past)):
                yield event
            query.pop("resourceVersionMatch", None)
            query["resourceVersion"] = past
            await views.caught_up.wait()
        async with self._session.get(
            self._server + request.path, params=query, headers=_headers(request)
        ) as upstream:
            if upstream.status != 200:
                raise _Refused(upstream.status, await upstream.read())
            async for text in _lines(upstream.content):
                yield json.loads(text)

    async def _past(self, request: web.Request, query: dict[str, str], version: str) -> dict[str, object]:
        selector = {"labelSelector": query["labelSelector"]} if "labelSelector" in query else {}
        asked = {**selector, "resourceVersion": version, "resourceVersionMatch": "Exact"}
        headers = _headers(request)
        headers["Accept"] = headers.get("Accept", "").replace("ObjectMetadata;", "ObjectMetadataList;")
        async with self._session.get(self._server + request.path, params=asked, headers=headers) as upstream:
            if upstream.status != 200:
                raise _Refused(upstream.status, await upstream.read())
            page: dict[str, object] = await upstream.json()
            return page


def _without(value: Any, fields: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, fields) for key, item in value.items() if key not in fields}
    return [_without(item, fields) for item in value] if isinstance(value, list) else value


class _Refused(Exception):  # noqa: N818 - carries an answer
    def __init__(self, status: int, body: bytes):
        super().__init__(status)
        self.status = status
        self.body = body


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    pending = b""
    async for chunk in content.iter_any():
        *whole, pending = (pending + chunk).split(b"\n")
        for text in whole:
            if text:
                yield text


def _headers(request: web.Request) -> dict[str, str]:
    return {name: request.headers[name] for name in PASSED_ON if name in request.headers}


def _reset(request: web.Request, call: Call) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=call.committed or 502)
