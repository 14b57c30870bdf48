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
UNREADY = tuple(f"status/conditions[{kind}]" for kind in ("Ready", "Reconciling", "Stalled"))
RUNS = ("VirtualMachineInstance", "VirtualMachineInstance/spec", "VirtualMachineInstance/status")
SAYS = tuple(f"status/conditions[{kind}]" for kind in ("AgentConnected", "Migratable", "RestartRequired"))
RUNNING = (*RUNS, *SAYS, "status/addresses", "status/guest", "status/phase")
KEYS = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB you")
DISK = (
    "DataVolume",
    CLAIM,
    f"{SPEC}.volumes",
    f"{DEVICES}.disks",
    "status/disks",
    "status/conditions[DisksReady]",
    *UNREADY,
)
NEW_DISK = ("DataVolume", CLAIM, f"{SPEC}.volumes", "status/disks", "status/conditions[DisksReady]")


def _disks(**more: Any) -> Spec:
    return {"disks": [disk(**more)]}


def _source(**source: Any) -> Spec:
    return {"disks": [{**disk(), "source": source, "rebuild": "WhenSourceChanges"}]}


POWER = (
    Effect(
        "power",
        (f"{MACHINE}/spec.runStrategy", "VirtualMachineInstance", "status/phase", *SAYS),
        theirs=RUNNING,
    ),
    # Only a running machine has something that waits: half its processors.
    Effect(
        "restart.policy",
        ("status/restartRequired", "status/conditions[RestartRequired]", "status/size", f"{DOMAIN}.cpu"),
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
        UNREADY,
        ("0 3 * * *", "99 3 * * *", "0 3 31 2 *"),
        {"restart": {"policy": "Window"}},
        without="restart",
    ),
    Effect("restart.token", (f"{NOTES}.pileus.dev/restart",), ("one", "two"), without="restart"),
    Effect(
        "migrate.token",
        ("VirtualMachineInstanceMigration", "status/migration", f"{NOTES}.pileus.dev/migrate"),
        ("one", "two"),
        {"power": "Running"},
        without="migrate",
        fresh=False,
        theirs=RUNNING,
    ),
)

SIZES = (
    Effect(
        "size.class",
        (f"{MACHINE}/spec.instancetype", f"{DOMAIN}.cpu", f"{DOMAIN}.memory", "status/size", *UNREADY),
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
        (f"{MACHINE}/spec.preference", f"{DEVICES}.disks", *UNREADY),
        ("fedora", "windows.11", "nowhere"),
        without="os",
        fresh=False,
        theirs=(SPEC,),
    ),
    Effect("os.architecture", (f"{SPEC}.architecture",), theirs=(f"{DOMAIN}.machine",), without="os"),
    Effect("cpu.pinned", (f"{DOMAIN}.cpu.dedicatedCpuPlacement",)),
    Effect(
        "cpu.numa",
        (f"{DOMAIN}.cpu.numa",),
        context={"cpu": {"pinned": True, "hugepages": "2Mi"}},
    ),
    Effect("cpu.hugepages", (f"{DOMAIN}.memory.hugepages",)),
)

DISKS = (
    Effect(
        "disks[].name",
        DISK,
        ("root", "a", "a-2"),
        without=None,
        theirs=UNREADY,
    ),
    # It may grow and cannot shrink: the way back is a wish that is refused in the status.
    Effect(
        "disks[].size",
        (f"{CLAIM}/spec.resources", "status/disks"),
        ("1Gi", "1.5Gi", "3Gi"),
        without=None,
        fresh=False,
        theirs=(f"{CLAIM}/metadata.annotations", *UNREADY),
        lasting=(f"{CLAIM}/spec.resources", f"{CLAIM}/metadata.annotations", "status/disks", *UNREADY),
    ),
    Effect(
        "disks[].source.image",
        NEW_DISK,
        ("https://images.example/a.qcow2", "http://images.example/b.img"),
        _source(),
        without=None,
        fresh=False,
    ),
    Effect(
        "disks[].source.registry",
        NEW_DISK,
        ("quay.io/containerdisks/fedora:41", "quay.io/containerdisks/fedora:42"),
        _source(),
        without=None,
        fresh=False,
    ),
    Effect(
        "disks[].source.blank",
        NEW_DISK,
        context=_source(),
        without=None,
        fresh=False,
    ),
)

