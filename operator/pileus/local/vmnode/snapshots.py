"""The CSI snapshotter's part for the class `vm-disks`: snapshots of volumes that become ready, or fail.

The snapshot controller makes a content for each VolumeSnapshot and takes over what is said of it. A snapshot
holds nothing, like the volume that it is of. Orders name the claim that is taken a snapshot of.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from pileus.local.payload.volume_resizer import size
from pileus.local.vmnode.api import Manifest, Write, patch
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.names import DRIVER
from pileus.local.vmnode.orders import NAME, order
from pileus.local.vmnode.world import World

_CONTENTS = "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents"
_PROTECTION = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
_BEING_DELETED = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"
"""Annotation by which the snapshot controller says that nothing holds a content any more."""


def due(world: World, now: datetime.datetime) -> Iterator[Write]:
    """What the snapshotter beside the driver would write."""
    for content in world.every("VolumeSnapshotContent"):
        if content["spec"].get("driver") != DRIVER:
            continue
        if content["metadata"].get("deletionTimestamp"):
            yield from _let_go(content)
        elif (status := _status(world, content, now)) is not None:
            yield patch(f"{_path(content)}/status", {"status": status})


def _let_go(content: Manifest) -> Iterator[Write]:
    metadata = content["metadata"]
    finalizers = metadata.get("finalizers", [])
    if _PROTECTION in finalizers and _BEING_DELETED in (metadata.get("annotations") or {}):
        kept = [finalizer for finalizer in finalizers if finalizer != _PROTECTION]
        # Only as it was seen: the list is replaced.
        changes = {"finalizers": kept, "resourceVersion": metadata["resourceVersion"]}
        yield patch(_path(content), {"metadata": changes})


def _status(world: World, content: Manifest, now: datetime.datetime) -> Manifest | None:
    """What a content's status becomes, or None while it stays as it is."""
    said = content.get("status") or {}
    if said.get("readyToUse"):
        return None
    handle = content["spec"]["source"].get("volumeHandle", "")
    volume = world.find("PersistentVolume", "", handle)
    namespace = content["spec"]["volumeSnapshotRef"]["namespace"]
    claim = ((volume or {}).get("spec", {}).get("claimRef") or {}).get("name", "")
    ordered = order(world.find("ConfigMap", namespace, NAME), "snapshot", claim)
    if ordered.verb == "hold":
        return None
    fault = ordered.words or "failed as ordered"
    if volume is None:
        fault = f"volume {handle} does not exist"
    if ordered.verb == "fail" or volume is None:
        message = f"Failed to create snapshot: failed to take snapshot of the volume {handle}: {fault!r}"
        if (said.get("error") or {}).get("message") == message:
            return None
        return {"readyToUse": False, "error": {"message": message, "time": stamp(now)}}
    return {
        "snapshotHandle": f"snapshot-{content['metadata']['uid']}",
        "creationTime": int(now.timestamp() * 1e9),
        "restoreSize": int(size(volume["spec"]["capacity"]["storage"])),
        "readyToUse": True,
        "error": None,
    }


def _path(content: Manifest) -> str:
    return f"{_CONTENTS}/{content['metadata']['name']}"
