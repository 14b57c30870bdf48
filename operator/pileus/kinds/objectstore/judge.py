"""What is seen of a store means for its administrator. Pure and total."""

from __future__ import annotations

from pileus.engine.conditions import Condition, Verdict
from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.objectstore import denials
from pileus.kinds.objectstore.reasons import StoreReason
from pileus.objects.reading import text
from pileus.objects.s3 import Fault, Feature, StoreSeen, Trouble

COUNT = 60.0
"""Seconds between two counts of buckets."""

_REMEDIES = {
    Trouble.UNREACHABLE: "It is tried again by itself; see that the store runs and that endpoint is right.",
    Trouble.BUSY: "It is tried again by itself; see how the store fares.",
    Trouble.UNTRUSTED: "Name the authority that signed its certificate in ca.",
    Trouble.DENIED: "See that credentials names keys that may manage buckets and users.",
}


def judge_store(resource: Resource, plan: Plan, world: World) -> Verdict:
    """The verdict on one store."""
    seen = world.outside if isinstance(world.outside, StoreSeen) else None
    reachable = _reachable(plan, seen)
    findings: tuple[Finding, ...] = ()
    if reachable.status != "True" and not plan.findings:
        stalled = bool(seen and seen.fault and not seen.fault.passing)
        findings = (Finding(reachable.reason, reachable.message, stalled=stalled),)
    fields = _fields(seen) | {"buckets": _buckets(resource, world)}
    return Verdict(findings=findings, conditions=(reachable,), fields=fields, recheck_after=COUNT)


def _reachable(plan: Plan, seen: StoreSeen | None) -> Condition:
    if plan.findings:
        return Condition("Reachable", "Unknown", plan.findings[0].reason, plan.findings[0].message)
    if seen is None or (seen.features is None and seen.fault is None):
        return Condition("Reachable", "Unknown", StoreReason.CONNECTING, "The store is being looked at.")
    if seen.fault:
        return Condition("Reachable", "False", seen.fault.trouble, told(seen.fault))
    return Condition("Reachable", "True", StoreReason.REACHABLE, denials.words(seen.denied))


def told(fault: Fault) -> str:
    """The fault and its remedy."""
    remedy = _REMEDIES.get(fault.trouble, "See the store's own log.")
    return f"{fault.words}. {remedy}"


def _buckets(resource: Resource, world: World) -> int:
    """How many Buckets are on it, by their statuses."""
    return sum(text(bucket, "status", "store") == resource.name for bucket in world.dependents)


def _fields(seen: StoreSeen | None) -> dict[str, object]:
    if seen is None:
        return {}
    fields: dict[str, object] = {}
    if seen.server:
        fields["server"] = seen.server
    if seen.features is not None:
        fields["features"] = sorted(feature.value for feature in seen.features)
        fields["lacks"] = sorted(feature.value for feature in set(Feature) - seen.features)
    return fields
