"""What a Bucket's status shows beside the fields that every kind has."""

from __future__ import annotations

from pydantic import Field

from pileus.crds.types import Model


class UsageStatus(Model):
    """What is in the bucket, by the store's own count."""

    bytes: int = Field(default=0, json_schema_extra={"format": "int64"}, description="Bytes of all objects.")
    objects: int = Field(default=0, json_schema_extra={"format": "int64"}, description="Number of objects.")
    as_of: str = Field(
        default="", max_length=40, description="Since when it was this, as counted now and then."
    )


class AccessStatus(Model):
    """How a consumer stands."""

    name: str = Field(max_length=63, description="Its name in spec.access.")
    user: str = Field(default="", max_length=64, description="Its name in the store.")
    secret: str = Field(default="", max_length=253, description="Name of its Secret.")
    key_id: str = Field(default="", max_length=128, description="Id of its key, as in the Secret.")
    rotated_at: str = Field(default="", max_length=40, description="Since when it has this key.")
    previous_key_id: str = Field(
        default="", max_length=128, description="Id of the key that still works beside it."
    )


class BucketStatus(Model):
    """What was found; written by the operator only."""

    store: str | None = Field(default=None, max_length=253, description="Name of its ObjectStore.")
    bucket_name: str | None = Field(default=None, max_length=63, description="Its name in the store.")
    endpoint: str | None = Field(default=None, max_length=512, description="Where the store is.")
    region: str | None = Field(
        default=None, max_length=32, description="The region that requests are signed for."
    )
    usage: UsageStatus | None = Field(default=None, description="What is in it, where the store counts.")
    access: tuple[AccessStatus, ...] = Field(
        default=(), max_length=64, description="How its consumers stand."
    )
