"""The condition RestartRequired: which changes wait, and what brings them into force."""

from __future__ import annotations

from pileus.engine.conditions import Condition
from pileus.engine.plan import Plan
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm import facts
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.said import Said


def changes(resource: Resource, plan: Plan, world: World) -> Said:
    """The condition RestartRequired and the fields that cause it."""
    seen = facts.of(plan)
    if not seen.waits or seen.power.restarting:
        return Said(condition=Condition("RestartRequired", "False", VmReason.UP_TO_DATE))
    fields = list(seen.waits.fields)
    what = f"{', '.join(fields)} change" if fields else f"A change waits ({seen.waits.words})"
    message = f"{what} with the next restart. {_remedy(resource)}"
    return Said(
        condition=Condition("RestartRequired", "True", VmReason.RESTART_REQUIRED, message),
        fields={"restartRequired": fields},
    )


def _remedy(resource: Resource) -> str:
    wish = resource.spec.restart
    if wish is not None and wish.policy == "Window":
        return f"It is restarted in the window ({wish.window.cron}), or now with a new restart.token."
    if wish is not None and wish.policy == "Automatic":
        return "It is restarted as soon as KubeVirt is ready for it."
    return "Give a new restart.token to restart it now, or set restart.policy."
