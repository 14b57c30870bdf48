"""Each setting of a bucket: how it is read, into the form of `pileus.objects.s3.Settings`, and written.

A row a setting. What is absent is read as its zero value, by whatever code the store says that it is absent.
Writing the zero value takes the setting away. Nothing is compared here, and nothing is believed: whoever
writes reads afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.objects.s3 import CorsRule, Feature, LifecycleRule, Lock, Trouble
from pileus.objectstores import policies
from pileus.objectstores.errors import StoreError, told


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. name: its field in `Settings`; read and write speak S3 for a bucket.

    needs: the feature that a store must have to hold this value, or None for the zero value.
    """

    name: str
    read: Callable[[Any, str], Any]
    write: Callable[[Any, str, Any], None]
    needs: Callable[[Any], Collection[Feature]]


def _versioning(s3: Any, bucket: str) -> bool:
    with told("GetBucketVersioning"):
        return bool(s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")


def _set_versioning(s3: Any, bucket: str, value: bool) -> None:
    with told("PutBucketVersioning"):
        status = {"Status": "Enabled" if value else "Suspended"}
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)


def _lifecycle(s3: Any, bucket: str) -> tuple[LifecycleRule, ...]:
    with _absent_as_none("NoSuchLifecycleConfiguration"), told("GetBucketLifecycleConfiguration"):
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules") or []
        return tuple(sorted(map(_rule, rules)))
    return ()


_PARTS: Mapping[str, Collection[str]] = {
    "Filter": ("Prefix",),
    "Expiration": ("Days",),
    "AbortIncompleteMultipartUpload": ("DaysAfterInitiation",),
    "NoncurrentVersionExpiration": ("NoncurrentDays",),
}
_RULE = ("ID", "Status", "Prefix", *_PARTS)
"""What we write, and what engines add to it by themselves."""


