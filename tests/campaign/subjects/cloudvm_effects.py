"""Where each field of a CloudVM takes effect.

The machines are stopped where a field only says what the next start is to be like: then the way does not
matter. What KubeVirt does with a running one is in the scenarios, and in the tests of `tests/e2e/vms`.
"""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Effect, Spec
from tests.campaign.subjects.cloudvm_specs import IMAGE, LARGE, PODS, SMALL, SSH, disk, vm

STILL: Spec = vm(power="Stopped")

INVISIBLE: dict[str, str] = {
    "protect": "decides about deletion only: test_t16_protected_resources_stay",
    "restart.window.lasts": "decides when something is done: tests/e2e/vms/test_vm_changes.py",
    "snapshots.schedules[].keep": "decides what is deleted later: tests/e2e/vms/test_vm_snapshots.py",
    "snapshots.stopToRestore": "decides about a restore under way: tests/e2e/vms/test_vm_snapshots.py",
}

BOOKKEEPING: dict[str, str] = {
    "status/resources": "lists the objects that come and go",
}

MACHINE = "VirtualMachine"
SPEC = f"{MACHINE}/spec.template.spec"
DOMAIN = f"{SPEC}.domain"
DEVICES = f"{DOMAIN}.devices"
NOTES = f"{MACHINE}/metadata.annotations"
CLAIM = "PersistentVolumeClaim"
STALLED = tuple(f"status/conditions[{kind}]" for kind in ("Ready", "Stalled"))
WAITS = (*STALLED, "status/conditions[Reconciling]")
MOVES = ("VirtualMachineInstanceMigration", "status/migration")
RUNS = ("VirtualMachineInstance", "VirtualMachineInstance/spec", "VirtualMachineInstance/status")
TELLS = tuple(f"status/conditions[{kind}]" for kind in ("AgentConnected", "Migratable"))
RESTART = "status/conditions[RestartRequired]"
RUNNING = (*RUNS, *TELLS, RESTART, "status/addresses", "status/guest", "status/phase")
KEYS = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB you")
ANOTHER_JOB = ("DataVolume", f"{SPEC}.volumes", "status/disks")
NEW_DISK = (*ANOTHER_JOB, CLAIM)
REBUILT = (*NEW_DISK, "status/resources")
"""What was given up does not come back: its name is another's now."""
NO_SOURCE = (*ANOTHER_JOB, "status/conditions[DisksReady]", *STALLED)


def _disks(**more: Any) -> Spec:
    return {"disks": [disk(**more)]}


def _source(**source: Any) -> Spec:
    return {"disks": [{**disk(), "source": source, "rebuild": "WhenSourceChanges"}]}


POWER = (
    Effect(
        "power",
        (f"{MACHINE}/spec.runStrategy", "VirtualMachineInstance", "status/phase", *TELLS),
        theirs=RUNNING,
    ),
    # Only a running machine has something that waits: half its processors.
    Effect(
        "restart.policy",
        ("status/restartRequired", RESTART, "status/size", f"{DOMAIN}.cpu"),
        ("Manual", "Automatic"),
        {"power": "Running", "size": LARGE},
        only=True,
        why="Window needs a window, which is below",
        together={"size": SMALL},
        fresh=False,
        theirs=(*RUNNING, f"{DOMAIN}.memory"),
        lasting=("status/restartRequired",),
    ),
    Effect(
        "restart.window.cron",
        STALLED,
        ("0 3 * * *", "99 3 * * *", "0 3 31 2 *"),
        {"restart": {"policy": "Window"}},
        without="restart",
    ),
    Effect("restart.token", (NOTES,), ("one", "two"), without="restart"),
    Effect(
        "migrate.token",
        (*MOVES, NOTES),
        ("one", "two"),
        {"power": "Running"},
        without="migrate",
        fresh=False,
        theirs=RUNNING,
        lasting=(*MOVES, "status/resources"),  # one that was there from the beginning asked for nothing
    ),
)

