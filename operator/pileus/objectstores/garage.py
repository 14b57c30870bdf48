"""Users, marks, quotas and usage by Garage's admin API (v2), with its token; S3 has none of them there.

Garage knows keys and no users: a consumer is all keys of its name, and what one opens stands at the key. It
has no tags either: a bucket is marked by a key whose id is made of the bucket's, which opens nothing, has
expired, and carries the marks in its name. Who has only keys for buckets can neither make nor rename one.
Source: https://garagehq.deuxfleurs.fr/api/garage-admin-v2.html
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from pileus.objects.s3 import Key, Quota, Role, Trouble, Usage, User
from pileus.objectstores.account import Account
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.errors import StoreError, unless_absent

_PAGE = 1000
_PAST = "1970-01-01T00:00:00Z"
_EVERYTHING = {"read": True, "write": True, "owner": True}
_RIGHTS: Mapping[Role, tuple[bool, bool]] = {Role.READ_WRITE: (True, True), Role.READ_ONLY: (True, False)}
"""Whether a role reads and writes. Who writes can remove, too, so there is no role that only writes."""


class _Admin:
    """The calls that both need. Raises StoreError."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def _get(self, call: str, **query: str) -> Any:
        return self._connection.bearing("GET", f"/v2/{call}", query, None)

    def _post(self, call: str, body: Mapping[str, Any] | None = None, **query: str) -> Any:
        return self._connection.bearing("POST", f"/v2/{call}", query, body)

    def _bucket(self, bucket: str) -> dict[str, Any]:
        return dict(self._get("GetBucketInfo", globalAlias=bucket))

    def _drop(self, key: str) -> None:
        with unless_absent():
            self._post("DeleteKey", id=key)


class GarageUsers(_Admin):
    """Implements `Users`."""

    by_bucket = False
    by_key = True

    def principal(self, user: str = "") -> str:
        """Nobody needs to be named: what is in a bucket is the bucket's."""
        return ""

    def find(self, user: str, bucket: str) -> User | None:
        """One call, and one more where there is no key: one may have been made that opens nothing yet."""
        found = self._of(user, bucket)
        if not found:
            lost = tuple(Key(key) for key in self._named(user))
            return User(lost) if lost else None
        rights = {(key["permissions"]["read"], key["permissions"]["write"]) for key in found}
        owns = any(key["permissions"]["owner"] for key in found)
        role = next((role for role, given in _RIGHTS.items() if rights == {given} and not owns), None)
        return User(tuple(Key(str(key["accessKeyId"])) for key in found), role)

    def make(self, user: str, owner: str) -> None:
        """It comes with its first key."""

    def allow(self, user: str, bucket: str, role: Role) -> None:
        """At each of its keys."""
        read, write = self._rights(role)
        for key in self._of(user, bucket):
            self._permit(self._bucket(bucket)["id"], key["accessKeyId"], read=read, write=write)

    def new_key(self, user: str, bucket: str, role: Role) -> Keys:
        """Garage chooses both halves. Keys that were made and never opened anything go before."""
        read, write = self._rights(role)
        found = self._bucket(bucket)
        for key in set(self._named(user)) - {one["accessKeyId"] for one in found["keys"]}:
            self.drop_key(user, key)
        made = self._post("CreateKey", {"name": user})
        self._permit(found["id"], made["accessKeyId"], read=read, write=write)
        return Keys(str(made["accessKeyId"]), str(made["secretAccessKey"]))

    def drop_key(self, user: str, key: str) -> None:
        """It is refused from then on."""
        self._drop(key)

    def drop(self, user: str) -> None:
        """All keys of its name."""
        for key in self._named(user):
            self.drop_key(user, key)

    def account(self, bucket: str) -> Account:
        """One call for both."""
        found = self._bucket(bucket)
        limits = found.get("quotas") or {}
        usage = Usage(int(found["bytes"]), int(found["objects"]), dt.datetime.now(dt.UTC))
        return Account(Quota(int(limits.get("maxSize") or 0), int(limits.get("maxObjects") or 0)), usage)

    def limit(self, bucket: str, quota: Quota) -> None:
        """For the bucket, whoever writes."""
        limits = {"maxSize": quota.size or None, "maxObjects": quota.objects or None}
        self._post("UpdateBucket", {"quotas": limits}, id=self._bucket(bucket)["id"])

    def _of(self, user: str, bucket: str) -> list[dict[str, Any]]:
        """The keys of a consumer that open the bucket."""
        try:
            return [key for key in self._bucket(bucket)["keys"] if key["name"] == user]
        except StoreError as error:
            if error.trouble is Trouble.ABSENT:
                return []
            raise

    def _named(self, user: str) -> Iterator[str]:
        """Ids of all keys of this name, whatever they open."""
        after: dict[str, str] = {}
        while True:
            page = self._get("ListKeys", limit=str(_PAGE), **after)
            yield from [str(key["id"]) for key in page if key["name"] == user]
            if len(page) < _PAGE:
                return
            after = {"offset": str(page[-1]["id"])}

    def _permit(self, bucket_id: str, key: str, *, read: bool, write: bool) -> None:
        """Exactly this: what is given and what is taken are two calls."""
        rights = {"read": read, "write": write, "owner": False}
        for call, given in (("AllowBucketKey", True), ("DenyBucketKey", False)):
            chosen = {right: value is given for right, value in rights.items()}
            self._post(call, {"bucketId": bucket_id, "accessKeyId": key, "permissions": chosen})

    def _rights(self, role: Role) -> tuple[bool, bool]:
        if role not in _RIGHTS:
            raise StoreError(Trouble.UNSUPPORTED, f"role: the store has no {role.value}")
        return _RIGHTS[role]


