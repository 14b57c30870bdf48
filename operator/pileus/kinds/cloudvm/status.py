"""What a CloudVM's status shows beside the fields that every kind has.

Only what a user cares for. Progress of a disk is in steps, since every change is a write.
"""

from __future__ import annotations

from pydantic import Field

from pileus.crds.types import Model


class Address(Model):
    """An interface as the guest has it."""

    network: str = Field(default="", max_length=63, description="Name of the interface in spec.networks.")
    ip: str = Field(default="", max_length=45, description="Its first IP address.")
    mac: str = Field(default="", max_length=17, description="Its MAC address.")


class Guest(Model):
    """What the guest agent tells; nothing without it."""

    os: str = Field(default="", max_length=256, description="Operating system, such as Fedora Linux 41.")
    kernel: str = Field(default="", max_length=128, description="Release of its kernel.")


class DiskStatus(Model):
    """How a disk stands."""

    name: str = Field(max_length=63, description="Name of the disk in spec.disks.")
    phase: str = Field(
        default="", max_length=32, description="Pending, Filling, Ready, Growing, Failed or Lost."
    )
    progress: str = Field(default="", max_length=8, description="How much is there, in steps of ten percent.")
    size: str = Field(default="", max_length=24, description="Size that the volume has.")
    volume: str = Field(default="", max_length=63, description="Name of the PersistentVolumeClaim.")


class SnapshotStatus(Model):
    """A snapshot of the machine's disks."""

    name: str = Field(max_length=63, description="What spec.snapshots.restore can name.")
    taken: str = Field(default="", max_length=40, description="When it was taken.")
    ready: bool = Field(default=False, description="Whether it can be restored.")
    reason: str = Field(default="", max_length=512, description="Why it is not ready.")


class MigrationStatus(Model):
    """The last live migration that was asked for."""

    token: str = Field(default="", max_length=63, description="The token that asked for it.")
    phase: str = Field(default="", max_length=32, description="Running, Succeeded or Failed.")
    source: str = Field(default="", max_length=253, description="Node that it left.")
    target: str = Field(default="", max_length=253, description="Node that it came to.")
    reason: str = Field(default="", max_length=512, description="Why it failed.")


class CloudVMStatus(Model):
    """What was found; written by the operator only."""

    phase: str | None = Field(
        default=None,
        max_length=40,
        description=(
            "Provisioning, Starting, Running, Paused, Migrating, Stopping, Stopped, Unreachable or Failed."
        ),
    )
    node: str | None = Field(default=None, max_length=253, description="Node on which it runs.")
    size: str | None = Field(
        default=None, max_length=64, description="Class, or processors and memory, as 2 CPU, 4Gi."
    )
    addresses: tuple[Address, ...] = Field(
        default=(), max_length=32, description="Its interfaces, as the guest has them."
    )
    guest: Guest | None = Field(default=None, description="What the guest agent tells.")
    disks: tuple[DiskStatus, ...] = Field(default=(), max_length=32, description="How its disks stand.")
    restart_required: tuple[str, ...] = Field(
        default=(), max_length=64, description="Fields of the spec that come into force with a restart."
    )
    migration: MigrationStatus | None = Field(
        default=None, description="The last live migration that was asked for."
    )
    snapshots: tuple[SnapshotStatus, ...] = Field(
        default=(), max_length=512, description="Its snapshots, the newest first."
    )
