"""The settings of a bucket, in the one form in which they are wished for and read back."""

from __future__ import annotations

import math

from pileus.kinds.bucket.model import BucketSpec
from pileus.objects.quantities import amount
from pileus.objects.s3 import CorsRule, LifecycleRule, Lock, Quota, Settings
from pileus.objects.times import seconds

_UNIT = 1024
"""Bytes: stores limit sizes in it."""


def settings(spec: BucketSpec) -> Settings:
    """Everything that is set."""
    return Settings(
        versioning=spec.versioning,
        lifecycle=tuple(
            sorted(
                LifecycleRule(
                    rule.prefix,
                    expire=_days(rule.expire_after),
                    abort_uploads=_days(rule.abort_uploads_after),
                    expire_noncurrent=_days(rule.expire_noncurrent_after),
                )
                for rule in spec.lifecycle
            )
        ),
        cors=tuple(
            CorsRule(
                tuple(sorted(rule.origins)),
                tuple(sorted(rule.methods)),
                tuple(sorted(rule.headers)),
                tuple(sorted(rule.expose)),
                seconds(rule.max_age) if rule.max_age else 0,
            )
            for rule in spec.cors
        ),
        encryption=spec.encryption is not None,
        lock=Lock(spec.object_lock.mode.upper(), spec.object_lock.days) if spec.object_lock else None,
        public_read=spec.public_read,
        quota=_quota(spec),
    )


def _quota(spec: BucketSpec) -> Quota:
    if spec.quota is None:
        return Quota()
    size = math.ceil(amount(spec.quota.size) / _UNIT) * _UNIT if spec.quota.size else 0
    return Quota(size, spec.quota.objects or 0)


def _days(duration: str | None) -> int:
    return int(duration.removesuffix("d")) if duration else 0