class GarageMarks(_Admin):
    """Implements `Marks`."""

    def make(self, bucket: str, *, lock: bool) -> None:
        """By its global name: one that S3 makes is known to its maker alone. The operator's key may do all.

        That comes in one call with a local name, which is of no use afterwards, and never to be had again.
        """
        key, local = self._connection.key, f"pileus-{secrets.token_hex(8)}"
        own = {"accessKeyId": key, "alias": local, "allow": _EVERYTHING}
        try:
            made = self._post("CreateBucket", {"globalAlias": bucket, "localAlias": own})
        except StoreError as error:
            if error.code != "BucketAlreadyExists" or not self._owns(bucket):
                raise
            raise StoreError(error.trouble, error.fault.words, code="BucketAlreadyOwnedByYou") from None
        self._post("RemoveBucketAlias", {"bucketId": made["id"], "accessKeyId": key, "localAlias": local})

    def read(self, bucket: str) -> dict[str, str]:
        """Two calls: the bucket, the key that marks it."""
        try:
            found = self._key(self._bucket(bucket)["id"])
        except StoreError as error:
            if error.code == "NoSuchAccessKey":
                return {}
            raise
        try:
            given = json.loads(found["name"])
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}

    def write(self, bucket: str, value: Mapping[str, str]) -> None:
        """The name of a key is changed at once; one that is made takes two calls."""
        bucket_id, name = self._bucket(bucket)["id"], json.dumps(dict(value), sort_keys=True)
        try:
            self._key(bucket_id)
        except StoreError as error:
            if error.code != "NoSuchAccessKey":
                raise
            made = {"accessKeyId": _marking(bucket_id), "secretAccessKey": secrets.token_urlsafe(48)}
            self._post("ImportKey", {**made, "name": name})
        self._post("UpdateKey", {"name": name, "expiration": _PAST}, id=_marking(bucket_id))

    def remove(self, bucket: str) -> None:
        """The bucket with all its names, then the key that marked it."""
        bucket_id = self._bucket(bucket)["id"]
        self._post("DeleteBucket", id=bucket_id)
        self._drop(_marking(bucket_id))

    def _key(self, bucket_id: str) -> dict[str, Any]:
        return dict(self._get("GetKeyInfo", id=_marking(bucket_id)))

    def _owns(self, bucket: str) -> bool:
        keys = self._bucket(bucket)["keys"]
        return any(key["accessKeyId"] == self._connection.key and key["permissions"]["owner"] for key in keys)


def _marking(bucket_id: str) -> str:
    return f"pileus.{bucket_id}"
