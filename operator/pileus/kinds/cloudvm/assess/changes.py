"""Which changes wait for a restart: by KubeVirt's word, and by name from what runs.

KubeVirt says only that something waits. The fields are found by comparing what runs with what is asked
for, in the parts that no running machine takes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.engine.conditions import Condition
from pileus.engine.plan import Manifest, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm import facts
from pileus.kinds.cloudvm.build import names, power
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import VIRTUAL_MACHINE
from pileus.objects.quantities import amount
from pileus.objects.reading import at, condition, items, text
from pileus.objects.said import Said

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


def changes(resource: Resource, plan: Plan, world: World) -> Said:
    """The condition RestartRequired and the fields that cause it."""
    live, running = names.machine(resource, world), names.instance(resource, world)
    desired = next((o for o in plan.objects if o["kind"] == VIRTUAL_MACHINE.kind), None)
    if running is None or desired is None:
        return Said(condition=_none())
    by_kubevirt = power.required(live, running)
    fields = sorted(set(_fields(desired["spec"], running, by_kubevirt=by_kubevirt)))
    if facts.of(plan).power.restarting or not (fields or by_kubevirt):
        return Said(condition=_none())
    words = _sentence(text(condition(live, "RestartRequired"), "message"))
    what = (
        f"{', '.join(fields)} change" if fields else f"A change waits ({words or 'KubeVirt gives no field'})"
    )
    message = f"{what} with the next restart. {_remedy(resource)}"
    return Said(
        condition=Condition("RestartRequired", "True", VmReason.RESTART_REQUIRED, message),
        fields={"restartRequired": fields},
    )


def _none() -> Condition:
    return Condition("RestartRequired", "False", VmReason.UP_TO_DATE)


def _remedy(resource: Resource) -> str:
    wish = resource.spec.restart
    if wish is not None and wish.policy == "Window":
        return f"It is restarted in the window ({wish.window.cron}), or now with a new restart.token."
    if wish is not None and wish.policy == "Automatic":
        return "It is restarted as soon as KubeVirt is ready for it."
    return "Give a new restart.token to restart it now, or set restart.policy."


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


def _sentence(words: str) -> str:
    return " ".join(words.split()).rstrip(". ")[:200]
