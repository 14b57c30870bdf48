"""One end of flows, a program with the standard library only: it serves ports, and tries those of others.

`serve NAME PORT...` says its name to whoever connects by TCP or sends a datagram. `try` reads requests from
standard input, one JSON document a line: what to try (address, port, protocol) and for how many seconds. All
of it is tried at once; the answer is a line with what each said, or "" where nobody answered. `both` is both.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

AGAIN = 0.2
"""Seconds after which a datagram is sent anew."""


class Naming(asyncio.DatagramProtocol):
    """Says a name to each sender."""

    def __init__(self, name: bytes) -> None:
        self.name = name

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.name, addr)


class Asking(asyncio.DatagramProtocol):
    """Waits for one datagram, or for the word that none will come."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._settle(data.decode())

    def error_received(self, exc: Exception) -> None:
        self._settle("")

    def _settle(self, answer: str) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


async def serve(name: str, ports: list[int]) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode())
        writer.close()

    loop = asyncio.get_running_loop()
    for port in ports:
        await asyncio.start_server(greet, None, port)
        await loop.create_datagram_endpoint(lambda: Naming(name.encode()), ("0.0.0.0", port))


async def by_tcp(address: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


async def by_udp(address: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(Asking, remote_addr=(address, port))
    try:
        while not asking.answer.done():
            transport.sendto(b"who?")
            await asyncio.wait([asking.answer], timeout=AGAIN)
        return asking.answer.result()
    finally:
        transport.close()


async def tried(address: str, port: int, protocol: str, seconds: float) -> str:
    by = {"TCP": by_tcp, "UDP": by_udp}[protocol]
    try:
        return await asyncio.wait_for(by(address, port), seconds)
    except (TimeoutError, OSError):
        return ""


async def answer_requests() -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        tries = (tried(*one, request["seconds"]) for one in request["tries"])
        print(json.dumps(await asyncio.gather(*tries)), flush=True)


async def main(mode: str, name: str = "", *ports: str) -> None:
    if mode in ("serve", "both"):
        await serve(name, [int(port) for port in ports])
    if mode in ("try", "both"):
        await answer_requests()
    else:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
