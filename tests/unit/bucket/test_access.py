"""Consumers pass by pass: how a key comes into a Secret, is followed by another, and goes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.bucket.build import names
from pileus.kinds.bucket.build.access import FIELDS
from pileus.objects.s3 import BucketWish, Identity, Role, User
from pileus.objects.times import stamp
from tests.unit.bucket.buckets import (
    APP,
    Cluster,
    bucket,
    condition,
    only,
    reasons,
    ref_of,
    secret,
    world,
)
from tests.unit.objectstore.stores import NOW, live

HOUR = 3600.0
USER = names.user(bucket(), "app", world())
TOKENS = ("1", "2")


def consumer(**more: Any) -> Resource:
    return bucket(access=[{"name": "app", **more}])


def settled(resource: Resource | None = None) -> Cluster:
    cluster = Cluster()
    cluster.settle(resource or bucket(APP))
    return cluster


def identity(cluster: Cluster, resource: Resource) -> Identity:
    found: Identity = only(cluster.compile(resource).wish.identities)
    return found


def test_a_consumer_is_made_only_after_the_status_names_it() -> None:
    """Whatever happens then, it is known which user may be left in the store."""
    cluster, resource = Cluster(), bucket(APP)
    plan, verdict = cluster.apply(resource)
    assert plan.wish is None
    assert plan.recheck_after == 0.0, "an echo of our own status wakes nobody"
    assert plan.objects == ()
    entry = only(verdict.fields["access"])
    assert (entry["name"], entry["user"], entry["secret"]) == ("app", USER, "media-app")
    assert (entry["keyId"], entry["rotatedAt"]) == ("", "")

    plan, verdict = cluster.apply(resource)
    assert plan.wish.identities == (Identity(USER, Role.READ_WRITE, frozenset(), fresh=True),)
    assert plan.objects == (), "nothing is written before there is a key"
    assert reasons(plan, verdict) == ["Provisioning", "AccessPending"]


def test_a_key_comes_into_its_secret() -> None:
    cluster, resource = Cluster(), bucket(APP)
    cluster.apply(resource)
    cluster.act()
    cluster.apply(resource)
    cluster.act()
    plan, verdict = cluster.apply(resource)

    sealed = plan.sealed[secret()]
    assert sealed.key == "AK1"
    assert sealed.field == "AWS_SECRET_ACCESS_KEY"
    assert sealed.data == {
        "AWS_ACCESS_KEY_ID": "AK1",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.dev",
        "AWS_REGION": "us-east-1",
        "BUCKET_NAME": plan.wish.bucket,
    }
    assert {*sealed.data, sealed.field} == set(FIELDS), "what is looked for afterwards"
    manifest = only(plan.objects)
    assert ref_of(manifest) == secret()
    assert manifest["metadata"]["ownerReferences"][0]["controller"]
    assert cluster.marks() | {"applied": "", "content": ""} == {
        "key": "AK1",
        "previous-key": "",
        "key-since": stamp(NOW),
        "rotate": "",
        "applied": "",
        "content": "",
    }
    assert only(verdict.fields["access"])["keyId"] == "AK1"
    assert condition(verdict, "AccessReady").status == "True"
    assert verdict.recheck_after == 0.0, "the key is no longer to be made, and an own write wakes nobody"


def test_a_secret_whose_name_somebody_has_is_not_tried_without_a_pause() -> None:
    """The engine waits before it tries a name again; a pass that asks for the next one at once would not."""
    cluster, resource = Cluster(taken={secret()}), bucket(APP)
    for _ in range(3):
        cluster.apply(resource)
        cluster.act()
    plan, verdict = cluster.apply(resource)
    assert plan.sealed[secret()].key == "AK1"
    assert (plan.recheck_after, verdict.recheck_after) == (None, None)
    assert reasons(plan, verdict) == ["AccessPending"]
    cluster.taken.clear()
    cluster.settle(resource)
    assert (cluster.marks()["key"], cluster.made) == ("AK1", 1), "the key that waited is used"


def test_nothing_secret_is_in_a_plan() -> None:
    """What a plan holds may be logged; a secret has no place in it that it could be put in."""
    cluster, resource = Cluster(), bucket(APP)
    for _ in range(4):
        plan, verdict = cluster.apply(resource)
        cluster.act()
        for manifest in plan.objects:
            assert manifest.keys() == {"apiVersion", "kind", "metadata"}
        for sealed in plan.sealed.values():
            assert sealed.field not in sealed.data
            assert sealed.data.keys() <= set(FIELDS)
        assert "AWS_SECRET_ACCESS_KEY" not in str((plan.objects, plan.wish, verdict))


def test_once_settled_nothing_is_to_be_done() -> None:
    cluster, resource = settled(), bucket(APP)
    plan, verdict = cluster.apply(resource)
    assert reasons(plan, verdict) == []
    assert plan.wish.identities == (Identity(USER, Role.READ_WRITE, frozenset({"AK1"})),)
    assert (plan.recheck_after, verdict.recheck_after) == (None, None)
    assert cluster.made == 1
    assert (plan.basis, plan.keep) == ({secret()}, {secret()}), "no key goes unless the Secret is as seen"


def test_a_restart_changes_nothing() -> None:
    cluster, resource = settled(), bucket(APP)
    before = copy.deepcopy((cluster.children, cluster.status))
    cluster.crash()
    plan = cluster.settle(resource)
    assert (cluster.children, cluster.status, cluster.made) == (*before, 1)
    assert plan.wish.identities[0].keep == {"AK1"}


ROLES: tuple[tuple[Manifest, Role], ...] = (
    ({}, Role.READ_WRITE),
    ({"role": "ReadWrite"}, Role.READ_WRITE),
    ({"role": "ReadOnly"}, Role.READ_ONLY),
    ({"role": "WriteOnly"}, Role.WRITE_ONLY),
)


@pytest.mark.parametrize(("spec", "expected"), ROLES)
def test_a_role_is_passed_on_and_changes_no_key(spec: Manifest, expected: Role) -> None:
    cluster, resource = settled(), consumer(**spec)
    cluster.settle(resource)
    assert identity(cluster, resource).role is expected
    assert cluster.made == 1


def test_another_name_for_its_secret() -> None:
    cluster = settled(consumer(secret="s3-keys"))
    assert set(cluster.children) == {secret("s3-keys")}


SHARED: tuple[tuple[list[Manifest], list[str]], ...] = (
    ([{"name": "app"}, {"name": "batch"}], []),
    ([{"name": "app", "secret": "media-batch"}, {"name": "batch", "secret": "media-app"}], []),
    ([{"name": "app", "secret": "media-batch"}, {"name": "batch"}], ["media-batch"]),
)


@pytest.mark.parametrize(("access", "shared"), SHARED)
def test_two_consumers_cannot_share_a_secret(access: list[Manifest], shared: list[str]) -> None:
    """Each would replace the other's key with a new one of its own, without end. The API server knows no
    names that are made from the resource's."""
    cluster, resource = Cluster(), bucket(access=access)
    for _ in range(5):
        plan, verdict = cluster.apply(resource)
        if plan.wish is not None:
            cluster.act()
    assert reasons(plan, verdict) == ["InvalidSpec" for _ in shared]
    assert all(repr(name) in finding.message for name, finding in zip(shared, plan.findings, strict=True))
    assert cluster.made == (0 if shared else 2)


def _deleted(cluster: Cluster) -> None:
    del cluster.children[secret()]


def _field_edited(cluster: Cluster) -> None:
    cluster.children[secret()]["sealed"] = [name for name in FIELDS if name != "AWS_SECRET_ACCESS_KEY"]


def _field_lost(cluster: Cluster) -> None:
    cluster.children[secret()]["sealed"] = []


def _key_edited(cluster: Cluster) -> None:
    cluster.children[secret()]["metadata"]["annotations"]["pileus.dev/previous-key"] = "AK0"


def _marks_lost(cluster: Cluster) -> None:
    cluster.children[secret()]["metadata"]["annotations"] = {}


def _label_edited(cluster: Cluster) -> None:
    cluster.children[secret()]["metadata"]["labels"]["app.kubernetes.io/part-of"] = "me"


def _key_dead(cluster: Cluster) -> None:
    cluster.dead.add("AK1")
    cluster.act()


def _key_gone(cluster: Cluster) -> None:
    cluster.users[USER].clear()
    _look(cluster)


def _user_gone(cluster: Cluster) -> None:
    del cluster.users[USER]
    _look(cluster)


def _look(cluster: Cluster) -> None:
    """The driver looks, and makes nothing that is not wished for yet."""
    users = {name: User() if name in cluster.users else None for name in (USER,)}
    seen: Any = cluster.outside
    cluster.outside = type(seen)(exists=True, owner=seen.owner, users=users)


BROKEN = {
    "its Secret is deleted": _deleted,
    "the secret in it is edited: it is not known any more which it is": _field_edited,
    "its content is taken out": _field_lost,
    "an annotation is edited: it is not known any more what it holds": _key_edited,
    "its annotations are taken off": _marks_lost,
    "a label is edited: only with its secret it can be written": _label_edited,
    "the store refuses its key": _key_dead,
    "the store has lost its key": _key_gone,
    "the store has lost its user": _user_gone,
}


@pytest.mark.parametrize("row", BROKEN)
def test_what_breaks_is_replaced_by_a_new_key(row: str) -> None:
    resource = bucket(APP)
    cluster = settled(resource)
    BROKEN[row](cluster)

    plan, verdict = cluster.apply(resource)
    assert identity(cluster, resource).fresh
    assert reasons(plan, verdict)[-1] == "AccessPending"
    assert "The Secret of 'app' waits for a key." in verdict.findings[-1].message
    assert cluster.entry()["keyId"] == "AK1", "what runs has it still"

    cluster.settle(resource)
    plan, verdict = cluster.apply(resource)
    assert reasons(plan, verdict) == []
    assert (cluster.marks()["key"], cluster.entry()["keyId"]) == ("AK2", "AK2")
    assert cluster.children[secret()]["sealed"] == FIELDS
    assert cluster.users[USER][-1] == "AK2"
    assert cluster.made == 2, "one is enough"


def test_what_runs_goes_on_with_the_key_of_a_deleted_secret_for_the_overlap() -> None:
    resource = consumer(overlap="2h")
    cluster = settled(resource)
    _deleted(cluster)
    cluster.settle(resource)
    assert cluster.users[USER] == ["AK1", "AK2"]
    assert cluster.entry()["previousKeyId"] == "AK1"
    assert cluster.compile(resource).recheck_after == 2 * HOUR

    cluster.sooner(2 * HOUR - 1)
    assert identity(cluster, resource).keep == {"AK1", "AK2"}
    assert cluster.compile(resource).recheck_after == 1
    cluster.sooner(1)
    assert identity(cluster, resource).keep == {"AK2"}
    cluster.settle(resource)
    assert cluster.users[USER] == ["AK2"]
    assert cluster.entry()["previousKeyId"] == ""
    assert cluster.compile(resource).recheck_after is None
    assert cluster.made == 2, "that its time is over is no reason for another"


def test_a_secret_that_is_deleted_in_the_overlap_costs_the_older_key() -> None:
    """IAM has room for two: the one that was in the Secret last goes on, and the new one."""
    resource = consumer(overlap="2h")
    cluster = settled(resource)
    _deleted(cluster)
    cluster.settle(resource)
    _deleted(cluster)
    cluster.settle(resource)
    assert cluster.users[USER] == ["AK2", "AK3"]


def test_the_content_follows_the_store() -> None:
    """Its secret is not known any more, so new content needs a new key."""
    resource = bucket(APP)
    cluster = settled(resource)
    cluster.stores = (live(default=True, region="eu-1"),)
    cluster.settle(resource)
    assert cluster.marks()["key"] == "AK2"
    assert cluster.users[USER] == ["AK1", "AK2"]


def test_a_key_rotates_by_time() -> None:
    resource = consumer(rotateEvery="720h", overlap="24h")
    cluster = settled(resource)
    assert cluster.compile(resource).recheck_after == 720 * HOUR
    cluster.sooner(720 * HOUR - 1)
    assert not identity(cluster, resource).fresh
    cluster.sooner(1)
    assert identity(cluster, resource) == Identity(USER, Role.READ_WRITE, frozenset({"AK1"}), fresh=True)

    plan, verdict = cluster.apply(resource)
    assert condition(verdict, "AccessReady").status == "True", "the Secret holds a key that works"
    assert (cluster.marks()["key"], cluster.entry()["keyId"]) == ("AK1", "AK1")
    assert plan.sealed == {}, "nothing of it is written before there is a new one"

    cluster.settle(resource)
    assert (cluster.marks()["key"], cluster.marks()["previous-key"]) == ("AK2", "AK1")
    assert cluster.entry()["rotatedAt"] == stamp(cluster.now)
    assert cluster.users[USER] == ["AK1", "AK2"]
    assert cluster.compile(resource).recheck_after == 24 * HOUR, "the overlap is over before the next turn"
    cluster.sooner(24 * HOUR)
    cluster.settle(resource)
    assert cluster.users[USER] == ["AK2"]
    assert cluster.compile(resource).recheck_after == 696 * HOUR


def test_a_turn_that_is_shorter_than_the_overlap() -> None:
    """Two keys at most: the oldest goes early rather than that the newest is refused."""
    resource = consumer(rotateEvery="1h", overlap="720h")
    cluster = settled(resource)
    for turn in range(2, 5):
        cluster.sooner(HOUR)
        cluster.settle(resource)
        assert cluster.users[USER] == [f"AK{turn - 1}", f"AK{turn}"]


def test_a_key_rotates_by_token_once() -> None:
    cluster = settled()
    for number, token in enumerate(TOKENS, start=2):
        resource = consumer(rotate=token)
        assert identity(cluster, resource).fresh
        cluster.settle(resource)
        assert (cluster.marks()["key"], cluster.marks()["rotate"]) == (f"AK{number}", token)
        assert not identity(cluster, resource).fresh
    cluster.settle(bucket(APP))
    assert cluster.made == 3, "to take the token out asks for nothing"


def test_a_token_from_the_beginning_asks_for_nothing() -> None:
    cluster = settled(consumer(rotate="1"))
    assert (cluster.made, cluster.marks()["rotate"]) == (1, "1")


def test_without_an_overlap_the_old_key_goes_at_once() -> None:
    cluster = settled()
    cluster.settle(consumer(rotate="1", overlap="0s"))
    assert cluster.users[USER] == ["AK2"]
    assert cluster.entry()["previousKeyId"] == ""


def test_a_key_that_was_made_and_not_written_is_removed() -> None:
    """The operator died in between: nobody knows its secret any more."""
    cluster, resource = Cluster(), bucket(APP)
    cluster.apply(resource)
    cluster.act()
    cluster.apply(resource)
    cluster.act()
    assert cluster.users[USER] == ["AK1"]
    cluster.crash()
    cluster.settle(resource)
    assert cluster.users[USER] == ["AK2"]
    assert cluster.marks()["key"] == "AK2"


def written() -> Cluster:
    """A key has just come into its Secret; the driver does not know yet that it is handed out."""
    cluster, resource = Cluster(), bucket(APP)
    for _ in range(2):
        cluster.apply(resource)
        cluster.act()
    cluster.apply(resource)
    assert cluster.marks()["key"] == "AK1"
    assert cluster.vault == {USER: "AK1"}
    return cluster


