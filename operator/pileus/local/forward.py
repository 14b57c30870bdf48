"""Carries connections from the host's loopback to the API server inside the cluster's namespaces.

Run as a script, `forward.py DESCRIPTOR PORT`, as a part of the cluster. The listening socket was opened
by `up` on the host and is inherited: a socket stays in the network namespace where it was made, so this
process accepts outside while it connects inside. It dies with the cluster, and the port goes with it.

Bytes only: TLS passes through, so certificates and the identity of callers stay what they are.
Bounded: a reader is paused while the other side cannot write, and connections have a limit.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast

_CONNECTIONS = 1024


class Side(asyncio.Protocol):
    """One side of a connection; `other` is the transport of the opposite one."""

    open = 0

    def __init__(self, target: int | None = None) -> None:
        self._target = target
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """An accepted connection finds its opposite."""
        self.transport = cast("asyncio.Transport", transport)
        if self._target is not None:
            Side.open += 1
            if Side.open > _CONNECTIONS:
                self.transport.abort()
                return
            self.transport.pause_reading()
            task = asyncio.get_running_loop().create_task(self._connect(self._target))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)

    async def _connect(self, port: int) -> None:
        assert self.transport is not None
        try:
            _, other = await asyncio.get_running_loop().create_connection(Side, "127.0.0.1", port)
        except OSError:
            self.transport.abort()
            return
        self.other, other.other = other, self
        if self.transport.is_closing():
            self.connection_lost(None)
        else:
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """On to the other side."""
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Half-closed: the answer may still come."""
        if self.other and self.other.transport and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Both sides end together."""
        if self._target is not None:
            Side.open -= 1
        if self.other and self.other.transport:
            self.other.transport.close()

    def pause_writing(self) -> None:
        """Full: the other side waits."""
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Drained: the other side goes on."""
        if self.other and self.other.transport:
            self.other.transport.resume_reading()


_tasks: set[asyncio.Task[None]] = set()


async def serve(descriptor: int, port: int) -> None:
    """Accept for ever."""
    listening = socket.socket(fileno=descriptor)
    listening.setblocking(False)
    server = await asyncio.get_running_loop().create_server(lambda: Side(port), sock=listening)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
