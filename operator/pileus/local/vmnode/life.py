"""The loop: whenever something changes, and each half second, every role says what is due, and it is written.

A write that is refused is no reason to stop: what is still due is tried at the next look. What was
written is known at once, so that the same is not written twice.
"""

from __future__ import annotations

import asyncio
import datetime
import sys
from collections.abc import Iterator

from pileus.local.vmnode import clock, machines, networks, nodes, pods, snapshots, volumes
from pileus.local.vmnode.api import Api, ApiError, Manifest, Write, create
from pileus.local.vmnode.names import NODES
from pileus.local.vmnode.world import World

_TICK = 0.5
_EXPECTED = (404, 409)
"""Refusals of every day: it went meanwhile, or changed, or is there already."""


class Life:
    """The played nodes' life. `address`: where they listen."""

    def __init__(self, world: World, admin: Api, handler: Api, address: str):
        self._world, self._admin, self._handler, self._address = world, admin, handler, address

    async def run(self) -> None:
        """For ever."""
        await self._leases()
        while True:
            self._world.changed.clear()
            if self._world.synced():
                await self._look()
            try:
                await asyncio.wait_for(self._world.changed.wait(), _TICK)
            except TimeoutError:
                continue

    async def perform(self, write: Write) -> Manifest:
        """Send one write and remember what came of it. Raises ApiError."""
        found = await (self._handler if write.as_handler else self._admin).send(write)
        if write.method != "DELETE":
            self._world.learn(found)
        return found

    async def _look(self) -> None:
        for write in self._due(clock.now()):
            try:
                await self.perform(write)
            except ApiError as error:
                if error.status not in _EXPECTED:
                    sys.stdout.write(f"{write.method} {write.path}: {error}\n")
                    sys.stdout.flush()

    def _due(self, now: datetime.datetime) -> Iterator[Write]:
        handlers = {
            pod["spec"]["nodeName"]
            for pod in self._world.pods()
            if pod["metadata"]["name"] == f"virt-handler-{pod['spec']['nodeName']}"
        }
        yield from nodes.due(self._world, now, self._address, handlers)
        yield from volumes.due(self._world)
        yield from snapshots.due(self._world, now)
        yield from pods.due(self._world, now, self._address)
        yield from networks.due(self._world)
        yield from machines.due(self._world, now)

    async def _leases(self) -> None:
        for node in NODES:
            path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
            while True:
                try:
                    await self._admin.send(create(path, nodes.lease(node, clock.now())))
                except ApiError as error:
                    if error.status != 409:  # not the namespace, perhaps, or not the API server
                        await asyncio.sleep(_TICK)
                        continue
                break
