"""Kubelet's part: pods on the played nodes start at once, become ready, and end when they should.

A launcher ends when its machine has ended or has moved to another node. What belongs to importers alone is
in `imports`.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator

from pileus.local.vmnode import imports
from pileus.local.vmnode.api import Manifest, Write, delete_now, patch
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.names import CREATED_BY, RANGES
from pileus.local.vmnode.orders import lost
from pileus.local.vmnode.world import World

ENDED = ("Succeeded", "Failed")


def due(world: World, now: datetime.datetime, address: str) -> Iterator[Write]:
    """`address`: where the nodes listen; importers and handlers are asked there."""
    for pod in world.pods():
        node = world.find("Node", "", pod["spec"]["nodeName"])
        if node is None:
            continue
        if lost(node):
            if ready(pod):
                yield _status(pod, {"conditions": _unready(pod, now)})
            continue
        machine = launched(world, pod)
        ended = pod["status"].get("phase") in ENDED
        if pod["metadata"].get("deletionTimestamp"):
            if machine is None or machine["status"].get("phase") in ENDED or left_behind(machine, pod):
                yield delete_now(path(pod))
        elif ended:
            continue
        elif pod["status"].get("phase", "Pending") == "Pending":
            yield _status(pod, _running(world, pod, node, now, address))
        elif imports.is_importer(pod):
            if (status := imports.due(world, pod, now)) is not None:
                yield _status(pod, status)
        elif machine is not None and machine["status"].get("phase") in ENDED:
            yield _status(pod, ended_with(pod, machine["status"]["phase"], now))
        elif machine is not None and left_behind(machine, pod):
            yield _status(pod, ended_with(pod, "Succeeded", now))
        elif (conditions := _conditions(pod, now)) != pod["status"]["conditions"]:
            yield _status(pod, {"conditions": conditions})


def path(pod: Manifest) -> str:
    """A pod's path."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def launched(world: World, pod: Manifest) -> Manifest | None:
    """The machine that a launcher pod is for."""
    labels = pod["metadata"].get("labels") or {}
    if labels.get("kubevirt.io") != "virt-launcher":
        return None
    for machine in world.every("VirtualMachineInstance"):
        if machine["metadata"]["uid"] == labels.get(CREATED_BY):
            return machine
    return None


def left_behind(machine: Manifest, pod: Manifest) -> bool:
    """Whether a migration took the machine away from this pod, or never brought it here."""
    state = machine["status"].get("migrationState") or {}
    gone_from = state.get("targetPod") if state.get("failed") else state.get("sourcePod")
    return bool(state.get("endTimestamp")) and bool(pod["metadata"]["name"] == gone_from)


def ready(pod: Manifest) -> bool:
    """Whether its Ready condition is True."""
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def ended_with(pod: Manifest, phase: str, now: datetime.datetime, message: str = "") -> Manifest:
    """The status of a pod whose containers have ended."""
    code = 0 if phase == "Succeeded" else 1
    reason = "Completed" if code == 0 else "Error"
    state = {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "message": message,
            "startedAt": pod["status"].get("startTime", stamp(now)),
            "finishedAt": stamp(now),
        }
    }
    statuses = [
        {**_container(c, now), "ready": False, "started": False, "state": state}
        for c in pod["spec"]["containers"]
    ]
    said = [
        {**c, "status": "False", "reason": "PodCompleted"} if c["type"] in ("Ready", "ContainersReady") else c
        for c in pod["status"].get("conditions", [])
    ]
    return {"phase": phase, "containerStatuses": statuses, "conditions": said}


def _status(pod: Manifest, status: Manifest) -> Write:
    return patch(f"{path(pod)}/status", {"status": status})


def _running(world: World, pod: Manifest, node: Manifest, now: datetime.datetime, address: str) -> Manifest:
    launcher = (pod["metadata"].get("labels") or {}).get("kubevirt.io") == "virt-launcher"
    ip = _free_address(world, node) if launcher else address
    init = pod["spec"].get("initContainers", [])
    status: Manifest = {
        "phase": "Running",
        "hostIP": address,
        "hostIPs": [{"ip": address}],
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": stamp(now),
        "containerStatuses": [_container(c, now) for c in pod["spec"]["containers"]],
        "initContainerStatuses": [_initial(c, now) for c in init],
    }
    return {**status, "conditions": _conditions({**pod, "status": {**pod["status"], **status}}, now)}


def _container(container: Manifest, now: datetime.datetime) -> Manifest:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": stamp(now)}},
    }


def _initial(container: Manifest, now: datetime.datetime) -> Manifest:
    if container.get("restartPolicy") == "Always":
        return _container(container, now)
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": stamp(now), "finishedAt": stamp(now)}
    return {**_container(container, now), "started": False, "state": {"terminated": ended}}


def _conditions(pod: Manifest, now: datetime.datetime) -> list[Manifest]:
    """A running pod's; readiness gates are virt-controller's: it closes them while a machine is paused."""
    said = {condition["type"]: condition for condition in pod["status"].get("conditions", [])}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
    open_ = all(said.get(gate, {}).get("status") == "True" for gate in gates)
    wanted = {
        "PodReadyToStartContainers": True,
        "Initialized": True,
        "ContainersReady": True,
        "Ready": open_,
    }
    for kind, holds in wanted.items():
        status = "True" if holds else "False"
        if said.get(kind, {}).get("status") != status:
            reason = {} if holds else {"reason": "ReadinessGatesNotReady"}
            said[kind] = {"type": kind, "status": status, "lastTransitionTime": stamp(now), **reason}
    return list(said.values())


def _unready(pod: Manifest, now: datetime.datetime) -> list[Manifest]:
    """As the node controller leaves pods of a node that it does not hear from."""
    said = {"type": "Ready", "status": "False", "lastTransitionTime": stamp(now)}
    return [said if c["type"] == "Ready" else c for c in pod["status"]["conditions"]]


def _free_address(world: World, node: Manifest) -> str:
    """One of the node's range; nothing listens there."""
    network = ipaddress.ip_network(RANGES[node["metadata"]["name"]])
    used = {pod["status"].get("podIP") for pod in world.pods()}
    hosts = (str(host) for number, host in enumerate(network.hosts()) if number > 0)
    return next(host for host in hosts if host not in used)
