"""What users write in a Bucket: its spec, and every rule that the API server checks by itself.

The descriptions are what `kubectl explain` shows. What a store lacks cannot be known here: that is refused
later, by name. Nothing here knows what the fields become.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_map, names, validations
from pileus.crds.types import Bytes, Duration, Model, Name, ObjectName, Token

NAME_LIMIT = 50
"""Longest name of a Bucket: the names of its Secrets are made from it."""

ROOT_RULES = (
    *names(NAME_LIMIT, "Secrets and users get"),
    Rule(
        "!has(self.spec) || !has(self.spec.replicateTo) || "
        "self.spec.replicateTo.all(r, r.bucket != self.metadata.name)",
        "A bucket is not copied into itself: name another Bucket.",
        field_path=".spec.replicateTo",
    ),
)

BUCKET_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
BucketName = Annotated[str, Field(pattern=BUCKET_PATTERN, min_length=3, max_length=63)]
Prefix = Annotated[str, Field(max_length=512)]
Days = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}d$", min_length=2, max_length=5)]
"""A number of days, such as `7d`: stores count in nothing smaller."""

ORIGIN_PATTERN = r"^(\*|https?://[^/\s]+)$"
Origin = Annotated[str, Field(pattern=ORIGIN_PATTERN, min_length=1, max_length=253)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9*-]+$", min_length=1, max_length=100)]

SPEC_RULES = (
    Rule(
        "has(self.bucketName) == has(oldSelf.bucketName) && "
        "(!has(self.bucketName) || self.bucketName == oldSelf.bucketName)",
        "A bucket cannot be renamed: make another Bucket and copy what is in it.",
        field_path=".bucketName",
    ),
    Rule(
        "has(self.store) == has(oldSelf.store) && (!has(self.store) || self.store == oldSelf.store)",
        "A bucket cannot move to another store: make another Bucket there and copy what is in it.",
        field_path=".store",
    ),
    Rule(
        "has(self.objectLock) == has(oldSelf.objectLock)",
        "Whether a bucket can lock objects is decided when it is made: make another Bucket.",
        field_path=".objectLock",
    ),
    Rule(
        "!self.adopt || has(self.bucketName)",
        "adopt takes over the bucket that bucketName names: give bucketName.",
        field_path=".bucketName",
    ),
    Rule(
        "!has(self.objectLock) || self.versioning",
        "Objects are locked version by version: set versioning: true.",
        field_path=".versioning",
    ),
    Rule(
        "!has(self.lifecycle) || !self.lifecycle.exists(r, has(r.expireNoncurrentAfter)) || self.versioning",
        "expireNoncurrentAfter is about old versions: set versioning: true.",
        field_path=".versioning",
    ),
    Rule(
        "!has(self.replicateTo) || self.replicateTo.size() == 0 || self.versioning",
        "Copies are made version by version: set versioning: true.",
        field_path=".versioning",
    ),
    Rule(
        "!has(self.access) || self.access.all(a, !has(a.secret) || "
        "self.access.filter(b, has(b.secret) && b.secret == a.secret).size() == 1)",
        "Two consumers cannot share a Secret: give each its own.",
        field_path=".access",
    ),
)


class Quota(Model):
    """What fits into the bucket; at least one of size and objects."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule("has(self.size) || has(self.objects)", "Give size, or objects, or both.")
        )
    )

    size: Bytes | None = Field(default=None, description="Bytes of all objects and their versions.")
    objects: int | None = Field(default=None, ge=1, le=10**12, description="Number of objects.")


