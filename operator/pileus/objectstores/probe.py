"""What a store can do, found out by doing it, on buckets and a user that are made for that.

A feature is there if a value that was written is read back. Stores answer 501, 400 or 404 to what they lack,
or say yes and forget it; no list of versions tells that as well as trying. A store that is away, or refuses
the operator's keys, has no features that could be told: that is an error.

What was made for it is taken away by whoever made it, since the ObjectStore may be gone by then. An operator
that was killed leaves it to the next trial, which must not depend on what it finds.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from pileus.engine.backoff import backoff
from pileus.objects.s3 import Copy, CorsRule, Feature, LifecycleRule, Lock, Quota, Role, Settings, Trouble
from pileus.objectstores import policies
from pileus.objectstores.buckets import MARK, Store
from pileus.objectstores.errors import StoreError, told, unless_absent
from pileus.objectstores.replication import same
from pileus.objectstores.settings import SETTINGS, policy_of, set_policy, tags_of

_SAMPLES: tuple[tuple[Feature, str, Any], ...] = (
    (Feature.VERSIONING, "versioning", True),
    (Feature.ENCRYPTION, "encryption", True),
    (Feature.EXPIRE, "lifecycle", (LifecycleRule("tmp/", expire=7),)),
    (Feature.ABORT_UPLOADS, "lifecycle", (LifecycleRule("", abort_uploads=1),)),
    (Feature.EXPIRE_NONCURRENT, "lifecycle", (LifecycleRule("", expire_noncurrent=30),)),
    (Feature.CORS, "cors", (CorsRule(("https://example.org",), ("GET",)),)),
)
_FATAL = frozenset({Trouble.UNREACHABLE, Trouble.UNTRUSTED, Trouble.BUSY})

CLEARING = 10.0
"""Seconds for which a store that falters is asked again to remove what was tried on."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0

_SETTINGS = {setting.name: setting for setting in SETTINGS}


def scratch(owner: str) -> str:
    """The name of bucket and user that are tried on; the same each time, so that nothing is left."""
    return f"pileus-probe-{hashlib.sha256(owner.encode()).hexdigest()[:12]}"


def healthy(store: Store, owner: str) -> None:
    """Cheap calls that show that the store answers and takes the keys. Raises StoreError if not."""
    asking: list[Callable[[str], object]] = [partial(tags_of, store.s3)]
    if store.users.by_key:
        asking.append(store.marks.read)
    for ask in asking:
        with unless_absent():
            ask(scratch(owner))


def server(store: Store) -> str:
    """What the store calls itself; empty if it does not say."""
    with told("ListBuckets"):
        answer = store.s3.list_buckets()
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(headers.get("server", ""))[:64]


def features(store: Store, owner: str) -> tuple[frozenset[Feature], tuple[str, ...]]:
    """What was found, and what was denied to the operator's keys, in words. owner: for the mark.

    Raises StoreError if nothing can be told, or if what was tried on stays for now.
    """
    name = scratch(owner)
    denied: list[str] = []
    _make(store, name)
    try:
        trials = _trials(replace(store, features=frozenset(Feature)), name, owner)
        found = frozenset(feature for feature, works in trials if tried(feature, works, denied))
        return found, tuple(denied)
    finally:
        clear(store.marks.remove, name)


def _trials(store: Store, name: str, owner: str) -> Iterator[tuple[Feature, Callable[[], bool]]]:
    yield Feature.TAGS, lambda: _tags(store, name, owner)
    for feature, setting, sample in _SAMPLES:
        yield feature, partial(_setting, store, name, setting, sample)
    yield Feature.PUBLIC_READ, lambda: _public(store, name)
    yield Feature.OBJECT_LOCK, lambda: _lock(store, f"{name}-lock")
    yield Feature.IDENTITIES, lambda: _user(store, name, owner, Role.READ_ONLY, with_key=True)
    yield Feature.WRITE_ONLY, lambda: _user(store, name, owner, Role.WRITE_ONLY)
    yield Feature.USAGE, lambda: store.users.account(name) is not None
    yield Feature.QUOTA, lambda: _quota(store, name, Quota(size=2**20))
    yield Feature.QUOTA_OBJECTS, lambda: _quota(store, name, Quota(objects=10))
    yield Feature.REPLICATION, lambda: _copies(store, name, f"{name}-copy", owner)


