"""Users, quotas and usage by MinIO's admin API, spoken by MinIO's own library.

A consumer is a user with a policy of the same name; its keys are service accounts of that user, since a user
is one key itself. That one's secret is drawn anew whenever a service account is to be made, which by this
library only the user can do, and forgotten. A service account may do what its user may, but make no further
one.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from urllib3 import exceptions as http

from pileus.objects.s3 import Key, Quota, Role, Trouble, Usage, User
from pileus.objectstores import policies
from pileus.objectstores.account import Account
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.errors import StoreError, refused, unless_absent, untrusted

if TYPE_CHECKING:
    from minio import MinioAdmin

_NEVER = "0001-01-01"
"""When MinIO counted last, as long as it has not."""
_ON = ("on", "enabled")


class MinioUsers:
    """Implements `Users`. What is in a bucket is counted now and then; objects are not limited."""

    by_bucket = False
    by_key = False

    def __init__(self, connection: Connection):
        self._connection = connection
        self._sealing = connection.sealing

    def principal(self, user: str = "") -> str:
        """Nobody needs to be named: what is in a bucket is its owner's."""
        return ""

    def find(self, user: str, bucket: str) -> User | None:
        """Three calls: user, keys, policy."""
        try:
            with _told("UserInfo"):
                info = json.loads(self._admin.user_info(user))
            with self._sealing, _told("ListServiceAccounts"):
                listed = json.loads(self._admin.list_service_account(user)).get("accounts") or ()
        except StoreError as error:
            if error.trouble is Trouble.ABSENT:
                return None
            raise
        active = info.get("status") in _ON
        keys = tuple(
            Key(found["accessKey"], active and found.get("accountStatus") in _ON) for found in listed
        )
        ours = info.get("policyName") == user
        return User(keys, policies.role_of(self._policy(user), bucket, denies=True) if ours else None)

    def make(self, user: str, owner: str) -> None:
        """By a secret that nobody knows. There is no place to tell the owner."""
        self._renew(user)

    def allow(self, user: str, bucket: str, role: Role) -> None:
        """By the policy of its name, and no other. MinIO takes removal of versions for removal of objects."""
        with _told("AddPolicy"):
            self._admin.policy_add(user, policy=policies.of_role(role, bucket, denies=True))
        with _told("SetPolicy"):
            self._admin.policy_set(user, user=user)

    def new_key(self, user: str, bucket: str, role: Role) -> Keys:
        """MinIO chooses both halves, and tells the secret this once."""
        own = self._connection.minio(self._renew(user))
        with self._sealing, _told("AddServiceAccount"):
            made = json.loads(own.add_service_account(name=policies.NAME, policy=policies.of_key(bucket)))
        return Keys(made["credentials"]["accessKey"], made["credentials"]["secretKey"])

    def drop_key(self, user: str, key: str) -> None:
        """It is refused from then on."""
        with unless_absent(), _told("DeleteServiceAccount"):
            self._admin.delete_service_account(key)

    def drop(self, user: str) -> None:
        """Its keys go with the user; a policy only when nobody has it."""
        with unless_absent(), _told("RemoveUser"):
            self._admin.user_remove(user)
        with unless_absent(), _told("RemovePolicy"):
            self._admin.policy_remove(user)

    def account(self, bucket: str) -> Account:
        """Two calls; the second answers for all buckets, as of when they were counted."""
        with _told("GetBucketQuota"):
            limits = json.loads(self._admin.bucket_quota_get(bucket))
        with _told("DataUsageInfo"):
            counted = json.loads(self._admin.get_data_usage_info())  # type: ignore[no-untyped-call]
        size = int(limits.get("size") or limits.get("quota") or 0)
        return Account(Quota(size), _usage(counted, bucket))

    def limit(self, bucket: str, quota: Quota) -> None:
        """In bytes alone."""
        if quota.objects:
            raise StoreError(Trouble.UNSUPPORTED, "quota: the store does not limit the number of objects")
        with _told("SetBucketQuota"):
            self._admin.bucket_quota_set(bucket, quota.size)

    def _renew(self, user: str) -> Keys:
        keys = Keys(user, secrets.token_urlsafe(30))
        with self._sealing, _told("AddUser"):
            self._admin.user_add(user, keys.secret)
        return keys

    def _policy(self, user: str) -> policies.Document | None:
        with unless_absent(), _told("InfoPolicy"):
            return policies.read(self._admin.policy_info(user))
        return None

    @cached_property
    def _admin(self) -> MinioAdmin:
        return self._connection.minio()


def _usage(counted: dict[str, Any], bucket: str) -> Usage | None:
    found, when = (
        (counted.get("bucketsUsageInfo") or {}).get(bucket),
        str(counted.get("lastUpdate") or _NEVER),
    )
    if found is None or when.startswith(_NEVER):
        return None
    as_of = dt.datetime.fromisoformat(f"{when[:19]}+00:00")
    return Usage(int(found.get("size", 0)), int(found.get("objectsCount", 0)), as_of)


@contextmanager
def _told(operation: str) -> Iterator[None]:
    """Turns what the library raises in the block into StoreError."""
    from minio.error import MinioAdminException

    try:
        yield
    except MinioAdminException as error:
        status, body = error.__reduce__()[1]  # type: ignore[no-untyped-call]
        raise refused(operation, _code(body), int(status)) from None
    except http.SSLError:
        raise untrusted(operation) from None
    except (http.TimeoutError, http.NewConnectionError):
        raise StoreError(Trouble.UNREACHABLE, f"{operation}: no connection to the store") from None
    except http.HTTPError:
        raise StoreError(Trouble.UNREACHABLE, f"{operation}: the connection broke") from None
    except (ValueError, KeyError, OSError):
        raise StoreError(Trouble.BUSY, f"{operation}: what answers there does not speak MinIO") from None


def _code(body: str) -> str:
    try:
        return str(json.loads(body).get("Code", ""))
    except (ValueError, AttributeError):
        return ""
