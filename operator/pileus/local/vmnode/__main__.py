"""`python -m pileus.local.vmnode`: the played nodes, as a part of the local cluster."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from pathlib import Path

from pileus.local.vmnode.api import Api
from pileus.local.vmnode.life import Life
from pileus.local.vmnode.server import Server
from pileus.local.vmnode.world import WATCHED, World


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vmnode")
    parser.add_argument("--address", required=True)
    for name in ("kubeconfig", "handler-kubeconfig", "ca", "certificate", "key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser.parse_args()


async def _run(given: argparse.Namespace) -> None:
    world = World()
    async with Api(given.kubeconfig) as admin, Api(given.handler_kubeconfig) as handler:
        life = Life(world, admin, handler, given.address)
        server = Server(world, life.perform)
        await server.start(given.address, ca=given.ca, certificate=given.certificate, key=given.key)
        async with asyncio.TaskGroup() as tasks:
            for watched in WATCHED:
                tasks.create_task(world.follow(admin, watched))
            tasks.create_task(life.run())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # every write is complete in itself
    asyncio.run(_run(_arguments()))
