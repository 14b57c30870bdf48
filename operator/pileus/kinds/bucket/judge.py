"""What is seen of a bucket means for its user. Pure and total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pileus.engine.conditions import Condition, Reason, Verdict
from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.bucket.build.access import Consumer
from pileus.kinds.bucket.compile import ABANDON, Facts
from pileus.kinds.bucket.model import BucketSpec
from pileus.kinds.bucket.reasons import BucketReason
from pileus.objects.reading import items, text
from pileus.objects.s3 import COPIES, Farewell, Fate, Fault, Parting, Seen, Usage
from pileus.objects.said import soonest
from pileus.objects.times import stamp


def judge_bucket(resource: Resource, plan: Plan, world: World) -> Verdict:
    """The verdict on one bucket."""
    facts: Facts = plan.facts.get("bucket", Facts())
    if resource.deleting:
        return _leaving(resource, plan, world)
    seen = world.outside if isinstance(world.outside, Seen) else Seen()
    provisioned = _provisioned(plan, facts, seen, pending=world.pending)
    ready = _access(resource, plan, facts, world)
    conditions = (provisioned, ready, *_replication(resource, plan, facts, seen))
    findings = [
        Finding(one.reason, one.message, stalled=_stalls(seen, one.reason))
        for one in conditions
        if one.status != "True" and not plan.findings
    ]
    return Verdict(
        findings=tuple(findings),
        conditions=conditions,
        fields=_fields(resource, facts, seen, world),
        child_reasons=_children(facts, world),
        recheck_after=soonest(_claims(resource, facts, seen), _handed_out(facts, world)),
    )


def _provisioned(plan: Plan, facts: Facts, seen: Seen, *, pending: bool) -> Condition:
    kind = "Provisioned"
    if plan.findings and (facts.wish is None or not _ours(facts, seen)):
        return Condition(kind, "False", plan.findings[0].reason, plan.findings[0].message)
    if seen.fault:
        return Condition(kind, "False", seen.fault.trouble, _told(seen.fault, facts))
    if refused := [(what, why) for what, why in seen.refused.items() if what != COPIES]:
        what, why = refused[0]
        words = f"{what}: {why}. Leave it out, or ask the store's administrator."
        return Condition(kind, "False", BucketReason.SETTING_REFUSED, words)
    if not _ours(facts, seen):
        return Condition(kind, "False", BucketReason.PROVISIONING, "The bucket is being made.")
    if pending:
        return Condition(kind, "False", BucketReason.PROVISIONING, "The bucket is being changed.")
    return Condition(kind, "True", BucketReason.PROVISIONED)


def _access(resource: Resource, plan: Plan, facts: Facts, world: World) -> Condition:
    kind, spec = "AccessReady", resource.spec
    if isinstance(spec, BucketSpec) and not spec.access:
        return Condition(kind, "True", BucketReason.NO_ACCESS)
    if plan.findings and (
        not facts.consumers.each or plan.findings[0].reason == BucketReason.SECRETS_NOT_PERMITTED
    ):
        return Condition(kind, "False", plan.findings[0].reason, plan.findings[0].message)
    waiting = [one.access.name for one in facts.consumers.each if not one.written(world)]
    if waiting:
        words = f"The Secret of {' and '.join(map(repr, waiting))} waits for a key."
        return Condition(kind, "False", BucketReason.ACCESS_PENDING, words)
    return Condition(kind, "True", BucketReason.ACCESS_READY)


def _replication(resource: Resource, plan: Plan, facts: Facts, seen: Seen) -> Iterator[Condition]:
    """Nothing, if no copies are asked for."""
    kind, spec = "ReplicationReady", resource.spec
    if not isinstance(spec, BucketSpec) or not spec.replicate_to:
        return
    if cause := facts.copies.findings or (plan.findings if facts.wish is None else ()):
        yield Condition(kind, "False", cause[0].reason, cause[0].message)
    elif COPIES in seen.refused:
        words = f"replicateTo: {seen.refused[COPIES]}. Ask the store's administrator, or leave it out."
        yield Condition(kind, "False", BucketReason.REPLICATION_REFUSED, words)
    elif not _ours(facts, seen) or not facts.copies.made(seen):
        words = "It is being set that what is in the bucket is copied."
        yield Condition(kind, "False", BucketReason.REPLICATION_PENDING, words)
    else:
        yield Condition(kind, "True", BucketReason.REPLICATION_READY)


def _ours(facts: Facts, seen: Seen) -> bool:
    return bool(facts.wish and seen.exists and seen.owner == facts.wish.owner)


def _stalls(seen: Seen, reason: str) -> bool:
    if reason in (BucketReason.SETTING_REFUSED, BucketReason.REPLICATION_REFUSED):
        return True
    return bool(seen.fault and reason == seen.fault.trouble and not seen.fault.passing)


def _told(fault: Fault, facts: Facts) -> str:
    where = f"ObjectStore {facts.place.name!r}" if facts.place else "The store"
    remedy = "it is tried again by itself" if fault.passing else "its status tells its administrator more"
    return f"{where}: {fault.words}; {remedy}."


def _claims(resource: Resource, facts: Facts, seen: Seen) -> float | None:
    """A name that turned out to be free is claimed by this status; then the bucket can be made."""
    wish = facts.wish
    if wish is None or wish.makes or seen.exists is not False:
        return None
    return 0.0


def _handed_out(facts: Facts, world: World) -> float | None:
    """A key that is in its Secret now is no longer to be made; an own write wakes nobody."""
    new = (one for one in facts.consumers.each if one.identity.fresh and one.sealed)
    return 0.0 if any(one.written(world) for one in new) else None


def _fields(resource: Resource, facts: Facts, seen: Seen, world: World) -> dict[str, object]:
    fields: dict[str, object] = {}
    wish, place = facts.wish, facts.place
    if place is not None and wish is not None:
        fields |= {"store": place.name, "endpoint": place.endpoint, "region": place.region}
        if wish.makes or seen.exists is False or _ours(facts, seen):
            fields["bucketName"] = wish.bucket
    else:
        for kept in ("store", "endpoint", "region", "bucketName"):
            if value := text(resource.status, kept):
                fields[kept] = value
    if seen.usage:
        fields["usage"] = _usage(resource, seen.usage)
    if entries := [
        *(_entry(resource, one, world) for one in facts.consumers.each),
        *_past(resource, facts, seen),
    ]:
        fields["access"] = entries
    return fields


def _usage(resource: Resource, usage: Usage) -> dict[str, object]:
    """The count, and since when it is this: a status is written for what is new, not for the time."""
    before: Mapping[str, object] = resource.status.get("usage") or {}
    same = (before.get("bytes"), before.get("objects")) == (usage.size, usage.objects)
    since = text(before, "asOf") if same else ""
    return {"bytes": usage.size, "objects": usage.objects, "asOf": since or stamp(usage.as_of)}


def _entry(resource: Resource, consumer: Consumer, world: World) -> dict[str, object]:
    """The consumer's key; while its Secret is away the one before, which works on in what runs."""
    user = consumer.identity.user
    if consumer.written(world):
        key, since, previous = consumer.key, consumer.since, consumer.previous
    else:
        before = next((one for one in items(resource.status, "access") if text(one, "user") == user), {})
        key, since = text(before, "keyId"), text(before, "rotatedAt")
        previous = text(before, "previousKeyId")
        previous = previous if previous in consumer.identity.keep else ""
    return {
        "name": consumer.access.name,
        "user": user,
        "secret": consumer.secret.name,
        "keyId": key,
        "rotatedAt": since,
        "previousKeyId": previous,
    }


