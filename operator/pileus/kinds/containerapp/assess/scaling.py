"""Whether load decides the number of replicas: the Scaling condition.

An autoscaler that has no figures does not make the app unready: it serves, with the replicas it has.
"""

from __future__ import annotations

from pileus.engine.conditions import Condition
from pileus.engine.plan import Plan
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp import facts
from pileus.kinds.containerapp.build import names, scaling
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects.catalog import HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT
from pileus.objects.reading import condition, text
from pileus.objects.said import Said

TYPE = "Scaling"


def scaled(resource: Resource, plan: Plan, world: World) -> Said:
    """The condition; findings are the plan's."""
    wanted = resource.spec.scale
    if wanted is None:
        return Said(condition=Condition(TYPE, "False", AppReason.NOT_REQUESTED, "scale is not set."))
    scaler = facts.of(plan).scaler
    if scaler.finding is not None:
        return Said(condition=Condition(TYPE, "False", scaler.finding.reason, scaler.finding.message))
    keda = scaling.needs_keda(wanted)
    kind = SCALED_OBJECT if keda else HORIZONTAL_POD_AUTOSCALER
    live = world.children.get(names.ref(resource, kind, resource.name))
    what = f"{kind.kind} {resource.name!r}"
    for aspect in ("Ready",) if keda else ("AbleToScale", "ScalingActive"):
        said = condition(live, aspect)
        if said.get("status") == "False":
            words = text(said, "message").rstrip(". ") or text(said, "reason")
            return Said(
                condition=Condition(
                    TYPE, "False", AppReason.SCALING_INACTIVE, f"{what} does not scale: {words}."
                ),
                child_reasons={(kind.kind, resource.name): str(AppReason.SCALING_INACTIVE)},
            )
        if said.get("status") != "True":
            told = f"{what} has no figures yet."
            return Said(condition=Condition(TYPE, "Unknown", AppReason.SCALING_PENDING, told))
    told = f"{what} keeps between {wanted.min} and {wanted.max} replicas."
    return Said(condition=Condition(TYPE, "True", AppReason.SCALING, told))
