"""Bucket in the campaign: on versitygw and Ceph, both behind the fault proxy."""

from __future__ import annotations

from collections.abc import Callable

from pileus.engine.plan import Manifest, ObjectKind
from pileus.kinds.bucket import BUCKET as KIND
from pileus.objects.reading import items
from tests.campaign.subject import Scenario, Spec, Step, Subject
from tests.campaign.subjects.bucket_effects import BOOKKEEPING, EFFECTS, INVISIBLE, STILL
from tests.campaign.subjects.bucket_seen import LOTS, drawn, seen, settled
from tests.campaign.subjects.bucket_specs import CEPH, RULES, VERSITY, access, bucket
from tests.campaign.subjects.bucket_wrong import DEPUTIES, NAMELESS, WRONG

GONE = Step("delete", None)


def users(*names: str) -> Callable[[Manifest], bool]:
    """Whether these are the consumers, each with one key."""

    def matches(live: Manifest) -> bool:
        return settled(live) and {entry["name"] for entry in items(live, "status", "access")} == set(names)

    return matches


def _life(store: str, **more: object) -> tuple[Step, ...]:
    return (
        Step("create", bucket(store, access=[access()], **more)),
        Step(
            "change",
            bucket(
                store, versioning=True, publicRead=True, access=[access(role="ReadOnly"), access("other")]
            ),
            until=users("main", "other"),
        ),
        Step("less", bucket(store, access=[access()]), until=users("main")),
        GONE,
    )


def _keys(store: str) -> tuple[Step, ...]:
    return (
        Step("create", bucket(store, access=[access(), access("other")]), until=users("main", "other")),
        Step(
            "new key",
            bucket(store, access=[access(rotate="one"), access("other")]),
            until=users("main", "other"),
            rest=2.5,
        ),
        Step(
            "both",
            bucket(store, access=[access(rotate="two"), access("other", rotate="one")]),
            until=users("main", "other"),
            rest=2.5,
        ),
    )


SCENARIOS = (
    Scenario("life", "made, changed, and gone with all that belongs to it", _life(VERSITY), smoke=True),
    Scenario("keys", "keys follow each other, and none is left over", _keys(VERSITY)),
    Scenario(
        "kept",
        "the bucket outlives its resource, its consumers do not",
        (Step("create", bucket(deletionPolicy="Retain", access=[access()])), GONE),
    ),
    Scenario("rgwlife", "the same, on Ceph, with all that it can do", _life(CEPH, **RULES)),
    Scenario("rgwkeys", "keys on Ceph, where the bucket's policy says who may", _keys(CEPH)),
)

FOUR: Spec = bucket(access=[access(name) for name in ("main", "other", "third", "fourth")])
EVERYTHING: tuple[Spec, ...] = (FOUR, bucket(versioning=True, publicRead=True))
MIX: tuple[Spec, ...] = (
    bucket(),
    bucket(access=[access("app", secret="app")]),
    bucket(versioning=True, access=[access("app", secret="app", role="ReadOnly")]),
    bucket(access=[access("app", secret="app"), access("more")]),
    bucket(publicRead=True, access=[access("app", secret="app", role="WriteOnly")]),
)

BUCKET = Subject(
    kind=KIND,
    target=ObjectKind("pileus.dev", "v1alpha1", "Bucket", "buckets"),
    crd="crds/pileus.dev_buckets.yaml",
    crds=("crds/pileus.dev_objectstores.yaml",),
    chart={"credentials": {"namespaces": ["*"]}},
    base=bucket(),
    still=STILL,
    mix=MIX,
    everything=EVERYTHING,
    secretive=(
        bucket(CEPH, access=[access(), access("other")]),
        bucket(CEPH, access=[access(rotate="one"), access("other", role="ReadOnly")]),
    ),
    scenarios=SCENARIOS,
    effects=EFFECTS,
    wrong=WRONG,
    deputies=DEPUTIES,
    nameless=NAMELESS,
    edits={"Secret": {"stringData": {"AWS_REGION": "elsewhere"}}},
    bookkeeping=BOOKKEEPING,
    strangers={"Secret": {"stringData": {"note": "somebody else's"}}},
    replaced=(
        bucket(access=[access("app", secret="app", role="ReadOnly", rotate="one")]),
        bucket(),
    ),
    cluster=("s3",),
    volumes=False,
    seen=seen,
    drawn=drawn,
    lots=LOTS,
    pending=frozenset({"Provisioning", "AccessPending", "Emptying", "StoreNotReady", "StoreUnreachable"}),
    settled=settled,
    patience=180.0,
    many=(1000,),
    at_once=60,
    small=("t01", "t02", "t09_strangers"),
    later={"Secret": (bucket(), bucket(access=[access("app", secret="app")]))},
    invisible=INVISIBLE,
)
