"""Carries connections from the host's loopback to servers inside the cluster's namespaces.

Run as a script, `forward.py DESCRIPTOR PORT`, as a part of the cluster. The listening socket was opened
by `up` on the host and is inherited: a socket stays in the network namespace where it was made, so this
process accepts outside while it connects inside. It dies with the cluster, and the port goes with it.

`forward.py --beside DESCRIPTOR PORT...` opens listening sockets of its own beside the inherited one: what
comes to a running cluster has ports outside, too. Each leads to the same port inside.

Bytes only: TLS passes through, so certificates and the identity of callers stay what they are.
Bounded: a reader is paused while the other side cannot write, and connections have a limit.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import sys
from collections.abc import Mapping
from functools import partial
from typing import cast

_CONNECTIONS = 1024
_SIOCGSKNS = 0x894C  # a descriptor of the network namespace that a socket is in


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


def beside(inherited: int, ports: list[int]) -> dict[int, socket.socket]:
    """Listening sockets by port on loopback, in the network namespace of the inherited socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    inside = os.open("/proc/self/ns/net", os.O_RDONLY)
    outside = fcntl.ioctl(inherited, _SIOCGSKNS)
    _enter(libc, outside)
    try:
        return {port: socket.create_server(("127.0.0.1", port), backlog=512) for port in ports}
    finally:
        _enter(libc, inside)


def _enter(libc: ctypes.CDLL, namespace: int) -> None:
    if libc.setns(namespace, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


async def serve(listening: Mapping[int, socket.socket]) -> None:
    """Accept for ever."""
    loop = asyncio.get_running_loop()
    servers = []
    for port, opened in listening.items():
        opened.setblocking(False)
        servers.append(await loop.create_server(partial(Side, port), sock=opened))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    if sys.argv[1] == "--beside":
        listening = beside(int(sys.argv[2]), [int(port) for port in sys.argv[3:]])
    else:
        listening = {int(sys.argv[2]): socket.socket(fileno=int(sys.argv[1]))}
    asyncio.run(serve(listening))
