"""What the played nodes know: objects as watches bring them, and as writes leave them.

Objects are found by kind, namespace and name. Whoever waits for a change waits for `changed`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from pileus.local.vmnode.api import Api, ApiError, Manifest
from pileus.local.vmnode.names import NODES, OURS
from pileus.local.vmnode.orders import NAME as ORDERS

_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A collection; `selector` is a parameter of the query."""

    kind: str
    path: str
    selector: str = ""


WATCHED = (
    Watched("ConfigMap", "/api/v1/configmaps", f"fieldSelector=metadata.name={ORDERS}"),
    Watched("Node", "/api/v1/nodes", f"labelSelector={OURS}"),
    Watched("PersistentVolume", "/api/v1/persistentvolumes"),
    Watched("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims"),
    Watched("StorageClass", "/apis/storage.k8s.io/v1/storageclasses"),
    *(Watched(f"Pod {node}", "/api/v1/pods", f"fieldSelector=spec.nodeName={node}") for node in NODES),
    Watched("VolumeSnapshot", "/apis/snapshot.storage.k8s.io/v1/volumesnapshots"),
    Watched("VolumeSnapshotContent", "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents"),
    Watched("VirtualMachineInstance", "/apis/kubevirt.io/v1/virtualmachineinstances"),
)


@dataclass(slots=True)
class World:
    """All that is known."""

    objects: dict[str, dict[tuple[str, str], Manifest]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def every(self, kind: str) -> Iterator[Manifest]:
        """The objects of a kind."""
        yield from list(self.objects.get(kind, {}).values())

    def pods(self) -> Iterator[Manifest]:
        """The pods on the played nodes."""
        for node in NODES:
            yield from self.every(f"Pod {node}")

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """One object, or None."""
        return self.objects.get(kind, {}).get((namespace, name))

    def synced(self) -> bool:
        """Whether everything has been listed once."""
        return all(watched.kind in self.objects for watched in WATCHED)

    async def follow(self, api: Api, watched: Watched) -> None:
        """Keep one collection for ever: a list, then its changes, and again."""
        while True:
            try:
                query = f"?{watched.selector}" if watched.selector else ""
                listed = await api.get(f"{watched.path}{query}")
                self.objects[watched.kind] = {_key(found): found for found in listed["items"]}
                self.changed.set()
                since = listed["metadata"]["resourceVersion"]
                async for event in api.watch(watched.path, watched.selector, since):
                    self._take(watched.kind, event["type"], event["object"])
            except ApiError as error:
                if error.status not in (404, 410):
                    sys.stdout.write(f"following {watched.kind} again: {error}\n")
                await asyncio.sleep(_PAUSE)

    def learn(self, found: Manifest) -> None:
        """What a write was answered with: the object as it is now."""
        kind = found["kind"]
        if kind == "Pod":
            kind = f"Pod {found['spec'].get('nodeName', '')}"
        if kind in self.objects:
            self.objects[kind][_key(found)] = found

    async def next_change(self, patience: float = 2.0) -> None:
        """Until something is known that was not; `patience` in seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.changed.wait(), patience)

    def _take(self, kind: str, event: str, found: Manifest) -> None:
        if event == "DELETED":
            self.objects[kind].pop(_key(found), None)
        else:
            self.objects[kind][_key(found)] = found
        self.changed.set()


def _key(found: Manifest) -> tuple[str, str]:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]