def test_a_token_that_comes_as_a_key_is_written_asks_for_another() -> None:
    """The one that was just written is not taken for the answer to it."""
    cluster, resource = written(), consumer(rotate="1")
    cluster.settle(resource)
    assert (cluster.marks()["key"], cluster.marks()["rotate"]) == ("AK2", "1")
    assert cluster.users == {USER: ["AK1", "AK2"]}


@pytest.mark.parametrize("happens", [_key_dead, _field_edited, _deleted])
def test_what_breaks_as_a_key_is_written_is_replaced(happens: Any) -> None:
    """The same key is not written again and again because it is what the driver made last."""
    cluster, resource = written(), bucket(APP)
    happens(cluster)
    cluster.settle(resource)
    assert reasons(*cluster.apply(resource)) == []
    works = [key for key in cluster.users[USER] if key not in cluster.dead]
    assert cluster.marks()["key"] in works
    assert cluster.marks()["key"] != cluster.marks()["previous-key"]
    assert cluster.children[secret()]["sealed"] == FIELDS


def test_a_consumer_that_is_taken_out_is_named_until_it_was_seen_to_be_gone() -> None:
    both = bucket(access=[{"name": "app"}, {"name": "batch"}])
    cluster = settled(both)
    batch = cluster.entry("batch")
    assert set(cluster.users) == {USER, batch["user"]}

    plan, verdict = cluster.apply(bucket(APP))
    assert plan.wish.past == {batch["user"]}
    assert [one.user for one in plan.wish.identities] == [USER]
    assert set(cluster.children) == {secret()}, "its Secret goes at once"
    assert [one["name"] for one in verdict.fields["access"]] == ["app", "batch"]
    cluster.apply(bucket(APP))
    assert cluster.entry("batch") == batch, "for as long as its store was not seen without it"

    cluster.act()
    assert set(cluster.users) == {USER}
    plan, verdict = cluster.apply(bucket(APP))
    assert [one["name"] for one in verdict.fields["access"]] == ["app"]
    cluster.settle(bucket(APP))
    assert cluster.compile(bucket(APP)).wish.past == frozenset()
    assert cluster.made == 2, "the other one has nothing to do with it"


def test_a_consumer_that_comes_back_gets_a_new_key() -> None:
    cluster = settled()
    cluster.settle(bucket())
    assert cluster.users == {}
    assert "access" not in cluster.status
    cluster.settle(bucket(APP))
    assert cluster.users == {USER: ["AK2"]}


def test_a_consumer_that_comes_back_before_it_went_stays() -> None:
    cluster = settled()
    cluster.apply(bucket())
    cluster.settle(bucket(APP))
    assert cluster.marks()["key"] == "AK2"
    assert cluster.users == {USER: ["AK1", "AK2"]}, "its Secret was gone: what runs has the old key still"


def test_where_no_secrets_may_be_written_the_bucket_is_made_without_consumers() -> None:
    cluster, resource = Cluster(withheld=True), bucket(APP)
    cluster.settle(resource)
    plan, verdict = cluster.apply(resource)
    assert reasons(plan, verdict) == ["SecretsNotPermitted"]
    finding = only(plan.findings)
    assert finding.stalled
    assert "namespace 'acme'" in finding.message
    assert "bind the ClusterRole pileus-credentials there, or leave access out" in finding.message
    assert cluster.exists
    assert cluster.users == {}, "a key that cannot be handed out is not made"
    assert condition(verdict, "Provisioned").status == "True"
    assert condition(verdict, "AccessReady").reason == "SecretsNotPermitted"
    assert not plan.prune, "nobody knows what is there"
    assert plan.basis == frozenset(), "what may not be read decides nothing"
    assert (plan.recheck_after, verdict.recheck_after) == (None, None), "a permission wakes by itself"


