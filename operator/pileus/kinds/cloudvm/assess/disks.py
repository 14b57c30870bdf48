"""How the disks stand. The claim is the truth about a disk; the DataVolume tells how far it is filled."""

from __future__ import annotations

from pileus.engine.conditions import Condition
from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm import facts
from pileus.kinds.cloudvm.build import disks, names
from pileus.kinds.cloudvm.build.disks import DiskPlan
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import DATA_VOLUME, VIRTUAL_MACHINE
from pileus.objects.quantities import amount, canonical
from pileus.objects.reading import at, condition, number, sentence, text
from pileus.objects.said import Said, merged

PENDING, FILLING, READY, GROWING, FAILED, LOST = (
    "Pending",
    "Filling",
    "Ready",
    "Growing",
    "Failed",
    "Lost",
)
TRIES = 3
"""Restarts of a job after which its failing is news, though CDI goes on trying."""
STEP = 10
"""Percent of progress that is worth a write."""

_WAITING = frozenset({"WaitForFirstConsumer", "PendingPopulation"})


def stores(resource: Resource, plan: Plan, world: World) -> Said:
    """All disks, in the spec's order, and the condition DisksReady."""
    pieces = [_disk(resource, entry, world) for entry in facts.of(plan).disks.plans]
    said = merged(pieces)
    entries = [
        entry for piece in pieces for entry in (piece.fields["disk"], piece.fields.get("next")) if entry
    ]
    cause = said.findings[0] if said.findings else None
    if cause is None:
        ready = Condition("DisksReady", "True", VmReason.DISKS_READY)
    else:
        ready = Condition("DisksReady", "False", cause.reason, cause.message)
    return Said(said.findings, ready, {"disks": entries}, said.child_reasons)


def _disk(resource: Resource, entry: DiskPlan, world: World) -> Said:
    finding, status = _one(resource, entry, entry.volume, world)
    findings = [finding] if finding else []
    reasons = {(DATA_VOLUME.kind, entry.volume): str(finding.reason)} if finding else {}
    fields: dict[str, object] = {"disk": status}
    if entry.coming and _live(resource, world, entry.coming) is not None:
        coming, fields["next"] = _one(resource, entry, entry.coming, world)
        if coming:
            findings.append(coming)
            reasons[(DATA_VOLUME.kind, entry.coming)] = str(coming.reason)
    return Said(tuple(findings), None, fields, reasons)


def _one(
    resource: Resource, entry: DiskPlan, volume: str, world: World
) -> tuple[Finding | None, dict[str, str]]:
    live = _live(resource, world, volume)
    claim = disks.claim(resource, world, volume)
    phase = text(live, "status", "phase")
    what = f"Disk {entry.disk.name!r}"
    has = _readable(text(claim, "status", "capacity", "storage"))
    status = {"name": entry.disk.name, "phase": PENDING, "progress": "", "size": has, "volume": volume}
    if text(claim, "status", "phase") == "Lost":
        words = f"{what} has lost its volume: PersistentVolumeClaim {volume!r} is Lost. Restore the volume."
        return Finding(VmReason.DISK_LOST, words, stalled=True), {**status, "phase": LOST}
    if phase == "Succeeded":
        if _grows(claim):
            return None, {**status, "phase": GROWING, "progress": "100%"}
        return None, {**status, "phase": READY, "progress": "100%"}
    if phase in _WAITING:
        # It is filled once something uses it; nothing is wrong, and the machine is what uses it.
        words = f"{what} waits for the machine to be placed on a node, since its storage class asks for that."
        return Finding(VmReason.DISK_PENDING, words), status
    why = _why(live)
    if phase == "Failed" or (why and number(live, "status", "restartCount") >= TRIES):
        words = f"{what} cannot be filled: {why or 'CDI gives no reason'}. Correct its source."
        return Finding(VmReason.DISK_FAILED, words, stalled=phase == "Failed"), {**status, "phase": FAILED}
    if words := _without_source(entry, live):
        return Finding(VmReason.SOURCE_NOT_FOUND, f"{what} {words}", stalled=True), status
    if words := _in_use(resource, entry, world):
        return Finding(VmReason.DISK_PENDING, f"{what} {words}"), status
    if phase in ("", "Pending", "PVCBound", "Unknown"):
        if text(claim, "status", "phase") == "Pending" or claim is None:
            its_class = text(claim, "spec", "storageClassName")
            giver = f"storage class {its_class!r}" if its_class else "the cluster's default storage class"
            words = f"{what} has no volume yet from {giver}. If this lasts, name another storageClass."
            return Finding(VmReason.DISK_PENDING, words), status
        return Finding(VmReason.DISK_PENDING, f"{what} is about to be filled."), status
    progress = _progress(live)
    so_far = f", {progress} of it so far" if progress else ""
    words = f"{what} is being filled{so_far}{f'; {why}' if why else ''}."
    return Finding(VmReason.DISK_FILLING, words), {**status, "phase": FILLING, "progress": progress}


def _in_use(resource: Resource, entry: DiskPlan, world: World) -> str:
    """What to say of the copy of a disk that another machine uses: CDI waits for its end without a word."""
    source = entry.disk.source.disk
    if source is None:
        return ""
    theirs = world.named.get(names.ref(resource, VIRTUAL_MACHINE, source.vm))
    if at(theirs, "status", "created") is not True:
        return ""
    return (
        f"is copied once CloudVM {source.vm!r} is stopped, since CDI copies no disk that is in use. Stop it "
        "for that, or take a snapshot of it and name that VolumeSnapshot as source."
    )


def _without_source(entry: DiskPlan, live: Manifest | None) -> str:
    """What to say of a copy of something that is not there."""
    if condition(live, "Ready").get("reason") != "CloneWithoutSource":
        return ""
    source = entry.disk.source
    if source.disk:
        original, field = f"disk {source.disk.disk!r} of CloudVM {source.disk.vm!r}", "disk"
    elif source.snapshot:
        original, field = f"VolumeSnapshot {source.snapshot!r}", "snapshot"
    else:
        original, field = f"PersistentVolumeClaim {source.volume!r}", "volume"
    return f"waits for {original} to copy, which does not exist. Make it, or correct source.{field}."


def _live(resource: Resource, world: World, name: str) -> Manifest | None:
    return world.children.get(names.ref(resource, DATA_VOLUME, name))


def _readable(size: str) -> str:
    """With a unit, where it was written in bytes."""
    try:
        return canonical(f"{amount(size) // 2**20}Mi") if size else ""
    except ValueError:
        return size


def _grows(claim: Manifest | None) -> bool:
    asked, has = (
        text(claim, "spec", "resources", "requests", "storage"),
        text(claim, "status", "capacity", "storage"),
    )
    try:
        return bool(asked and has) and amount(has) < amount(asked)
    except ValueError:
        return False


def _progress(live: Manifest | None) -> str:
    said = text(live, "status", "progress").rstrip("%")
    try:
        percent = float(said)
    except ValueError:
        return ""
    return f"{int(percent // STEP) * STEP}%"


def _why(live: Manifest | None) -> str:
    """What CDI says of a job that does not work."""
    running = condition(live, "Running")
    if running.get("status") == "True" or not text(running, "message"):
        return ""
    if text(running, "reason") in ("Completed", "Pending", "ContainerCreating"):
        return ""
    return sentence(text(running, "message"), 300)
