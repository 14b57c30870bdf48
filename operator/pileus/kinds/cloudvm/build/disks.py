"""The disks: which DataVolume each one has, which one it should have, and how large its claim should be.

A DataVolume is a job that fills a claim, once. It is never changed: a disk that must hold something else
(its source changed, a snapshot is restored) gets another DataVolume beside the old one, and the machine
changes over. One that never came to hold anything is given up as soon as its source is corrected. Which
DataVolume a disk has is read from the live machine, so no state is kept elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from pileus.engine.compare import digest
from pileus.engine.plan import Act, Amendment, Finding, Manifest, ObjectRef, Removal
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.build import names, snapshots
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.parts import Disk, Source
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import DATA_VOLUME, PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS, VIRTUAL_MACHINE
from pileus.objects.metadata import child
from pileus.objects.quantities import amount, canonical
from pileus.objects.reading import annotation, items, mapping, text

OVERHEAD = "pileus.dev/overhead"
"""Annotation on claims that grew: bytes of the claim for each byte of the disk, in thousandths."""

FILLED = frozenset({"Succeeded", "WaitForFirstConsumer", "PendingPopulation"})
"""Phases of a DataVolume from which on a machine may use it: the last two wait for just that."""


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """What was decided of one disk.

    volume: name of the DataVolume that the machine uses. coming: the one that is to take its place.
    """

    disk: Disk
    volume: str
    coming: str = ""


@dataclass(frozen=True, slots=True)
class Disks:
    """What was decided of all disks.

    swaps: a snapshot's disks wait for the machine to be stopped.
    """

    plans: tuple[DiskPlan, ...] = ()
    objects: tuple[Manifest, ...] = ()
    acts: tuple[Act, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    keep: frozenset[ObjectRef] = frozenset()
    swaps: bool = False


@dataclass(slots=True)
class _Gathered:
    plans: list[DiskPlan] = field(default_factory=list)
    objects: list[Manifest] = field(default_factory=list)
    amendments: list[Amendment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    swaps: bool = False


def decide(resource: Resource, spec: CloudVMSpec, world: World) -> Disks:
    """The DataVolumes of all disks, in the spec's order."""
    gathered = _Gathered()
    wanted, refused = snapshots.restore(resource, spec, world)
    gathered.findings += refused
    for disk in spec.disks:
        _disk(resource, disk, world, wanted, gathered)
    volumes = (volume for plan in gathered.plans for volume in (plan.volume, plan.coming) if volume)
    used = {names.ref(resource, DATA_VOLUME, volume) for volume in volumes}
    still_used = _still_used(resource, world)
    return Disks(
        tuple(gathered.plans),
        tuple(gathered.objects),
        (*gathered.amendments, *_given_up(resource, spec, world, used | still_used)),
        tuple(gathered.findings),
        tuple(gathered.warnings),
        keep=still_used - used,
        swaps=gathered.swaps,
    )


def filled(resource: Resource, world: World, disks: Disks) -> bool:
    """True if every disk that is to come can be used."""
    coming = [plan.coming for plan in disks.plans if plan.coming]
    return all(text(_volume(resource, world, name), "status", "phase") in FILLED for name in coming)


def claim(resource: Resource, world: World, volume: str) -> Manifest | None:
    """The live claim of a DataVolume, which has its name."""
    found = world.related.get(PERSISTENT_VOLUME_CLAIM.id, ())
    return next((live for live in found if live["metadata"]["name"] == volume), None)


def _disk(
    resource: Resource,
    disk: Disk,
    world: World,
    restore: snapshots.Restore | None,
    gathered: _Gathered,
) -> None:
    origin = _origin(resource, disk.source, world)
    # Who lets us in, and where a neighbour's disk lies by now, is not what the disk holds.
    mark = digest(disk.source.model_dump(exclude_none=True, exclude={"credentials", "certificates"}))
    volume = _attached(resource, disk, world) or f"{resource.name}-{disk.name}"
    live = _volume(resource, world, volume)
    filled_for = annotation(live, names.SOURCE) or mark
    anew = f"{resource.name}-{disk.name}-{mark[:8]}"
    if live is not None and filled_for != mark and not _holds(resource, live, world):
        volume, live, filled_for = anew, _volume(resource, world, anew), mark
    coming, content, why = "", origin, {names.SOURCE: mark}
    if (
        restore is not None
        and disk.name in restore.disks
        and annotation(live, names.RESTORED) != restore.name
    ):
        coming = f"{resource.name}-{disk.name}-{digest([restore.uid, disk.name])[:8]}"
        content = {"snapshot": {"name": restore.source(disk.name), "namespace": resource.namespace}}
        why[names.RESTORED] = restore.name
        gathered.swaps = True
    elif live is not None and filled_for != mark:
        if disk.rebuild == "WhenSourceChanges":
            coming = anew
        else:
            gathered.warnings.append(_kept(disk, volume))
    if live is None:
        gathered.objects.append(_data_volume(resource, disk, volume, origin, {names.SOURCE: mark}))
    else:
        gathered.objects.append(_as_it_is(resource, disk, live, filled_for, gathered))
        _grow(resource, disk, world, volume, live, gathered)
    if coming:
        made = _volume(resource, world, coming)
        gathered.objects.append(
            _data_volume(resource, disk, coming, content, why)
            if made is None
            else _as_it_is(resource, disk, made, mark, gathered)
        )
        stopped = names.instance(resource, world) is None
        if text(made, "status", "phase") in FILLED and (stopped or not gathered.swaps):
            volume, coming = coming, volume
    gathered.plans.append(DiskPlan(disk, volume, coming))


