"""Snapshots of all disks: those that are due, those that are kept, and the one to go back to.

KubeVirt takes and holds them; here it is decided which there should be. What was taken already is read from
the live objects and an annotation of the machine, so that a snapshot that somebody deleted stays deleted.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from pileus.engine.plan import Finding, Manifest, ObjectRef
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.build import names, times
from pileus.kinds.cloudvm.care import Schedule
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import VIRTUAL_MACHINE, VIRTUAL_MACHINE_SNAPSHOT
from pileus.objects.metadata import child
from pileus.objects.reading import annotation, at, mapping, sentence, text
from pileus.objects.times import instant, stamp

LONGEST_WAIT = 3600.0
"""Seconds after which a machine with schedules is looked at anew, also if nothing is due: clocks are set."""


@dataclass(frozen=True, slots=True)
class Restore:
    """A snapshot that can be gone back to. uid: of the snapshot. disks: those that are in it."""

    name: str
    uid: str
    disks: frozenset[str]

    def source(self, disk: str) -> str:
        """The VolumeSnapshot of a disk, as KubeVirt names it."""
        return f"vmsnapshot-{self.uid}-volume-{disk}"


@dataclass(slots=True)
class Taken:
    """What was decided. annotations: what the machine is to remember."""

    objects: list[Manifest] = field(default_factory=list)
    keep: set[ObjectRef] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    recheck_after: float | None = None


def live(world: World) -> list[Manifest]:
    """The machine's snapshots, the newest first."""
    found = [m for ref, m in world.children.items() if ref.kind == VIRTUAL_MACHINE_SNAPSHOT.id]
    return sorted(found, key=lambda m: (text(m, "metadata", "creationTimestamp"), _name(m)), reverse=True)


def usable(snapshot: Manifest) -> bool:
    """True if it can be gone back to."""
    return at(snapshot, "status", "readyToUse") is True


def failed(snapshot: Manifest) -> bool:
    """True if it will never be of use."""
    return text(snapshot, "status", "phase") == "Failed"


def why(snapshot: Manifest) -> str:
    """What KubeVirt says is wrong with it, empty if nothing."""
    return sentence(text(snapshot, "status", "error", "message"))


def restore(
    resource: Resource, spec: CloudVMSpec, world: World
) -> tuple[Restore | None, tuple[Finding, ...]]:
    """The snapshot to go back to, if one is asked for and can be."""
    wanted = spec.snapshots.restore if spec.snapshots else None
    if not wanted:
        return None, ()
    there = live(world)
    found = next((snapshot for snapshot in there if _name(snapshot) == wanted), None)
    if found is None:
        if _restored(resource, world, wanted):
            return None, ()  # it was gone back to, and deleted since
        known = ", ".join(map(_name, there[:6])) or "none"
        words = f"Snapshot {wanted!r} does not exist; there is {known}. Correct snapshots.restore."
        return None, (Finding(VmReason.SNAPSHOT_NOT_FOUND, words, stalled=True),)
    if not usable(found):
        if failed(found):
            words = f"Snapshot {wanted!r} failed, and cannot be restored. Name another in snapshots.restore."
            return None, (Finding(VmReason.SNAPSHOT_FAILED, words, stalled=True),)
        said = f" ({why(found)})" if why(found) else ""
        words = f"Snapshot {wanted!r} is not ready yet{said}; it is restored once it is."
        return None, (Finding(VmReason.SNAPSHOT_NOT_READY, words),)
    held = at(found, "status", "snapshotVolumes", "includedVolumes")
    disks = frozenset(held if isinstance(held, list) else ())
    if disks.isdisjoint(disk.name for disk in spec.disks) and not _restored(resource, world, wanted):
        return None, (_empty(wanted),)
    return Restore(wanted, text(found, "metadata", "uid"), disks), ()


def decide(resource: Resource, spec: CloudVMSpec, world: World) -> Taken:
    """The snapshots that there should be."""
    taken = Taken()
    machine = names.machine(resource, world)
    wanted = spec.snapshots
    there = live(world)
    by_schedule: dict[str, list[Manifest]] = {}
    for snapshot in there:
        by_schedule.setdefault(text(snapshot, "metadata", "labels", names.SCHEDULE), []).append(snapshot)
    taken.keep |= {_ref(resource, _name(snapshot)) for snapshot in by_schedule.pop("", ())}
    if wanted and wanted.restore:
        taken.keep.add(_ref(resource, wanted.restore))
    schedules = wanted.schedules if wanted else ()
    remembered = _remembered(machine)
    memory: dict[str, list[str]] = {}
    for schedule in schedules:
        mine = by_schedule.pop(schedule.name, [])
        if fault := times.wrong(schedule.cron):
            taken.findings.append(_wrong(schedule, fault))
            taken.keep |= {_ref(resource, _name(snapshot)) for snapshot in mine}
            continue
        cron, since = remembered.get(schedule.name, ("", ""))
        start = instant(since) if cron == schedule.cron else None
        memory[schedule.name] = _schedule(resource, schedule, mine, start, world.now, machine, taken)
    if memory:
        taken.annotations[names.SINCE] = json.dumps(memory, sort_keys=True)
    if wanted and wanted.take:
        _on_demand(resource, wanted.take, machine, there, taken)
    if there and failed(there[0]):
        taken.warnings.append(_failed(there[0]))
    return taken


