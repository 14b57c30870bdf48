"""Both virt-handlers' part in a live migration: prepare, start, and hand over, one step at each look.

virt-controller makes the target's launcher and the migration's phases. Afterwards the machine is the
target's, with the CPUs and memory that were asked for meanwhile: KubeVirt resizes by migrating.
"""

from __future__ import annotations

import datetime

from pileus.local.vmnode.api import Manifest
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.names import NODE_NAME
from pileus.local.vmnode.orders import NAME, lost, order
from pileus.local.vmnode.world import World

_RESIZED = ("HotVCPUChange", "HotMemoryChange", "MigrationRequired", "VolumesChange")


def due(world: World, machine: Manifest, now: datetime.datetime) -> Manifest | None:
    """The next patch of a machine that is migrating, or None where there is nothing to do."""
    state = machine["status"].get("migrationState") or {}
    if not state.get("migrationUid") or state.get("endTimestamp"):
        return None
    if lost(world.find("Node", "", state.get("targetNode", ""))):
        return None
    ordered = order(
        world.find("ConfigMap", machine["metadata"]["namespace"], NAME),
        "migration",
        machine["metadata"]["name"],
    )
    if not state.get("targetNodeAddress"):
        ports = {"49152": 0, "49153": 49153}
        return _state(targetNodeAddress="192.0.2.1", targetDirectMigrationNodePorts=ports)
    if not state.get("startTimestamp"):
        return _state(startTimestamp=stamp(now), mode="PreCopy")
    if state.get("abortRequested"):
        return _state(
            failed=True,
            completed=True,
            abortStatus="Succeeded",
            endTimestamp=stamp(now),
            failureReason="Live migration aborted",
        )
    if ordered.verb == "fail":
        return _state(
            failed=True,
            completed=True,
            endTimestamp=stamp(now),
            failureReason=ordered.words or "Failed as ordered",
        )
    if ordered.verb == "hold":
        return None
    if not state.get("targetNodeDomainReadyTimestamp"):
        return _state(targetNodeDomainDetected=True, targetNodeDomainReadyTimestamp=stamp(now))
    return _handed_over(machine, state["targetNode"], now)


def _state(**fields: object) -> Manifest:
    return {"status": {"migrationState": fields}}


def _handed_over(machine: Manifest, target: str, now: datetime.datetime) -> Manifest:
    domain, status = machine["spec"]["domain"], machine["status"]
    conditions = [c for c in status.get("conditions", []) if c["type"] not in _RESIZED]
    changed: Manifest = {
        "nodeName": target,
        "conditions": conditions,
        "evacuationNodeName": None,
        "migratedVolumes": None,
        "launcherContainerImageVersion": None,
        "migrationState": {"completed": True, "endTimestamp": stamp(now)},
    }
    if cpu := domain.get("cpu"):
        changed["currentCPUTopology"] = {k: cpu[k] for k in ("cores", "sockets", "threads") if k in cpu}
    if guest := (domain.get("memory") or {}).get("guest"):
        changed["memory"] = {"guestRequested": guest, "guestCurrent": guest}
    return {"metadata": {"labels": {NODE_NAME: target}}, "status": changed}
