"""Misuse: refused with words that name the field and the remedy, or told by name in the status."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.e2e.apps import condition, current
from tests.e2e.kubectl import Kubectl, Manifest, RefusedError
from tests.e2e.vms.specs import BLANK, IMAGE, because, disk, vm

pytestmark = pytest.mark.cluster

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me"
SIZE: Manifest = {"cpu": 1, "memory": "1Gi"}


@dataclass(frozen=True, slots=True)
class Refused:
    """What is wrong with a machine, and words of the answer."""

    name: str
    machine: Manifest
    words: tuple[str, ...]


REFUSED = (
    # the resource
    Refused("long-name", vm("a" * 39), ("name is too long", "at most 38")),
    Refused("digit-first", vm("1vm"), ("must start with a letter",)),
    Refused("dotted-name", vm("my.vm"), ("only lower-case letters, digits and '-'",)),
    # the spec
    Refused(
        "class-and-cpu",
        vm(size={"class": "u1.medium"}, cpu={"pinned": True}),
        ("A class decides how processors are had", "leave cpu out"),
    ),
    Refused(
        "broken-pages-2mi",
        vm(size={"cpu": 1, "memory": "1025Mi"}, cpu={"hugepages": "2Mi"}),
        ("size.memory must be so many whole pages",),
    ),
    Refused(
        "broken-pages-1gi",
        vm(size={"cpu": 1, "memory": "1536Mi"}, cpu={"hugepages": "1Gi"}),
        ("size.memory must be so many whole pages",),
    ),
    Refused(
        "same-boot",
        vm(disks=[disk(boot=1), disk("data", BLANK, boot=1)]),
        ("spec.disks", "give each its own boot"),
    ),
    Refused(
        "two-on-the-pod-network",
        vm(networks=[{"name": "one"}, {"name": "two"}]),
        ("spec.networks", "give the others a network"),
    ),
    Refused(
        "same-mac",
        vm(
            networks=[
                {"name": "one", "mac": "02:00:00:00:00:01"},
                {"name": "two", "network": "lan", "mac": "02:00:00:00:00:01"},
            ]
        ),
        ("spec.networks", "cannot have the same MAC address"),
    ),
    Refused(
        "exposed-without-pod-network",
        vm(networks=[{"name": "lan", "network": "lan"}], expose=[{"name": "ssh", "port": 22}]),
        ("spec.expose", "add one without network"),
    ),
    Refused("no-disk", vm(disks=[]), ("spec.disks", "at least 1 items")),
    Refused("disks-absent", vm(disks=None), ("spec.disks", "Required value")),
    Refused("same-disk-twice", vm(disks=[disk(), disk()]), ("spec.disks[1]", "Duplicate value")),
    Refused("unknown-power", vm(power="Suspended"), ("spec.power", '"Paused"')),
    Refused("unknown-field", vm(flavor="m1.small"), ('unknown field "spec.flavor"',)),
    # size
    Refused("class-and-numbers", vm(size={"class": "u1.medium", **SIZE}), ("spec.size", "Give either class")),
    Refused("half-a-size", vm(size={"cpu": 1}), ("spec.size", "both cpu and memory")),
    Refused("no-size", vm(size={}), ("spec.size", "Give either class, or both cpu and memory")),
    Refused(
        "class-and-max",
        vm(size={"class": "u1.medium", "maxCpu": 4}),
        ("spec.size", "leave cpu, memory, maxCpu and maxMemory out"),
    ),
    Refused(
        "max-cpu-below",
        vm(size={**SIZE, "cpu": 4, "maxCpu": 2}),
        ("spec.size.maxCpu", "give at least as many"),
    ),
    Refused(
        "max-memory-below",
        vm(size={**SIZE, "maxMemory": "512Mi"}),
        ("spec.size.maxMemory", "give at least as much"),
    ),
    # processors
    Refused("numa-alone", vm(cpu={"numa": True}), ("spec.cpu.numa", "needs pinned: true and hugepages")),
    Refused("numa-without-pages", vm(cpu={"numa": True, "pinned": True}), ("spec.cpu.numa", "hugepages")),
    # sources
    Refused("no-source", vm(disks=[{**disk(), "source": {}}]), ("source", "Give exactly one of image")),
    Refused("two-sources", vm(disks=[disk(source={**IMAGE, **BLANK})]), ("source", "Give exactly one of")),
    Refused(
        "checksum-of-nothing",
        vm(disks=[disk(source={**BLANK, "checksum": f"md5:{'0' * 32}"})]),
        ("source", "checksum goes with image"),
    ),
    Refused(
        "credentials-of-nothing",
        vm(disks=[disk(source={**BLANK, "credentials": "some"})]),
        ("source", "credentials and certificates go with image or registry"),
    ),
    Refused(
        "certificates-of-nothing",
        vm(disks=[disk(source={"volume": "some", "certificates": "some"})]),
        ("source", "credentials and certificates go with image or registry"),
    ),
    Refused("not-a-url", vm(disks=[disk(source={"image": "fedora"})]), ("source.image", "should match")),
    Refused("blank-false", vm(disks=[disk(source={"blank": False})]), ("source.blank", "supported values")),
    # networks
    Refused(
        "multicast-mac",
        vm(networks=[{"name": "one", "mac": "01:00:00:00:00:01"}]),
        (".mac", "second digit is even, or auto"),
    ),
    # access
    Refused(
        "keys-and-user-data",
        vm(access={"sshKeys": [KEY], "userData": {"secret": "some"}}),
        ("spec.access", "name the keys in userData", "sshSecret"),
    ),
    Refused("not-a-key", vm(access={"sshKeys": ["hunter2"]}), ("spec.access.sshKeys[0]", "should match")),
    # care
    Refused(
        "window-policy-without-window",
        vm(restart={"policy": "Window"}),
        ("spec.restart", "policy: Window goes with window"),
    ),
    Refused(
        "window-without-its-policy",
        vm(restart={"window": {"cron": "0 3 * * *"}}),
        ("spec.restart", "policy: Window goes with window"),
    ),
    Refused(
        "short-window",
        vm(restart={"policy": "Window", "window": {"cron": "0 3 * * *", "lasts": "1s"}}),
        ("spec.restart.window.lasts", "between 1m and 24h"),
    ),
    Refused(
        "long-window",
        vm(restart={"policy": "Window", "window": {"cron": "0 3 * * *", "lasts": "25h"}}),
        ("spec.restart.window.lasts", "between 1m and 24h"),
    ),
    Refused(
        "not-a-cron",
        vm(snapshots={"schedules": [{"cron": "every night", "keep": 1}]}),
        ("spec.snapshots.schedules[0].cron", "should match"),
    ),
    Refused(
        "keep-none",
        vm(snapshots={"schedules": [{"cron": "0 3 * * *", "keep": 0}]}),
        ("spec.snapshots.schedules[0].keep", "greater than or equal to 1"),
    ),
)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_it_is_refused(dry: Kubectl, row: Refused) -> None:
    with pytest.raises(RefusedError) as refused:
        dry("create", "-f", "-", "--dry-run=server", "--validate=strict", given=json.dumps(row.machine))
    for words in row.words:
        assert words in str(refused.value)


@pytest.mark.parametrize("change", [{"storageClass": "other"}, {"accessMode": "ReadWriteOnce"}], ids=str)
def test_where_a_disk_lies_cannot_change(ns: Kubectl, change: Manifest) -> None:
    ns.apply(vm(power="Stopped"))
    with pytest.raises(RefusedError, match="add a new disk and copy the data"):
        ns.edit("cvm", "vm", {"spec": {"disks": [disk(**change)]}})


TOLD = (
    (vm(size={"class": "u1.nowhere"}), "ClassNotFound", "u1.nowhere", "a class"),
    (vm(os={"preference": "nowhere"}), "PreferenceNotFound", "nowhere", "a preference"),
    (vm(disks=[disk(storageClass="nowhere")]), "StorageClassNotFound", "nowhere", "a storage class"),
    (vm(disks=[disk(source={"volume": "nowhere"})]), "SourceNotFound", "nowhere", "a claim to copy"),
    (vm(networks=[{"name": "lan", "network": "lan"}]), "NetworkNotFound", "'lan'", "a network"),
    (
        vm(devices={"gpus": [{"name": "gpu", "class": "nvidia.com/B200"}]}),
        "DeviceNotPermitted",
        "nvidia.com/B200",
        "a device that KubeVirt does not permit",
    ),
    (
        vm(restart={"policy": "Window", "window": {"cron": "99 3 * * *"}}),
        "InvalidSchedule",
        "restart.window.cron",
        "a time that no clock shows, which the pattern lets pass",
    ),
)


@pytest.mark.parametrize(
    ("machine", "reason", "words", "why"), TOLD, ids=[reason for _, reason, _, _ in TOLD]
)
def test_it_is_told_by_name(ns: Kubectl, machine: Manifest, reason: str, words: str, why: str) -> None:
    ns.apply(machine)
    told = ns.until("cvm", "vm", lambda found: because(found, reason), why)
    assert words in condition(told, "Ready")["message"], why


def test_a_missing_secret_is_told_where_the_operator_may_look(ns: Kubectl) -> None:
    role = ("--clusterrole=pileus-references", "--serviceaccount=pileus-system:pileus")
    ns("create", "rolebinding", "pileus-references", *role)
    ns.apply(vm(access={"userData": {"secret": "nowhere"}}))
    told = ns.until("cvm", "vm", lambda found: "nowhere" in str(found.get("status", {})))
    assert current(told)
    listed = [*told["status"]["conditions"], *told["status"].get("warnings", ())]
    (said,) = {entry["message"] for entry in listed if entry["reason"] == "ReferenceMissing"}
    assert "access.userData" in said