def _schedule(
    resource: Resource,
    schedule: Schedule,
    mine: list[Manifest],
    since: dt.datetime | None,
    now: dt.datetime,
    machine: Manifest | None,
    taken: Taken,
) -> list[str]:
    """Decide for one schedule; returns what to remember of it."""
    begun = since or now
    due = times.last(schedule.cron, now)
    name = f"{resource.name}-{schedule.name}-{due.strftime('%Y%m%d%H%M')}"
    there = any(_name(snapshot) == name for snapshot in mine)
    wait = max(1.0, (times.following(schedule.cron, now) - now).total_seconds())
    taken.recheck_after = min(taken.recheck_after or LONGEST_WAIT, wait)
    asked = due > begun and not there and machine is not None
    if asked:
        taken.objects.append(_snapshot(resource, name, schedule.name))
    # An old one goes when a new one is there: what is being taken may yet fail.
    coming = takewhile(lambda snapshot: not usable(snapshot), mine)
    kept = [
        *[snapshot for snapshot in mine if usable(snapshot)][: schedule.keep],
        *[snapshot for snapshot in coming if not failed(snapshot)][: schedule.keep],
        *(snapshot for snapshot in mine[:1] if failed(snapshot)),
    ]
    taken.keep |= {_ref(resource, _name(snapshot)) for snapshot in kept}
    return [schedule.cron, stamp(max(due, begun) if there else begun)]


def _on_demand(
    resource: Resource, asked: str, machine: Manifest | None, there: list[Manifest], taken: Taken
) -> None:
    name = f"{resource.name}-{asked}"
    made = any(_name(snapshot) == name for snapshot in there)
    before = annotation(machine, names.SNAPSHOT)
    if made or before == asked:
        taken.annotations[names.SNAPSHOT] = asked
        return
    if before:
        taken.annotations[names.SNAPSHOT] = before
    if machine is not None:
        taken.objects.append(_snapshot(resource, name, ""))


def _snapshot(resource: Resource, name: str, schedule: str) -> Manifest:
    source = {"apiGroup": VIRTUAL_MACHINE.group, "kind": VIRTUAL_MACHINE.kind, "name": resource.name}
    made = child(
        resource,
        api_version=VIRTUAL_MACHINE_SNAPSHOT.api_version,
        kind=VIRTUAL_MACHINE_SNAPSHOT.kind,
        name=name,
        body={"spec": {"source": source}},
    )
    if schedule:
        made["metadata"]["labels"][names.SCHEDULE] = schedule
    return made


def _remembered(machine: Manifest | None) -> Mapping[str, tuple[str, str]]:
    try:
        entries = json.loads(annotation(machine, names.SINCE) or "{}")
        return {name: (str(cron), str(since)) for name, (cron, since) in entries.items()}
    except (AttributeError, TypeError, ValueError):
        return {}  # written by hand: as if the schedules were new


def _restored(resource: Resource, world: World, snapshot: str) -> bool:
    return any(annotation(live, names.RESTORED) == snapshot for live in world.children.values())


def _ref(resource: Resource, name: str) -> ObjectRef:
    return names.ref(resource, VIRTUAL_MACHINE_SNAPSHOT, name)


def _name(snapshot: Manifest) -> str:
    return text(mapping(snapshot, "metadata"), "name")


def _wrong(schedule: Schedule, fault: str) -> Finding:
    return Finding(
        VmReason.INVALID_SCHEDULE,
        f"cron of snapshot schedule {schedule.name!r} cannot be read: {fault}. Write minute, hour, day, "
        "month and weekday, such as `0 3 * * *`.",
        stalled=True,
    )


def _empty(wanted: str) -> Finding:
    return Finding(
        VmReason.SNAPSHOT_FAILED,
        f"Snapshot {wanted!r} holds no disk of this machine, and cannot be restored: the storage classes of "
        "its disks took no snapshots, or they had other names. Name another in snapshots.restore.",
        stalled=True,
    )


def _failed(snapshot: Manifest) -> Finding:
    said = why(snapshot) or "KubeVirt gives no reason"
    return Finding(VmReason.SNAPSHOT_FAILED, f"Snapshot {_name(snapshot)!r} failed: {said}.")
