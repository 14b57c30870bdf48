"""Object storage in the words that kinds and drivers share: what is wished for, and what was seen.

Values only: nothing here speaks to a store. Each setting has one form in which it is wished for and in which
it is read back, so that comparing the two tells whether anything is to be done. Sizes are in bytes,
times in days unless they say otherwise. Keys' secrets are in none of these values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

COPIES = "replicateTo"
"""What is refused, if it is that a bucket is copied into others."""


class Engine(StrEnum):
    """What kind of server a store is: how its users and quotas are managed."""

    AWS = "AWS"
    VERSITY = "Versity"
    CEPH = "Ceph"
    MINIO = "MinIO"
    GARAGE = "Garage"


class Feature(StrEnum):
    """What a store can do, found out by trying it on a bucket made for that."""

    VERSIONING = "Versioning"
    EXPIRE = "Expire"
    ABORT_UPLOADS = "AbortUploads"
    EXPIRE_NONCURRENT = "ExpireNoncurrent"
    CORS = "CORS"
    ENCRYPTION = "EncryptionSSES3"
    OBJECT_LOCK = "ObjectLock"
    PUBLIC_READ = "PublicRead"
    TAGS = "Tags"
    QUOTA = "Quota"
    QUOTA_OBJECTS = "QuotaObjects"
    USAGE = "Usage"
    IDENTITIES = "Identities"
    WRITE_ONLY = "WriteOnly"
    REPLICATION = "Replication"


class Role(StrEnum):
    """What a consumer may do with the objects of a bucket; never with its settings.

    REPLICA: what another bucket needs that is copied into this one.
    """

    READ_WRITE = "ReadWrite"
    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    REPLICA = "Replica"


class Trouble(StrEnum):
    """Why a call to a store did not succeed."""

    UNREACHABLE = "StoreUnreachable"
    UNTRUSTED = "StoreUntrusted"
    DENIED = "StoreDenied"
    ABSENT = "Absent"
    CONFLICT = "Conflict"
    UNSUPPORTED = "Unsupported"
    REFUSED = "StoreRefused"
    BUSY = "StoreBusy"


PASSING = frozenset({Trouble.UNREACHABLE, Trouble.BUSY})
"""Troubles that end by themselves."""


@dataclass(frozen=True, slots=True, order=True)
class LifecycleRule:
    """What happens to objects whose key begins with `prefix`; 0 days: not that."""

    prefix: str = ""
    expire: int = 0
    abort_uploads: int = 0
    expire_noncurrent: int = 0


@dataclass(frozen=True, slots=True, order=True)
class CorsRule:
    """Which pages may read the bucket from a browser. `max_age`: seconds; 0: as the engine likes."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """For how many days a new version of an object cannot be removed. mode: GOVERNANCE or COMPLIANCE."""

    mode: str
    days: int


@dataclass(frozen=True, slots=True)
class Quota:
    """What fits into a bucket; 0: as much as there is."""

    size: int = 0
    objects: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about a bucket that is set, as it is wished for or as it was read.

    public_read: told by the bucket's policy, and so not read into this form.
    """

    versioning: bool = False
    lifecycle: tuple[LifecycleRule, ...] = ()
    cors: tuple[CorsRule, ...] = ()
    encryption: bool = False
    lock: Lock | None = None
    public_read: bool = False
    quota: Quota = Quota()


@dataclass(frozen=True, slots=True)
class Identity:
    """A consumer of a bucket as it is wished for.

    user: its name in the store. keep: ids of the keys that stay; every other one goes.
    fresh: whether it needs a new key besides those.
    """

    user: str
    role: Role
    keep: frozenset[str] = frozenset()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An access key without its secret."""

    id: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class User:
    """A user of the store, as seen. role: what its policy gives it on the bucket, or None if it says else."""

    keys: tuple[Key, ...] = ()
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What is in a bucket, by the engine's own count."""

    size: int
    objects: int
    as_of: dt.datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that failed. words: operation and the store's code; never what else it said."""

    trouble: Trouble
    words: str

    @property
    def passing(self) -> bool:
        """Whether it may go away without anybody's doing."""
        return self.trouble in PASSING


