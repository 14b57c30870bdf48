"""What a Bucket becomes: a wish for its store, and a Secret for each consumer. Pure and total.

A name that was chosen is claimed in the status before the bucket is made, so that after a crash it is known
whose it is. A name of our own needs no claim: nobody else can have it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.bucket.build import access, copies, names, stores
from pileus.kinds.bucket.build.access import Consumers
from pileus.kinds.bucket.build.copies import Copies
from pileus.kinds.bucket.build.settings import settings
from pileus.kinds.bucket.build.stores import Place
from pileus.kinds.bucket.model import BucketSpec
from pileus.kinds.bucket.reasons import BucketReason
from pileus.objects.catalog import SECRET
from pileus.objects.reading import items, text
from pileus.objects.s3 import BucketWish, Farewell, Fate, Parting, Seen

ABANDON = "pileus.dev/abandon"
"""Annotation on a Bucket that is being deleted: "true" lets it go without its store."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What `judge` needs of the compilation."""

    place: Place | None = None
    wish: BucketWish | None = None
    consumers: Consumers = field(default_factory=Consumers)
    copies: Copies = field(default_factory=Copies)


def compile_bucket(resource: Resource, world: World) -> Plan:
    """The plan for one bucket."""
    spec: BucketSpec = resource.spec
    place = stores.choose(resource, spec, world)
    if isinstance(place, Finding):
        return Plan(findings=(place,), prune=False, facts={"bucket": Facts()})
    if refused := [*stores.refused(resource, spec, place, world), *access.clashes(resource, spec)]:
        return Plan(findings=tuple(refused), prune=False, facts={"bucket": Facts(place)})
    name = text(resource.status, "bucketName") or names.bucket(resource, spec, world)
    withheld = SECRET.id in world.withheld and bool(spec.access)
    decide = access.withheld if withheld else access.decide
    consumers = decide(resource, spec, place, name, world)
    copied = copies.decide(resource, spec, world)
    wish = replace(_wish(resource, spec, place, name, consumers, world), copies=copied.wished)
    return Plan(
        objects=consumers.objects,
        findings=(
            *([_withheld(resource)] if withheld else []),
            *_taken(resource, spec, place, wish, world),
            *_waits(place),
            *copied.findings,
        ),
        warnings=(*_lost(wish, world), *_held(consumers), *copied.away(world)),
        exact=consumers.secrets,
        keep=consumers.secrets,
        sealed=consumers.sealed,
        # A new bucket is wished for with all its consumers, when the status has named them.
        wish=None if consumers.untold and world.outside is None and not withheld else wish,
        # What may not be read decides nothing.
        basis=copied.basis | (frozenset() if withheld else consumers.secrets),
        prune=not withheld,
        recheck_after=None if withheld else consumers.recheck_after,
        facts={"bucket": Facts(place, wish, consumers, copied)},
    )


def part(resource: Resource, world: World) -> Plan:
    """The plan for a bucket whose resource is being deleted."""
    spec: BucketSpec | None = resource.spec
    place = stores.choose(resource, spec, world)
    if isinstance(place, Finding):
        return Plan(findings=(_away(place),), facts={"bucket": Facts()})
    # Without a status both are made again: the mark says whether the bucket is ours, and users' names are.
    name = (
        text(resource.status, "bucketName") or (spec and spec.bucket_name) or names.derived(resource, world)
    )
    users = {text(one, "user") for one in items(resource.status, "access")} - {""}
    users |= {names.user(resource, one.name, world) for one in (spec.access if spec else ())}
    wish = Farewell(
        store=place.name,
        bucket=name,
        owner=names.owner(resource, world),
        fate=Fate(spec.deletion_policy) if spec else Fate.RETAIN,
        users=frozenset(users),
    )
    return Plan(wish=wish, facts={"bucket": Facts(place)})


