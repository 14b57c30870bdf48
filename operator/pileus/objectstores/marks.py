"""How a bucket comes, says whose it is, and goes: by S3 and its tags, or by what an engine has instead.

A mark must be one that nobody can forge who has only keys for buckets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pileus.objects.s3 import Engine
from pileus.objectstores.connection import Connection
from pileus.objectstores.errors import told
from pileus.objectstores.garage import GarageMarks
from pileus.objectstores.settings import set_tags, tags_of


class Marks(Protocol):
    """One store's buckets as a whole. Every method raises StoreError."""

    def make(self, bucket: str, *, lock: bool) -> None:
        """Make a bucket, which can lock objects or not; BucketAlreadyOwnedByYou if it is the operator's."""

    def read(self, bucket: str) -> dict[str, str]:
        """Its marks by name; Absent without the bucket."""

    def write(self, bucket: str, value: Mapping[str, str]) -> None:
        """Give it exactly these marks."""

    def remove(self, bucket: str) -> None:
        """Remove the bucket; BucketNotEmpty if anything is in it."""


class TagMarks:
    """Implements `Marks` by S3: marks are tags, which consumers may not set."""

    def __init__(self, engine: Engine, connection: Connection):
        self._engine = engine
        self._connection = connection

    def make(self, bucket: str, *, lock: bool) -> None:
        """One call."""
        options: dict[str, Any] = {"ObjectLockEnabledForBucket": True} if lock else {}
        region = self._connection.address.region
        if self._engine is Engine.AWS and region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": region}
        with told("CreateBucket"):
            self._connection.s3.create_bucket(Bucket=bucket, **options)

    def read(self, bucket: str) -> dict[str, str]:
        """All tags, others' too. MinIO says of a bucket that is not there only that it has no tags."""
        found = tags_of(self._connection.s3, bucket)
        if not found and self._engine is Engine.MINIO:
            with told("HeadBucket"):
                self._connection.s3.head_bucket(Bucket=bucket)
        return found

    def write(self, bucket: str, value: Mapping[str, str]) -> None:
        """All tags."""
        set_tags(self._connection.s3, bucket, value)

    def remove(self, bucket: str) -> None:
        """One call."""
        with told("DeleteBucket"):
            self._connection.s3.delete_bucket(Bucket=bucket)


def marks(engine: Engine, connection: Connection) -> Marks:
    """What an engine marks buckets by."""
    return GarageMarks(connection) if engine is Engine.GARAGE else TagMarks(engine, connection)
