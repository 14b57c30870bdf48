"""The reasons that a Bucket gives beside the engine's own. They are API: never renamed."""

from __future__ import annotations

from enum import StrEnum


class BucketReason(StrEnum):
    """Reasons of conditions and warnings."""

    # the store
    STORE_NOT_FOUND = "StoreNotFound"
    NO_DEFAULT_STORE = "NoDefaultStore"
    STORE_NOT_ALLOWED = "StoreNotAllowed"
    STORE_NOT_READY = "StoreNotReady"
    FEATURE_MISSING = "FeatureMissing"
    # the bucket
    PROVISIONING = "Provisioning"
    PROVISIONED = "Provisioned"
    BUCKET_TAKEN = "BucketTaken"
    ADOPTION_NOT_ALLOWED = "AdoptionNotAllowed"
    SETTING_REFUSED = "SettingRefused"
    BUCKET_LOST = "BucketLost"
    # consumers
    ACCESS_READY = "AccessReady"
    ACCESS_PENDING = "AccessPending"
    NO_ACCESS = "NoAccess"
    OLD_KEY_HELD = "OldKeyHeld"
    SECRETS_NOT_PERMITTED = "SecretsNotPermitted"
    # its copies
    REPLICATION_READY = "ReplicationReady"
    REPLICATION_PENDING = "ReplicationPending"
    REPLICATION_REFUSED = "ReplicationRefused"
    REPLICA_MISSING = "ReplicaMissing"
    REPLICA_NOT_ALLOWED = "ReplicaNotAllowed"
    REPLICA_UNFIT = "ReplicaUnfit"
    REPLICA_PENDING = "ReplicaPending"
    REPLICA_AWAY = "ReplicaAway"
    # its end
    NOT_EMPTY = "BucketNotEmpty"
    EMPTYING = "Emptying"


USUAL = frozenset(
    {
        BucketReason.PROVISIONING,
        BucketReason.ACCESS_PENDING,
        BucketReason.REPLICATION_PENDING,
        BucketReason.REPLICA_PENDING,
        BucketReason.EMPTYING,
    }
)
"""Reasons why a bucket is not ready yet that are the normal course of things."""
