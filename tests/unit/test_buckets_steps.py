"""What is to be done to a bucket by what was seen of it, in which order, and how it is taken leave of.

Users stand in for an engine's API of users. S3 is a client of boto3's that is told each answer, and checks
what is sent against its own model of the API.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from pileus.objects.s3 import (
    BucketWish,
    CorsRule,
    Engine,
    Farewell,
    Fate,
    Feature,
    Identity,
    Key,
    LifecycleRule,
    Lock,
    Parting,
    Quota,
    Role,
    Seen,
    Settings,
    Trouble,
    User,
)
from pileus.objectstores.account import Account
from pileus.objectstores.buckets import AT_ONCE, BATCH, KEPT, MARK, Step, Store, foreign, part, steps
from pileus.objectstores.connection import Address, Connection, Keys
from pileus.objectstores.errors import StoreError

EVERYTHING = frozenset(Feature)
OWNER, TEAM = "cluster/acme/media/u1", "cluster/acme/"
CONNECTION = Connection(Address("https://s3.example.dev", "https://s3.example.dev"), Keys("AK", "secret"))
NEW = Keys("AKNEW", "secret of a consumer")


@dataclass
class Users:
    """Stands in for the API of users, which is an engine's: remembers what it was asked to do."""

    by_bucket: bool = False
    by_key: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def principal(self, user: str = "") -> str:
        return f"arn:{user or 'root'}" if self.by_bucket else ""

    def find(self, user: str, bucket: str) -> User | None:
        raise AssertionError("What is to be done is told by what was seen.")

    def make(self, user: str, owner: str) -> None:
        self.asked.append(("make", user, owner))

    def allow(self, user: str, bucket: str, role: Role) -> None:
        self.asked.append(("allow", user, bucket, role))

    def new_key(self, user: str, bucket: str, role: Role) -> Keys:
        self.asked.append(("new key", user, bucket, role))
        return NEW

    def drop_key(self, user: str, key: str) -> None:
        self.asked.append(("drop key", user, key))

    def drop(self, user: str) -> None:
        self.asked.append(("drop", user))

    def account(self, bucket: str) -> Account | None:
        raise AssertionError("What is to be done is told by what was seen.")

    def limit(self, bucket: str, quota: Quota) -> None:
        self.asked.append(("limit", bucket, str(quota.size), str(quota.objects)))


def store(
    *,
    by_bucket: bool = False,
    by_key: bool = False,
    features: frozenset[Feature] = EVERYTHING,
    engine: Engine = Engine.VERSITY,
) -> Store:
    return Store(engine, CONNECTION, Users(by_bucket, by_key), features)


def whats(found: list[Step]) -> list[str]:
    return [step.what for step in found]


APP = Identity("app", Role.READ_WRITE, frozenset({"AK1"}))
SETTINGS = Settings(
    versioning=True,
    lifecycle=(LifecycleRule("tmp/", expire=7),),
    cors=(CorsRule(("*",), ("GET",)),),
    encryption=True,
    lock=Lock("GOVERNANCE", 1),
    quota=Quota(2**20, 5),
)
WISH = BucketWish("main", "media", OWNER, settings=SETTINGS, identities=(APP,))
DONE = Seen(
    exists=True,
    owner=OWNER,
    settings=SETTINGS,
    policy=True,
    users={"app": User((Key("AK1"),), Role.READ_WRITE)},
)


def wish(**more: Any) -> BucketWish:
    return dataclasses.replace(WISH, **more)


def seen(**more: Any) -> Seen:
    return dataclasses.replace(DONE, **more)


def test_a_bucket_from_nothing() -> None:
    """Whoever gets a key can use it at once, and whoever goes is named nowhere any more."""
    wanted = wish(
        identities=(
            dataclasses.replace(APP, fresh=True),
            Identity("batch", Role.READ_ONLY, fresh=True),
        ),
        past=frozenset({"old", "gone"}),
    )
    found = Seen(
        exists=False,
        users={"app": User((Key("AK1"), Key("AK0"))), "batch": None, "old": User(), "gone": None},
    )
    assert whats(steps(store(), wanted, found)) == [
        "bucket",
        "mark",
        "versioning",
        "lock",
        "encryption",
        "lifecycle",
        "cors",
        "quota",
        "policy of app",
        "user batch",
        "policy of batch",
        "key of app",
        "key of app",
        "key of batch",
        "user old",
    ]