COPIED = (
    Effect(
        "disks[].source.volume",
        NEW_DISK,
        ("nowhere", "nobody.s"),
        _source(),
        without=None,
        fresh=False,
    ),
    Effect(
        "disks[].source.snapshot",
        NEW_DISK,
        ("nowhere", "nobody.s"),
        _source(),
        without=None,
        fresh=False,
    ),
    Effect(
        "disks[].source.disk.vm",
        NEW_DISK,
        ("nobody", "somebody"),
        _source(disk={"disk": "root"}),
        without=None,
        fresh=False,
    ),
    Effect(
        "disks[].source.disk.disk",
        NEW_DISK,
        ("root", "data"),
        _source(disk={"vm": "nobody"}),
        without=None,
        fresh=False,
    ),
    Effect(
        "disks[].source.checksum",
        NEW_DISK,
        (f"md5:{'0' * 32}", f"sha256:{'a' * 64}"),
        _source(**IMAGE),
        fresh=False,
    ),
    # Who lets us in is not what the disk holds: a disk that is there stays as it is, a new one needs it.
    Effect(
        "disks[].source.credentials",
        UNREADY,
        ("login", "nowhere"),
        _source(**IMAGE),
        fresh=False,
    ),
    Effect(
        "disks[].source.certificates",
        UNREADY,
        ("authority", "nowhere"),
        _source(**IMAGE),
        fresh=False,
    ),
    Effect("disks[].boot", (f"{DEVICES}.disks",)),
    # Neither can change once the disk is there: another disk is named, and comes with it.
    Effect(
        "disks[].storageClass",
        (f"{CLAIM}/spec.storageClassName",),
        ("vm-disks", "rigid"),
        _disks(accessMode="ReadWriteOnce"),
        one_way="add a new disk",
    ),
    Effect("disks[].accessMode", (f"{CLAIM}/spec.accessModes",), one_way="add a new disk"),
    Effect(
        "disks[].rebuild",
        (*NEW_DISK, "status/warnings"),
        context=_disks(source=IMAGE),
        together=_disks(),
        fresh=False,
    ),
    Effect("disks[].retain", ("DataVolume/metadata.ownerReferences",)),
)

LINKS = (f"{DEVICES}.interfaces", f"{SPEC}.networks")
NETWORKS = (
    Effect("networks[].name", LINKS, ("default", "a", "a-2"), without="networks"),
    Effect(
        "networks[].network",
        (*LINKS, *UNREADY),
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
)

TOLD = (f"{SPEC}.volumes", f"{DEVICES}.disks")
GUEST = (
    Effect("access.sshKeys[]", TOLD, KEYS, without="access"),
    Effect(
        "access.sshSecret.secret",
        (f"{SPEC}.accessCredentials", *TOLD, *UNREADY),
        ("keys", "nowhere"),
        without="access",
    ),
    Effect("access.userData.secret", (*TOLD, *UNREADY), ("user", "nowhere"), without="access"),
    Effect("access.networkData.secret", (*TOLD, *UNREADY), ("net", "nowhere"), without="access"),
    Effect("access.sysprep.secret", (*TOLD, *UNREADY), ("answers", "nowhere"), without="access"),
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
        ("VirtualMachineSnapshot", "status/snapshots", f"{NOTES}.pileus.dev/snapshot"),
        ("first", "a-2"),
        without="snapshots",
        alone=True,
        lasting=("VirtualMachineSnapshot", "status/snapshots", "status/resources"),
    ),
    Effect("snapshots.restore", UNREADY, ("nothing", "app-first"), without="snapshots"),
    Effect(
        "snapshots.schedules[].name",
        (f"{NOTES}.pileus.dev/schedules",),
        ("auto", "a-2"),
        {"snapshots": {"schedules": [{"cron": "0 0 1 1 *", "keep": 1}]}},
        without="snapshots",
    ),
    Effect(
        "snapshots.schedules[].cron",
        (f"{NOTES}.pileus.dev/schedules", *UNREADY),
        ("0 0 1 1 *", "0 0 29 2 *", "99 3 * * *"),
        {"snapshots": {"schedules": [{"keep": 1}]}},
        without="snapshots",
    ),
)

EFFECTS: tuple[Effect, ...] = (*POWER, *SIZES, *DISKS, *COPIED, *NETWORKS, *GUEST, *PLACED, *SNAPSHOTS)
