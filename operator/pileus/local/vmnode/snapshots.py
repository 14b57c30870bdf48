"""A CSI driver's part in snapshots of volumes: they become ready at once, and go when theirs are gone.

Only for the played driver. As volumes hold nothing, so do their snapshots.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from pileus.local.vmnode.api import Manifest, Write, create, patch
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.names import DRIVER
from pileus.local.vmnode.orders import NAME, order
from pileus.local.vmnode.volumes import size
from pileus.local.vmnode.world import World

_GROUP = "/apis/snapshot.storage.k8s.io/v1"
_CONTENTS = f"{_GROUP}/volumesnapshotcontents"


def due(world: World, now: datetime.datetime) -> Iterator[Write]:
    """What the snapshot controller and the driver's sidecar would write."""
    for snapshot in world.every("VolumeSnapshot"):
        named = snapshot["spec"].get("volumeSnapshotClassName", "")
        kind = world.find("VolumeSnapshotClass", "", named)
        ready = snapshot.get("status", {}).get("readyToUse")
        if kind is not None and kind["driver"] == DRIVER and not ready:
            yield from _snapshot(world, snapshot, kind, now)
    for content in world.every("VolumeSnapshotContent"):
        if content["spec"]["driver"] == DRIVER and not _wanted(world, content):
            yield Write("DELETE", f"{_CONTENTS}/{content['metadata']['name']}", {})


def _snapshot(world: World, snapshot: Manifest, kind: Manifest, now: datetime.datetime) -> Iterator[Write]:
    metadata = snapshot["metadata"]
    space, name = metadata["namespace"], f"snapcontent-{metadata['uid']}"
    claimed = snapshot["spec"]["source"].get("persistentVolumeClaimName", "")
    claim = world.find("PersistentVolumeClaim", space, claimed)
    if claim is None or not claim["spec"].get("volumeName") or metadata.get("deletionTimestamp"):
        return
    path = f"{_GROUP}/namespaces/{space}/volumesnapshots/{metadata['name']}/status"
    ordered = order(world.find("ConfigMap", space, NAME), "snapshot", claimed)
    if ordered.verb == "fail":
        if "error" not in snapshot.get("status", {}):
            error = {"message": ordered.words, "time": stamp(now)}
            yield patch(path, {"status": {"readyToUse": False, "error": error}})
        return
    capacity = claim["spec"]["resources"]["requests"]["storage"]
    content = world.find("VolumeSnapshotContent", "", name)
    if content is None:
        yield create(_CONTENTS, _content(snapshot, kind, claim, name))
    elif not content.get("status", {}).get("readyToUse"):
        taken = {
            "snapshotHandle": name,
            "creationTime": int(now.timestamp() * 1e9),
            "readyToUse": True,
            "restoreSize": int(size(capacity)),
        }
        yield patch(f"{_CONTENTS}/{name}/status", {"status": taken})
    elif ordered.verb != "hold":
        taken = {
            "boundVolumeSnapshotContentName": name,
            "creationTime": stamp(now),
            "readyToUse": True,
            "restoreSize": capacity,
            "error": None,
        }
        yield patch(path, {"status": taken})


def _content(snapshot: Manifest, kind: Manifest, claim: Manifest, name: str) -> Manifest:
    metadata = snapshot["metadata"]
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": name},
        "spec": {
            "deletionPolicy": kind["deletionPolicy"],
            "driver": DRIVER,
            "source": {"volumeHandle": claim["spec"]["volumeName"]},
            "sourceVolumeMode": claim["spec"]["volumeMode"],
            "volumeSnapshotClassName": kind["metadata"]["name"],
            "volumeSnapshotRef": {
                "apiVersion": "snapshot.storage.k8s.io/v1",
                "kind": "VolumeSnapshot",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }


def _wanted(world: World, content: Manifest) -> bool:
    """Whether its snapshot is there still, or would not take it along."""
    reference = content["spec"]["volumeSnapshotRef"]
    found = world.find("VolumeSnapshot", reference["namespace"], reference["name"])
    there = found is not None and found["metadata"]["uid"] == reference.get("uid")
    return there or bool(content["spec"]["deletionPolicy"] != "Delete")
