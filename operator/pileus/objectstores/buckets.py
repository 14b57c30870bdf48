"""What is seen of a bucket, what has to be done so that it is as wished, and how one is taken leave of.

`look` reads, `steps` compares, and each `Step` does one thing that may be done again. Whoever runs the steps
looks again afterwards: engines accept what they ignore. The wish is made sure of first: what was read from a
cache may be of the past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pileus.objects.s3 import (
    COPIES,
    BucketWish,
    Copy,
    Engine,
    Farewell,
    Fate,
    Feature,
    Parting,
    Quota,
    Seen,
    Settings,
    Trouble,
)
from pileus.objectstores import policies
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.errors import StoreError, told
from pileus.objectstores.marks import Marks, marks
from pileus.objectstores.replication import Replication, replication, same
from pileus.objectstores.settings import SETTINGS, policy_of, set_policy
from pileus.objectstores.users import Users

MARK = "pileus.dev/owner"
"""The tag that says whose bucket it is."""
KEPT = "pileus.dev/retained"
"""The tag on a bucket whose resource is gone."""
BATCH = 1000
"""How many versions are removed in one step; the most that S3 lists."""
AT_ONCE = 100
"""How many by one call: a busy store has to be done with them before the call times out."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store as its buckets need it. features: what it was found to have."""

    engine: Engine
    connection: Connection
    users: Users
    features: frozenset[Feature]

    @property
    def s3(self) -> Any:
        """Its S3 API."""
        return self.connection.s3

    @property
    def marks(self) -> Marks:
        """How buckets come, say whose they are, and go."""
        return marks(self.engine, self.connection)

    @property
    def replication(self) -> Replication | None:
        """How buckets are copied into others; None where they are not."""
        return replication(self.engine, self.connection) if Feature.REPLICATION in self.features else None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. what: in words, as a fault would name it.

    run: does it; a new key is its result, and nothing else has one. user: whose key.
    takes: whether something is lost by it. vital: whether nothing after it makes sense without it.
    tolerant: whether it does not matter if it comes to nothing.
    copies: whose keys `run` is given, by their ids, if there are any: they are read from their Secrets.
    """

    what: str
    run: Callable[..., Keys | None]
    user: str = ""
    takes: bool = False
    vital: bool = False
    tolerant: bool = False
    copies: tuple[Copy, ...] = ()

    @property
    def kind(self) -> str:
        """Its first word, to be counted as."""
        return self.what.partition(" ")[0]


def look(store: Store, wish: BucketWish) -> Seen:
    """What is there of the bucket and its users. Raises StoreError."""
    named = sorted({identity.user for identity in wish.identities} | wish.past)
    users = {name: store.users.find(name, wish.bucket) for name in named}
    try:
        tags = store.marks.read(wish.bucket)
    except StoreError as error:
        if error.trouble is Trouble.ABSENT:
            return Seen(exists=False, users=users)
        raise
    mark = Seen(exists=True, owner=tags.get(MARK, ""), left=KEPT in tags, users=users)
    if foreign(wish, mark):
        return mark
    read = {
        setting.name: setting.read(store.s3, wish.bucket) for setting in SETTINGS if _has(store, setting.name)
    }
    policy = policies.same(policy_of(store.s3, wish.bucket), _document(store, wish))
    account = store.users.account(wish.bucket)
    copier = store.replication
    return replace(
        mark,
        copies=copier.read(wish.bucket) if copier else (),
        settings=Settings(**read, quota=account.quota if account else Quota()),
        policy=policy,
        usage=account.usage if account else None,
    )


def steps(store: Store, wish: BucketWish, seen: Seen) -> list[Step]:
    """What is to be done, in this order. None where the bucket is somebody else's.

    A key comes after everything that makes it work, and a user goes after the policy that names it.
    """
    if foreign(wish, seen) or not (seen.exists or wish.makes):
        return []
    return [
        *_bucket(store, wish, seen),
        *_settings(store, wish, seen),
        *_users(store, wish, seen),
        *_policy(store, wish, seen),
        *_keys(store, wish, seen),
        *_past(store, wish, seen),
        *_copies(store, wish, seen),
    ]


def foreign(wish: BucketWish, seen: Seen) -> bool:
    """Whether there is such a bucket, and it is not ours to touch."""
    if not seen.exists or seen.owner == wish.owner:
        return False
    if not seen.owner:
        return not wish.takes
    return not (wish.takes_over and seen.left and seen.owner.startswith(wish.takes_over))


def _bucket(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    if not seen.exists:
        lock = wish.settings.lock is not None
        yield Step("bucket", partial(store.marks.make, wish.bucket, lock=lock), vital=True)
    if seen.owner != wish.owner:
        yield Step("mark", partial(_claim, store, wish, seen.owner), vital=True)


def _settings(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    for setting in SETTINGS:
        wanted, found = getattr(wish.settings, setting.name), getattr(seen.settings, setting.name)
        if wanted != found and _has(store, setting.name):
            # Some stores encrypt whatever comes, and say so.
            tolerant = setting.name == "encryption" and not wanted
            write = partial(setting.write, store.s3, wish.bucket, wanted)
            yield Step(setting.name, write, tolerant=tolerant)
    if wish.settings.quota != seen.settings.quota:
        yield Step("quota", partial(store.users.limit, wish.bucket, wish.settings.quota))


def _users(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    for identity in wish.identities:
        name, found = identity.user, seen.users.get(identity.user)
        if found is None and store.users.by_key:
            continue  # it comes with its first key
        if found is None:
            yield Step(f"user {name}", partial(store.users.make, name, wish.owner))
        if not store.users.by_bucket and (found is None or found.role is not identity.role):
            yield Step(f"policy of {name}", partial(store.users.allow, name, wish.bucket, identity.role))


def _policy(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    wanted = _document(store, wish)
    if not seen.policy and (seen.exists or wanted is not None):
        yield Step("policy", partial(set_policy, store.s3, wish.bucket, wanted))


def _keys(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    for identity in wish.identities:
        name, found = identity.user, seen.users.get(identity.user)
        for key in found.keys if found else ():
            if key.id not in identity.keep:
                yield Step(f"key of {name}", partial(store.users.drop_key, name, key.id), takes=True)
        if identity.fresh:
            make = partial(store.users.new_key, name, wish.bucket, identity.role)
            yield Step(f"key of {name}", make, user=name)


def _past(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    for name in sorted(user for user in wish.past if seen.users.get(user) is not None):
        yield Step(f"user {name}", partial(store.users.drop, name), takes=True)


def _copies(store: Store, wish: BucketWish, seen: Seen) -> Iterator[Step]:
    if (copier := store.replication) and not same(wish.copies, seen.copies):
        yield Step(COPIES, partial(copier.write, wish.bucket, wish.copies), copies=wish.copies)


def _claim(store: Store, wish: BucketWish, was: str) -> None:
    tags = store.marks.read(wish.bucket)
    if tags.get(MARK, "") not in (was, wish.owner):
        raise StoreError(Trouble.CONFLICT, "mark: somebody else was faster")
    store.marks.write(wish.bucket, {key: tags[key] for key in tags if key != KEPT} | {MARK: wish.owner})


def _document(store: Store, wish: BucketWish) -> policies.Document | None:
    roles = {store.users.principal(one.user): one.role for one in wish.identities}
    return policies.of_bucket(
        wish.bucket,
        public=wish.settings.public_read,
        owner=store.users.principal(),
        roles=roles if store.users.by_bucket else None,
    )


_NEEDED = {
    "versioning": Feature.VERSIONING,
    "lock": Feature.OBJECT_LOCK,
    "encryption": Feature.ENCRYPTION,
    "cors": Feature.CORS,
}


def _has(store: Store, setting: str) -> bool:
    """Whether it makes sense to read and write it there."""
    if setting == "lifecycle":
        kinds = {Feature.EXPIRE, Feature.ABORT_UPLOADS, Feature.EXPIRE_NONCURRENT}
        return bool(kinds & store.features)
    return _NEEDED[setting] in store.features


def part(store: Store, farewell: Farewell, so_far: Parting) -> Parting:
    """One step of leaving: what has been done by now. Raises StoreError.

    Users first, so that nobody writes any more; then its copies, so that these keep what is removed; then
    what is to become of the bucket. Emptying it takes as many calls as it needs, one batch each.
    """
    for user in sorted(farewell.users):
        store.users.drop(user)
    try:
        tags = store.marks.read(farewell.bucket)
    except StoreError as error:
        if error.trouble is Trouble.ABSENT:
            return replace(so_far, done=True, left=0, fault=None)  # somebody else removed it: as good
        raise
    if tags.get(MARK, "") != farewell.owner:
        return replace(so_far, done=True, left=0, fault=None)  # never ours, or no longer
    if (copier := store.replication) and copier.read(farewell.bucket):
        copier.write(farewell.bucket, ())
    if farewell.fate is Fate.RETAIN:
        store.marks.write(farewell.bucket, tags | {KEPT: "true"})
        return replace(so_far, done=True, fault=None)
    if farewell.fate is Fate.DELETE and (removed := _remove_batch(store, farewell.bucket)):
        return replace(so_far, removed=so_far.removed + removed, left=1, fault=None)
    try:
        store.marks.remove(farewell.bucket)
    except StoreError as error:
        if error.code == "BucketNotEmpty":
            return replace(so_far, left=_count(store, farewell.bucket), fault=None)
        raise
    return replace(so_far, done=True, left=0, fault=None)


def _remove_batch(store: Store, bucket: str) -> int:
    """Remove up to `BATCH` versions, or else uploads; how many there were. Raises StoreError."""
    versions = [
        {"Key": found["Key"], "VersionId": found["VersionId"]}
        if found.get("VersionId")
        else {"Key": found["Key"]}
        for found in _versions(store, bucket)
    ]
    if versions:
        for some in _calls(store.engine, versions):
            with told("DeleteObjects"):
                answer = store.s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
            if errors := answer.get("Errors"):
                code = str(errors[0].get("Code", ""))
                raise StoreError(Trouble.REFUSED, f"DeleteObjects: {code[:64]}", code=code)
        return len(versions)
    uploads = _uploads(store, bucket)
    for upload in uploads:
        with told("AbortMultipartUpload"):
            store.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return len(uploads)


def _calls(engine: Engine, versions: Iterable[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Which versions are removed by one call each.

    Never two of one object on Ceph: it removes those of a call side by side (`rgw_multi_obj_del_max_aio`),
    and the gateway of 16.2.15 frees memory twice and aborts when a second call for them meets the first, as
    after a time-out or a restart.
    """
    rounds: list[list[dict[str, str]]] = []
    met: Counter[str] = Counter()
    for version in versions:
        turn = met[version["Key"]] if engine is Engine.CEPH else 0
        met[version["Key"]] += 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(version)
    for one in rounds:
        yield from (one[start : start + AT_ONCE] for start in range(0, len(one), AT_ONCE))


def _count(store: Store, bucket: str) -> int:
    return len(_versions(store, bucket)) + len(_uploads(store, bucket))


def _versions(store: Store, bucket: str) -> list[dict[str, Any]]:
    """The first of all versions and marks of deletion; where there are none, of objects."""
    if Feature.VERSIONING in store.features:
        with told("ListObjectVersions"):
            page = store.s3.list_object_versions(Bucket=bucket, MaxKeys=BATCH)
        return [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    with told("ListObjectsV2"):
        page = store.s3.list_objects_v2(Bucket=bucket, MaxKeys=BATCH)
    return list(page.get("Contents", ()))


def _uploads(store: Store, bucket: str) -> list[dict[str, Any]]:
    with told("ListMultipartUploads"):
        page = store.s3.list_multipart_uploads(Bucket=bucket, MaxUploads=BATCH)
    return list(page.get("Uploads", ()))
