"""A CSI driver's part for the class `vm-disks`: volumes that bind, grow and go. They hold nothing.

Claims that a populator fills are left to the populator, as external-provisioner does.
"""

from __future__ import annotations

from collections.abc import Iterator

from pileus.local.payload.volume_resizer import size
from pileus.local.vmnode.api import Manifest, Write, create, patch
from pileus.local.vmnode.names import DRIVER
from pileus.local.vmnode.world import World

_VOLUMES = "/api/v1/persistentvolumes"


def due(world: World) -> Iterator[Write]:
    """What the driver's sidecars would write."""
    classes = {c["metadata"]["name"] for c in world.every("StorageClass") if c["provisioner"] == DRIVER}
    for claim in world.every("PersistentVolumeClaim"):
        if claim["spec"].get("storageClassName") in classes:
            yield from _claim(world, claim)
    for volume in world.every("PersistentVolume"):
        driven = (volume["spec"].get("csi") or {}).get("driver") == DRIVER
        if driven and volume["status"].get("phase") == "Released":
            yield Write("DELETE", f"{_VOLUMES}/{volume['metadata']['name']}", {})


def _claim(world: World, claim: Manifest) -> Iterator[Write]:
    phase = claim.get("status", {}).get("phase", "Pending")
    name = f"pvc-{claim['metadata']['uid']}"
    if phase == "Pending" and not claim["spec"].get("volumeName"):
        if (
            _fillable(world, claim)
            and not claim["metadata"].get("deletionTimestamp")
            and not world.find("PersistentVolume", "", name)
        ):
            yield create(_VOLUMES, _volume(claim, name))
    elif phase == "Bound":
        asked = claim["spec"]["resources"]["requests"]["storage"]
        if size(asked) > size(claim["status"].get("capacity", {}).get("storage", "0")):
            grown = {"capacity": {"storage": asked}}
            yield patch(f"{_VOLUMES}/{claim['spec']['volumeName']}", {"spec": grown})
            space, own = claim["metadata"]["namespace"], claim["metadata"]["name"]
            path = f"/api/v1/namespaces/{space}/persistentvolumeclaims/{own}/status"
            yield patch(path, {"status": {**grown, "conditions": None}})


def _fillable(world: World, claim: Manifest) -> bool:
    """Whether the driver can fill it by itself, and by now; a copy is not smaller than what it is of."""
    source = claim["spec"].get("dataSourceRef") or {}
    if not source or source["kind"] == "PersistentVolumeClaim":
        return True
    if source["kind"] != "VolumeSnapshot":
        return False
    namespace = source.get("namespace") or claim["metadata"]["namespace"]
    snapshot = world.find("VolumeSnapshot", namespace, source["name"]) or {}
    status = snapshot.get("status") or {}
    asked = claim["spec"]["resources"]["requests"]["storage"]
    return bool(status.get("readyToUse")) and size(asked) >= size(status.get("restoreSize", "0"))


def _volume(claim: Manifest, name: str) -> Manifest:
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": DRIVER}},
        "spec": {
            "storageClassName": claim["spec"]["storageClassName"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
            "persistentVolumeReclaimPolicy": "Delete",
            "csi": {"driver": DRIVER, "volumeHandle": name},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }
