"""Laws of Bucket: what holds for every spec, whatever is seen of a store, and whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pileus.engine.compare import covers, stamped
from pileus.engine.conditions import Verdict
from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.world import World
from pileus.kinds.bucket import BUCKET
from pileus.objects.catalog import SECRET
from pileus.objects.s3 import (
    BucketWish,
    Copied,
    Farewell,
    Fault,
    Feature,
    Key,
    Parting,
    Role,
    Seen,
    StoreSeen,
    Trouble,
    Usage,
    User,
)
from tests.unit.bucket.buckets import MARK, Cluster, bucket, only, ref_of, target, world
from tests.unit.objectstore.stores import CLUSTER, NOW, live

names = st.sampled_from(["app", "batch", "reports"])
days = st.integers(1, 9999).map("{}d".format)
durations = st.sampled_from(["0s", "1m", "1h", "1h30m", "720h"])
headers = st.lists(st.sampled_from(["*", "x-a", "x-b"]), max_size=2)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


consumers = st.lists(
    st.fixed_dictionaries(
        {"name": names},
        optional={
            "role": st.sampled_from([role.value for role in Role]),
            "secret": st.sampled_from(["s3-keys", "media-app", "media-batch"]),
            "rotateEvery": durations.filter(lambda text: text != "0s"),
            "rotate": st.sampled_from(["1", "2"]),
            "overlap": durations,
        },
    ),
    max_size=3,
    unique_by=lambda one: one["name"],
)
specs = optional(
    store=st.sampled_from(["main", "other", "nowhere"]),
    bucketName=st.just("acme-media"),
    adopt=st.booleans(),
    versioning=st.booleans(),
    quota=optional(
        size=st.sampled_from(["1Mi", "1500001", "1.5Gi", "1Pi"]), objects=st.integers(1, 10**12)
    ).filter(bool),
    lifecycle=st.lists(
        st.builds(
            lambda prefix, rest: {"prefix": prefix, **rest},
            st.sampled_from(["", "a", "a/b"]),
            optional(expireAfter=days, abortUploadsAfter=days, expireNoncurrentAfter=days),
        ),
        max_size=3,
    ),
    cors=st.lists(
        st.fixed_dictionaries(
            {
                "origins": st.just(["*"]),
                "methods": st.lists(st.sampled_from(["GET", "PUT"]), min_size=1, max_size=2, unique=True),
            },
            optional={"headers": headers, "expose": headers, "maxAge": durations},
        ),
        max_size=2,
    ),
    encryption=st.just("SSE-S3"),
    objectLock=st.fixed_dictionaries(
        {"mode": st.sampled_from(["Governance", "Compliance"]), "days": st.integers(1, 36500)}
    ),
    publicRead=st.booleans(),
    access=consumers,
    replicateTo=st.lists(
        st.fixed_dictionaries(
            {"bucket": st.sampled_from(["copy", "third", "media"])}, optional={"prefix": st.just("a/")}
        ),
        max_size=3,
        unique_by=lambda one: one["bucket"],
    ),
    deletionPolicy=st.sampled_from(["Retain", "DeleteIfEmpty", "Delete"]),
)
faults = st.none() | st.builds(Fault, st.sampled_from(Trouble), st.just("look: Code (400)"))
features = st.none() | st.frozensets(st.sampled_from(Feature))
stores = st.lists(
    st.builds(
        lambda name, default, seen, listed: live(
            name,
            default=default,
            seen=seen,
            adopt=[{"bucket": "acme-*", "namespace": "*"}] if listed else [],
        ),
        st.sampled_from(["main", "other"]),
        st.booleans(),
        st.builds(lambda found, fault: StoreSeen(features=found, fault=fault), features, faults),
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda store: store["metadata"]["name"],
)
marks = st.sampled_from(["", MARK, f"{CLUSTER}/acme/before/u", f"{CLUSTER}/other/media/u"])
users = st.dictionaries(
    st.sampled_from(["stranger", "acme.media.app.75547a6379182b81"]),
    st.none()
    | st.builds(
        User,
        st.lists(st.builds(Key, st.sampled_from(["AK1", "AK2"]), st.booleans()), max_size=2).map(tuple),
        st.none() | st.sampled_from(Role),
    ),
)
seen = st.none() | st.builds(
    Seen,
    exists=st.none() | st.booleans(),
    owner=marks,
    left=st.booleans(),
    policy=st.booleans(),
    users=users,
    usage=st.none() | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.just(NOW)),
    fault=faults,
    copies=st.lists(
        st.builds(
            Copied,
            st.just("arn:x"),
            st.sampled_from(["", "acme-copy"]),
            st.sampled_from(["", "https://copy.example.dev"]),
            st.sampled_from(["", "AKCOPY"]),
            st.sampled_from([(), ("",), ("a/",), ("a/", "b")]),
            st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    refused=st.dictionaries(
        st.sampled_from(["cors", "lock", "replicateTo"]), st.just("x: Code (400)"), max_size=1
    ),
    lost=st.booleans(),
    fresh=st.dictionaries(st.just("acme.media.app.75547a6379182b81"), st.just("AK9")),
)
statuses = st.sampled_from(
    [
        {},
        {"store": "main", "bucketName": "acme-media"},
        {"access": [{"name": "app", "user": "acme.media.app.75547a6379182b81", "keyId": "AK1"}]},
        {"access": [{"name": "x", "user": "acme.media.x.0000000000000000"}], "usage": {"bytes": 1}},
        {"access": [{"name": "x"}], "usage": {}, "conditions": [{}]},
    ]
)
targets = st.builds(
    lambda name, key, provisioned, observed, spec: target(
        name,
        keyId=key,
        provisioned=provisioned,
        observed=observed,
        spec=spec,
        endpoint="https://copy.example.dev",
    ),
    st.sampled_from(["copy", "third"]),
    st.sampled_from(["", "AKCOPY"]),
    st.sampled_from(["True", "False"]),
    st.integers(1, 2),
    st.sampled_from([{}, {"access": []}, {"versioning": False}]),
)
worlds = st.builds(
    lambda listed, outside, pending, withheld, children, others: dataclasses.replace(
        world(*listed),
        shared={"ObjectStore.pileus.dev": tuple(listed)},
        outside=outside,
        pending=pending,
        withheld=frozenset({SECRET.id}) if withheld else frozenset(),
        children=children,
        references={name: there for one in others for name, there in one.items()},
    ),
    stores,
    seen,
    st.booleans(),
    st.booleans(),
    st.just({}),
    st.lists(targets, max_size=2),
)
SENTENCE = re.compile(r"^[A-Za-z].*\.$", re.DOTALL)


@given(specs, statuses, worlds)
def test_compiling_and_judging_never_fail(spec: Manifest, status: Manifest, there: World) -> None:
    resource = dataclasses.replace(bucket(spec), status=status)
    plan = BUCKET.compile(resource, there)
    verdict = BUCKET.judge(resource, plan, there)

    assert isinstance(verdict, Verdict)
    copied = ["ReplicationReady"] if spec.get("replicateTo") else []
    assert [one.type for one in verdict.conditions] == ["Provisioned", "AccessReady", *copied]
    assert all(one.reason for one in verdict.conditions)
    _are_told((*plan.findings, *plan.warnings, *verdict.findings))
    ready = not plan.findings and not verdict.findings
    assert ready == (not plan.findings and all(one.status == "True" for one in verdict.conditions))
    BUCKET.status.model_validate(verdict.fields)


@given(specs | st.none(), statuses, worlds, st.builds(Parting, st.booleans(), fault=faults) | seen)
def test_leaving_never_fails(spec: Manifest | None, status: Manifest, there: World, outside: Any) -> None:
    resource = dataclasses.replace(bucket(spec), status=status, deleting=True)
    resource = resource if spec is not None else dataclasses.replace(resource, spec=None)
    there = dataclasses.replace(there, outside=outside)
    assert BUCKET.part is not None
    plan = BUCKET.part(resource, there)
    verdict = BUCKET.judge(resource, plan, there)

    assert len([*plan.findings, *verdict.findings]) == 1, "it is said why it is not gone, once"
    _are_told((*plan.findings, *verdict.findings))
    if plan.wish is not None:
        assert isinstance(plan.wish, Farewell)
        assert len(plan.wish.bucket) >= 3, "a name that a store can be asked for"
        assert "" not in plan.wish.users
    BUCKET.status.model_validate(verdict.fields)


@given(specs, statuses, worlds)
def test_a_wish_is_one_that_every_engine_can_grant(spec: Manifest, status: Manifest, there: World) -> None:
    plan = BUCKET.compile(dataclasses.replace(bucket(spec), status=status), there)
    if plan.wish is None:
        named_first = plan.recheck_after == 0.0
        assert plan.findings or named_first, "it is said why, or the status is to name its consumers before"
        assert plan.objects == ()
        assert not plan.prune or named_first
        return
    assert isinstance(plan.wish, BucketWish)
    wished = [one.user for one in plan.wish.identities]
    assert len(wished) == len(set(wished))
    assert not plan.wish.past & set(wished), "nobody comes and goes at once"
    assert all(len(one.keep) + one.fresh <= 2 for one in plan.wish.identities), "IAM keeps two keys"
    assert "" not in plan.wish.past
    assert plan.sealed.keys() <= {ref_of(manifest) for manifest in plan.objects}


@given(specs, statuses, worlds)
def test_secrets_hold_nothing_secret_before_they_are_written(
    spec: Manifest, status: Manifest, there: World
) -> None:
    plan = BUCKET.compile(dataclasses.replace(bucket(spec), status=status), there)
    for manifest in plan.objects:
        assert manifest.keys() == {"apiVersion", "kind", "metadata"}
        assert ref_of(manifest) in plan.sealed or ref_of(manifest) in there.children


EVENTS: dict[str, Callable[[Cluster], None]] = {
    "nothing": lambda cluster: None,
    "an hour": lambda cluster: cluster.sooner(3600),
    "a month": lambda cluster: cluster.sooner(dt.timedelta(days=31).total_seconds()),
    "a crash": Cluster.crash,
    "a Secret is deleted": lambda cluster: cluster.children and cluster.children.popitem(),
    "a Secret is edited": lambda cluster: [secret.update(sealed=[]) for secret in cluster.children.values()],
    "a key dies": lambda cluster: [cluster.dead.add(keys[-1]) for keys in cluster.users.values() if keys],
    "a user is removed": lambda cluster: cluster.users and cluster.users.popitem(),
    "the bucket is removed": lambda cluster: setattr(cluster, "exists", False),
    "no Secrets may be written": lambda cluster: setattr(cluster, "withheld", True),
    "they may again": lambda cluster: setattr(cluster, "withheld", False),
}
STEPS = ("pass", "pass and look", "pass and crash", "look")
lives = st.lists(
    st.tuples(
        consumers.filter(lambda access: not _shared(access)),
        st.sampled_from(list(EVENTS)),
        st.sampled_from(STEPS),
    ),
    min_size=1,
    max_size=8,
)


def _shared(access: list[Manifest]) -> bool:
    wanted = [one.get("secret") or f"media-{one['name']}" for one in access]
    return len(wanted) != len(set(wanted))


@given(lives)
def test_whatever_happens_it_comes_to_rest(life: list[tuple[list[Manifest], str, str]]) -> None:
    """In between nobody is made whom the status does not name, and no key that a Secret holds is taken."""
    cluster, access = Cluster(), list[Manifest]()
    for access, event, step in life:
        resource = bucket(access=access)
        EVENTS[event](cluster)
        if step != "look":
            plan, _ = cluster.apply(resource)
            _takes_nothing(cluster, plan)
        if "look" in step and isinstance(cluster.wished, BucketWish):
            cluster.act()
        if "crash" in step:
            cluster.crash()
        named = {one["user"] for one in cluster.status.get("access", ())}
        assert cluster.users.keys() <= named, "a user that nobody knows of is never removed"
        assert all(len(keys) <= 2 for keys in cluster.users.values())

    cluster.withheld = False
    resource = bucket(access=access)
    plan = cluster.settle(resource)
    assert (plan.findings, cluster.judge(resource).findings) == ((), ())
    assert len(cluster.children) == len(cluster.users) == len(access)
    for manifest in plan.objects:
        assert covers(cluster.children[ref_of(manifest)], stamped(manifest)[0])
    held = {secret["metadata"]["annotations"]["pileus.dev/key"] for secret in cluster.children.values()}
    works = {key for keys in cluster.users.values() for key in keys if key not in cluster.dead}
    assert held <= works, "every consumer has a key that works"
    for ref, secret in cluster.children.items():
        marks = secret["metadata"]["annotations"]
        assert marks["pileus.dev/key"] != marks["pileus.dev/previous-key"], "an old key is another"
        user = only(one for one in access if (one.get("secret") or f"media-{one['name']}") == ref.name)
        assert marks["pileus.dev/rotate"] == user.get("rotate", marks["pileus.dev/rotate"]), "as asked"
    made = cluster.made
    cluster.settle(resource)
    assert cluster.made == made


def _takes_nothing(cluster: Cluster, plan: Plan) -> None:
    """A key that stands in a whole Secret stays, whatever is wished for."""
    wish = plan.wish
    if wish is None:
        return  # nothing is wished for before the status names whom it is for
    assert isinstance(wish, BucketWish)
    kept = {one.user: one.keep | set(cluster.vault.values()) for one in wish.identities}
    entries = {one["secret"]: one["user"] for one in cluster.status.get("access", ())}
    for ref, secret in cluster.children.items():
        user, key = entries.get(ref.name), secret["metadata"]["annotations"]["pileus.dev/key"]
        if user in kept and secret["sealed"] and key in cluster.users.get(user, ()):
            assert key in kept[user], f"{ref} would be of no use any more."


def _are_told(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        assert re.match(r"^[A-Z][A-Za-z0-9]*$", finding.reason)
        assert SENTENCE.match(finding.message), finding.message
