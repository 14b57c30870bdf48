"""HTTP to the API server: whole answers, endless ones, and every way in which a connection ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pileus.cluster.connections import Connections, Refused

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = 5.0
SHORT = 0.05

Peer = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[None]]
"""Called with (number of the connection, head of the request, where to write) for each request."""


@contextlib.asynccontextmanager
async def served(peer: Peer, path: str = "") -> AsyncIterator[Connections]:
    """Connections to a server that answers as `peer` does."""
    count = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        number = count
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                await peer(number, await reader.readuntil(b"\r\n\r\n"), writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    connections = Connections(f"http://127.0.0.1:{port}{path}", False, "test")
    try:
        yield connections
    finally:
        connections.close()
        server.close()


async def all_of(connections: Connections, idle: float = LONG) -> list[bytes]:
    return [piece async for piece in connections.stream("/", "", idle=idle)]


WHOLE = {
    "of a known length": OK,
    "in chunks": CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
    "the last on this connection": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("size", [1, 1000], ids=["byte by byte", "at once"])
async def test_whole_answers(answer: bytes, size: int) -> None:
    async def peer(_: int, __: bytes, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(answer), size):
            writer.write(answer[start : start + size])
            await asyncio.sleep(0)

    async with served(peer) as connections:
        for _ in range(3):
            got = await connections.request("GET", "/", "", timeout=LONG)
            assert (got.status, got.body) == (200, b"ok")


async def test_what_is_sent() -> None:
    heads: list[bytes] = []

    async def peer(_: int, head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        writer.write(OK)

    async with served(peer, path="/k8s/clusters/one/") as connections:
        await connections.request("GET", "/api?x=y", "Accept: a\r\n", timeout=LONG)
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "GET /k8s/clusters/one/api?x=y HTTP/1.1"
    assert lines[1].startswith("Host: 127.0.0.1:")
    assert lines[2:] == ["User-Agent: test", "Accept: a", "", ""]


async def test_a_connection_is_used_again_and_by_one_request_at_a_time() -> None:
    numbers: list[int] = []
    inside: set[int] = set()

    async def peer(number: int, _: bytes, writer: asyncio.StreamWriter) -> None:
        assert number not in inside
        numbers.append(number)
        inside.add(number)
        await asyncio.sleep(0.01)
        inside.discard(number)
        writer.write(OK)

    async with served(peer) as connections:
        for _ in range(3):
            await asyncio.gather(*(connections.request("GET", "/", "", timeout=LONG) for _ in range(4)))
    assert set(numbers) == {1, 2, 3, 4}


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("PUT", True), ("PATCH", False)])
async def test_a_connection_that_the_server_drops_as_it_is_used_again(method: str, again: bool) -> None:
    async def peer(number: int, head: bytes, writer: asyncio.StreamWriter) -> None:
        if number == 1 and b"/second" in head:
            writer.close()
        else:
            writer.write(OK)

    async with served(peer) as connections:
        await connections.request("GET", "/first", "", timeout=LONG)
        if again:
            assert (await connections.request(method, "/second", "", timeout=LONG)).body == b"ok"
        else:  # whether it was carried out is not known
            with pytest.raises(ConnectionError):
                await connections.request(method, "/second", "", timeout=LONG)


BROKEN = {
    "no answer": b"",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_a_broken_answer_is_an_error_and_the_next_request_has_a_connection_of_its_own(
    answer: bytes,
) -> None:
    async def peer(number: int, _: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer if number == 1 else OK)
        if number == 1:
            writer.close()

    async with served(peer) as connections:
        with pytest.raises(ConnectionError):
            await connections.request("GET", "/", "", timeout=LONG)
        assert (await connections.request("GET", "/", "", timeout=LONG)).body == b"ok"


async def test_an_answer_that_comes_too_late_belongs_to_nobody() -> None:
    async def peer(number: int, head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/slow" in head:
            await asyncio.sleep(4 * SHORT)
        writer.write(OK.replace(b"ok", b"%02d" % number))

    async with served(peer) as connections:
        with pytest.raises(TimeoutError):
            await connections.request("PATCH", "/slow", "", timeout=SHORT)
        assert (await connections.request("PATCH", "/", "", timeout=LONG)).body == b"02"


async def test_a_request_that_is_given_up_leaves_its_connection_to_nobody() -> None:
    arrived = asyncio.Event()

    async def peer(number: int, head: bytes, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        if b"/slow" not in head:
            writer.write(OK.replace(b"ok", b"%02d" % number))

    async with served(peer) as connections:
        slow = asyncio.create_task(connections.request("GET", "/slow", "", timeout=LONG))
        await arrived.wait()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        assert (await connections.request("GET", "/", "", timeout=LONG)).body == b"02"


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(OSError, match=r"refused|failed"):
        await Connections("http://127.0.0.1:1", False, "test").request("GET", "/", "", timeout=LONG)


async def test_a_stream_gives_what_has_arrived_and_ends_with_the_answer() -> None:
    more = asyncio.Event()

    async def peer(_: int, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with served(peer) as connections:
        pieces: list[bytes] = []
        async for piece in connections.stream("/", "", idle=LONG):
            pieces.append(piece)
            if piece == b"one":
                more.set()
        assert pieces == [b"", b"one", b"two"]


async def test_a_stream_that_is_read_slowly_holds_the_server_back_and_loses_nothing() -> None:
    size, count = 64 * 1024, 200

    async def peer(_: int, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        for number in range(count):
            writer.write(b"%x\r\n" % size + bytes([number]) * size + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with served(peer) as connections:
        longest, total = 0, bytearray()
        async for piece in connections.stream("/", "", idle=LONG):
            longest = max(longest, len(piece))
            total += piece
            await asyncio.sleep(0.001)
        assert bytes(total) == b"".join(bytes([number]) * size for number in range(count))
        assert longest < size * count / 4, "it never piles up"


async def test_a_refused_stream_tells_the_whole_answer_and_leaves_its_connection_to_others() -> None:
    numbers: list[int] = []

    async def peer(number: int, _: bytes, writer: asyncio.StreamWriter) -> None:
        numbers.append(number)
        writer.write(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nwait")

    async with served(peer) as connections:
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                await all_of(connections)
            assert caught.value.answer == (429, b"wait", "7")
    assert numbers == [1, 1]


@pytest.mark.parametrize(
    "silent", [b"", CHUNKED, CHUNKED + b"3\r\none\r\n"], ids=["no head", "head", "piece"]
)
async def test_a_silent_stream_ends(silent: bytes) -> None:
    async def peer(_: int, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(silent)
        await asyncio.sleep(LONG)

    async with served(peer) as connections:
        with pytest.raises(TimeoutError):
            await all_of(connections, SHORT)


async def test_a_stream_that_breaks_off_is_an_error() -> None:
    async def peer(_: int, __: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"3\r\none\r\n")
        writer.close()

    async with served(peer) as connections:
        with pytest.raises(ConnectionError):
            await all_of(connections)


async def test_an_answer_to_no_request_is_given_to_none() -> None:
    async def peer(number: int, _: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        if number == 1:
            await asyncio.sleep(SHORT)
            writer.write(OK.replace(b"ok", b"no"))

    async with served(peer) as connections:
        first = await connections.request("GET", "/", "", timeout=LONG)
        await asyncio.sleep(2 * SHORT)
        second = await connections.request("GET", "/", "", timeout=LONG)
    assert (first.body, second.body) == (b"ok", b"ok")