def _rule(given: Mapping[str, Any]) -> LifecycleRule:
    """One rule; what we never write makes it differ from every wish."""
    chosen = given.get("Filter") or {}
    prefix = chosen.get("Prefix", given.get("Prefix", ""))  # Ceph answers in the older form
    parts = [(given, _RULE), *((given.get(name) or {}, known) for name, known in _PARTS.items())]
    strange = given.get("Status") != "Enabled" or any(
        part[key] and key not in known for part, known in parts for key in part
    )
    return LifecycleRule(
        prefix=prefix if not strange else f"{prefix}\0",
        expire=(given.get("Expiration") or {}).get("Days", 0),
        abort_uploads=(given.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation", 0),
        expire_noncurrent=(given.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays", 0),
    )


def _set_lifecycle(s3: Any, bucket: str, value: tuple[LifecycleRule, ...]) -> None:
    if not value:
        with told("DeleteBucketLifecycle"):
            s3.delete_bucket_lifecycle(Bucket=bucket)
        return
    rules = [_as_rule(number, rule) for number, rule in enumerate(value)]
    with told("PutBucketLifecycleConfiguration"):
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _as_rule(number: int, rule: LifecycleRule) -> dict[str, Any]:
    given: dict[str, Any] = {
        "ID": f"pileus-{number}",
        "Status": "Enabled",
        "Filter": {"Prefix": rule.prefix},
    }
    if rule.expire:
        given["Expiration"] = {"Days": rule.expire}
    if rule.abort_uploads:
        given["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": rule.abort_uploads}
    if rule.expire_noncurrent:
        given["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.expire_noncurrent}
    return given


def _lifecycle_needs(value: tuple[LifecycleRule, ...]) -> set[Feature]:
    return {
        feature
        for rule in value
        for days, feature in (
            (rule.expire, Feature.EXPIRE),
            (rule.abort_uploads, Feature.ABORT_UPLOADS),
            (rule.expire_noncurrent, Feature.EXPIRE_NONCURRENT),
        )
        if days
    }


def _cors(s3: Any, bucket: str) -> tuple[CorsRule, ...]:
    with _absent_as_none("NoSuchCORSConfiguration"), told("GetBucketCors"):
        return tuple(
            CorsRule(
                # Ceph keeps no order of these.
                origins=tuple(sorted(rule.get("AllowedOrigins") or ())),
                methods=tuple(sorted(rule.get("AllowedMethods") or ())),
                headers=tuple(sorted(rule.get("AllowedHeaders") or ())),
                exposed=tuple(sorted(rule.get("ExposeHeaders") or ())),
                max_age=rule.get("MaxAgeSeconds") or 0,
            )
            for rule in s3.get_bucket_cors(Bucket=bucket).get("CORSRules") or ()
        )
    return ()


def _set_cors(s3: Any, bucket: str, value: tuple[CorsRule, ...]) -> None:
    if not value:
        with told("DeleteBucketCors"):
            s3.delete_bucket_cors(Bucket=bucket)
        return
    rules = []
    for rule in value:
        given: dict[str, Any] = {"AllowedOrigins": list(rule.origins), "AllowedMethods": list(rule.methods)}
        if rule.headers:
            given["AllowedHeaders"] = list(rule.headers)
        if rule.exposed:
            given["ExposeHeaders"] = list(rule.exposed)
        if rule.max_age:
            given["MaxAgeSeconds"] = rule.max_age
        rules.append(given)
    with told("PutBucketCors"):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def _encryption(s3: Any, bucket: str) -> bool:
    with (
        _absent_as_none("ServerSideEncryptionConfigurationNotFoundError"),
        told("GetBucketEncryption"),
    ):
        found = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        return any(
            rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") == "AES256"
            for rule in found.get("Rules") or ()
        )
    return False


def _set_encryption(s3: Any, bucket: str, value: bool) -> None:
    if not value:
        with told("DeleteBucketEncryption"):
            s3.delete_bucket_encryption(Bucket=bucket)
        return
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    with told("PutBucketEncryption"):
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def _lock(s3: Any, bucket: str) -> Lock | None:
    absent = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration")
    with _absent_as_none(*absent), told("GetObjectLockConfiguration"):
        found = s3.get_object_lock_configuration(Bucket=bucket).get("ObjectLockConfiguration") or {}
        rule = (found.get("Rule") or {}).get("DefaultRetention") or {}
        if rule:
            return Lock(str(rule.get("Mode", "")), int(rule.get("Days") or 365 * int(rule.get("Years") or 0)))
    return None


def _set_lock(s3: Any, bucket: str, value: Lock | None) -> None:
    given: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    if value:
        given["Rule"] = {"DefaultRetention": {"Mode": value.mode, "Days": value.days}}
    with told("PutObjectLockConfiguration"):
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=given)


def policy_of(s3: Any, bucket: str) -> policies.Document | None:
    """The bucket's policy; None without one."""
    with _absent_as_none("NoSuchBucketPolicy"), told("GetBucketPolicy"):
        text = s3.get_bucket_policy(Bucket=bucket).get("Policy") or ""
        return policies.read(text)
    return None


def set_policy(s3: Any, bucket: str, value: policies.Document | None) -> None:
    """Give the bucket this policy, or none."""
    if value is None:
        with told("DeleteBucketPolicy"):
            s3.delete_bucket_policy(Bucket=bucket)
        return
    with told("PutBucketPolicy"):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(value))


def tags_of(s3: Any, bucket: str) -> dict[str, str]:
    """The bucket's tags."""
    with _absent_as_none("NoSuchTagSet", "NoSuchTagSetError"), told("GetBucketTagging"):
        found = s3.get_bucket_tagging(Bucket=bucket).get("TagSet") or ()
        return {str(tag["Key"]): str(tag["Value"]) for tag in found}
    return {}


def set_tags(s3: Any, bucket: str, value: Mapping[str, str]) -> None:
    """Give the bucket exactly these tags."""
    with told("PutBucketTagging"):
        tags = [{"Key": key, "Value": text} for key, text in value.items()]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


class _absent_as_none:  # noqa: N801 - read like a keyword: what follows it is what there is otherwise
    """Leaves the block quietly where the store says, by one of these codes, that there is nothing."""

    def __init__(self, *codes: str):
        self._codes = codes

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, StoreError):
            return False
        if error.code == "NoSuchBucket":
            return False
        return error.code in self._codes or error.trouble in (Trouble.ABSENT, Trouble.UNSUPPORTED)


SETTINGS: tuple[Setting, ...] = (
    Setting("versioning", _versioning, _set_versioning, lambda on: {Feature.VERSIONING} if on else ()),
    Setting("lock", _lock, _set_lock, lambda lock: {Feature.OBJECT_LOCK} if lock else ()),
    Setting("encryption", _encryption, _set_encryption, lambda on: {Feature.ENCRYPTION} if on else ()),
    Setting("lifecycle", _lifecycle, _set_lifecycle, _lifecycle_needs),
    Setting("cors", _cors, _set_cors, lambda rules: {Feature.CORS} if rules else ()),
)
"""In the order in which they are written: versions first, which locks and noncurrent rules need."""