@dataclass(frozen=True, slots=True)
class Source:
    """A Secret or ConfigMap that the operator reads itself, at the version that its digest tells."""

    kind: str
    namespace: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Another bucket into which one is to be copied. prefix: of the objects that are.

    key: id of the key by which, which is in `secret`; empty: not to be told now, so that what is set already
    stays, and nothing else is.
    """

    bucket: str
    endpoint: str
    region: str
    prefix: str = ""
    key: str = ""
    secret: Source | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """Another bucket into which one is copied, as seen. id: the store's own name for it.

    prefixes: of the rules that lead there, in order; one that we would not write equals no wish. Empty bucket
    and endpoint: rules that lead nowhere. away: whether the store finds nobody there.
    """

    id: str
    bucket: str = ""
    endpoint: str = ""
    key: str = ""
    prefixes: tuple[str, ...] = ()
    away: bool = False


@dataclass(frozen=True, slots=True)
class BucketWish:
    """A bucket as it is wished for.

    store: name of the ObjectStore. owner: the mark that says whose bucket it is.
    makes: whether it may be made; otherwise it is looked whether there is one. known: whether it was there
    before, so that it is missed if it is not.
    takes: whether a bucket without a mark may be taken; takes_over: how marks begin of which one may be
    replaced, on a bucket whose resource is gone; empty: none may.
    identities: its consumers; past: users that had been, and must go. copies: where it is copied to.
    """

    store: str
    bucket: str
    owner: str
    makes: bool = True
    known: bool = field(default=False, compare=False)
    takes: bool = False
    takes_over: str = ""
    settings: Settings = Settings()
    identities: tuple[Identity, ...] = ()
    past: frozenset[str] = frozenset()
    copies: tuple[Copy, ...] = ()


class Fate(StrEnum):
    """What becomes of a bucket whose resource is deleted."""

    RETAIN = "Retain"
    DELETE_IF_EMPTY = "DeleteIfEmpty"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class Farewell:
    """A bucket whose resource is deleted. users: all that it ever had and may still be there."""

    store: str
    bucket: str
    owner: str
    fate: Fate
    users: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Parting:
    """How far a farewell has come. removed: versions and uploads; left: at least so many are there still."""

    done: bool = False
    removed: int = 0
    left: int = 0
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last look at a bucket found.

    exists: None if it could not be told. owner: its mark, empty without one. left: whether its resource is
    gone. policy: whether the bucket's own policy is the one that is wished for.
    users: by name; those that are wished for, or were, each with None where there is none.
    copies: where it is copied to.
    fault: what kept the last look, or what was to be done after it, from its end.
    refused: settings that the store did not take, or did not keep, each with the store's code.
    lost: whether it was gone and had to be made anew.
    fresh: by user, the id of a key that was made and is in no Secret yet.
    """

    exists: bool | None = None
    owner: str = ""
    left: bool = False
    settings: Settings = Settings()
    policy: bool = False
    users: Mapping[str, User | None] = field(default_factory=dict)
    copies: tuple[Copied, ...] = ()
    usage: Usage | None = None
    fault: Fault | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False
    fresh: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreWish:
    """A store as its administrator declared it.

    users: where its users are managed. ca: None: the usual. known: what was found out about it before this
    process began; None: nothing. It is no part of what is wished for.
    """

    name: str
    engine: Engine
    endpoint: str
    users: str
    region: str
    credentials: Source
    ca: Source | None
    owner: str
    known: StoreSeen | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StoreSeen:
    """What is known of a store. server: what it calls itself. features: None until they were tried.

    denied: what the operator's keys may not do, a feature with the refused call each.
    """

    server: str = ""
    features: frozenset[Feature] | None = None
    denied: tuple[str, ...] = ()
    fault: Fault | None = None
