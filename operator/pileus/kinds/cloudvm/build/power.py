"""Power: running or not, pausing, restarts on request and for changes, and live migration.

Power is declared by the run strategy, never by KubeVirt's start and stop calls, which rewrite the machine's
spec. What happens once, on a new token, is remembered in an annotation of the machine before it is done,
with the uid of what is meant: so a crash in between neither loses nor repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pileus.engine.plan import Act, Call, Manifest, ObjectRef, Removal
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.build import names, times
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.objects import podcauses
from pileus.objects.catalog import (
    MIGRATION,
    POD,
    VIRTUAL_MACHINE_INSTANCE,
    VIRTUAL_MACHINE_INSTANCE_CALLS,
)
from pileus.objects.metadata import child
from pileus.objects.podcauses import PodReason
from pileus.objects.reading import annotation, condition, number, text
from pileus.objects.times import seconds

MADE_FOR = "kubevirt.io/vm-generation"
"""Annotation of what runs: the generation of the VirtualMachine that it was made for."""
NOTHING = "-"
OVER = frozenset({"Succeeded", "Failed"})
NOT_BEGUN = frozenset({"", "Pending", "Scheduling"})
"""Phases of a running instance in which no guest runs yet."""


@dataclass(slots=True)
class Power:
    """What was decided.

    strategy: KubeVirt's run strategy. restarting: it is being started anew. waits_for_window: a restart is
    required, and waits for the window.
    """

    strategy: str
    acts: list[Act] = field(default_factory=list)
    objects: list[Manifest] = field(default_factory=list)
    keep: set[ObjectRef] = field(default_factory=set)
    annotations: dict[str, str] = field(default_factory=dict)
    restarting: bool = False
    recheck_after: float | None = None


def decide(
    resource: Resource, spec: CloudVMSpec, world: World, *, held: bool = False, waits: bool = False
) -> Power:
    """What to do about power.

    held: it stays stopped, whatever the spec asks for. waits: a restart would bring changes into force.
    """
    power = Power("Halted" if held or spec.power == "Stopped" else "Always")
    running = names.instance(resource, world)
    _restart(resource, spec, world, running, power, waits=waits)
    _pause(resource, spec, running, power)
    _migrate(resource, spec, world, running, power)
    return power


def migrating(running: Manifest | None) -> bool:
    """True while a live migration is under way."""
    state = (running or {}).get("status", {}).get("migrationState") or {}
    return bool(state) and not state.get("completed")


def _restart(
    resource: Resource,
    spec: CloudVMSpec,
    world: World,
    running: Manifest | None,
    power: Power,
    *,
    waits: bool,
) -> None:
    machine = names.machine(resource, world)
    wish = spec.restart
    due = False
    if wish and wish.token:
        seen, _, meant = annotation(machine, names.RESTART).partition(" ")
        if seen != wish.token:
            # A machine that is only just made has nothing to start anew.
            meant = text(running, "metadata", "uid") if machine is not None and running else NOTHING
        power.annotations[names.RESTART] = f"{wish.token} {meant}"
        due = meant != NOTHING and text(running, "metadata", "uid") == meant
    if text(running, "status", "phase") in NOT_BEGUN and (waits or _waits_as_it_was(machine, running, world)):
        due = True  # no guest has begun: what keeps it from that may be what has just been mended
    elif wish and not due and waits:
        if wish.policy == "Automatic":
            due = True
        elif wish.policy == "Window" and wish.window and not times.wrong(wish.window.cron):
            begun = times.last(wish.window.cron, world.now)
            if (world.now - begun).total_seconds() < seconds(wish.window.lasts):
                due = True
            else:
                opens = times.following(wish.window.cron, world.now)
                power.recheck_after = max(1.0, (opens - world.now).total_seconds())
    if not due or running is None or power.strategy == "Halted":
        return
    if migrating(running):
        return  # its end brings the next pass
    power.restarting = True
    if not text(running, "metadata", "deletionTimestamp"):
        metadata = running["metadata"]
        ref = names.ref(resource, VIRTUAL_MACHINE_INSTANCE, metadata["name"])
        power.acts.append(Removal(VIRTUAL_MACHINE_INSTANCE, ref, metadata["uid"]))


def _waits_as_it_was(machine: Manifest | None, running: Manifest | None, world: World) -> bool:
    """Whether a pod waits for a node as the machine was before it changed: KubeVirt leaves that pod alone."""
    made_for = annotation(running, MADE_FOR)
    if not made_for.isdecimal() or int(made_for) >= number(machine, "metadata", "generation"):
        return False
    cause = podcauses.find(world.related.get(POD.id, ()), world.now).first
    return cause is not None and cause.reason == PodReason.UNSCHEDULABLE


def _pause(resource: Resource, spec: CloudVMSpec, running: Manifest | None, power: Power) -> None:
    if power.strategy == "Halted" or power.restarting or running is None:
        return
    if text(running, "status", "phase") != "Running" or text(running, "metadata", "deletionTimestamp"):
        return
    paused = condition(running, "Paused")
    is_paused = paused.get("status") == "True"
    ref = names.ref(resource, VIRTUAL_MACHINE_INSTANCE_CALLS, resource.name)
    if spec.power == "Paused" and not is_paused and not migrating(running):
        power.acts.append(Call(VIRTUAL_MACHINE_INSTANCE_CALLS, ref, "pause"))
    # What KubeVirt itself paused, since a disk failed, must not be let go on.
    if spec.power == "Running" and is_paused and paused.get("reason") == "PausedByUser":
        power.acts.append(Call(VIRTUAL_MACHINE_INSTANCE_CALLS, ref, "unpause"))


def _migrate(
    resource: Resource, spec: CloudVMSpec, world: World, running: Manifest | None, power: Power
) -> None:
    machine = names.machine(resource, world)
    token = spec.migrate.token if spec.migrate else ""
    name = names.migration(resource, token)
    for ref, live in world.children.items():
        if ref.kind == MIGRATION.id and text(live, "status", "phase") not in OVER:
            power.keep.add(ref)  # what is on its way is not called back
    if not token:
        return
    made = world.children.get(names.ref(resource, MIGRATION, name))
    before = annotation(machine, names.MIGRATE)
    if machine is None or made is not None or before == token:
        power.annotations[names.MIGRATE] = token
    elif before:
        power.annotations[names.MIGRATE] = before
    if made is not None:
        power.keep.add(names.ref(resource, MIGRATION, name))
    elif machine is not None and before != token and _can_move(running) and not power.restarting:
        power.objects.append(
            child(
                resource,
                api_version=MIGRATION.api_version,
                kind=MIGRATION.kind,
                name=name,
                body={"spec": {"vmiName": resource.name}},
            )
        )


def _can_move(running: Manifest | None) -> bool:
    return (
        text(running, "status", "phase") == "Running"
        and not text(running, "metadata", "deletionTimestamp")
        and condition(running, "LiveMigratable").get("status") == "True"
        and not migrating(running)
    )
