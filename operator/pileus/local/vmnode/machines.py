"""virt-handler's part for machines: from Scheduled to Running, what is known about them, and their end.

virt-controller hands a machine over when its launcher is ready, and takes it back when it has ended.
Whatever is said of the guest is invented: none boots.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator

from pileus.local.vmnode import migrations
from pileus.local.vmnode.api import Manifest, Write, replace
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.orders import NAME, lost, order
from pileus.local.vmnode.pods import ENDED, launched, ready
from pileus.local.vmnode.world import World

GUEST = {
    "id": "none",
    "name": "No guest",
    "prettyName": "No guest: this node is played",
    "version": "0",
    "versionId": "0",
    "kernelRelease": "none",
    "machine": "x86_64",
}
_SHARED = "ReadWriteMany"
_COMING = ("AttachedToNode", "MountedToPod")
_ATTACHED = "multus-status"


def due(world: World, now: datetime.datetime) -> Iterator[Write]:
    """What virt-handler would write about the machines on nodes that are not lost."""
    for machine in world.every("VirtualMachineInstance"):
        node = world.find("Node", "", machine["status"].get("nodeName", ""))
        if node is None or lost(node) or machine["status"].get("phase") not in ("Scheduled", "Running"):
            continue
        pod = _pod(world, machine)
        leaving = machine["metadata"].get("deletionTimestamp") or (
            pod is not None and pod["metadata"].get("deletionTimestamp")
        )
        if leaving:
            yield _write(machine, _phase(machine, "Succeeded", now))
        elif machine["status"]["phase"] == "Scheduled":
            if pod is not None and ready(pod):
                yield _write(
                    machine,
                    {
                        **_started(machine),
                        **_phase(machine, "Running", now),
                        **_seen(world, machine, pod, now),
                    },
                )
        elif (migrating := migrations.due(world, machine, now)) is not None:
            yield replace(path(machine), machine, migrating)
        elif pod is not None and (changed := _changes(machine, _seen(world, machine, pod, now))):
            yield _write(machine, changed)


def path(machine: Manifest) -> str:
    """A machine's path."""
    space, name = machine["metadata"]["namespace"], machine["metadata"]["name"]
    return f"/apis/kubevirt.io/v1/namespaces/{space}/virtualmachineinstances/{name}"


def guest(machine: Manifest) -> Manifest:
    """The answer to `guestosinfo`."""
    hostname = machine["spec"].get("hostname", machine["metadata"]["name"])
    return {"guestAgentVersion": "played", "hostname": hostname, "os": GUEST, "timezone": "UTC, 0"}


def paused(machine: Manifest, yes: bool, now: datetime.datetime) -> Write:
    """Pause a machine, or let it go on."""
    conditions = [c for c in machine["status"].get("conditions", []) if c["type"] != "Paused"]
    if yes:
        conditions.append(_true("Paused", now, reason="PausedByUser", message="VMI was paused by user"))
    return _write(machine, {"conditions": conditions})


def _write(machine: Manifest, status: Manifest) -> Write:
    return replace(path(machine), machine, {"status": status})


def _pod(world: World, machine: Manifest) -> Manifest | None:
    """Its launcher; one that it left behind there some time ago is another."""
    for pod in world.pods():
        here = pod["spec"]["nodeName"] == machine["status"]["nodeName"]
        if here and pod["status"].get("phase") not in ENDED and launched(world, pod) is machine:
            return pod
    return None


def _phase(machine: Manifest, phase: str, now: datetime.datetime) -> Manifest:
    before = machine["status"].get("phaseTransitionTimestamps", [])
    entry = {"phase": phase, "phaseTransitionTimestamp": stamp(now)}
    return {"phase": phase, "phaseTransitionTimestamps": [*before, entry]}


def _started(machine: Manifest) -> Manifest:
    """What is fixed while a machine runs."""
    domain = machine["spec"]["domain"]
    status: Manifest = {
        "guestOSInfo": GUEST,
        "selinuxContext": "none",
        "migrationMethod": "LiveMigration",
        "machine": {"type": (domain.get("machine") or {}).get("type", "q35")},
    }
    if cpu := domain.get("cpu"):
        status["currentCPUTopology"] = {k: cpu[k] for k in ("cores", "sockets", "threads") if k in cpu}
    if guest_memory := (domain.get("memory") or {}).get("guest"):
        known = ("guestAtBoot", "guestCurrent", "guestRequested")
        status["memory"] = dict.fromkeys(known, guest_memory)
    return status


def _seen(world: World, machine: Manifest, pod: Manifest, now: datetime.datetime) -> Manifest:
    """What virt-handler looks at again and again."""
    return {
        "conditions": _conditions(world, machine, now),
        "interfaces": interfaces(machine, pod),
        "volumeStatus": _volumes(machine),
    }


