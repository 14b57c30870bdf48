"""What a CloudVM becomes: the plan of its objects. Pure and total.

Disks come first, since the machine waits for them; what only makes sense for a machine that is there
(migration, snapshots) comes last. While a name stands for nothing, everything is left as it is.
"""

from __future__ import annotations

from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.build import (
    disks,
    machine,
    names,
    needs,
    power,
    references,
    restarts,
    services,
    snapshots,
    times,
)
from pileus.kinds.cloudvm.facts import Facts
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import VIRTUAL_MACHINE
from pileus.objects.said import soonest


def compile_vm(resource: Resource, world: World) -> Plan:
    """The plan for one machine."""
    spec: CloudVMSpec = resource.spec
    if lacking := needs.unmet(resource, spec, world):
        seen = Facts(disks.decide(resource, spec, world), power.decide(resource, spec, world))
        return Plan(findings=lacking, prune=False, facts={"vm": seen})
    stores = disks.decide(resource, spec, world)
    may_stop = bool(spec.snapshots and spec.snapshots.stop_to_restore)
    held = stores.swaps and may_stop and disks.filled(resource, world, stores)
    wanted = machine.wanted(resource, spec, world, stores.plans)
    waits = restarts.waits(wanted, names.machine(resource, world), names.instance(resource, world))
    drive = power.decide(resource, spec, world, held=held, waits=waits.told)
    taken = snapshots.decide(resource, spec, world)
    objects = [
        *stores.objects,
        machine.virtual_machine(
            resource,
            wanted,
            strategy=drive.strategy,
            annotations={**drive.annotations, **taken.annotations},
        ),
        *(services.service(resource, exposure) for exposure in spec.expose),
        *drive.objects,
        *taken.objects,
    ]
    return Plan(
        objects=tuple(objects),
        findings=(
            *references.missing(spec, world),
            *stores.findings,
            *_must_stop(resource, spec, world, stores, may_stop=may_stop),
            *taken.findings,
            *_window(spec),
        ),
        warnings=(*stores.warnings, *taken.warnings),
        # Its disks, interfaces and annotations are derived from the live machine.
        exact=frozenset({names.ref(resource, VIRTUAL_MACHINE, resource.name)}),
        acts=(*stores.acts, *drive.acts),
        keep=stores.keep | frozenset(drive.keep) | frozenset(taken.keep),
        recheck_after=soonest(drive.recheck_after, taken.recheck_after),
        facts={"vm": Facts(stores, drive, waits)},
    )


def _must_stop(
    resource: Resource, spec: CloudVMSpec, world: World, stores: disks.Disks, *, may_stop: bool
) -> list[Finding]:
    if not stores.swaps:
        return []
    snapshot = spec.snapshots.restore if spec.snapshots else ""
    if may_stop or spec.power == "Stopped" or names.instance(resource, world) is None:
        return [Finding(VmReason.RESTORING, f"The disks are being restored from snapshot {snapshot!r}.")]
    return [
        Finding(
            VmReason.MUST_BE_STOPPED,
            f"Snapshot {snapshot!r} cannot be restored while the machine runs. Set power: Stopped, or "
            "snapshots.stopToRestore: true.",
            stalled=True,
        )
    ]


def _window(spec: CloudVMSpec) -> list[Finding]:
    window = spec.restart.window if spec.restart else None
    if window is None or not (fault := times.wrong(window.cron)):
        return []
    return [
        Finding(
            VmReason.INVALID_SCHEDULE,
            f"restart.window.cron cannot be read: {fault}. Write minute, hour, day, month and weekday, such "
            "as `0 3 * * sun`.",
            stalled=True,
        )
    ]