def _attached(resource: Resource, disk: Disk, world: World) -> str:
    """The DataVolume that the live machine uses for the disk, if there is one."""
    return _used(names.machine(resource, world), disk.name)


def _used(machine: Manifest | None, disk: str) -> str:
    for volume in items(machine, "spec", "template", "spec", "volumes"):
        if volume.get("name") == disk and (name := text(volume, "dataVolume", "name")):
            return name
    return ""


def _volume(resource: Resource, world: World, name: str) -> Manifest | None:
    return world.children.get(names.ref(resource, DATA_VOLUME, name))


def neighbours(resource: Resource) -> tuple[ObjectRef, ...]:
    """The machines of which a disk is copied."""
    spec: CloudVMSpec = resource.spec
    copied = (disk.source.disk for disk in spec.disks)
    return tuple(names.ref(resource, VIRTUAL_MACHINE, source.vm) for source in copied if source)


def _origin(resource: Resource, source: Source, world: World) -> Manifest:
    """The source in CDI's words."""
    here = {"namespace": resource.namespace}
    extras: Manifest = {}
    if source.credentials:
        extras["secretRef"] = source.credentials
    if source.certificates:
        extras["certConfigMap"] = source.certificates
    if source.image:
        checksum = {"checksum": source.checksum} if source.checksum else {}
        return {"http": {"url": source.image, **checksum, **extras}}
    if source.registry:
        return {"registry": {"url": f"docker://{source.registry}", **extras}}
    if source.volume:
        return {"pvc": {"name": source.volume, **here}}
    if source.snapshot:
        return {"snapshot": {"name": source.snapshot, **here}}
    if source.disk:
        theirs = world.named.get(names.ref(resource, VIRTUAL_MACHINE, source.disk.vm))
        volume = _used(theirs, source.disk.disk) or f"{source.disk.vm}-{source.disk.disk}"
        return {"pvc": {"name": volume, **here}}
    return {"blank": {}}


def _data_volume(
    resource: Resource, disk: Disk, name: str, origin: Manifest, annotations: dict[str, str]
) -> Manifest:
    storage: Manifest = {"resources": {"requests": {"storage": canonical(disk.size)}}}
    if disk.storage_class:
        storage["storageClassName"] = disk.storage_class
    if disk.access_mode:
        storage["accessModes"] = [disk.access_mode]
    return _manifest(resource, disk, name, {"source": origin, "storage": storage}, annotations)


def _as_it_is(
    resource: Resource, disk: Disk, live: Manifest, filled_for: str, gathered: _Gathered
) -> Manifest:
    """A DataVolume cannot change: it is sent as it was made."""
    asked = mapping(live, "spec", "storage")
    storage: Manifest = {
        "resources": {"requests": {"storage": text(asked, "resources", "requests", "storage")}}
    }
    its_class, modes = text(asked, "storageClassName"), asked.get("accessModes")
    if its_class:
        storage["storageClassName"] = its_class
    if modes:
        storage["accessModes"] = list(modes)
    if disk.storage_class and disk.storage_class != its_class:
        gathered.findings.append(_fixed(disk, live, "storageClass", its_class))
    if disk.access_mode and modes and disk.access_mode not in modes:
        gathered.findings.append(_fixed(disk, live, "accessMode", ", ".join(modes)))
    annotations = {names.SOURCE: filled_for}
    if restored := annotation(live, names.RESTORED):
        annotations[names.RESTORED] = restored
    body: dict[str, Any] = {"source": dict(mapping(live, "spec", "source")), "storage": storage}
    return _manifest(resource, disk, live["metadata"]["name"], body, annotations)


def _manifest(
    resource: Resource, disk: Disk, name: str, spec: Manifest, annotations: dict[str, str]
) -> Manifest:
    made = child(
        resource,
        api_version=DATA_VOLUME.api_version,
        kind=DATA_VOLUME.kind,
        name=name,
        body={"spec": spec},
        # CDI must not wait for a first consumer that in turn waits for the disk, nor forget the job.
        annotations={**annotations, "cdi.kubevirt.io/storage.deleteAfterCompletion": "false"},
        owned=disk.retain == "Delete",
    )
    made["metadata"]["labels"][names.DISK] = disk.name
    return made


