"""Which changes wait for a restart: by name from what runs, and by KubeVirt's word.

KubeVirt says only that something waits, and says so until the next start, also when the change was taken
back. So the fields are found by comparing what runs with what is asked for, in the parts that no running
machine takes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.engine.plan import Manifest
from pileus.kinds.cloudvm.build import names
from pileus.objects.quantities import amount
from pileus.objects.reading import at, condition, items, sentence, text
from pileus.objects.times import instant

_CLASS = ("kubevirt.io/cluster-instancetype-name", "kubevirt.io/instancetype-name")
_PREFERENCE = ("kubevirt.io/cluster-preference-name", "kubevirt.io/preference-name")

_PLAIN: dict[str, tuple[str, ...]] = {
    "size.maxCpu": ("domain", "cpu", "maxSockets"),
    "cpu.pinned": ("domain", "cpu", "dedicatedCpuPlacement"),
    "cpu.numa": ("domain", "cpu", "numa"),
    "cpu.hugepages": ("domain", "memory", "hugepages", "pageSize"),
    "os.architecture": ("architecture",),
    "devices.gpus": ("domain", "devices", "gpus"),
    "devices.host": ("domain", "devices", "hostDevices"),
    "devices.tpm": ("domain", "devices", "tpm"),
    "devices.secureBoot": ("domain", "firmware", "bootloader", "efi", "secureBoot"),
    "access.sshSecret": ("accessCredentials",),
    "placement.evict": ("evictionStrategy",),
}
"""Fields of the spec, and where they stand in what runs."""
_DECIDED_BY_CLASS = ("size.", "cpu.", "devices.gpus", "devices.host", "placement.evict")


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits for a restart.

    fields: of the spec, sorted. told: whether KubeVirt says too that a restart brings something into force,
    so that one would not be for nothing. words: its own, where no field is known: somebody else has edited
    the machine.
    """

    fields: tuple[str, ...] = ()
    told: bool = False
    words: str = ""

    def __bool__(self) -> bool:
        return bool(self.fields or self.words)


def waits(wanted: Manifest, live: Manifest | None, running: Manifest | None) -> Waits:
    """What waits between the VirtualMachine's spec as it is wanted, as it is live, and what runs."""
    if running is None:
        return Waits()
    told = _told(live, running)
    fields = tuple(sorted(set(_fields(wanted, running, by_kubevirt=told))))
    words = ""
    if told and not fields and not _covers(at(running, "spec"), at(live, "spec", "template", "spec")):
        words = (
            sentence(text(condition(live, "RestartRequired"), "message"), 200) or "KubeVirt gives no field"
        )
    return Waits(fields, told and bool(fields or words), words)


def _told(machine: Manifest | None, running: Manifest) -> bool:
    """Whether KubeVirt says that what runs now must be started anew for changes to come into force."""
    said = condition(machine, "RestartRequired")
    if said.get("status") != "True":
        return False
    # The two views may lag behind each other: what was started later than this was said is not meant.
    told, born = (
        instant(text(said, "lastTransitionTime")),
        instant(text(running, "metadata", "creationTimestamp")),
    )
    return told is None or born is None or born < told


def _fields(desired: Manifest, running: Manifest, *, by_kubevirt: bool) -> Iterator[str]:
    wanted, has = at(desired, "template", "spec"), at(running, "spec")
    marks = at(running, "metadata", "annotations") or {}
    by_class = text(desired, "instancetype", "name")
    if by_kubevirt and by_class != _named(marks, _CLASS):
        yield "size.class"  # from class to class much is given while it runs
    if text(desired, "preference", "name") != _named(marks, _PREFERENCE):
        yield "os.preference"
    preferred = bool(text(desired, "preference", "name"))
    for field, path in _PLAIN.items():
        if (by_class or _named(marks, _CLASS)) and field.startswith(_DECIDED_BY_CLASS):
            continue
        ours, its = at(wanted, *path), at(has, *path)
        if ours is None and (its is None or preferred or field in ("size.maxCpu", "os.architecture")):
            continue  # what we leave out, KubeVirt or the preference may fill in
        if ours is None and field == "placement.evict":
            continue
        if not _covers(its, ours):
            yield field
    if not by_class:
        yield from _size(wanted, has, by_kubevirt=by_kubevirt)
    yield from _volumes(wanted, has)
    yield from _networks(wanted, has)


def _size(wanted: Any, has: Any, *, by_kubevirt: bool) -> Iterator[str]:
    """Less needs a restart; more is given while it runs, unless KubeVirt said that it cannot."""
    sockets, its = at(wanted, "domain", "cpu", "sockets"), at(has, "domain", "cpu", "sockets")
    if (
        isinstance(its, int)
        and isinstance(sockets, int)
        and its != sockets
        and (its > sockets or by_kubevirt)
    ):
        yield "size.cpu"
    guest, memory = text(wanted, "domain", "memory", "guest"), text(has, "domain", "memory", "guest")
    try:
        grows = amount(guest or "0") - amount(memory or "0")
        if guest and memory and (grows < 0 or (grows > 0 and by_kubevirt)):
            yield "size.memory"
    except ValueError:
        return


def _volumes(wanted: Any, has: Any) -> Iterator[str]:
    ours = {text(volume, "name"): volume for volume in items(wanted, "volumes")}
    its = {text(volume, "name"): volume for volume in items(has, "volumes")}
    for name in ours.keys() | its.keys():
        mine, other = ours.get(name), its.get(name)
        if at(mine or other, "dataVolume", "hotpluggable") is True:
            continue
        if mine is None or other is None or not _covers(other, mine):
            yield _volume_field(name)
    boot = {text(disk, "name"): disk.get("bootOrder") for disk in items(wanted, "domain", "devices", "disks")}
    for disk in items(has, "domain", "devices", "disks"):
        name = text(disk, "name")
        if name in boot and boot[name] != disk.get("bootOrder"):
            yield f"disks[{name}].boot"


def _volume_field(name: str) -> str:
    if name == names.CLOUD_INIT:
        return "access"
    return "access.sysprep" if name == names.ANSWERS else f"disks[{name}]"


def _networks(wanted: Any, has: Any) -> Iterator[str]:
    ours = {text(entry, "name"): entry for entry in items(wanted, "domain", "devices", "interfaces")}
    for entry in items(has, "domain", "devices", "interfaces"):
        name = text(entry, "name")
        mine = ours.get(name)
        if mine is None:
            yield f"networks[{name}]"
        elif text(mine, "macAddress") != text(entry, "macAddress") and not text(mine, "state"):
            yield f"networks[{name}].mac"


def _named(marks: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next((str(marks[key]) for key in keys if marks.get(key)), "")


def _covers(has: Any, wanted: Any) -> bool:
    """True if everything that is wanted stands in what runs; lists as wholes."""
    if isinstance(wanted, Mapping):
        return isinstance(has, Mapping) and all(_covers(has.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(has, list)
            and len(has) == len(wanted)
            and all(_covers(one, other) for one, other in zip(has, wanted, strict=True))
        )
    return bool(has == wanted) or (has is None and wanted is False)