def tried(feature: Feature, works: Callable[[], bool], denied: list[str]) -> bool:
    """Whether it works; what is denied is noted. Raises StoreError if nothing can be told.

    What was not kept is written once more: a call of an earlier trial that the operator gave up may have been
    carried out in between, on the same bucket.
    """
    try:
        return works() or works()
    except StoreError as error:
        if error.trouble in _FATAL:
            raise
        if error.trouble is Trouble.DENIED:
            denied.append(f"{feature} ({error.fault.words})")
        return False


def _make(store: Store, name: str, *, lock: bool = False) -> None:
    try:
        store.marks.make(name, lock=lock)
    except StoreError as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise


def clear(remove: Callable[[str], None], name: str) -> None:
    """Remove what was tried on. Raises StoreError if it stays and may be removed yet.

    Whoever tries again does so on the same names, and so removes it then.
    """
    last, failures = time.monotonic() + CLEARING, 0
    while True:
        try:
            return remove(name)
        except StoreError as error:
            if error.trouble is Trouble.DENIED:
                raise
            if not error.fault.passing:
                return None
            failures += 1
            pause = backoff(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
            if time.monotonic() + pause > last:
                raise
            time.sleep(pause)


def _tags(store: Store, name: str, owner: str) -> bool:
    store.marks.write(name, {MARK: owner})
    return store.marks.read(name) == {MARK: owner}


def _setting(store: Store, name: str, setting: str, sample: Any) -> bool:
    tried = _SETTINGS[setting]
    tried.write(store.s3, name, sample)
    kept = tried.read(store.s3, name) == sample
    tried.write(store.s3, name, getattr(Settings(), setting))
    return bool(kept)


def _public(store: Store, name: str) -> bool:
    wanted = policies.of_bucket(name, public=True)
    set_policy(store.s3, name, wanted)
    kept = policies.same(policy_of(store.s3, name), wanted)
    set_policy(store.s3, name, None)
    return kept


def _lock(store: Store, name: str) -> bool:
    _make(store, name, lock=True)
    try:
        tried, sample = _SETTINGS["lock"], Lock("GOVERNANCE", 1)
        tried.write(store.s3, name, sample)
        return bool(tried.read(store.s3, name) == sample)
    finally:
        clear(store.marks.remove, name)


def _user(store: Store, name: str, owner: str, role: Role, *, with_key: bool = False) -> bool:
    store.users.drop(name)  # with keys of an earlier trial: IAM gives out no more than two
    try:
        store.users.make(name, owner)
        store.users.allow(name, name, role)
        made = {store.users.new_key(name, name, role).id} if with_key or store.users.by_key else set()
        found = store.users.find(name, name)
        if found is None or not made <= {one.id for one in found.keys}:
            return False
        return store.users.by_bucket or found.role is role
    finally:
        clear(store.users.drop, name)


def _quota(store: Store, name: str, wanted: Quota) -> bool:
    store.users.limit(name, wanted)
    found = store.users.account(name)
    return found is not None and found.quota == wanted


def _copies(store: Store, name: str, other: str, owner: str) -> bool:
    """From one bucket into another of the same store, which it has to reach as others would."""
    copier, address = store.replication, store.connection.address
    if copier is None:
        return False
    _make(store, other)
    try:
        for bucket in (name, other):
            _SETTINGS["versioning"].write(store.s3, bucket, True)
        store.users.drop(other)
        store.users.make(other, owner)
        store.users.allow(other, other, Role.REPLICA)
        key = store.users.new_key(other, other, Role.REPLICA)
        wanted = (Copy(other, address.endpoint, address.region, "tried/", key.id),)
        copier.write(name, wanted, {key.id: key})
        kept = same(wanted, copier.read(name))
        copier.write(name, ())
        return kept and not copier.read(name)
    finally:
        clear(store.users.drop, other)
        clear(store.marks.remove, other)
