"""CloudVMs that are wrong although each value has the right type: refused in words, or told by a condition.

A row's field and remedy must both be in what the user reads; the mended spec must become Ready.
"""

from __future__ import annotations

from typing import Any

from pileus.engine.plan import Manifest
from tests.campaign.subject import Spec, Wrong
from tests.campaign.subjects.cloudvm_specs import BLANK, IMAGE, SMALL, disk, vm

NIGHTLY = "0 3 * * *"
OFF = vm(power="Stopped")


def _wrong(name: str, field: str, remedy: str, mended: Spec | None = None, /, **spec: Any) -> Wrong:
    """A stopped machine, which has nothing to wait for but its disks."""
    more = {key: spec.pop(key) for key in ("before", "beside", "resource") if key in spec}
    return Wrong(name, vm(**{"power": "Stopped", **spec}), field, remedy, mended=mended or OFF, **more)


def _told(
    name: str, reason: str, field: str, remedy: str, mended: Spec | None = None, /, **spec: Any
) -> Wrong:
    more = {key: spec.pop(key) for key in ("before", "beside", "slow") if key in spec}
    whole = vm(**{"power": "Stopped", **spec})
    return Wrong(name, whole, field, remedy, reason, mended=mended or OFF, **more)


def _disks(**more: Any) -> list[Spec]:
    return [disk(**more)]


def _orders(**orders: str) -> tuple[Manifest, ...]:
    """What the played nodes are told to do wrong."""
    return ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vm-node"}, "data": orders},)


REFUSED: tuple[Wrong, ...] = (
    _wrong("a name of 39 characters", "metadata.name", "at most 38", resource="a" * 39),
    _wrong("a name that begins with a digit", "metadata.name", "start with a letter", resource="1vm"),
    _wrong(
        "a class, and processors",
        "cpu",
        "leave cpu out",
        size={"class": "u1.small"},
        cpu={"pinned": True},
    ),
    _wrong(
        "memory in broken pages",
        "size.memory",
        "whole pages",
        size={"cpu": 1, "memory": "1025Mi"},
        cpu={"hugepages": "2Mi"},
    ),
    _wrong("two disks that boot first", "disks", "its own boot", disks=[disk(boot=1), disk("b", boot=1)]),
    _wrong("no disk", "disks", "at least 1 items", disks=[]),
    _wrong("a disk twice", "disks", "Duplicate value", disks=[disk(), disk()]),
    _wrong("a disk's name that makes other names too long", "disks[].name", "15", disks=[disk("a" * 16)]),
    _wrong("a disk of nothing", "disks[].size", "1Mi", disks=_disks(size="0")),
    _wrong(
        "two interfaces of the pods' network",
        "networks",
        "give the others a network",
        networks=[{"name": "one"}, {"name": "two"}],
    ),
    _wrong(
        "one address twice",
        "networks",
        "cannot have the same MAC address",
        networks=[
            {"name": "one", "mac": "02:00:00:00:00:01"},
            {"name": "two", "network": "lan-120", "mac": "02:00:00:00:00:01"},
        ],
    ),
    _wrong(
        "an address of many receivers",
        "networks[].mac",
        "second digit is even",
        networks=[{"name": "one", "mac": "01:00:00:00:00:01"}],
    ),
    _wrong(
        "a port that nothing leads to",
        "expose",
        "add one without network",
        networks=[{"name": "lan", "network": "lan-120"}],
        expose=[{"name": "ssh", "port": 22}],
    ),
    _wrong(
        "ranges for a port that only the cluster reaches",
        "expose[].allowFrom",
        "give type: LoadBalancer",
        expose=[{"name": "ssh", "port": 22, "allowFrom": ["203.0.113.0/24"]}],
    ),
    _wrong("a class and numbers", "size", "Give either class", size={"class": "u1.small", **SMALL}),
    _wrong("half a size", "size", "both cpu and memory", size={"cpu": 1}),
    _wrong("memory without a unit", "size.memory", "512Mi", size={"cpu": 1, "memory": 512}),
    _wrong(
        "a ceiling below",
        "size.maxCpu",
        "give at least as many",
        size={**SMALL, "cpu": 4, "maxCpu": 2},
    ),
    _wrong(
        "a ceiling of memory below",
        "size.maxMemory",
        "give at least as much",
        size={**SMALL, "maxMemory": "512Mi"},
    ),
    _wrong("the node's layout alone", "cpu.numa", "needs pinned: true", cpu={"numa": True}),
    _wrong("two sources", "disks[].source", "exactly one", disks=_disks(source={**IMAGE, **BLANK})),
    _wrong(
        "a checksum of nothing",
        "disks[].source.checksum",
        "goes with image",
        disks=_disks(source={**BLANK, "checksum": f"md5:{'0' * 32}"}),
    ),
    _wrong(
        "credentials for nothing",
        "disks[].source.credentials",
        "go with image or registry",
        disks=_disks(source={**BLANK, "credentials": "login"}),
    ),
    _wrong(
        "an image that is no URL", "source.image", "should match", disks=_disks(source={"image": "fedora"})
    ),
    _wrong(
        "keys and user data",
        "access",
        "name the keys in userData",
        access={"sshKeys": ["ssh-ed25519 AAAA me"], "userData": {"secret": "user"}},
    ),
    _wrong("a key that is none", "access.sshKeys[]", "should match", access={"sshKeys": ["hunter2"]}),
    _wrong("a window that is not said", "restart", "goes with window", restart={"policy": "Window"}),
    _wrong(
        "a window of a second",
        "restart.window.lasts",
        "between 1m and 24h",
        restart={"policy": "Window", "window": {"cron": NIGHTLY, "lasts": "1s"}},
    ),
    _wrong(
        "a time in words",
        "snapshots.schedules[].cron",
        "should match",
        snapshots={"schedules": [{"cron": "every night", "keep": 1}]},
    ),
    _wrong(
        "a schedule that keeps nothing",
        "snapshots.schedules[].keep",
        "greater than or equal to 1",
        snapshots={"schedules": [{"cron": NIGHTLY, "keep": 0}]},
    ),
    _wrong(
        "a disk of another class",
        "disks",
        "add a new disk",
        vm(power="Stopped", disks=_disks(storageClass="vm-disks")),
        disks=_disks(storageClass="rigid"),
        before=vm(power="Stopped", disks=_disks(storageClass="vm-disks")),
    ),
    _wrong(
        "another architecture",
        "os.architecture",
        "make another machine",
        os={"architecture": "arm64"},
        before=vm(power="Stopped", os={"architecture": "amd64"}),
    ),
    _wrong("a field that there is not", "flavor", "unknown field", flavor="m1.small"),
)

