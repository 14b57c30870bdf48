"""What `judge` needs to know of a compilation, beside the objects themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pileus.engine.plan import Plan
from pileus.kinds.containerapp.build.exposure import Exposure
from pileus.kinds.containerapp.build.rollout import Rollout, Version
from pileus.kinds.containerapp.build.scaling import Scaling


@dataclass(frozen=True, slots=True)
class Facts:
    """The decisions behind a plan."""

    way: Exposure = field(default_factory=Exposure)
    decision: Rollout = field(default_factory=lambda: Rollout(Version({}, "")))
    scaler: Scaling = field(default_factory=Scaling)


def of(plan: Plan) -> Facts:
    """The facts of a plan; nothing decided, for a plan that was never compiled."""
    facts: Any = plan.facts.get("app")
    return facts if isinstance(facts, Facts) else Facts()
