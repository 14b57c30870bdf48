"""What tests ask each engine by its own API of users: an administrator's view beside S3.

PILEUS_TEST_ENGINES names the engines that the tests run on, by spaces; the two of every run if it is absent.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from minio.error import MinioAdminException

from pileus.local.s3 import ADDONS
from pileus.local.s3.stores import Store
from tests.cluster import s3

KINDS = {"versitygw": "Versity", "ceph": "Ceph", "minio": "MinIO", "garage": "Garage"}
ENGINES = tuple(os.environ.get("PILEUS_TEST_ENGINES", "versitygw ceph").split())
WITH = tuple(addon for addon, engines in ADDONS.items() if set(engines) & set(ENGINES))
MARK = "pileus.dev/owner"
NOT = "\N{EN DASH}"
TABLE = Path(__file__).parents[3] / "docs" / "concepts" / "bucket.md"


def declared() -> dict[str, dict[str, bool]]:
    """By engine, each feature of the table in the documents and whether it has it."""
    rows = [line.strip("| ").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    start = next(index for index, row in enumerate(rows) if row[:2] == ["field", "needs"])
    kinds = rows[start][2:]
    found: dict[str, dict[str, bool]] = {kind: {} for kind in kinds}
    for row in rows[start + 1 :]:
        if len(row) != len(kinds) + 2:
            break
        feature = re.fullmatch(r"`(\w+)`", row[1])
        assert feature, row
        for kind, words in zip(kinds, row[2:], strict=True):
            answer = words.partition(":")[0]
            assert answer in ("yes", NOT), row
            found[kind][feature[1]] = answer == "yes"
    return {engine: found[kind] for engine, kind in KINDS.items()}


def create(store: Store, bucket: str) -> None:
    """A bucket that is the operator's user's, and nobody's Bucket."""
    if store.engine != "garage":
        s3.s3(store).create_bucket(Bucket=bucket)
        return
    made = s3.garage(store, "CreateBucket", {"globalAlias": bucket})["id"]
    rights = {"read": True, "write": True, "owner": True}
    given = {"bucketId": made, "accessKeyId": store.access_key, "permissions": rights}
    s3.garage(store, "AllowBucketKey", given)


def marks(store: Store, bucket: str) -> dict[str, str]:
    """What a bucket is marked by."""
    if store.engine != "garage":
        tags = s3.s3(store).get_bucket_tagging(Bucket=bucket)["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in tags}
    found = s3.garage(store, "GetBucketInfo", globalAlias=bucket)["id"]
    return dict(json.loads(s3.garage(store, "GetKeyInfo", id=f"pileus.{found}")["name"]))


def mark(store: Store, bucket: str, owner: str) -> None:
    """Mark a bucket that has no mark."""
    if store.engine != "garage":
        tags = [{"Key": MARK, "Value": owner}]
        s3.s3(store).put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        return
    found = s3.garage(store, "GetBucketInfo", globalAlias=bucket)["id"]
    key = {"accessKeyId": f"pileus.{found}", "secretAccessKey": "known-to-nobody" * 3}
    s3.garage(store, "ImportKey", {**key, "name": json.dumps({MARK: owner})})


def keys_of(store: Store, user: str) -> set[str]:
    """Ids of a consumer's keys; none without the consumer."""
    match store.engine:
        case "ceph":
            try:
                found = s3.admin_ops(store, "GET", "user", uid=user)
            except OSError:
                return set()
            return {key["access_key"] for key in found["keys"]}
        case "minio":
            try:
                s3.minio(store).user_info(user)
            except MinioAdminException:
                return set()
            listed = json.loads(s3.minio(store).list_service_account(user))["accounts"] or ()
            return {key["accessKey"] for key in listed}
        case "garage":
            return {key["id"] for key in s3.garage(store, "ListKeys") if key["name"] == user}
    try:
        listed = s3.iam(store).list_access_keys(UserName=user)["AccessKeyMetadata"]
    except ClientError:
        return set()
    return {key["AccessKeyId"] for key in listed}


def drop_key(store: Store, user: str, key: str) -> None:
    """Somebody removes a consumer's key."""
    match store.engine:
        case "ceph":
            s3.admin_ops(store, "DELETE", "user", key="", uid=user, access_key=key)
        case "minio":
            s3.minio(store).delete_service_account(key)
        case "garage":
            s3.garage(store, "DeleteKey", id=key)
        case _:
            s3.iam(store).delete_access_key(UserName=user, AccessKeyId=key)


def quota(store: Store, bucket: str) -> tuple[int, int]:
    """Bytes and objects that fit in; 0: no limit."""
    match store.engine:
        case "minio":
            return int(json.loads(s3.minio(store).bucket_quota_get(bucket))["quota"]), 0
        case "garage":
            limits = s3.garage(store, "GetBucketInfo", globalAlias=bucket)["quotas"]
            return limits["maxSize"] or 0, limits["maxObjects"] or 0
    found = s3.admin_ops(store, "GET", "bucket", bucket=bucket)["bucket_quota"]
    return (max(0, found["max_size"]), max(0, found["max_objects"])) if found["enabled"] else (0, 0)


def targets(store: Store, bucket: str) -> list[dict[str, Any]]:
    """Where a bucket is copied to, as MinIO tells it."""
    query = {"bucket": bucket, "type": "replication"}
    return list(s3.signed(store, "GET", "/minio/admin/v3/list-remote-targets", query) or ())