class LifecycleRule(Model):
    """What happens to objects by itself; at least one of the three."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "has(self.expireAfter) || has(self.abortUploadsAfter) || has(self.expireNoncurrentAfter)",
                "Give expireAfter, abortUploadsAfter or expireNoncurrentAfter.",
            )
        )
    )

    prefix: Prefix = Field(default="", description="Objects whose key begins with it; empty means all.")
    expire_after: Days | None = Field(default=None, description="They are deleted so long after they came.")
    abort_uploads_after: Days | None = Field(
        default=None, description="Uploads in parts that were never completed go after so long."
    )
    expire_noncurrent_after: Days | None = Field(
        default=None, description="Versions go so long after they were replaced or deleted."
    )


class CorsRule(Model):
    """Which web pages may use the bucket from a browser."""

    origins: Annotated[tuple[Origin, ...], Field(min_length=1, max_length=32)] = Field(
        description="Where the pages are from, such as https://acme.dev; `*` means anywhere."
    )
    methods: Annotated[
        tuple[Literal["GET", "HEAD", "PUT", "POST", "DELETE"], ...], Field(min_length=1, max_length=5)
    ] = Field(description="What they may do.")
    headers: Annotated[tuple[Header, ...], Field(max_length=32)] = Field(
        default=(), description="Headers that they may send; `*` means any."
    )
    expose: Annotated[tuple[Header, ...], Field(max_length=32)] = Field(
        default=(), description="Headers of answers that they may read."
    )
    max_age: Duration | None = Field(default=None, description="How long browsers may remember this.")


class ObjectLock(Model):
    """New versions of objects cannot be removed for a while."""

    mode: Literal["Governance", "Compliance"] = Field(
        description="Governance: who has the right can still remove them. Compliance: nobody can."
    )
    days: int = Field(ge=1, le=36500, description="For how many days.")


class Access(Model):
    """A consumer: one identity in the store and one Secret, limited to this bucket."""

    name: Name = Field(description="Name of the consumer, unique in the bucket.")
    role: Literal["ReadWrite", "ReadOnly", "WriteOnly", "Replica"] = Field(
        default="ReadWrite",
        description=(
            "What it may do with objects. None may change settings or remove old versions. Replica: what "
            "other Buckets need that name this one in replicateTo."
        ),
    )
    secret: ObjectName | None = Field(
        default=None, description="Name of its Secret. Absent: `<bucket>-<name>`."
    )
    rotate_every: Duration | None = Field(
        default=None,
        description="How often it gets a new key. Absent: only when rotate asks for one.",
        json_schema_extra=validations(
            Rule("duration(self) >= duration('1m')", "Give a time of at least 1m, such as 720h.")
        ),
    )
    rotate: Token | None = Field(default=None, description="A new text asks for a new key once, now.")
    overlap: Duration = Field(
        default="1h",
        description="How long the old key still works beside a new one.",
        json_schema_extra=validations(
            Rule("duration(self) <= duration('720h')", "Give a time of at most 720h.")
        ),
    )


class Replica(Model):
    """Another Bucket that gets a copy of what is in this one."""

    bucket: ObjectName = Field(
        description="Name of a Bucket of this namespace that has a consumer with the role Replica."
    )
    prefix: Prefix = Field(default="", description="Objects whose key begins with it; empty means all.")


class BucketSpec(Model):
    """What is asked for; nothing is required."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    store: ObjectName | None = Field(
        default=None,
        description="Name of the ObjectStore. Absent: the default one, as it is when it is made.",
    )
    bucket_name: BucketName | None = Field(
        default=None,
        description="Its name in the store. Absent: made from namespace, name and uid, so that it is free.",
    )
    adopt: bool = Field(
        default=False,
        description=(
            "Whether a bucket that exists may be taken over, with all that is in it: one that the store's "
            "administrator lists in spec.adopt, or one that a deleted Bucket of this namespace left behind."
        ),
    )
    versioning: bool = Field(default=False, description="Whether replaced and deleted objects are kept.")
    quota: Quota | None = Field(default=None, description="What fits into it. Absent: as much as there is.")
    lifecycle: tuple[LifecycleRule, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="What happens to objects by itself.",
    )
    cors: tuple[CorsRule, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="Which web pages may use it from a browser.",
    )
    encryption: Literal["SSE-S3"] | None = Field(
        default=None, description="SSE-S3: the store encrypts what it keeps, by keys of its own."
    )
    object_lock: ObjectLock | None = Field(
        default=None, description="New versions cannot be removed for a while. Decided when it is made."
    )
    public_read: bool = Field(
        default=False, description="Whether anybody may read any object, without a key; listing needs one."
    )
    access: tuple[Access, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("name"),
        description="Its consumers, each with an identity and a Secret of its own.",
    )
    replicate_to: tuple[Replica, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("bucket"),
        description="Buckets into which the store copies what is written here, and what is here already.",
    )
    deletion_policy: Literal["Retain", "DeleteIfEmpty", "Delete"] = Field(
        default="Retain",
        description=(
            "What becomes of the bucket when this resource is deleted. Retain: it stays, with all that is in "
            "it. DeleteIfEmpty: it goes if nothing is in it; otherwise deletion waits. Delete: all goes."
        ),
    )