def _past(resource: Resource, facts: Facts, seen: Seen) -> Iterator[Mapping[str, object]]:
    """Consumers that are no longer asked for, until it was seen that they are gone."""
    now = {one.identity.user for one in facts.consumers.each}
    for entry in items(resource.status, "access"):
        user = text(entry, "user")
        if user not in now and not (user in seen.users and seen.users[user] is None):
            yield entry


def _children(facts: Facts, world: World) -> dict[tuple[str, str], str]:
    return {
        ("Secret", one.secret.name): BucketReason.ACCESS_PENDING
        for one in facts.consumers.each
        if not one.written(world) and one.secret in world.children
    }


def _leaving(resource: Resource, plan: Plan, world: World) -> Verdict:
    """Why it is not gone yet."""
    seen = world.outside if isinstance(world.outside, Parting) else Parting()
    fields = {
        key: resource.status[key]
        for key in ("store", "endpoint", "region", "bucketName", "access")
        if key in resource.status
    }
    finding = _left(resource, plan, seen)
    return Verdict(findings=() if plan.findings else (finding,), fields=fields)


def _left(resource: Resource, plan: Plan, seen: Parting) -> Finding:
    wish: Farewell | None = plan.wish
    name = wish.bucket if wish else ""
    if seen.fault:
        words = (
            f"{resource.kind} {resource.name!r} is being deleted, but its store does not let go: "
            f"{seen.fault.words}. It is tried again; to leave the bucket behind, set {ABANDON}=true."
        )
        return Finding(seen.fault.trouble, words, stalled=not seen.fault.passing)
    if wish and wish.fate is Fate.DELETE_IF_EMPTY and seen.left:
        more = "at least " if seen.left >= 1000 else ""
        words = (
            f"Bucket {name!r} is not empty: {more}{seen.left} objects, versions or uploads are in "
            "it. Remove them, or set deletionPolicy to Retain or Delete."
        )
        return Finding(BucketReason.NOT_EMPTY, words, stalled=True)
    if wish and wish.fate is Fate.DELETE and seen.removed:
        words = f"Bucket {name!r} is being emptied: {seen.removed} objects, versions and uploads are gone."
        return Finding(BucketReason.EMPTYING, words)
    place = plan.facts.get("bucket", Facts()).place
    if place and place.fault:
        words = (
            f"{resource.kind} {resource.name!r} is being deleted, but ObjectStore {place.name!r} is not "
            f"ready: {place.fault} To leave the bucket behind, set {ABANDON}=true."
        )
        return Finding(BucketReason.STORE_NOT_READY, words)
    return Finding(Reason.DELETING, f"{resource.kind} {resource.name!r} is being deleted.")
