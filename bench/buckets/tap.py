"""A way to a store that counts. Bytes go through as they are, so signatures hold; requests are read along.

It speaks HTTP to whoever asks and what the store speaks to the store. The header Host is the asker's, so a
store must take whatever it says; both of ours do.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.buckets.calls import Call, Requests

PIECE = 65536


class Tap:
    """What passed: each call with its moment (monotonic), in the order in which they were whole."""

    def __init__(self, authority: str = ""):
        self.calls: list[tuple[float, Call]] = []
        self._trust = ssl.create_default_context(cafile=authority) if authority else None

    @asynccontextmanager
    async def to(self, url: str) -> AsyncIterator[str]:
        """The URL that leads to this one as long as the block runs."""
        found = urllib.parse.urlsplit(url)
        assert found.hostname
        host, port = found.hostname, found.port
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            tasks.add(task)
            try:
                beyond = await asyncio.open_connection(host, port, ssl=self._trust)
                await asyncio.gather(
                    self._carry(reader, beyond[1], Requests()), self._carry(beyond[0], writer, None)
                )
            except (OSError, asyncio.CancelledError):
                writer.transport.abort()
            finally:
                tasks.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: Requests | None
    ) -> None:
        try:
            while piece := await reader.read(PIECE):
                if requests is not None:
                    self.calls += [(time.monotonic(), call) for call in requests.more(piece)]
                writer.write(piece)
                await writer.drain()
        finally:
            with contextlib.suppress(OSError):
                writer.close()
