"""Ports of the host's loopback: each cluster has a block of its own.

Ports that are merely free when one looks are not free any more when the part that was given them starts,
minutes later, beside other clusters. So a cluster claims a block as long as it lives: by the name of an
abstract socket, which the kernel gives to one holder per network and takes back when the holder ends.
The first process inherits it. Within the block every part has its fixed place.
"""

from __future__ import annotations

import random
import socket

_SIZE = 40
_BLOCKS = range(20000, 30000, _SIZE)  # below the kernel's own choices, and not NodePorts

KUBEVIRT_PORTS, STORE_PORTS = 10, 20
"""How far behind the block's first port, the API server's, those of other parts begin."""


class PortsError(Exception):
    """Every block is taken; the message says what to do."""


def claim() -> tuple[socket.socket, int]:
    """The socket that keeps a block to its holder, and the block's first port."""
    for first in random.sample(_BLOCKS, len(_BLOCKS)):
        guard = socket.socket(socket.AF_UNIX)
        try:
            guard.bind(f"\0pileus-local-{first}")
            for port in range(first, first + _SIZE):
                listen(port).close()
        except OSError:
            guard.close()
            continue
        return guard, first
    raise PortsError(
        f"No {_SIZE} ports in a row are free on 127.0.0.1 between {_BLOCKS.start} and {_BLOCKS.stop}: end "
        "clusters that are not needed with `pileus local down`."
    )


def listen(port: int) -> socket.socket:
    """A listening socket on the host's loopback. Raises OSError where the port is taken."""
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(512)
    except OSError:
        listening.close()
        raise
    return listening
