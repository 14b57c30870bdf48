"""What the state of a CloudVM's objects means for its user. Pure and total.

The pieces in `assess` each look at one thing; here their findings are put in order, the cause that
explains the others first: a machine whose disk is still being filled cannot start.
"""

from __future__ import annotations

from pileus.engine.conditions import Verdict
from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.assess.changes import changes
from pileus.kinds.cloudvm.assess.disks import stores
from pileus.kinds.cloudvm.assess.running import machine
from pileus.kinds.cloudvm.assess.seen import guest, kept, movable
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.podcauses import PodReason
from pileus.objects.said import Said, merged

PENDING = frozenset({VmReason.DISK_PENDING})


def judge_vm(resource: Resource, plan: Plan, world: World) -> Verdict:
    """The verdict on one machine, the leaf cause first."""
    disks, power = stores(resource, plan, world), machine(resource, plan, world)
    conditions = (disks, movable(resource, world), guest(resource, world), changes(resource, plan, world))
    said = merged((disks, power, *conditions[1:], kept(world)))
    return Verdict(
        findings=_ordered(disks, power),
        conditions=tuple(piece.condition for piece in conditions if piece.condition is not None),
        fields=said.fields,
        child_reasons=said.child_reasons,
        recheck_after=said.recheck_after,
    )


def _ordered(disks: Said, power: Said) -> tuple[Finding, ...]:
    """A disk that waits for the machine to be placed is explained by why it is not placed."""
    telling = [f for f in disks.findings if f.reason not in PENDING]
    placing = [f for f in power.findings if f.reason == PodReason.UNSCHEDULABLE]
    first = (*placing, *telling) if placing else tuple(telling)
    rest = [f for f in (*disks.findings, *power.findings) if f not in first]
    return (*first, *rest)
