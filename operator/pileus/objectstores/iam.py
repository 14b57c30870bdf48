"""Users by the IAM API of AWS, as versitygw has it, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from pileus.objects.s3 import Key, Quota, Role, Trouble, User
from pileus.objectstores import policies
from pileus.objectstores.connection import Connection, Keys
from pileus.objectstores.errors import StoreError, told

_THERE = "EntityAlreadyExists"
_ABSENT = ("NoSuchEntity", "NoSuchEntityException")


class IamUsers:
    """Implements `Users`. IAM limits a user to two keys, and knows neither quota nor usage."""

    by_bucket = False
    by_key = False

    def __init__(self, connection: Connection):
        self._connection = connection

    def principal(self, user: str = "") -> str:
        """Nobody needs to be named: what is in a bucket is its owner's."""
        return ""

    def find(self, user: str, bucket: str) -> User | None:
        """Two calls: keys, policy."""
        iam = self._connection.iam
        try:
            with told("ListAccessKeys"):
                listed = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        except StoreError as error:
            if _gone(error):
                return None
            raise
        keys = tuple(Key(found["AccessKeyId"], found.get("Status") == "Active") for found in listed)
        return User(keys, policies.role_of(self._policy(user), bucket))

    def make(self, user: str, owner: str) -> None:
        """With a tag that names the owner."""
        with _unless(_THERE), told("CreateUser"):
            self._connection.iam.create_user(UserName=user, Tags=[{"Key": "owner", "Value": owner}])

    def allow(self, user: str, bucket: str, role: Role) -> None:
        """By its one inline policy."""
        document = json.dumps(policies.of_role(role, bucket))
        with told("PutUserPolicy"):
            self._connection.iam.put_user_policy(
                UserName=user, PolicyName=policies.NAME, PolicyDocument=document
            )

    def new_key(self, user: str, bucket: str, role: Role) -> Keys:
        """IAM chooses both halves, and tells the secret this once."""
        with told("CreateAccessKey"):
            made = self._connection.iam.create_access_key(UserName=user)["AccessKey"]
        return Keys(made["AccessKeyId"], made["SecretAccessKey"])

    def drop_key(self, user: str, key: str) -> None:
        """It is refused from then on."""
        with _unless(*_ABSENT), told("DeleteAccessKey"):
            self._connection.iam.delete_access_key(UserName=user, AccessKeyId=key)

    def drop(self, user: str) -> None:
        """IAM removes no user that has keys or policies."""
        found = self.find(user, "")
        if found is None:
            return
        for key in found.keys:
            self.drop_key(user, key.id)
        iam = self._connection.iam
        with _unless(*_ABSENT), told("DeleteUserPolicy"):
            iam.delete_user_policy(UserName=user, PolicyName=policies.NAME)
        with _unless(*_ABSENT), told("DeleteUser"):
            iam.delete_user(UserName=user)

    def account(self, bucket: str) -> None:
        """IAM's stores count nothing that can be asked for."""

    def limit(self, bucket: str, quota: Quota) -> None:
        """Not here."""
        raise StoreError(Trouble.UNSUPPORTED, "quota: the store has none")

    def _policy(self, user: str) -> policies.Document | None:
        with _unless(*_ABSENT), told("GetUserPolicy"):
            found = self._connection.iam.get_user_policy(UserName=user, PolicyName=policies.NAME)
            document = found["PolicyDocument"]
            return policies.read(document) if isinstance(document, str) else document
        return None


@contextmanager
def _unless(*codes: str) -> Iterator[None]:
    """Leaves the block quietly on these codes."""
    try:
        yield
    except StoreError as error:
        if error.code not in codes:
            raise


def _gone(error: StoreError) -> bool:
    return error.code in _ABSENT or error.trouble is Trouble.ABSENT
