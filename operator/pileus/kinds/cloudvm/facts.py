"""What `judge` needs to know of a compilation, beside the objects themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pileus.engine.plan import Plan
from pileus.kinds.cloudvm.build.disks import Disks
from pileus.kinds.cloudvm.build.power import Power
from pileus.kinds.cloudvm.build.restarts import Waits


@dataclass(frozen=True, slots=True)
class Facts:
    """The decisions behind a plan."""

    disks: Disks = field(default_factory=Disks)
    power: Power = field(default_factory=lambda: Power("Always"))
    waits: Waits = field(default_factory=Waits)


def of(plan: Plan) -> Facts:
    """The facts of a plan; nothing decided, for a plan that was never compiled."""
    facts: Any = plan.facts.get("vm")
    return facts if isinstance(facts, Facts) else Facts()