def test_who_wants_no_consumers_needs_no_secrets() -> None:
    cluster = Cluster(withheld=True)
    cluster.settle(bucket())
    assert reasons(*cluster.apply(bucket())) == []


def test_a_permission_that_comes_later_is_used() -> None:
    cluster, resource = Cluster(withheld=True), bucket(APP)
    cluster.settle(resource)
    cluster.withheld = False
    cluster.settle(resource)
    assert cluster.marks()["key"] == "AK1"


def test_a_permission_that_goes_takes_nobodys_key() -> None:
    """Neither the one that the Secret holds, nor the one before it, whose time does not run meanwhile."""
    resource = consumer(rotate="1")
    cluster = settled()
    cluster.settle(resource)
    assert cluster.users == {USER: ["AK1", "AK2"]}
    before = cluster.status["access"]
    cluster.withheld = True
    cluster.sooner(2 * HOUR)
    cluster.settle(resource)
    plan, verdict = cluster.apply(resource)
    assert only(plan.wish.identities) == Identity(USER, Role.READ_WRITE, frozenset({"AK1", "AK2"}))
    assert reasons(plan, verdict) == ["SecretsNotPermitted"]
    assert cluster.users == {USER: ["AK1", "AK2"]}
    assert cluster.status["access"] == before

    cluster.withheld = False
    cluster.settle(resource)
    assert cluster.users == {USER: ["AK2"]}
    assert cluster.made == 2


def test_who_is_taken_out_goes_though_no_secrets_may_be_written() -> None:
    cluster = settled(bucket(access=[{"name": "app"}, {"name": "batch"}]))
    cluster.withheld = True
    cluster.settle(bucket(APP))
    assert cluster.users == {USER: ["AK1"]}
    assert [one["name"] for one in cluster.status["access"]] == ["app"]


def test_who_is_new_gets_nothing_where_no_secrets_may_be_written() -> None:
    cluster = settled()
    cluster.withheld = True
    plan = cluster.settle(bucket(access=[{"name": "app"}, {"name": "batch"}]))
    assert [one.user for one in plan.wish.identities] == [USER]
    assert cluster.entry("batch")["keyId"] == ""
    assert plan.recheck_after is None


def test_several_that_wait_are_told_together() -> None:
    cluster, resource = Cluster(), bucket(access=[{"name": "a"}, {"name": "b"}])
    _, verdict = cluster.apply(resource)
    told = condition(verdict, "AccessReady")
    assert (told.status, told.reason) == ("False", "AccessPending")
    assert told.message == "The Secret of 'a' and 'b' waits for a key."


def test_a_secret_that_waits_is_told_as_a_child_that_does() -> None:
    resource = bucket(APP)
    cluster = settled(resource)
    _field_edited(cluster)
    assert cluster.judge(resource).child_reasons == {("Secret", "media-app"): "AccessPending"}
    cluster.settle(resource)
    assert cluster.judge(resource).child_reasons == {}


def test_a_lost_status_costs_no_key() -> None:
    """The Secret says which key it holds, and names are derived: all of it is found again."""
    cluster, resource = settled(), bucket(APP)
    before = cluster.status
    cluster.status = {}
    cluster.settle(resource)
    assert cluster.status["access"] == before["access"]
    assert (cluster.made, cluster.users) == (1, {USER: ["AK1"]})


def test_a_wish_names_no_more_keys_than_iam_keeps() -> None:
    """The strictest engine has room for two: those that stay, and one that is to come."""
    resource = consumer(rotateEvery="1h", overlap="3h")
    cluster = settled(resource)
    for _ in range(12):
        cluster.sooner(HOUR / 2)
        plan, _ = cluster.apply(resource)
        assert isinstance(plan.wish, BucketWish)
        assert all(len(one.keep) + one.fresh <= 2 for one in plan.wish.identities)
        cluster.act()
        assert len(cluster.users[USER]) <= 2