SIZES = (
    Effect(
        "size.class",
        (f"{MACHINE}/spec.instancetype", f"{DOMAIN}.cpu", f"{DOMAIN}.memory", "status/size", *STALLED),
        ("u1.small", "cx1.medium", "nowhere"),
        {"size": {}},
        without="size",
        fresh=False,
        theirs=(DOMAIN, SPEC),
    ),
    Effect(
        "size.cpu",
        (f"{DOMAIN}.cpu.sockets", "status/size"),
        context={"size": {"memory": "1Gi"}},
        without="size",
        theirs=(f"{DOMAIN}.memory",),
    ),
    Effect(
        "size.memory",
        (f"{DOMAIN}.memory.guest", "status/size"),
        ("512Mi", "1.5Gi", "2G"),
        {"size": {"cpu": 1}},
        without="size",
    ),
    Effect("size.maxCpu", (f"{DOMAIN}.cpu.maxSockets",)),
    Effect("size.maxMemory", (f"{DOMAIN}.memory.maxGuest",), ("1Gi", "8Gi", "8.5Gi")),
    Effect(
        "os.preference",
        (f"{MACHINE}/spec.preference", *STALLED),
        ("fedora", "windows.11", "nowhere"),
        {"size": {"cpu": 4, "memory": "8Gi"}},  # a preference may ask for much
        without="os",
        fresh=False,
        theirs=(SPEC,),
    ),
    Effect(
        "os.architecture",
        (f"{SPEC}.architecture",),
        without=None,
        fixed="cannot change",
        theirs=(f"{DOMAIN}.machine",),
    ),
    Effect("cpu.pinned", (f"{DOMAIN}.cpu.dedicatedCpuPlacement",)),
    Effect(
        "cpu.numa",
        (f"{DOMAIN}.cpu.numa",),
        context={"cpu": {"pinned": True, "hugepages": "2Mi"}},
    ),
    Effect("cpu.hugepages", (f"{DOMAIN}.memory.hugepages",)),
)

DISKS = (
    Effect("disks[].name", (*NEW_DISK, f"{DEVICES}.disks"), ("root", "a", "a-2"), without=None),
    # It may grow and cannot shrink: the way back is a wish that is refused in the status.
    Effect(
        "disks[].size",
        (f"{CLAIM}/spec.resources", "status/disks"),
        ("1Gi", "1.5Gi", "3Gi"),
        without=None,
        fresh=False,
        theirs=(f"{CLAIM}/metadata.annotations",),
        lasting=(f"{CLAIM}/spec.resources", f"{CLAIM}/metadata.annotations", "status/disks", *STALLED),
    ),
    Effect("disks[].boot", (f"{DEVICES}.disks",)),
    Effect(
        "disks[].storageClass",
        ("DataVolume/spec.storage.storageClassName", f"{CLAIM}/spec.storageClassName"),
        ("vm-disks", "rigid"),
        _disks(accessMode="ReadWriteOnce"),
        fixed="add a new disk",
    ),
    Effect(
        "disks[].accessMode",
        ("DataVolume/spec.storage.accessModes", f"{CLAIM}/spec.accessModes"),
        fixed="add a new disk",
        # CDI knows which modes go together, and what a file system needs besides.
        theirs=(f"{CLAIM}/spec", f"{CLAIM}/metadata.labels", "status/disks[root].size"),
    ),
    Effect(
        "disks[].rebuild",
        (*NEW_DISK, "status/warnings"),
        context=_disks(source=IMAGE),
        together=_disks(),
        fresh=False,
        lasting=(*REBUILT, "status/warnings"),
    ),
    Effect("disks[].retain", ("DataVolume/metadata.ownerReferences",)),
)


def _filled(field: str, *values: str, **more: Any) -> Effect:
    """A source that gives another disk."""
    return Effect(f"disks[].source.{field}", NEW_DISK, values, fresh=False, lasting=REBUILT, **more)


def _copied(field: str, *values: str, **source: Any) -> Effect:
    """A source that is not there: the disk waits for another now, and what waited for the first is gone.

    What a copy of one that is there needs is in tests/e2e/vms/test_vm_snapshots.py.
    """
    return Effect(
        f"disks[].source.{field}",
        NO_SOURCE,
        values,
        {"disks": [{**disk(), "source": source}]},
        without=None,
        fresh=False,
        theirs=(CLAIM,),
        lasting=(*REBUILT, "status/conditions[DisksReady]"),
    )


def _let_in(field: str, *values: str) -> Effect:
    """Who lets us in is not what the disk holds: one that is there stays as it is, a new one needs it."""
    return Effect(f"disks[].source.{field}", WAITS, values, _source(**IMAGE), fresh=False)


SOURCES = (
    _filled(
        "image",
        "https://images.example/a.qcow2",
        "http://images.example/b.img",
        context=_source(),
        without=None,
    ),
    _filled(
        "registry",
        "quay.io/containerdisks/fedora:41",
        "quay.io/containerdisks/fedora:42",
        context=_source(),
        without=None,
    ),
    _filled("blank", context=_source(**IMAGE), together=_source(blank=True)),
    _filled("checksum", f"md5:{'0' * 32}", f"sha256:{'a' * 64}", context=_source(**IMAGE)),
    _copied("volume", "nowhere", "nobody.s"),
    _copied("snapshot", "nowhere", "nobody.s"),
    _copied("disk.vm", "nobody", "somebody", disk={"disk": "root"}),
    _copied("disk.disk", "root", "data", disk={"vm": "nobody"}),
    _let_in("credentials", "login", "nowhere"),
    _let_in("certificates", "authority", "nowhere"),
)