TOLD: tuple[Wrong, ...] = (
    _told("a class that there is not", "ClassNotFound", "size.class", "Correct", size={"class": "u1.smal"}),
    _told(
        "a preference that there is not",
        "PreferenceNotFound",
        "os.preference",
        "Correct",
        os={"preference": "fedoora"},
    ),
    _told(
        "a storage class that there is not",
        "StorageClassNotFound",
        "disks[].storageClass",
        "there are",
        vm(power="Stopped", disks=[disk("other")]),
        disks=_disks(storageClass="nowhere"),
    ),
    _told(
        "a network that there is not",
        "NetworkNotFound",
        "networks[].network",
        "lan-120",
        networks=[{"name": "lan", "network": "lan-210"}],
    ),
    _told(
        "a device that nobody permits",
        "DeviceNotPermitted",
        "devices.gpus[].class",
        "Correct",
        vm(),
        power="Running",
        devices={"gpus": [{"name": "gpu", "class": "nvidia.com/A11"}]},
    ),
    _told(
        "a time that no clock shows",
        "InvalidSchedule",
        "restart.window.cron",
        "Write minute",
        restart={"policy": "Window", "window": {"cron": "99 3 * * *"}},
    ),
    _told(
        "a day that never comes",
        "InvalidSchedule",
        "snapshots.schedules[].cron",
        "Write minute",
        snapshots={"schedules": [{"cron": "0 3 31 2 *", "keep": 1}]},
    ),
    *(
        _told(
            f"a Secret that there is not, in {field}",
            "ReferenceMissing",
            f"access.{field}",
            "create it",
            access={field: {"secret": "nowhere"}},
        )
        for field in ("sshSecret", "userData", "networkData", "sysprep")
    ),
    _told(
        "credentials that there are not",
        "ReferenceMissing",
        "disks[].source.credentials",
        "create it",
        disks=_disks(source={**IMAGE, "credentials": "nowhere"}),
    ),
    _told(
        "certificates that there are not",
        "ReferenceMissing",
        "disks[].source.certificates",
        "create it",
        disks=_disks(source={**IMAGE, "certificates": "nowhere"}),
    ),
    *(
        _told(
            f"a {what} to copy that there is not",
            "SourceNotFound",
            f"disks[].source.{field}",
            "Make it",
            disks=_disks(source={field: name}),
        )
        for what, field, name in (
            ("volume", "volume", "nowhere"),
            ("snapshot", "snapshot", "nowhere"),
            ("machine", "disk", {"vm": "nobody", "disk": "root"}),
        )
    ),
    _told(
        "an image that is not there",
        "DiskFailed",
        "disks[].source",
        "Correct",
        disks=_disks(source=IMAGE),
        beside=_orders(**{"import.app-root": "fail expected status code 200, got 404"}),
    ),
    _told(
        "a checksum that is another's",
        "DiskFailed",
        "disks[].source",
        "Correct",
        disks=_disks(source={**IMAGE, "checksum": f"md5:{'0' * 32}"}),
        beside=_orders(**{"import.app-root": "fail checksum mismatch"}),
    ),
    _told(
        "a disk smaller than what is kept",
        "DiskShrink",
        "disks[].size",
        "or more",
        vm(power="Stopped", disks=_disks(retain="Retain", size="2Gi")),
        disks=_disks(retain="Retain"),
        before=vm(power="Stopped", disks=_disks(retain="Retain", size="2Gi")),
    ),
    _told(
        "a snapshot that there is not",
        "SnapshotNotFound",
        "snapshots.restore",
        "Correct",
        snapshots={"restore": "app-frist"},
    ),
    _told(
        "more memory than any node has",
        "Unschedulable",
        "size",
        "Ask for less",
        vm(),
        power="Running",
        size={"cpu": 1, "memory": "1Ti"},
    ),
    _told(
        "nodes that there are not",
        "Unschedulable",
        "placement",
        "Ask for less",
        vm(),
        power="Running",
        placement={"nodeSelector": {"disk": "golden"}},
    ),
)

WRONG = (*REFUSED, *TOLD)
