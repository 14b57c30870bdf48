"""A store as its administrator declares it: what is wished for, and what is told of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pileus.engine.conditions import Condition
from pileus.engine.plan import Manifest
from pileus.engine.world import Reference, ReferenceState, Referent
from pileus.kinds.objectstore import OBJECT_STORE
from pileus.kinds.objectstore.judge import told
from pileus.objects.s3 import Engine, Fault, Feature, Source, StoreSeen, StoreWish, Trouble
from tests.unit.objectstore.stores import BARE, CLUSTER, EVERYTHING, Cluster, store

KEYS = Reference("Secret", "keys", "pileus-system")
AUTHORITY = Reference("ConfigMap", "authority", "pileus-system")
THERE = Referent(ReferenceState.PRESENT, "d1")
GONE, DENIED = Referent(ReferenceState.MISSING), Referent(ReferenceState.NOT_PERMITTED)
CA: Manifest = {"ca": {"configMap": "authority"}}


def test_the_smallest_store() -> None:
    plan = Cluster().compile(store())
    assert plan.findings == ()
    assert plan.objects == ()
    assert plan.wish == StoreWish(
        name="main",
        engine=Engine.VERSITY,
        endpoint="https://s3.example.dev",
        users="https://s3.example.dev",
        region="us-east-1",
        credentials=Source("Secret", "pileus-system", "keys", "d1"),
        ca=None,
        owner=f"{CLUSTER}/main",
    )


USERS: tuple[tuple[Manifest, str, str], ...] = (
    ({}, "https://s3.example.dev", "where S3 is"),
    ({"engine": "Ceph"}, "https://s3.example.dev", "Ceph's Admin Ops API is on the same port"),
    ({"engine": "MinIO"}, "https://s3.example.dev", "MinIO's admin API is on the same port"),
    (
        {"engine": "Garage", "usersEndpoint": "https://admin.example.dev:3903"},
        "https://admin.example.dev:3903",
        "Garage's is not",
    ),
    ({"engine": "AWS"}, "https://iam.amazonaws.com", "IAM has one place for all regions"),
    ({"usersEndpoint": "https://iam.example.dev"}, "https://iam.example.dev", "as asked"),
    (
        {"engine": "AWS", "usersEndpoint": "https://iam.us-gov.amazonaws.com"},
        "https://iam.us-gov.amazonaws.com",
        "another partition of AWS has its own",
    ),
)


@pytest.mark.parametrize(("spec", "expected", "why"), USERS)
def test_where_users_are_managed(spec: Manifest, expected: str, why: str) -> None:
    assert Cluster().compile(store({**BARE, **spec})).wish.users == expected, why


@pytest.mark.parametrize("engine", Engine)
def test_engines(engine: Engine) -> None:
    assert Cluster().compile(store(engine=engine.value)).wish.engine is engine


AUTHORITIES: dict[str, tuple[Manifest, Source | None]] = {
    "the system's": ({}, None),
    "a ConfigMap": (CA, Source("ConfigMap", "pileus-system", "authority", "d1")),
    "a Secret": ({"ca": {"secret": "keys"}}, Source("Secret", "pileus-system", "keys", "d1")),
    "elsewhere": (
        {"ca": {"secret": "tls", "namespace": "ceph"}},
        Source("Secret", "ceph", "tls", "d1"),
    ),
}


@pytest.mark.parametrize("row", AUTHORITIES)
def test_the_authority(row: str) -> None:
    spec, expected = AUTHORITIES[row]
    assert Cluster().compile(store(**spec)).wish.ca == expected


ALL = sorted(feature.value for feature in Feature)
TOLD: dict[str, tuple[Manifest, bool]] = {
    "everything is told of": ({"features": ALL[2:], "lacks": ALL[:2], "server": "Versity"}, True),
    "it is of another spec": ({"features": ALL, "lacks": [], "observedGeneration": 0}, False),
    "nothing was found out": ({}, False),
    "it tells of what nobody asks for": ({"features": [*ALL, "Teleportation"], "lacks": []}, False),
    "it does not tell of all that is asked for": ({"features": ALL[1:], "lacks": []}, False),
    "it tells two things at once": ({"features": ALL, "lacks": ALL[:1]}, False),
    "it is nonsense": ({"features": "all", "lacks": 7}, False),
}


@pytest.mark.parametrize("row", TOLD)
def test_what_was_found_out_before_a_restart_is_not_tried_again(row: str) -> None:
    status, known = TOLD[row]
    resource = dataclasses.replace(store(), status={"observedGeneration": 1, **status})
    wish = Cluster().compile(resource).wish
    expected = StoreSeen("Versity", features=frozenset(map(Feature, ALL[2:]))) if known else None
    assert wish.known == expected
    assert wish == Cluster().compile(store()).wish, "it is no part of what is wished for"


DENIED_FEATURES = (
    "Versioning (PutBucketVersioning: AccessDenied (403))",
    "CORS (PutBucketCors: AccessDenied (403))",
)


def test_what_keys_are_denied_is_told_and_known_after_a_restart() -> None:
    """They may be granted it soon, so it is tried again earlier than what a store lacks."""
    seen = StoreSeen("Versity", EVERYTHING - {Feature.VERSIONING, Feature.CORS}, DENIED_FEATURES)
    verdict = Cluster(seen).judge(store())
    assert verdict.findings == (), "what it may do it does"
    (reached,) = verdict.conditions
    assert (reached.status, reached.reason) == ("True", "Reachable")
    assert "credentials" in reached.message
    assert all(one in reached.message for one in DENIED_FEATURES)
    told = {"type": "Reachable", "status": "True", "message": reached.message}
    status = {"observedGeneration": 1, "conditions": [told], **verdict.fields}
    assert Cluster().compile(dataclasses.replace(store(), status=status)).wish.known == seen


def test_new_keys_are_another_wish() -> None:
    """Their content is in no value, but that it changed is: by that the driver connects anew."""
    before, after = (Cluster(references={KEYS: Referent(ReferenceState.PRESENT, d)}) for d in ("d1", "d2"))
    assert before.compile(store()).wish != after.compile(store()).wish


REFUSED: dict[str, tuple[Manifest, dict[Reference, Referent], str, str]] = {
    "no keys": (
        {},
        {KEYS: GONE},
        "CredentialsMissing",
        "Secret 'keys' in namespace 'pileus-system' does not exist: create it, or correct credentials.",
    ),
    "nothing is known of them": ({}, {}, "CredentialsMissing", "does not exist"),
    "keys that may not be read": (
        {"credentials": {"secret": "keys", "namespace": "ceph"}},
        {Reference("Secret", "keys", "ceph"): DENIED},
        "CredentialsMissing",
        "Pileus may not read Secret 'keys' in namespace 'ceph', which credentials names: bind the "
        "ClusterRole pileus-references there, or put it into the operator's namespace.",
    ),
    "keys of this name elsewhere": (
        {"credentials": {"secret": "keys", "namespace": "ceph"}},
        {KEYS: THERE},
        "CredentialsMissing",
        "in namespace 'ceph' does not exist",
    ),
    "no authority": (
        CA,
        {KEYS: THERE, AUTHORITY: GONE},
        "AuthorityMissing",
        "ConfigMap 'authority' in namespace 'pileus-system' does not exist: create it, or correct ca.",
    ),
    "an authority that may not be read": (
        CA,
        {KEYS: THERE, AUTHORITY: DENIED},
        "AuthorityMissing",
        "which ca names",
    ),
    "neither: the keys first": (CA, {KEYS: GONE, AUTHORITY: GONE}, "CredentialsMissing", "'keys'"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_a_store_that_cannot_be_asked(row: str) -> None:
    spec, references, reason, words = REFUSED[row]
    cluster, resource = Cluster(references=references), store(**spec)
    plan, verdict = cluster.compile(resource), cluster.judge(resource)
    (finding,) = plan.findings
    assert (finding.reason, finding.stalled) == (reason, True)
    assert words in finding.message
    assert plan.wish is None
    assert verdict.findings == (), "once is enough"
    assert verdict.conditions == (Condition("Reachable", "Unknown", reason, finding.message),)


def test_what_a_store_refers_to() -> None:
    """By these the operator watches: a Secret that changes is a store to be connected anew."""
    assert OBJECT_STORE.references(store().spec) == (KEYS,)
    assert OBJECT_STORE.references(store(**CA).spec) == (KEYS, AUTHORITY)


SEEN: dict[str, tuple[StoreSeen | None, str, str, bool, str]] = {
    "nothing yet": (None, "Unknown", "Connecting", False, "The store is being looked at."),
    "it has not been tried yet": (StoreSeen(server="Ceph"), "Unknown", "Connecting", False, "looked at"),
    "away from the beginning": (
        StoreSeen(fault=Fault(Trouble.UNREACHABLE, "GetBucketTagging: no answer in time")),
        "False",
        "StoreUnreachable",
        False,
        "GetBucketTagging: no answer in time. It is tried again by itself; see that the store runs and that "
        "endpoint is right.",
    ),
    "away by now": (
        StoreSeen(features=EVERYTHING, fault=Fault(Trouble.UNREACHABLE, "x: no answer in time")),
        "False",
        "StoreUnreachable",
        False,
        "endpoint",
    ),
    "busy": (
        StoreSeen(features=EVERYTHING, fault=Fault(Trouble.BUSY, "x: SlowDown (503)")),
        "False",
        "StoreBusy",
        False,
        "tried again by itself",
    ),
    "its certificate": (
        StoreSeen(fault=Fault(Trouble.UNTRUSTED, "x: the store's certificate is not trusted")),
        "False",
        "StoreUntrusted",
        True,
        "Name the authority that signed its certificate in ca.",
    ),
    "its keys": (
        StoreSeen(fault=Fault(Trouble.DENIED, "x: InvalidAccessKeyId (403)")),
        "False",
        "StoreDenied",
        True,
        "See that credentials names keys that may manage buckets and users.",
    ),
    "anything else": (
        StoreSeen(fault=Fault(Trouble.REFUSED, "x: TooManyBuckets (400)")),
        "False",
        "StoreRefused",
        True,
        "x: TooManyBuckets (400). See the store's own log.",
    ),
}


@pytest.mark.parametrize("row", SEEN)
def test_what_was_seen(row: str) -> None:
    outside, status, reason, stalled, words = SEEN[row]
    verdict = Cluster(outside).judge(store())
    (reachable,), (finding,) = verdict.conditions, verdict.findings
    assert (reachable.status, reachable.reason) == (status, reason)
    assert (finding.reason, finding.message, finding.stalled) == (reason, reachable.message, stalled)
    assert words in finding.message


def test_a_store_that_answers() -> None:
    verdict = Cluster(StoreSeen("Ceph Object Gateway (pacific)", EVERYTHING)).judge(store())
    assert verdict.findings == ()
    assert verdict.conditions == (Condition("Reachable", "True", "Reachable"),)
    assert verdict.fields == {
        "server": "Ceph Object Gateway (pacific)",
        "buckets": 0,
        "features": sorted(Feature),
        "lacks": [],
    }


FIELDS: tuple[tuple[StoreSeen | None, Any, str], ...] = (
    (None, {"buckets": 0}, "nothing is known"),
    (StoreSeen(), {"buckets": 0}, "nothing was tried: it is not said that it lacks anything"),
    (
        StoreSeen(features=EVERYTHING - {Feature.QUOTA, Feature.CORS}),
        {
            "buckets": 0,
            "features": sorted(EVERYTHING - {Feature.QUOTA, Feature.CORS}),
            "lacks": ["CORS", "Quota"],
        },
        "in order, whatever the order of a set",
    ),
    (
        StoreSeen(features=frozenset(), fault=Fault(Trouble.BUSY, "x")),
        {"buckets": 0, "features": [], "lacks": sorted(Feature)},
        "what was found stays while it is away",
    ),
)


@pytest.mark.parametrize(("outside", "expected", "why"), FIELDS)
def test_the_status(outside: StoreSeen | None, expected: Any, why: str) -> None:
    assert Cluster(outside).judge(store()).fields == expected, why


def test_buckets_are_counted_where_they_are() -> None:
    """By their own statuses: one that was refused, or is on another store, is not on this one."""
    statuses: list[Manifest] = [{"store": "main"}, {"store": "main"}, {"store": "other"}, {}]
    cluster = Cluster(StoreSeen(), buckets=tuple({"status": status} for status in (*statuses, None)))
    verdict = cluster.judge(store())
    assert verdict.fields["buckets"] == 2
    assert verdict.recheck_after == 60.0, "Buckets wake no store"


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_is_told_in_sentences(trouble: Trouble) -> None:
    words = told(Fault(trouble, "CreateBucket: Code (400)"))
    assert words.startswith("CreateBucket: Code (400). ")
    assert words.endswith(".")


def test_looking_at_a_store_makes_no_event() -> None:
    assert {finding.reason for finding in Cluster().judge(store()).findings} <= OBJECT_STORE.usual