LINKS = (f"{DEVICES}.interfaces", f"{SPEC}.networks")
NETWORKS = (
    Effect("networks[].name", LINKS, ("default", "a", "a-2"), without="networks"),
    Effect(
        "networks[].network",
        (*LINKS, *STALLED),
        ("lan-120", "nowhere"),
        {"networks": [{"name": "lan"}]},
        fresh=False,
    ),
    Effect(
        "networks[].mac",
        (f"{DEVICES}.interfaces",),
        ("auto", "02:00:00:00:00:01", "fe:00:00:00:00:02"),
        {"networks": [PODS]},
    ),
    Effect("expose[].name", ("Service",), ("ssh", "a-2"), {"expose": [{"port": 22}]}, without="expose"),
    Effect("expose[].port", ("Service/spec.ports",), context={"expose": [{"name": "ssh"}]}, without=None),
    Effect("expose[].target", ("Service/spec.ports",), context={"expose": [SSH]}),
    Effect("expose[].protocol", ("Service/spec.ports",), context={"expose": [SSH]}),
    Effect(
        "expose[].type",
        ("Service/spec.type",),
        context={"expose": [SSH]},
        # What the API server decides of a Service that is reached from outside.
        theirs=("Service/spec.externalTrafficPolicy", "Service/spec.allocateLoadBalancerNodePorts"),
    ),
    Effect(
        "expose[].allowFrom[]",
        ("Service/spec.loadBalancerSourceRanges",),
        ("203.0.113.0/24", "198.51.100.7/32"),
        {"expose": [SSH | {"type": "LoadBalancer"}]},
    ),
)

TOLD = (f"{SPEC}.volumes", f"{DEVICES}.disks")
GUEST = (
    Effect("access.sshKeys[]", TOLD, KEYS, without="access"),
    Effect(
        "access.sshSecret.secret",
        (f"{SPEC}.accessCredentials", *TOLD, *WAITS),
        ("keys", "nowhere"),
        without="access",
    ),
    Effect("access.userData.secret", (*TOLD, *WAITS), ("user", "nowhere"), without="access"),
    Effect("access.networkData.secret", (*TOLD, *WAITS), ("net", "nowhere"), without="access"),
    Effect("access.sysprep.secret", (*TOLD, *WAITS), ("answers", "nowhere"), without="access"),
    *(
        row
        for kind, place in (("gpus", "gpus"), ("host", "hostDevices"))
        for row in (
            Effect(
                f"devices.{kind}[].name",
                (f"{DEVICES}.{place}",),
                ("a", "b-2"),
                {"devices": {kind: [{"class": "nvidia.com/A10"}]}},
                without="devices",
            ),
            Effect(
                f"devices.{kind}[].class",
                (f"{DEVICES}.{place}",),
                ("nvidia.com/A10", "example.dev/x_1.B"),
                {"devices": {kind: [{"name": "a"}]}},
                without="devices",
            ),
        )
    ),
    Effect("devices.tpm", (f"{DEVICES}.tpm",), without="devices"),
    Effect("devices.secureBoot", (f"{DOMAIN}.firmware", f"{DOMAIN}.features"), without="devices"),
)

PLACED = (
    Effect("placement.nodeSelector{}", (f"{SPEC}.nodeSelector",), ("", "b"), without="placement"),
    Effect(
        "placement.spread.group",
        (f"{SPEC}.affinity", f"{MACHINE}/spec.template.metadata.labels"),
        ("a", "b-2"),
        without="placement",
    ),
    Effect("placement.spread.hard", (f"{SPEC}.affinity",), context={"placement": {"spread": {"group": "a"}}}),
    Effect("placement.evict", (f"{SPEC}.evictionStrategy",), without="placement"),
)

SNAPSHOTS = (
    # What was taken stays until somebody deletes it.
    Effect(
        "snapshots.take",
        ("VirtualMachineSnapshot", "status/snapshots", NOTES),
        ("first", "a-2"),
        without="snapshots",
        alone=True,
        lasting=("VirtualMachineSnapshot", "status/snapshots", "status/resources"),
    ),
    Effect("snapshots.restore", STALLED, ("nothing", "app-first"), without="snapshots"),
    Effect(
        "snapshots.schedules[].name",
        (NOTES,),
        ("auto", "a-2"),
        {"snapshots": {"schedules": [{"cron": "0 0 1 1 *", "keep": 1}]}},
        without="snapshots",
    ),
    Effect(
        "snapshots.schedules[].cron",
        (NOTES, *STALLED),
        ("0 0 1 1 *", "0 0 29 2 *", "99 3 * * *"),
        {"snapshots": {"schedules": [{"keep": 1}]}},
        without="snapshots",
    ),
)

EFFECTS: tuple[Effect, ...] = (*POWER, *SIZES, *DISKS, *SOURCES, *NETWORKS, *GUEST, *PLACED, *SNAPSHOTS)