def parted(resource: Resource, world: World) -> bool:
    """Whether the resource can go."""
    if resource.annotations.get(ABANDON) == "true":
        return True
    return isinstance(world.outside, Parting) and world.outside.done


def _wish(
    resource: Resource, spec: BucketSpec, place: Place, name: str, consumers: Consumers, world: World
) -> BucketWish:
    claimed = text(resource.status, "bucketName") == name
    adopts = spec.adopt and place.adopts(name, resource.namespace)
    return BucketWish(
        store=place.name,
        bucket=name,
        owner=names.owner(resource, world),
        makes=not spec.bucket_name or claimed,
        known=_provisioned(resource),
        takes=not spec.bucket_name or claimed or adopts,
        takes_over=names.team(resource, world) if spec.adopt else "",
        settings=settings(spec),
        identities=consumers.identities,
        past=consumers.past,
    )


def _provisioned(resource: Resource) -> bool:
    """Whether the bucket was there, by the status."""
    conditions = items(resource.status, "conditions")
    return any(one.get("type") == "Provisioned" and one.get("status") == "True" for one in conditions)


def _lost(wish: BucketWish, world: World) -> list[Finding]:
    if not isinstance(world.outside, Seen) or not world.outside.lost:
        return []
    words = f"Bucket {wish.bucket!r} was gone from its store, with all that was in it, and was made anew."
    return [Finding(BucketReason.BUCKET_LOST, words)]


def _held(consumers: Consumers) -> list[Finding]:
    return [
        Finding(
            BucketReason.OLD_KEY_HELD,
            f"The old key of {one.access.name!r} works on, because {', '.join(map(repr, one.behind))} still "
            "runs with it: see why its pods are not replaced.",
        )
        for one in consumers.each
        if one.behind
    ]


def _waits(place: Place) -> list[Finding]:
    if not place.fault:
        return []
    return [Finding(BucketReason.STORE_NOT_READY, f"ObjectStore {place.name!r} is not ready: {place.fault}")]


def _taken(
    resource: Resource, spec: BucketSpec, place: Place, wish: BucketWish, world: World
) -> list[Finding]:
    """Why a bucket that is there cannot be this one."""
    seen = world.outside
    if not isinstance(seen, Seen) or not seen.exists or seen.owner == wish.owner:
        return []
    if not seen.owner and not wish.takes:
        remedy = (
            "ask the store's administrator to list it for this namespace in spec.adopt of the ObjectStore"
            if spec.adopt
            else "make another Bucket with another bucketName, or take it over with adopt: true"
        )
        reason = BucketReason.ADOPTION_NOT_ALLOWED if spec.adopt else BucketReason.BUCKET_TAKEN
        words = f"Bucket {wish.bucket!r} exists on {place.name!r} and is nobody's Bucket: {remedy}."
        return [Finding(reason, words, stalled=True)]
    ours = seen.owner.startswith(names.team(resource, world))
    if seen.owner and not (wish.takes_over and seen.left and ours):
        whose = "of a Bucket of this namespace" if ours else "somebody else's"
        other = "make another Bucket with another bucketName"
        remedy = "take it over with adopt: true" if ours and seen.left else other
        words = f"Bucket {wish.bucket!r} on {place.name!r} is {whose}: {remedy}."
        return [Finding(BucketReason.BUCKET_TAKEN, words, stalled=True)]
    return []


def _withheld(resource: Resource) -> Finding:
    return Finding(
        BucketReason.SECRETS_NOT_PERMITTED,
        f"Pileus may not write Secrets in namespace {resource.namespace!r}, where the consumers' keys "
        "would be: bind the ClusterRole pileus-credentials there, or leave access out.",
        stalled=True,
    )


def _away(finding: Finding) -> Finding:
    way_out = f"To delete this resource and leave the bucket as it is, annotate it with {ABANDON}=true."
    return Finding(finding.reason, f"{finding.message} {way_out}", stalled=True)
