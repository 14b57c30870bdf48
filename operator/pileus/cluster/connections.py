"""HTTP/1.1 to one server over kept connections: as much of a client as a Kubernetes client needs.

One request at a time on each connection, no redirects, cookies, proxies or compression. The protocol
is parsed by httptools (llhttp); here are the pool, the time-outs and the end of broken connections. A
general client spends more time on a request than the API server's answer takes to be read (ADR 9).
Everything that goes wrong is an OSError: ConnectionError or TimeoutError.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

CONNECT_TIMEOUT = 10.0
KEEP = 60.0
"""Seconds after which an unused connection is not trusted: something in between may have dropped it."""
HIGH_WATER = 256 * 1024
"""Bytes of a stream that wait to be read before the server is made to wait."""
TLS_BUFFER = 32 * 1024
REPEATABLE = frozenset({"GET", "PUT", "DELETE"})


class Answer(NamedTuple):
    """A whole answer. retry_after: what that header says, or empty."""

    status: int
    body: bytes
    retry_after: str


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """A stream was answered with a status from 400 up."""

    def __init__(self, answer: Answer):
        super().__init__(answer.status)
        self.answer = answer


class Connections:
    """The connections to one server; `server` is its URL, and may have a path that goes before all others."""

    def __init__(self, server: str, tls: ssl.SSLContext | bool, agent: str):
        url = urlsplit(server)
        self._host, self._tls = url.hostname or "", tls or None
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._prefix = url.path.rstrip("/")
        self._common = f"Host: {url.netloc.rpartition('@')[2]}\r\nUser-Agent: {agent}\r\n"
        self._unused: list[_Connection] = []
        self._all: set[_Connection] = set()
        # asyncio gives each TLS connection a read buffer of 256 KiB, and there is one for each watch.
        asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER  # type: ignore[attr-defined]

    async def request(
        self,
        method: str,
        target: str,
        headers: str,
        body: bytes = b"",
        *,
        timeout: float,  # noqa: ASYNC109 - a timer of the loop is cheaper than a scope around everything
    ) -> Answer:
        """One request and its whole answer; `headers` are lines that end in CRLF, `timeout` is in seconds."""
        text = self._head(method, target, headers, body)
        loop = asyncio.get_running_loop()
        while True:
            connection, fresh = await self._connection(min(timeout, CONNECT_TIMEOUT))
            timer = loop.call_later(timeout, connection.fail, TimeoutError("no answer in time"))
            try:
                answer = await connection.exchange(text)
            except ConnectionResetError:
                if fresh or method not in REPEATABLE or connection.answered:
                    raise
                continue  # the server had closed it just then
            except BaseException:
                connection.fail(ConnectionAbortedError("given up"))
                raise
            finally:
                timer.cancel()
            self._keep(connection)
            return answer

    async def stream(self, target: str, headers: str, *, idle: float) -> AsyncGenerator[bytes, None]:
        """GET an endless answer in pieces as they arrive, the first of them empty: it is accepted.

        Ends with the answer. Raises `Refused`, and TimeoutError after `idle` seconds of silence.
        """
        connection, _ = await self._connection(CONNECT_TIMEOUT)
        try:
            await connection.open(self._head("GET", target, headers, b""), idle)
            if connection.status >= 400:
                body = b""
                while piece := await connection.piece():
                    body += piece
                self._keep(connection)
                raise Refused(Answer(connection.status, body, connection.retry_after))
            yield b""
            while piece := await connection.piece():
                yield piece
        finally:
            if connection not in self._unused:
                connection.fail(ConnectionAbortedError("read no further"))

    def close(self) -> None:
        """End every connection."""
        for connection in tuple(self._all):
            connection.fail(ConnectionAbortedError("closed"))

    def _head(self, method: str, target: str, headers: str, body: bytes) -> bytes:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {self._prefix}{target} HTTP/1.1\r\n{self._common}{headers}{length}\r\n"
        return head.encode("latin-1") + body

    async def _connection(self, timeout: float) -> tuple[_Connection, bool]:  # noqa: ASYNC109 - see above
        now = asyncio.get_running_loop().time()
        while self._unused:
            connection = self._unused.pop()
            if connection.usable and now - connection.since < KEEP:
                return connection, False
            connection.fail(ConnectionAbortedError("unused"))
        async with asyncio.timeout(timeout):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self._all),
                self._host,
                self._port,
                ssl=self._tls,
                happy_eyeballs_delay=0.25,
            )
        return connection, True

    def _keep(self, connection: _Connection) -> None:
        now = asyncio.get_running_loop().time()
        while self._unused and (not self._unused[0].usable or now - self._unused[0].since > KEEP):
            self._unused.pop(0).fail(ConnectionAbortedError("unused"))
        if connection.usable:
            connection.since = now
            self._unused.append(connection)
        else:
            connection.fail(ConnectionAbortedError("the server keeps it no longer"))


class _Connection(asyncio.Protocol):
    """One connection, and the one answer that is being read from it."""

    _transport: asyncio.Transport

    def __init__(self, registry: set[_Connection]) -> None:
        self._registry = registry
        self._error: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.since = 0.0  # when it was last used, on the loop's clock
        self._complete = self._paused = False
        self._expect(streaming=False)

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._error is None and self._complete and self._reusable

    async def exchange(self, text: bytes) -> Answer:
        """Send a request and wait for its whole answer."""
        self._send(text, streaming=False)
        while not self._complete:
            await self._wait()
        return Answer(self.status, b"".join(self._parts), self.retry_after)

    async def open(self, text: bytes, idle: float) -> None:
        """Send a request and wait for the head of its answer."""
        self._send(text, streaming=True)
        self.since = asyncio.get_running_loop().time()
        self._look_for_silence(idle)
        while not self.status:
            await self._wait()

    async def piece(self) -> bytes:
        """What has arrived of a stream; empty at its end."""
        while not self._parts and not self._complete:
            await self._wait()
        arrived = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return arrived

    def fail(self, error: OSError) -> None:
        """Break the connection off; whoever waits for it gets `error`."""
        if self._error is None:
            self._error = error
            self._transport.abort()
            self._tell()

    def _look_for_silence(self, idle: float) -> None:
        if not self._streaming or self._complete or self._error is not None:
            return
        # One timer a stream that looks now and then, instead of one for each piece.
        loop = asyncio.get_running_loop()
        if self._paused:
            self.since = loop.time()  # it is the reader who is slow
        if (left := self.since + idle - loop.time()) <= 0:
            self.fail(TimeoutError(f"silence for {idle} seconds"))
        else:
            loop.call_later(left, self._look_for_silence, idle)

    def _send(self, text: bytes, *, streaming: bool) -> None:
        self._expect(streaming=streaming)
        self._transport.write(text)

    def _expect(self, *, streaming: bool) -> None:
        self.status, self.retry_after, self.answered = 0, "", False
        self._parts: list[bytes] = []
        self._size = 0
        self._streaming, self._paused = streaming, False
        self._complete, self._reusable = False, True

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._error is not None and not self._complete:
            raise self._error

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Called by the event loop:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.discard(self)
        if self._error is None:
            self._error = ConnectionResetError(f"the server closed the connection ({exc})")
            self._tell()

    def data_received(self, data: bytes) -> None:
        if self._complete:  # whose it is cannot be told, so the next request must not find it here
            return self.fail(ConnectionError("an answer to no request"))
        self.answered = True
        if self._streaming:
            self.since = asyncio.get_running_loop().time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(ConnectionError(f"not an HTTP answer ({error})"))

    # Called by the parser:

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self._streaming:
            self._tell()

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        if self._streaming:
            self._size += len(body)
            if self._size > HIGH_WATER and not self._paused:
                self._paused = True
                self._transport.pause_reading()
            self._tell()

    def on_message_complete(self) -> None:
        self._complete = True
        self._reusable = self._parser.should_keep_alive()
        self._tell()
