"""What is in an object store, by its root user: buckets and users of the campaign, as objects of a snapshot.

It asks the engine itself, around the proxy. Names hold digests of uids: something stands for them here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any
from urllib.error import HTTPError

from botocore.exceptions import ClientError

from pileus.local.s3.stores import Store
from tests.campaign.masks import UID
from tests.campaign.storecalls import NAMESPACE, SCRATCH
from tests.cluster import s3

THREADS = 8
LOTS = (
    (UID, "<uid>"),
    (r"-[0-9a-f]{10}(?![0-9a-f-])", "-<digest>"),
    (r"\.[0-9a-f]{16}(?![0-9a-f-])", ".<digest>"),
)
"""What is drawn by lot in names and marks."""


def without_lots(text: str) -> str:
    """The text in which other words stand for what is drawn by lot."""
    for pattern, stands in LOTS:
        text = re.sub(pattern, stands, text)
    return text


class StoreView:
    """One store. scratch: names of what it is tried with, and for which namespace."""

    def __init__(self, store: Store, scratch: Mapping[str, str]):
        self.store = store
        self._scratch = scratch
        self._threads = ThreadPoolExecutor(THREADS)

    async def look(self, namespaces: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Buckets and users by namespace, and by kind and name."""
        wanted = frozenset(namespaces)
        return await asyncio.to_thread(self._look, wanted) if wanted else {}

    async def wipe(self) -> None:
        """Remove what the campaign left behind."""
        await asyncio.to_thread(self._wipe)

    def _look(self, wanted: frozenset[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        asked = [("StoreBucket", name, self._bucket) for name in self._buckets]
        asked += [("StoreUser", name, self._user) for name in self._users]
        asked = [one for one in asked if self._namespace(one[1]) in wanted]
        for (kind, name, _), made in zip(
            asked, self._threads.map(lambda one: one[2](one[1]), asked), strict=True
        ):
            if made is not None:
                key = f"{kind} {without_lots(name).replace('.', '-')}"
                found.setdefault(self._namespace(name), {})[key] = json.loads(without_lots(json.dumps(made)))
        return found

    def _wipe(self) -> None:
        for name in self._users:
            if self._namespace(name):
                self._drop_user(name)
        for name in self._buckets:
            tags = self._told("get_bucket_tagging", name).get("TagSet", ())
            if self._namespace(name) or any("/c-" in tag["Value"] for tag in tags):
                with contextlib.suppress(ClientError):
                    self._s3.delete_bucket(Bucket=name)

    @cached_property
    def _s3(self) -> Any:
        return s3.s3(self.store)

    @cached_property
    def _iam(self) -> Any:
        return s3.iam(self.store)

    @property
    def _ceph(self) -> bool:
        return self.store.engine == "ceph"

    @property
    def _buckets(self) -> list[str]:
        return [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]

    @property
    def _users(self) -> list[str]:
        if self._ceph:
            return list(s3.admin_ops(self.store, "GET", "metadata/user"))
        return [
            user["UserName"]
            for page in self._iam.get_paginator("list_users").paginate()
            for user in page["Users"]
        ]

    def _bucket(self, name: str) -> dict[str, Any] | None:
        tags = self._told("get_bucket_tagging", name)
        if tags == {"error": "NoSuchBucket"}:
            return None  # it went while it was looked at
        found = {
            "tags": {tag["Key"]: tag["Value"] for tag in tags.get("TagSet", ())},
            "versioning": self._told("get_bucket_versioning", name),
            "lifecycle": self._told("get_bucket_lifecycle_configuration", name).get("Rules"),
            "cors": self._told("get_bucket_cors", name).get("CORSRules"),
            "encryption": self._told("get_bucket_encryption", name),
            "lock": self._told("get_object_lock_configuration", name),
            "policy": json.loads(self._told("get_bucket_policy", name).get("Policy", "null")),
        }
        if found["versioning"].get("Status") == "Suspended":
            found["versioning"] = {}  # what was versioned once never is as new, but keeps no more than that
        for rule in found["lifecycle"] or ():
            rule.pop("ID", None)
        if self._ceph:
            try:
                counted = s3.admin_ops(self.store, "GET", "bucket", bucket=name, stats="true")
            except HTTPError as error:
                if error.code == 404:
                    return None
                raise
            if counted is None:
                return None  # as Ceph says when it goes just then
            quota = counted["bucket_quota"]
            limits = {key: quota[key] for key in ("max_size", "max_objects")}
            found["quota"] = limits if quota["enabled"] else None
        return found

    def _told(self, call: str, bucket: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._s3, call)(Bucket=bucket)
        except ClientError as error:
            return {"error": s3.refusal(error)}
        answer.pop("ResponseMetadata")
        return answer

    def _user(self, name: str) -> dict[str, Any] | None:
        try:
            if self._ceph:
                found = s3.admin_ops(self.store, "GET", "user", uid=name)
                return {"keys": sorted(key["access_key"] for key in found["keys"])}
            keys = self._iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
        except (ClientError, OSError):
            return None
        return {
            "keys": sorted(f"{key['AccessKeyId']}" for key in keys),
            "policy": self._policy(name),
        }

    def _policy(self, user: str) -> object:
        try:
            policies = self._iam.list_user_policies(UserName=user)["PolicyNames"]
            return {
                name: self._iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]
                for name in policies
            }
        except ClientError as error:
            return s3.refusal(error)

    def _drop_user(self, name: str) -> None:
        with contextlib.suppress(ClientError, OSError):
            if self._ceph:
                s3.admin_ops(self.store, "DELETE", "user", uid=name, purge_data="false")
                return
            for key in self._iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
                self._iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
            for policy in self._iam.list_user_policies(UserName=name)["PolicyNames"]:
                self._iam.delete_user_policy(UserName=name, PolicyName=policy)
            self._iam.delete_user(UserName=name)

    def _namespace(self, name: str) -> str:
        found, tried = NAMESPACE.match(name), SCRATCH.match(name)
        return found[0] if found else self._scratch.get(tried[0], "") if tried else ""
