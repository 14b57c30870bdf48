"""Played snapshots and networks: what is written about them, without a cluster."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from pileus.local.vmnode import machines, networks, snapshots, volumes
from pileus.local.vmnode.api import Write
from pileus.local.vmnode.names import DRIVER, NODES
from pileus.local.vmnode.orders import NAME
from pileus.local.vmnode.world import World

Manifest = dict[str, Any]
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PROTECTION = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
DELETED = "snapshot.storage.kubernetes.io/volumesnapshot-being-deleted"
ASKED, THERE = "k8s.v1.cni.cncf.io/networks", "k8s.v1.cni.cncf.io/network-status"


def world(**objects: Manifest) -> World:
    """Objects by kind."""
    made = World()
    for kind, found in objects.items():
        key = found["metadata"].get("namespace", ""), found["metadata"]["name"]
        made.objects.setdefault(kind, {})[key] = found
    return made


def content(**fields: Any) -> Manifest:
    source, of = {"volumeHandle": "pvc-1"}, {"namespace": "acme", "name": "snap"}
    metadata = {"name": "content-1", "uid": "1", "resourceVersion": "7", **fields.pop("metadata", {})}
    return {
        "metadata": metadata,
        "spec": {"driver": DRIVER, "source": source, "volumeSnapshotRef": of},
        **fields,
    }


VOLUME: Manifest = {
    "metadata": {"name": "pvc-1"},
    "spec": {"capacity": {"storage": "1Gi"}, "claimRef": {"namespace": "acme", "name": "root"}},
}


def orders(**data: str) -> Manifest:
    return {"metadata": {"namespace": "acme", "name": NAME}, "data": data}


def due(content: Manifest, data: dict[str, str] | None = None, volume: Manifest = VOLUME) -> list[Write]:
    told = world(VolumeSnapshotContent=content, PersistentVolume=volume, ConfigMap=orders(**(data or {})))
    return list(snapshots.due(told, NOW))


def test_a_snapshot_becomes_ready_with_the_size_of_its_volume() -> None:
    (write,) = due(content())
    assert write.path.endswith("/volumesnapshotcontents/content-1/status")
    status = write.body["status"]
    assert (status["readyToUse"], status["restoreSize"], status["error"]) == (True, 2**30, None)
    assert due(content(status={"readyToUse": True})) == [], "and stays"


def test_a_snapshot_fails_as_ordered_and_says_so_once() -> None:
    data = {"snapshot.root": "fail No room."}
    (write,) = due(content(), data)
    status = write.body["status"]
    assert "No room." in status["error"]["message"]
    assert status["readyToUse"] is False
    assert due(content(status=status), data) == []
    (write,) = due(content(status=status))
    assert write.body["status"]["readyToUse"] is True, "without the order it is tried again"


def test_orders_are_for_one_claim() -> None:
    assert due(content(), {"snapshot.root": "hold"}) == []
    assert len(due(content(), {"snapshot.data": "hold"})) == 1


def test_a_volume_that_is_gone_cannot_be_taken_a_snapshot_of() -> None:
    (write,) = due(content(), volume={"metadata": {"name": "pvc-2"}, "spec": {}})
    assert "does not exist" in write.body["status"]["error"]["message"]


@pytest.mark.parametrize(
    ("annotations", "released", "why"),
    [
        ({}, False, "a VolumeSnapshot holds it yet"),
        ({DELETED: "yes"}, True, "the snapshot controller lets it go"),
    ],
)
def test_a_content_goes_when_nothing_holds_it(annotations: dict[str, str], released: bool, why: str) -> None:
    metadata = {
        "deletionTimestamp": "x",
        "finalizers": ["other", PROTECTION],
        "annotations": annotations,
    }
    writes = due(content(metadata=metadata))
    assert [write.body["metadata"]["finalizers"] for write in writes] == ([["other"]] if released else []), (
        why
    )


@pytest.mark.parametrize(
    ("source", "asked", "bound", "why"),
    [
        (None, "1Gi", True, "an empty volume"),
        ({"kind": "PersistentVolumeClaim", "name": "other"}, "1Gi", True, "a copy of a claim"),
        ({"kind": "VolumeCloneSource", "name": "x"}, "1Gi", False, "a populator's"),
        ({"kind": "VolumeSnapshot", "name": "ready"}, "1Gi", True, "a copy of a snapshot"),
        ({"kind": "VolumeSnapshot", "name": "ready"}, "2Gi", True, "a larger one"),
        ({"kind": "VolumeSnapshot", "name": "ready"}, "512Mi", False, "a smaller one"),
        ({"kind": "VolumeSnapshot", "name": "nowhere"}, "1Gi", False, "of a snapshot that is not there"),
    ],
)
def test_claims_that_can_be_filled(source: Manifest | None, asked: str, bound: bool, why: str) -> None:
    spec = {
        "storageClassName": "vm-disks",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": asked}},
        **({"dataSourceRef": source} if source else {}),
    }
    claim = {"metadata": {"namespace": "acme", "name": "root", "uid": "1"}, "spec": spec}
    ready = {
        "metadata": {"namespace": "acme", "name": "ready"},
        "status": {"readyToUse": True, "restoreSize": "1Gi"},
    }
    told = world(
        StorageClass={"metadata": {"name": "vm-disks"}, "provisioner": DRIVER},
        PersistentVolumeClaim=claim,
        VolumeSnapshot=ready,
    )
    assert [write.method for write in volumes.due(told)] == (["POST"] if bound else []), why


def pod(**annotations: str) -> Manifest:
    return {
        "metadata": {"namespace": "acme", "name": "launcher", "annotations": annotations},
        "spec": {"nodeName": NODES[0]},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


def test_networks_that_are_asked_for_are_attached_and_detached() -> None:
    lan = json.dumps([{"name": "lan", "namespace": "acme", "interface": "pod1", "mac": "02:00:00:00:00:01"}])
    (write,) = networks.due(world(**{f"Pod {NODES[0]}": pod(**{ASKED: lan})}))
    said = write.body["metadata"]["annotations"][THERE]
    assert [(found["name"], found["interface"]) for found in json.loads(said)] == [
        ("played", "eth0"),
        ("acme/lan", "pod1"),
    ]
    assert list(networks.due(world(**{f"Pod {NODES[0]}": pod(**{ASKED: lan, THERE: said})}))) == []
    (write,) = networks.due(world(**{f"Pod {NODES[0]}": pod(**{ASKED: "", THERE: said})}))
    assert len(json.loads(write.body["metadata"]["annotations"][THERE])) == 1


@pytest.mark.parametrize(
    ("interface", "status", "expected", "why"),
    [
        ({}, None, None, "its launcher does not have it yet"),
        ({}, "multus-status", "domain, guest-agent, multus-status", "it is plugged"),
        ({"state": "absent"}, "domain, guest-agent, multus-status", "multus-status", "it leaves the guest"),
        ({"state": "absent"}, "", None, "the launcher has it no more"),
    ],
)
def test_interfaces_come_after_their_launchers_and_go_before_them(
    interface: Manifest, status: str | None, expected: str | None, why: str
) -> None:
    known = [] if status is None else [{"name": "lan", "infoSource": status}]
    machine = {
        "metadata": {"uid": "1"},
        "spec": {
            "networks": [{"name": "default", "pod": {}}, {"name": "lan", "multus": {"networkName": "lan"}}],
            "domain": {"devices": {"interfaces": [{"name": "default"}, {"name": "lan", **interface}]}},
        },
        "status": {"interfaces": known},
    }
    seen = {found["name"]: found["infoSource"] for found in machines.interfaces(machine, pod())}
    assert seen == {"default": "domain, guest-agent", **({"lan": expected} if expected else {})}, why