def _changes(machine: Manifest, seen: Manifest) -> Manifest:
    return {name: value for name, value in seen.items() if value != machine["status"].get(name, [])}


def _conditions(world: World, machine: Manifest, now: datetime.datetime) -> list[Manifest]:
    said = {condition["type"]: condition for condition in machine["status"].get("conditions", [])}
    config = world.find("ConfigMap", machine["metadata"]["namespace"], NAME)
    wanted = [_migratable(machine, now), _true("StorageLiveMigratable", now)]
    if order(config, "agent", machine["metadata"]["name"]).verb == "absent":
        said.pop("AgentConnected", None)
    else:
        wanted.append(_true("AgentConnected", now))
    for condition in wanted:
        if said.get(condition["type"], {}).get("status") != condition["status"]:
            said[condition["type"]] = condition
    return list(said.values())


def _migratable(machine: Manifest, now: datetime.datetime) -> Manifest:
    """As virt-handler judges disks: all must be shared."""
    volumes = _declared(machine)  # not where KubeVirt keeps a TPM
    for volume in machine["status"].get("volumeStatus", []):
        claim = volume.get("persistentVolumeClaimInfo")
        if volume["name"] in volumes and claim and _SHARED not in claim.get("accessModes", []):
            message = (
                f"cannot migrate VMI: PVC {claim.get('claimName', '')} is not shared, live migration "
                "requires that all PVCs must be shared (using ReadWriteMany access mode)"
            )
            return {
                **_true("LiveMigratable", now, reason="DisksNotLiveMigratable", message=message),
                "status": "False",
            }
    return _true("LiveMigratable", now)


def interfaces(machine: Manifest, pod: Manifest) -> list[Manifest]:
    """Those of the launcher that are plugged into the guest, or are being unplugged from it."""
    known = {found.get("name"): found for found in machine["status"].get("interfaces", [])}
    attached = {network["name"] for network in machine["spec"].get("networks", []) if "multus" in network}
    listed = []
    for number, interface in enumerate(machine["spec"]["domain"]["devices"].get("interfaces", [])):
        before = known.get(interface["name"], {})
        sources = ["domain", "guest-agent"] if interface.get("state") != "absent" else []
        if interface["name"] in attached:
            # virt-controller's word for what the launcher has; it comes before the guest's, and goes after.
            if _ATTACHED not in before.get("infoSource", ""):
                continue
            sources.append(_ATTACHED)
        if not sources:
            continue
        seen = {
            "name": interface["name"],
            "interfaceName": f"eth{number}",
            "mac": interface.get("macAddress") or _mac(machine, interface["name"]),
            "infoSource": ", ".join(sources),
            "queueCount": 1,
        }
        if interface["name"] not in attached:
            seen |= {"ipAddress": pod["status"]["podIP"], "ipAddresses": [pod["status"]["podIP"]]}
        listed.append({**before, **seen})
    return listed


def _mac(machine: Manifest, name: str) -> str:
    """A random one that stays while the machine runs."""
    number = hashlib.sha256(f"{machine['metadata']['uid']}/{name}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *number[:5]))


def _volumes(machine: Manifest) -> list[Manifest]:
    wanted = _declared(machine)
    there = machine["status"].get("volumeStatus", [])
    return [_volume(volume, wanted=volume["name"] in wanted) for volume in there]


def _declared(machine: Manifest) -> set[str]:
    return {volume["name"] for volume in machine["spec"].get("volumes", [])}


def _volume(volume: Manifest, *, wanted: bool) -> Manifest:
    """What was plugged in is ready once it has come to the node, and let go of once it is not wanted."""
    name, phase = volume["name"], volume.get("phase")
    if not volume.get("hotplugVolume"):
        return volume
    if wanted and phase in _COMING:
        message = f"Successfully attach hotplugged volume {name} to VM"
        return {**volume, "phase": "Ready", "reason": "VolumeReady", "message": message, "target": "sda"}
    if not wanted and phase in (*_COMING, "Ready"):
        message = f"Volume {name} has been unmounted from virt-launcher pod"
        left = {"phase": "UnMountedFromPod", "reason": "VolumeUnMountedFromPod", "message": message}
        return {**volume, **left, "target": ""}
    return volume


def _true(kind: str, now: datetime.datetime, *, reason: str = "", message: str = "") -> Manifest:
    said = {"reason": reason, "message": message}
    return {
        "type": kind,
        "status": "True",
        "lastProbeTime": stamp(now),
        "lastTransitionTime": stamp(now),
        **{key: value for key, value in said.items() if value},
    }
