"""The fault proxy in front of an object store: plain HTTP to the operator, to the store as it likes it.

Headers go through as they came, so what the operator signed is what the store verifies. Calls and faults are
those of the proxy before the API server: a rule, a count of writes, a crash concerns both.
"""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
from aiohttp import web
from yarl import URL

from pileus.local.s3.stores import Store
from tests.campaign import storecalls
from tests.campaign.proxy import Proxy

_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length", "content-encoding"})
MEGABYTES = 1024 * 1024


class StoreProxy:
    """The operator's way to one store. endpoint, users: its two APIs, or one, once it has started."""

    def __init__(self, proxy: Proxy, store: Store):
        self.store = store
        self.endpoint = self.users = ""
        self._proxy = proxy
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        """Listen on free ports."""
        trust = ssl.create_default_context(cafile=self.store.ca) if self.store.ca else False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0), auto_decompress=False
        )
        self.endpoint = await self._listen(self.store.outside)
        apart = self.store.users_outside != self.store.outside
        self.users = await self._listen(self.store.users_outside) if apart else self.endpoint

    async def close(self) -> None:
        """Stop listening."""
        await self._session.close()
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(self, upstream: str) -> str:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, upstream)

        application = web.Application(client_max_size=64 * MEGABYTES)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _handle(self, request: web.Request, upstream: str) -> web.StreamResponse:
        body = await request.read()
        now = asyncio.get_running_loop().time()
        call = storecalls.read(
            request.method,
            request.path,
            dict(request.query),
            body,
            now,
            self._proxy.lots,
            self._proxy.scratch,
        )

        async def forward() -> web.Response:
            async with self._session.request(
                request.method,
                URL(upstream + request.raw_path, encoded=True),
                data=body or None,
                headers={
                    name: value for name, value in request.headers.items() if name.lower() != "connection"
                },
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                call.committed = answer.status
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
                return web.Response(status=answer.status, body=content, headers=kept)

        return await self._proxy.answered(request, call, forward)