def _holds(resource: Resource, live: Manifest, world: World) -> bool:
    """Whether a DataVolume holds, or may hold, what would be lost with it."""
    name = live["metadata"]["name"]
    begun = text(names.instance(resource, world), "status", "phase") == "Running"
    return (
        text(live, "status", "phase") == "Succeeded"
        or text(claim(resource, world, name), "status", "phase") == "Lost"
        or (begun and names.ref(resource, DATA_VOLUME, name) in _still_used(resource, world))
    )


def _given_up(resource: Resource, spec: CloudVMSpec, world: World, used: set[ObjectRef]) -> Iterator[Removal]:
    """DataVolumes that we made for these disks, that hold nothing, and that no machine has any more.

    Those that go with the machine are pruned; these would be kept for their content.
    """
    disks = {disk.name for disk in spec.disks}
    for ref, live in world.children.items():
        metadata = live["metadata"]
        if (
            ref.kind == DATA_VOLUME.id
            and ref not in used
            and annotation(live, names.SOURCE)
            and text(metadata, "labels", names.DISK) in disks
            and not metadata.get("ownerReferences")
            and not metadata.get("deletionTimestamp")
            and not _holds(resource, live, world)
        ):
            yield Removal(DATA_VOLUME, ref, metadata["uid"])


def _still_used(resource: Resource, world: World) -> frozenset[ObjectRef]:
    """DataVolumes that the running machine has, whatever the spec says by now."""
    running = names.instance(resource, world)
    return frozenset(
        names.ref(resource, DATA_VOLUME, name)
        for volume in items(running, "spec", "volumes")
        if (name := text(volume, "dataVolume", "name"))
    )


def _grow(
    resource: Resource, disk: Disk, world: World, volume: str, live: Manifest, gathered: _Gathered
) -> None:
    """The claim is the truth about the size; CDI's overhead for a file system stays in proportion."""
    there = claim(resource, world, volume)
    made_with = text(live, "spec", "storage", "resources", "requests", "storage")
    has = text(there, "spec", "resources", "requests", "storage")
    if there is None or text(there, "status", "phase") != "Bound" or not made_with or not has:
        return
    thousandths = int(annotation(there, OVERHEAD) or amount(has) * 1000 // amount(made_with))
    needed = amount(disk.size) * max(thousandths, 1000) / 1000
    grown = annotation(there, OVERHEAD)
    least = _mebibytes(amount(has) * 1000 / thousandths - 1) if grown else made_with
    if amount(disk.size) < amount(least):
        gathered.findings.append(_shrink(disk, volume, least))
    if needed <= amount(has):
        return
    its_class = text(there, "spec", "storageClassName")
    if not _expandable(world, its_class):
        gathered.findings.append(_rigid(disk, volume, has, its_class))
        return
    manifest: Manifest = {
        **PERSISTENT_VOLUME_CLAIM.type_meta,
        "metadata": {
            "name": volume,
            "namespace": resource.namespace,
            "annotations": {OVERHEAD: str(thousandths)},
        },
        "spec": {"resources": {"requests": {"storage": _mebibytes(needed)}}},
    }
    gathered.amendments.append(Amendment(PERSISTENT_VOLUME_CLAIM, manifest, there["metadata"]["uid"]))


def _mebibytes(amount: Fraction) -> str:
    """At least so many bytes, in whole mebibytes."""
    return canonical(f"{math.ceil(amount / 2**20)}Mi")


def _expandable(world: World, name: str) -> bool:
    found = world.shared.get(STORAGE_CLASS.id, ())
    return any(
        text(entry, "metadata", "name") == name and entry.get("allowVolumeExpansion") is True
        for entry in found
    )


def _kept(disk: Disk, volume: str) -> Finding:
    return Finding(
        VmReason.SOURCE_CHANGED,
        f"Disk {disk.name!r} keeps what it holds: DataVolume {volume!r} was filled from another source than "
        "the one that is named now. Set rebuild: WhenSourceChanges for a new disk, or put the source back.",
    )


def _shrink(disk: Disk, volume: str, there: str) -> Finding:
    return Finding(
        VmReason.DISK_SHRINK,
        f"Disk {disk.name!r} asks for a size of {disk.size}, but volume {volume!r} has {there}, and a disk "
        f"cannot shrink. Ask for {there} or more.",
        stalled=True,
    )


def _fixed(disk: Disk, live: Manifest, its_field: str, there: str) -> Finding:
    name = text(live, "metadata", "name")
    return Finding(
        VmReason.DISK_FIXED,
        f"Disk {disk.name!r} asks for another {its_field}, but DataVolume {name!r} has {there!r}, which "
        "cannot change. Give the disk another name, or put the field back.",
        stalled=True,
    )


def _rigid(disk: Disk, volume: str, there: str, its_class: str) -> Finding:
    return Finding(
        VmReason.DISK_NOT_EXPANDABLE,
        f"Disk {disk.name!r} cannot grow to {disk.size}: storage class {its_class!r} of claim {volume!r} "
        f"({there}) does not allow it. Put the size back, or have allowVolumeExpansion set on the class.",
        stalled=True,
    )
