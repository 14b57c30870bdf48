"""Users, quotas and usage by Ceph's Admin Ops API, which all releases have: IAM's users came with 19.

The user whose keys the operator has needs the capabilities `users=*;buckets=*`. What users may do stands in
the buckets' policies: a policy of a user's own is lost as soon as one of its keys comes or goes. Source:
https://docs.ceph.com/en/latest/radosgw/adminops/
"""

from __future__ import annotations

import datetime as dt
import secrets
import string
from functools import cached_property
from typing import Any

from pileus.objects.s3 import Key, Quota, Role, Trouble, Usage, User
from pileus.objectstores.account import Account
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.errors import StoreError, unless_absent

_LETTERS = string.ascii_uppercase + string.digits
_NO_KEY = ("InvalidAccessKeyId", "InvalidAccessKey")
_UNIT = 1024
"""Bytes: the unit in which sizes are limited. Whatever is not named in it is nothing."""


class CephUsers:
    """Implements `Users`."""

    by_bucket = True
    by_key = False

    def __init__(self, connection: Connection):
        self._connection = connection

    def principal(self, user: str = "") -> str:
        """What a consumer writes is the consumer's: the owner of the bucket reads it by policy only."""
        tenant, root = self._root
        return f"arn:aws:iam::{tenant}:user/{user or root}"

    @cached_property
    def _root(self) -> tuple[str, str]:
        found = self._found("user", **{"access-key": self._connection.key})
        return str(found.get("tenant", "")), str(found["user_id"])

    def find(self, user: str, bucket: str) -> User | None:
        """One call."""
        try:
            found = self._found("user", uid=self._uid(user))
        except StoreError as error:
            if error.trouble is Trouble.ABSENT:
                return None
            raise
        active = not found.get("suspended")
        return User(tuple(Key(str(key["access_key"]), active) for key in found.get("keys") or ()))

    def make(self, user: str, owner: str) -> None:
        """A user that can make no buckets."""
        try:
            options = {"display-name": owner, "max-buckets": "-1", "generate-key": "False"}
            self._ask("PUT", "user", uid=self._uid(user), **options)
        except StoreError as error:
            if error.code != "UserAlreadyExists":
                raise

    def allow(self, user: str, bucket: str, role: Role) -> None:
        """The bucket's policy says it."""

    def new_key(self, user: str, bucket: str, role: Role) -> Keys:
        """With an id that we choose, since the answer lists all keys."""
        name = "".join(secrets.choice(_LETTERS) for _ in range(20))
        made = self._ask(
            "PUT", "user", key="", uid=self._uid(user), **{"access-key": name, "generate-key": "True"}
        )
        secret = next(str(key["secret_key"]) for key in made if key["access_key"] == name)
        return Keys(name, secret)

    def drop_key(self, user: str, key: str) -> None:
        """It is refused from then on."""
        try:
            self._ask("DELETE", "user", key="", uid=self._uid(user), **{"access-key": key})
        except StoreError as error:
            if error.trouble is not Trouble.ABSENT and error.code not in _NO_KEY:
                raise

    def drop(self, user: str) -> None:
        """Without its data: what it wrote stays in the bucket."""
        with unless_absent():
            self._ask("DELETE", "user", uid=self._uid(user))

    def account(self, bucket: str) -> Account | None:
        """One call for both."""
        found = self._found("bucket", bucket=bucket, stats="true")
        counted = (found.get("usage") or {}).get("rgw.main") or {}
        quota = found.get("bucket_quota") or {}
        limits = Quota()
        if quota.get("enabled"):
            limits = Quota(max(0, int(quota.get("max_size", 0))), max(0, int(quota.get("max_objects", 0))))
        usage = Usage(
            size=int(counted.get("size", 0)),
            objects=int(counted.get("num_objects", 0)),
            as_of=dt.datetime.now(dt.UTC),
        )
        return Account(limits, usage)

    def limit(self, bucket: str, quota: Quota) -> None:
        """For the bucket, whoever writes."""
        owner = self._found("bucket", bucket=bucket)["owner"]
        options = {
            "quota-type": "bucket",
            "max-size-kb": str(quota.size // _UNIT if quota.size else -1),
            "max-objects": str(quota.objects or -1),
            "enabled": str(quota != Quota()).lower(),
        }
        self._ask("PUT", "bucket", quota="", uid=owner, bucket=bucket, **options)

    def _uid(self, user: str) -> str:
        tenant, _ = self._root
        return f"{tenant}${user}" if tenant else user

    def _found(self, path: str, **query: str) -> dict[str, Any]:
        """What is said of one user or bucket. Raises StoreError."""
        found: dict[str, Any] | None = self._ask("GET", path, **query)
        if not found:  # so says Ceph 16 now and then of a bucket that is removed just then
            raise StoreError(Trouble.BUSY, f"GET /admin/{path}: an empty answer")
        return found

    def _ask(self, method: str, path: str, **query: str) -> Any:
        return self._connection.signed(method, f"/admin/{path}", {"format": "json", **query})