@pytest.mark.parametrize("by_bucket", [False, True])
def test_nothing_is_to_be_done_where_all_is_as_wished(by_bucket: bool) -> None:
    assert steps(store(by_bucket=by_bucket), WISH, DONE) == []


DIFFERENCES: dict[str, tuple[BucketWish, Seen, list[str]]] = {
    "no mark: it was made, and the operator ended": (wish(takes=True), seen(owner=""), ["mark"]),
    "left behind by this namespace": (
        wish(takes_over=TEAM),
        seen(owner=f"{TEAM}before/u0", left=True),
        ["mark"],
    ),
    "one setting": (WISH, seen(settings=dataclasses.replace(SETTINGS, cors=())), ["cors"]),
    "settings that are not wished for": (
        wish(settings=Settings(versioning=True)),
        DONE,
        ["lock", "encryption", "lifecycle", "cors", "quota"],
    ),
    "a right was taken": (WISH, seen(users={"app": User((Key("AK1"),), None)}), ["policy of app"]),
    "another role": (
        WISH,
        seen(users={"app": User((Key("AK1"),), Role.READ_ONLY)}),
        ["policy of app"],
    ),
    "a user was removed": (WISH, seen(users={"app": None}), ["user app", "policy of app"]),
    "a user was not looked at": (WISH, seen(users={}), ["user app", "policy of app"]),
    "the bucket's policy was edited": (WISH, seen(policy=False), ["policy"]),
    "a key that nobody knows": (
        WISH,
        seen(users={"app": User((Key("AK1"), Key("AK7")), Role.READ_WRITE)}),
        ["key of app"],
    ),
    "a key that stays is gone: the Secret's affair": (
        WISH,
        seen(users={"app": User((), Role.READ_WRITE)}),
        [],
    ),
    "a key that stays does not work: the Secret's affair": (
        WISH,
        seen(users={"app": User((Key("AK1", active=False),), Role.READ_WRITE)}),
        [],
    ),
    "a key is to come": (wish(identities=(dataclasses.replace(APP, fresh=True),)), DONE, ["key of app"]),
    "a user that was": (
        wish(past=frozenset({"old"})),
        seen(users={**DONE.users, "old": User()}),
        ["user old"],
    ),
    "a user that was and is gone": (
        wish(past=frozenset({"old"})),
        seen(users={**DONE.users, "old": None}),
        [],
    ),
}


@pytest.mark.parametrize("row", DIFFERENCES)
def test_what_differs_is_put_right_and_nothing_else(row: str) -> None:
    wanted, found, expected = DIFFERENCES[row]
    assert whats(steps(store(), wanted, found)) == expected


FOREIGN: dict[str, tuple[BucketWish, Seen, bool]] = {
    "ours": (WISH, DONE, False),
    "none": (WISH, Seen(exists=False), False),
    "it could not be told": (WISH, Seen(), False),
    "of nobody": (WISH, seen(owner=""), True),
    "of nobody, and it may be taken": (wish(takes=True), seen(owner=""), False),
    "somebody else's": (wish(takes=True, takes_over=TEAM), seen(owner="cluster/other/media/u"), True),
    "somebody else's that was left": (
        wish(takes=True, takes_over=TEAM),
        seen(owner="cluster/other/media/u", left=True),
        True,
    ),
    "of this namespace, and in use": (wish(takes_over=TEAM), seen(owner=f"{TEAM}x/u"), True),
    "of this namespace, and left": (wish(takes_over=TEAM), seen(owner=f"{TEAM}x/u", left=True), False),
    "of this namespace, left, and not asked for": (WISH, seen(owner=f"{TEAM}x/u", left=True), True),
    "of a namespace whose name begins alike": (
        wish(takes_over=TEAM),
        seen(owner="cluster/acme-dev/x/u", left=True),
        True,
    ),
}


@pytest.mark.parametrize("row", FOREIGN)
def test_a_bucket_of_others_is_not_touched(row: str) -> None:
    wanted, found, expected = FOREIGN[row]
    wanted = dataclasses.replace(wanted, settings=Settings(), past=frozenset({"old"}))
    found = dataclasses.replace(found, users={**found.users, "old": User((Key("AK9"),))}, policy=False)
    assert foreign(wanted, found) == expected
    assert (steps(store(), wanted, found) == []) == expected


def test_a_bucket_that_is_not_claimed_is_not_made() -> None:
    assert steps(store(), wish(makes=False), Seen(exists=False)) == []
    assert whats(steps(store(), wish(makes=False), seen(policy=False))) == ["policy"], "but looked after"


def test_what_a_store_lacks_is_not_written() -> None:
    """Reading it was left out as well: it reads as if it were not set, and would be written without end."""
    bare = store(features=frozenset({Feature.TAGS, Feature.EXPIRE}))
    found = seen(settings=Settings(quota=SETTINGS.quota))
    assert whats(steps(bare, WISH, found)) == ["lifecycle"]


def test_an_engine_where_the_bucket_says_who_may_what() -> None:
    """Users have no policies of their own there, and without any consumer there is one all the same."""
    ceph = store(by_bucket=True)
    fresh = Seen(exists=False, users={"app": None})
    assert whats(steps(ceph, wish(settings=Settings()), fresh)) == ["bucket", "mark", "user app", "policy"]
    assert whats(steps(ceph, wish(settings=Settings(), identities=()), fresh)) == ["bucket", "mark", "policy"]
    assert whats(steps(store(), wish(settings=Settings(), identities=()), fresh)) == ["bucket", "mark"]


def test_a_policy_that_nobody_wants_is_taken_off_a_bucket_that_is_there() -> None:
    assert whats(steps(store(), wish(identities=()), seen(policy=False))) == ["policy"]


def test_what_takes_something_away_says_so() -> None:
    """What is still there after these is tried again, and is nothing that a user could leave out."""
    wanted = wish(identities=(dataclasses.replace(APP, fresh=True),), past=frozenset({"old"}))
    found = Seen(exists=False, users={"app": User((Key("AK7"),)), "old": User()})
    by_flag = {
        flag: [step.what for step in steps(store(), wanted, found) if getattr(step, flag)]
        for flag in ("takes", "vital", "tolerant", "user")
    }
    assert by_flag == {
        "takes": ["key of app", "user old"],
        "vital": ["bucket", "mark"],
        "tolerant": [],
        "user": ["key of app"],
    }


def test_a_store_that_encrypts_whatever_comes_may_go_on_doing_so() -> None:
    (step,) = steps(store(), wish(settings=dataclasses.replace(SETTINGS, encryption=False)), DONE)
    assert (step.what, step.tolerant) == ("encryption", True)
    (step,) = steps(store(), WISH, seen(settings=dataclasses.replace(SETTINGS, encryption=False)))
    assert (step.what, step.tolerant) == ("encryption", False), "one that does not encrypt is told of"


def test_a_user_that_is_its_keys_comes_with_the_first() -> None:
    there = store(by_key=True)
    app = dataclasses.replace(APP, keep=frozenset(), fresh=True)
    found = steps(there, wish(identities=(app,)), seen(users={"app": None}))
    assert whats(found) == ["key of app"]
    quiet = steps(there, wish(identities=(APP,)), seen(users={"app": None}))
    assert whats(quiet) == [], "without a key that is wished for there is nothing to make or to allow"
    other = seen(users={"app": User((Key("AK1"),), Role.READ_ONLY)})
    assert whats(steps(there, wish(identities=(APP,)), other)) == ["policy of app"]


def test_each_step_does_what_it_says() -> None:
    """Those that concern users; what the others say to S3 is shown below."""
    there = store()
    wanted = wish(
        identities=(dataclasses.replace(APP, fresh=True), Identity("batch", Role.READ_ONLY)),
        past=frozenset({"old"}),
    )
    users = {"app": User((Key("AK7"), Key("AK1")), Role.READ_WRITE), "batch": None, "old": User()}
    found = steps(there, wanted, seen(users=users, settings=dataclasses.replace(SETTINGS, quota=Quota())))
    made = [step.run() for step in found]
    assert there.users.asked == [  # type: ignore[attr-defined]
        ("limit", "media", str(2**20), "5"),
        ("make", "batch", OWNER),
        ("allow", "batch", "media", Role.READ_ONLY),
        ("drop key", "app", "AK7"),
        ("new key", "app", "media", Role.READ_WRITE),
        ("drop", "old"),
    ]
    assert [(step.user, keys) for step, keys in zip(found, made, strict=True) if keys] == [("app", NEW)]
    assert {step.kind for step in found} == {"quota", "user", "policy", "key"}, "by these it is counted"


# Laws


users = st.none() | st.builds(
    User,
    st.lists(st.sampled_from(["AK1", "AK2", "AK3"]), max_size=3, unique=True).map(
        lambda ids: tuple(map(Key, ids))
    ),
    st.none() | st.sampled_from(Role),
)
NAMES = ("app", "batch", "old")
identities = st.lists(
    st.builds(
        Identity,
        st.sampled_from(NAMES),
        st.sampled_from(Role),
        st.frozensets(st.sampled_from(["AK1", "AK2"]), max_size=1),
        st.booleans(),
    ),
    max_size=2,
    unique_by=lambda one: one.user,
).map(tuple)
settings = st.builds(
    Settings,
    versioning=st.booleans(),
    lifecycle=st.sampled_from([(), SETTINGS.lifecycle]),
    cors=st.sampled_from([(), SETTINGS.cors]),
    encryption=st.booleans(),
    lock=st.sampled_from([None, SETTINGS.lock]),
    public_read=st.booleans(),
    quota=st.sampled_from([Quota(), SETTINGS.quota]),
)
owners = st.sampled_from([OWNER, "", f"{TEAM}x/u", "cluster/other/x/u"])
wishes = st.builds(
    lambda settings, identities, past, **how: BucketWish(
        "main",
        "media",
        OWNER,
        settings=settings,
        identities=identities,
        past=past - {one.user for one in identities},
        **how,
    ),
    settings,
    identities,
    st.frozensets(st.sampled_from(NAMES)),
    makes=st.booleans(),
    takes=st.booleans(),
    takes_over=st.sampled_from(["", TEAM]),
)
looks = st.builds(
    Seen,
    exists=st.booleans(),
    owner=owners,
    left=st.booleans(),
    settings=settings,
    policy=st.booleans(),
    users=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, users)),
)
stores = st.builds(store, by_bucket=st.booleans())
ORDER = ("bucket", "mark", "setting", "user", "policy", "key", "past")


def place(step: Step, wanted: BucketWish) -> int:
    """Where a step belongs."""
    first, _, name = step.what.rpartition(" ")
    if first == "user" and name in wanted.past:
        return ORDER.index("past")
    kind = {"user": "user", "policy of": "user", "key of": "key"}.get(first, step.what)
    return ORDER.index(kind if kind in ORDER else "setting")


@given(stores, wishes, looks)
def test_every_key_that_was_seen_and_is_not_to_stay_goes(
    there: Store, wanted: BucketWish, found: Seen
) -> None:
    done = steps(there, wanted, found)
    for step in done:
        if step.takes:
            step.run()
    dropped = {entry[1:] for entry in there.users.asked}  # type: ignore[attr-defined]
    expected: set[tuple[str, ...]] = set()
    if not foreign(wanted, found) and (found.exists or wanted.makes):
        expected |= {
            (one.user, key.id)
            for one in wanted.identities
            for key in (found.users.get(one.user) or User()).keys
            if key.id not in one.keep
        }
        expected |= {(user,) for user in wanted.past if found.users.get(user) is not None}
    assert dropped == expected, "neither more nor less"


@given(stores, wishes, looks)
def test_steps_come_in_their_order(there: Store, wanted: BucketWish, found: Seen) -> None:
    done = steps(there, wanted, found)
    places = [place(step, wanted) for step in done]
    assert places == sorted(places)
    for one in wanted.identities:
        keys = [step for step in done if step.what == f"key of {one.user}"]
        assert [step.takes for step in keys] == sorted((step.takes for step in keys), reverse=True), (
            "IAM keeps two: there must be room before a new one comes"
        )
        assert not done or sum(not step.takes for step in keys) == one.fresh


@given(stores, wishes, looks)
def test_nothing_is_left_to_do_afterwards(there: Store, wanted: BucketWish, found: Seen) -> None:
    """If all of it was done, a look finds nothing more: passes come to rest."""
    if foreign(wanted, found) or not (found.exists or wanted.makes):
        return
    after = Seen(
        exists=True,
        owner=wanted.owner,
        settings=wanted.settings,
        policy=True,
        users={
            **{one.user: User(tuple(map(Key, sorted(one.keep))), one.role) for one in wanted.identities},
            **dict.fromkeys(wanted.past),
        },
    )
    written = dataclasses.replace(
        wanted, identities=tuple(dataclasses.replace(one, fresh=False) for one in wanted.identities)
    )
    assert steps(there, written, after) == []


# What is said to S3, as botocore takes it


Said = list[tuple[str, dict[str, Any] | str, dict[str, Any]]]
"""(method, answer or the store's code, what must be sent)."""
TAGS = [{"Key": "cost", "Value": "42"}]


def speaking(there: Store, said: Said, work: Callable[[], Any]) -> Any:
    """Do the work while S3 is asked exactly this, in this order."""
    with Stubber(there.s3) as s3:
        for method, answer, sent in said:
            if isinstance(answer, str):
                status = {"NoSuchBucket": 404, "NoSuchTagSet": 404, "BucketNotEmpty": 409}.get(answer, 400)
                s3.add_client_error(method, answer, http_status_code=status, expected_params=sent)
            else:
                s3.add_response(method, answer, sent)
        found = work()
        s3.assert_no_pending_responses()
        return found


def tagged(*tags: dict[str, str]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return ("get_bucket_tagging", {"TagSet": list(tags)}, {"Bucket": "media"})


def tags(*entries: dict[str, str]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return ("put_bucket_tagging", {}, {"Bucket": "media", "Tagging": {"TagSet": list(entries)}})


def mark(value: str = OWNER) -> dict[str, str]:
    return {"Key": MARK, "Value": value}


LEFT = {"Key": KEPT, "Value": "true"}
UNMARKED = ("get_bucket_tagging", "NoSuchTagSet", {"Bucket": "media"})


def step(what: str, wanted: BucketWish, found: Seen, there: Store) -> Step:
    (one,) = (one for one in steps(there, wanted, found) if one.what == what)
    return one


MAKING: dict[str, tuple[Engine, str, Lock | None, dict[str, Any]]] = {
    "plainly": (Engine.VERSITY, "us-east-1", None, {}),
    "so that it can lock": (Engine.CEPH, "x", Lock("COMPLIANCE", 1), {"ObjectLockEnabledForBucket": True}),
    "where AWS has it by default": (Engine.AWS, "us-east-1", None, {}),
    "elsewhere in AWS": (
        Engine.AWS,
        "eu-central-1",
        None,
        {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}},
    ),
}


@pytest.mark.parametrize("row", MAKING)
def test_a_bucket_is_made(row: str) -> None:
    engine, region, lock, expected = MAKING[row]
    connection = Connection(Address("https://s3.example.dev", "https://x", region), Keys("AK", "secret"))
    there = dataclasses.replace(store(engine=engine), connection=connection)
    making = step("bucket", wish(settings=Settings(lock=lock)), Seen(exists=False), there)
    speaking(there, [("create_bucket", {}, {"Bucket": "media", **expected})], making.run)


MARKING: dict[str, tuple[str, Any, list[dict[str, str]] | None]] = {
    "it has no tags": ("", UNMARKED, [mark()]),
    "it has others": ("", tagged(*TAGS), [*TAGS, mark()]),
    "it was left": (f"{TEAM}x/u", tagged(mark(f"{TEAM}x/u"), LEFT, *TAGS), [mark(), *TAGS]),
    "it is ours already": ("", tagged(mark()), [mark()]),
    "somebody else was faster": ("", tagged(mark("cluster/other/media/u")), None),
}


@pytest.mark.parametrize("row", MARKING)
def test_a_bucket_is_marked(row: str) -> None:
    """Two that make a bucket of one name at once: the second finds the mark of the first."""
    was, answer, expected = MARKING[row]
    wanted = wish(takes=True, takes_over=TEAM)
    there = store()
    marking = step("mark", wanted, seen(owner=was, left=bool(was)), there)
    if expected is None:
        with pytest.raises(StoreError, match="somebody else was faster") as error:
            speaking(there, [answer], marking.run)
        assert error.value.trouble is Trouble.CONFLICT
        return
    speaking(there, [answer, tags(*expected)], marking.run)


# Taking leave


def farewell(fate: Fate = Fate.RETAIN, *users: str) -> Farewell:
    return Farewell("main", "media", OWNER, fate, frozenset(users))


def versions(*names: str, marks: tuple[str, ...] = ()) -> tuple[str, dict[str, Any], dict[str, Any]]:
    listed = {
        "Versions": [{"Key": name, "VersionId": f"v-{name}"} for name in names],
        "DeleteMarkers": [{"Key": name, "VersionId": f"m-{name}"} for name in marks],
    }
    return ("list_object_versions", listed, {"Bucket": "media", "MaxKeys": BATCH})


def uploads(*names: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    listed = {"Uploads": [{"Key": name, "UploadId": f"u-{name}"} for name in names]}
    return ("list_multipart_uploads", listed, {"Bucket": "media", "MaxUploads": BATCH})


def removal(*entries: dict[str, str], errors: tuple[dict[str, str], ...] = ()) -> Any:
    sent = {"Bucket": "media", "Delete": {"Objects": list(entries), "Quiet": True}}
    return ("delete_objects", {"Errors": list(errors)} if errors else {}, sent)


GONE = ("delete_bucket", {}, {"Bucket": "media"})
NOT_EMPTY = ("delete_bucket", "BucketNotEmpty", {"Bucket": "media"})
PARTINGS: dict[str, tuple[Fate, Parting, Said, Parting]] = {
    "it is gone already": (
        Fate.DELETE,
        Parting(),
        [("get_bucket_tagging", "NoSuchBucket", {"Bucket": "media"})],
        Parting(done=True),
    ),
    "it was never ours": (Fate.DELETE, Parting(), [UNMARKED], Parting(done=True)),
    "it is somebody else's": (
        Fate.DELETE,
        Parting(),
        [tagged(mark("cluster/other/media/u"))],
        Parting(done=True),
    ),
    "it stays, and says so": (
        Fate.RETAIN,
        Parting(),
        [tagged(mark(), *TAGS), tags(mark(), *TAGS, LEFT)],
        Parting(done=True),
    ),
    "it is empty": (Fate.DELETE_IF_EMPTY, Parting(left=3), [tagged(mark()), GONE], Parting(done=True)),
    "it is not empty": (
        Fate.DELETE_IF_EMPTY,
        Parting(),
        [tagged(mark()), NOT_EMPTY, versions("a", "b", marks=("a",)), uploads("c")],
        Parting(left=4),
    ),
    "versions go, and what marks them as deleted": (
        Fate.DELETE,
        Parting(removed=5),
        [
            tagged(mark()),
            versions("a", "b", marks=("a",)),
            removal(
                {"Key": "a", "VersionId": "v-a"},
                {"Key": "b", "VersionId": "v-b"},
                {"Key": "a", "VersionId": "m-a"},
            ),
        ],
        Parting(removed=8, left=1),
    ),
    "then uploads": (
        Fate.DELETE,
        Parting(removed=8),
        [
            tagged(mark()),
            versions(),
            uploads("c"),
            (
                "abort_multipart_upload",
                {},
                {"Bucket": "media", "Key": "c", "UploadId": "u-c"},
            ),
        ],
        Parting(removed=9, left=1),
    ),
    "then it": (
        Fate.DELETE,
        Parting(removed=9, left=1),
        [tagged(mark()), versions(), uploads(), GONE],
        Parting(done=True, removed=9),
    ),
}


@pytest.mark.parametrize("row", PARTINGS)
def test_one_step_of_leaving(row: str) -> None:
    fate, before, said, expected = PARTINGS[row]
    there = store()
    assert speaking(there, said, lambda: part(there, farewell(fate, "old", "app"), before)) == expected
    assert there.users.asked == [("drop", "app"), ("drop", "old")], (  # type: ignore[attr-defined]
        "nobody writes any more, whosever the bucket is"
    )


def test_objects_go_by_their_names_where_there_are_no_versions() -> None:
    there = store(features=EVERYTHING - {Feature.VERSIONING})
    listed = {"Contents": [{"Key": "a"}, {"Key": "b"}]}
    said: Said = [
        tagged(mark()),
        ("list_objects_v2", listed, {"Bucket": "media", "MaxKeys": BATCH}),
        removal({"Key": "a"}, {"Key": "b"}),
    ]
    found = speaking(there, said, lambda: part(there, farewell(Fate.DELETE), Parting()))
    assert found == Parting(removed=2, left=1)


def test_many_are_removed_by_several_calls() -> None:
    """A busy store has to be done before the call times out."""
    there = store()
    names = [f"n{number:03}" for number in range(2 * AT_ONCE + 1)]
    sent = [{"Key": name, "VersionId": f"v-{name}"} for name in names]
    calls = [sent[:AT_ONCE], sent[AT_ONCE : 2 * AT_ONCE], sent[2 * AT_ONCE :]]
    said: Said = [tagged(mark()), versions(*names), *(removal(*some) for some in calls)]
    found = speaking(there, said, lambda: part(there, farewell(Fate.DELETE), Parting()))
    assert found == Parting(removed=2 * AT_ONCE + 1, left=1)


def test_on_ceph_no_call_removes_two_versions_of_one_object() -> None:
    """Its gateway aborts when a second call for them meets the first."""
    there = store(engine=Engine.CEPH)
    said: Said = [
        tagged(mark()),
        versions("a", "b", "c", marks=("a", "c")),
        removal(*({"Key": name, "VersionId": f"v-{name}"} for name in "abc")),
        removal(*({"Key": name, "VersionId": f"m-{name}"} for name in "ac")),
    ]
    found = speaking(there, said, lambda: part(there, farewell(Fate.DELETE), Parting()))
    assert found == Parting(removed=5, left=1)


def test_what_cannot_be_removed_is_told_by_its_code_alone() -> None:
    """A lock holds it. What else the store says may name what is in the bucket."""
    there = store()
    refused = {"Key": "secret-name", "Code": "AccessDenied", "Message": "secret-name is locked"}
    said: Said = [
        tagged(mark()),
        versions("secret-name"),
        removal({"Key": "secret-name", "VersionId": "v-secret-name"}, errors=(refused,)),
    ]
    with pytest.raises(StoreError) as error:
        speaking(there, said, lambda: part(there, farewell(Fate.DELETE), Parting()))
    assert error.value.fault.words == "DeleteObjects: AccessDenied"


def test_an_answer_that_is_no_end_is_raised() -> None:
    there = store()
    said: Said = [tagged(mark()), ("delete_bucket", "AccessDenied", {"Bucket": "media"})]
    with pytest.raises(StoreError) as error:
        speaking(there, said, lambda: part(there, farewell(Fate.DELETE_IF_EMPTY), Parting()))
    assert error.value.trouble is Trouble.DENIED
