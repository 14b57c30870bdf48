"""What the APIs of users of all engines have in common, as a protocol, and which engine speaks which.

A user is made for one consumer of one bucket, and its policy names that bucket alone. Every verb may be done
again: what is there already, or gone already, is success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pileus.objects.s3 import Engine, Quota, Role, User
from pileus.objectstores.account import Account
from pileus.objectstores.ceph import CephUsers
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.garage import GarageUsers
from pileus.objectstores.iam import IamUsers
from pileus.objectstores.minio import MinioUsers


class Users(Protocol):
    """One store's users. Every method raises StoreError."""

    by_bucket: bool
    """Whether it is the bucket's policy that says what a user may do with it, and not the user's own."""

    by_key: bool
    """Whether a user is nothing but its keys, and each says what it opens."""

    def principal(self, user: str = "") -> str:
        """The ARN of a user, or of the operator; empty where buckets' policies need not name it."""

    def find(self, user: str, bucket: str) -> User | None:
        """The user, with the role that its own policy gives it on the bucket; None if there is none."""

    def make(self, user: str, owner: str) -> None:
        """Make the user, without keys. owner: for whom, told to people who look."""

    def allow(self, user: str, bucket: str, role: Role) -> None:
        """Give it this role on this bucket, and nothing else; where it is not the bucket that says so."""

    def new_key(self, user: str, bucket: str, role: Role) -> Keys:
        """A further key. bucket, role: what it opens, where that stands at the key."""

    def drop_key(self, user: str, key: str) -> None:
        """The key is dead."""

    def drop(self, user: str) -> None:
        """The user and its keys are gone."""

    def account(self, bucket: str) -> Account | None:
        """What the engine counts of the bucket; None if it counts nothing."""

    def limit(self, bucket: str, quota: Quota) -> None:
        """Limit what fits into the bucket."""


def users(engine: Engine, connection: Connection) -> Users:
    """The API of users that an engine has."""
    return _DRIVERS.get(engine, IamUsers)(connection)


_DRIVERS: Mapping[Engine, Callable[[Connection], Users]] = {
    Engine.CEPH: CephUsers,
    Engine.GARAGE: GarageUsers,
    Engine.MINIO: MinioUsers,
}
