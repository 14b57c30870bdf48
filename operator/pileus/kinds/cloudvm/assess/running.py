"""Whether the machine is in the state that is asked for, and the cause if it is not."""

from __future__ import annotations

import re

from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm import facts
from pileus.kinds.cloudvm.build import names, power
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects import podcauses
from pileus.objects.catalog import NODE, POD, VIRTUAL_MACHINE
from pileus.objects.podcauses import PodReason
from pileus.objects.reading import condition, sentence, text
from pileus.objects.said import Said
from pileus.objects.times import elapsed

REMEDIES = {
    PodReason.UNSCHEDULABLE: "Ask for less with size, change placement, or have nodes added.",
    PodReason.IMAGE_PULL: "The image is KubeVirt's own: ask the administrator.",
}
SILENT = ("Unknown", "False")
LONGEST = 400
"""Characters of KubeVirt's words that are passed on."""
GRACE = 30.0
"""Seconds that a machine may run before it is news that it is not ready."""


def machine(resource: Resource, plan: Plan, world: World) -> Said:
    """Phase, node, and why it is not in the state that is asked for."""
    live, running = names.machine(resource, world), names.instance(resource, world)
    decided = facts.of(plan).power
    phase, finding, wait = _state(resource, decided, live, running, world)
    fields: dict[str, object] = {"phase": phase}
    if node := text(running, "status", "nodeName"):
        fields["node"] = node
    reasons = {(VIRTUAL_MACHINE.kind, resource.name): str(finding.reason)} if finding and live else {}
    return Said((finding,) if finding else (), None, fields, reasons, wait)


_State = tuple[str, Finding | None, float | None]


def _state(
    resource: Resource,
    decided: power.Power,
    live: Manifest | None,
    running: Manifest | None,
    world: World,
) -> _State:
    if decided.strategy == "Halted":
        if running is None:
            return "Stopped", None, None
        if node := _silent_node(running, world):
            return "Unreachable", _unreachable(node), None
        return "Stopping", Finding(VmReason.STOPPING, "The machine is being stopped."), None
    if running is None:
        return _not_there(live)
    phase = text(running, "status", "phase")
    if node := _silent_node(running, world):
        return "Unreachable", _unreachable(node), None
    if decided.restarting or text(running, "metadata", "deletionTimestamp"):
        return "Stopping", Finding(VmReason.RESTARTING, "The machine is being restarted."), None
    if phase in ("Succeeded", "Failed"):
        said = sentence(text(running, "status", "reason"), LONGEST) or "the guest ended"
        words = f"The machine stopped by itself ({said}); KubeVirt starts it again."
        return "Failed", Finding(VmReason.GUEST_FAILED, words), None
    if phase != "Running":
        return _starting(running, world)
    return _runs(resource, running, world)


def _not_there(live: Manifest | None) -> _State:
    if live is None:
        return "Provisioning", Finding(Reason.PROGRESSING, "The machine is about to be made."), None
    said = text(live, "status", "printableStatus")
    failure = condition(live, "Failure")
    if failure.get("status") == "True":
        return "Failed", _cannot_start(sentence(text(failure, "message"), LONGEST)), None
    if said == "CrashLoopBackOff":
        words = "The machine ends again and again, soon after its start; look at its console and its disks."
        return "Failed", Finding(VmReason.CRASH_LOOP, words), None
    if said in ("Provisioning", "WaitingForVolumeBinding", "DataVolumeError"):
        return "Provisioning", Finding(Reason.PROGRESSING, "The machine waits for its disks."), None
    return "Starting", Finding(VmReason.STARTING, "The machine is about to be started."), None


def _starting(running: Manifest, world: World) -> _State:
    found = podcauses.find(world.related.get(POD.id, ()), world.now)
    if found.first is not None:
        reason = PodReason(found.first.reason)
        words = re.sub(r"^Pod '[^']*' ", "The machine ", found.first.message)
        remedy = REMEDIES.get(reason, "")
        return "Starting", Finding(found.first.reason, f"{words} {remedy}".rstrip()), found.recheck_after
    synchronized = condition(running, "Synchronized")
    if synchronized.get("status") == "False" and (words := sentence(text(synchronized, "message"), LONGEST)):
        return "Starting", _cannot_start(words), None
    phase = "Provisioning" if text(running, "status", "phase") == "Pending" else "Starting"
    return phase, Finding(VmReason.STARTING, "The machine is being started."), found.recheck_after


def _cannot_start(words: str) -> Finding:
    if "permittedHostDevices" in words:
        remedy = "Correct the class of the device, or have it permitted in KubeVirt's configuration."
        return Finding(VmReason.DEVICE_NOT_PERMITTED, f"KubeVirt refuses: {words}. {remedy}")
    reason, said = podcauses.refused(words)
    if reason == Reason.QUOTA_EXCEEDED:
        remedy = "Ask for less with size, or have the quota raised."
        return Finding(reason, f"KubeVirt may not start it: {said}. {remedy}")
    if reason == PodReason.POD_SECURITY:
        remedy = "Give machines a namespace of level baseline, or a seccompConfiguration to KubeVirt."
        return Finding(reason, f"KubeVirt may not start it: {said}. {remedy}")
    return Finding(VmReason.GUEST_FAILED, f"KubeVirt cannot start it: {said}.")


def _runs(resource: Resource, running: Manifest, world: World) -> _State:
    asked_to_pause = resource.spec.power == "Paused"
    paused = condition(running, "Paused")
    if paused.get("status") == "True":
        if paused.get("reason") != "PausedByUser":
            words = sentence(text(paused, "message"), LONGEST) or text(paused, "reason")
            return "Paused", Finding(VmReason.GUEST_FAILED, f"KubeVirt has paused it: {words}."), None
        if asked_to_pause:
            return "Paused", None, None
        return "Paused", Finding(VmReason.STARTING, "The machine is about to go on."), None
    if power.migrating(running):
        return "Migrating", None, None  # it works meanwhile
    if asked_to_pause:
        return "Running", Finding(VmReason.PAUSED, "The machine is about to be paused."), None
    ready = condition(running, "Ready")
    if ready.get("status") == "False":
        since = text(ready, "lastTransitionTime")
        if since and (left := GRACE - elapsed(since, world.now)) > 0:
            return "Running", Finding(VmReason.STARTING, "The machine runs, and is about to be ready."), left
        words = (
            sentence(text(ready, "message"), LONGEST) or text(ready, "reason") or "KubeVirt gives no reason"
        )
        return (
            "Running",
            Finding(VmReason.GUEST_FAILED, f"The machine runs, but is not ready: {words}."),
            None,
        )
    return "Running", None, None


def _silent_node(running: Manifest, world: World) -> Manifest | None:
    name = text(running, "status", "nodeName")
    nodes = world.shared.get(NODE.id, ())
    node = next((entry for entry in nodes if text(entry, "metadata", "name") == name), None)
    return node if node is not None and condition(node, "Ready").get("status") in SILENT else None


def _unreachable(node: Manifest) -> Finding:
    name, since = text(node, "metadata", "name"), text(condition(node, "Ready"), "lastTransitionTime")
    taint = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    return Finding(
        VmReason.UNREACHABLE,
        f"Node {name!r}, on which the machine runs, has not answered since {since or 'a while ago'}. The "
        "machine is not started elsewhere as long as it may still run there. If the node is off for good: "
        f"kubectl taint nodes {name} {taint}, and it starts on another one.",
    )
