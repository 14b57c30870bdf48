"""The reasons that a CloudVM gives beside the engine's own. They are API: never renamed."""

from __future__ import annotations

from enum import StrEnum


class VmReason(StrEnum):
    """Reasons of conditions and warnings; docs/concepts/cloudvm.md says what each means."""

    # power
    STARTING = "Starting"
    STOPPING = "Stopping"
    PAUSED = "PausedByUser"
    RESTARTING = "Restarting"
    UNREACHABLE = "Unreachable"
    CRASH_LOOP = "CrashLoopBackOff"
    GUEST_FAILED = "GuestFailed"
    # what it needs by name
    CLASS_NOT_FOUND = "ClassNotFound"
    PREFERENCE_NOT_FOUND = "PreferenceNotFound"
    STORAGE_CLASS_NOT_FOUND = "StorageClassNotFound"
    NETWORK_NOT_FOUND = "NetworkNotFound"
    DEVICE_NOT_PERMITTED = "DeviceNotPermitted"
    REFERENCE_MISSING = "ReferenceMissing"
    # disks
    DISK_PENDING = "DiskPending"
    DISK_FILLING = "DiskFilling"
    DISK_FAILED = "DiskFailed"
    DISK_LOST = "DiskLost"
    DISK_SHRINK = "DiskShrink"
    DISK_FIXED = "DiskFixed"
    DISK_NOT_EXPANDABLE = "DiskNotExpandable"
    DISKS_READY = "DisksReady"
    SOURCE_CHANGED = "SourceChanged"
    SOURCE_NOT_FOUND = "SourceNotFound"
    # changes
    UP_TO_DATE = "UpToDate"
    RESTART_REQUIRED = "RestartRequired"
    # migration
    MIGRATABLE = "Migratable"
    NOT_MIGRATABLE = "NotMigratable"
    NOT_RUNNING = "NotRunning"
    # guest
    AGENT_CONNECTED = "AgentConnected"
    AGENT_NOT_CONNECTED = "AgentNotConnected"
    # snapshots
    SNAPSHOT_FAILED = "SnapshotFailed"
    SNAPSHOT_NOT_FOUND = "SnapshotNotFound"
    SNAPSHOT_NOT_READY = "SnapshotNotReady"
    MUST_BE_STOPPED = "MustBeStopped"
    RESTORING = "Restoring"
    INVALID_SCHEDULE = "InvalidSchedule"


USUAL = frozenset(
    {
        VmReason.STARTING,
        VmReason.STOPPING,
        VmReason.PAUSED,
        VmReason.RESTARTING,
        VmReason.DISK_PENDING,
        VmReason.DISK_FILLING,
        VmReason.RESTORING,
    }
)
"""Reasons why a machine is not ready yet that are the normal course of things."""
