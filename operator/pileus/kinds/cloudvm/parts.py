"""What a CloudVM is made of, as users write it: size, system, disks, networks, access, devices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_map, validations
from pileus.crds.types import NAME_PATTERN, Bytes, Image, Model, Name, ObjectName

DISK_LIMIT = 15
"""Longest name of a disk: a DataVolume is named `<vm>-<disk>`, with a digest after it once made anew."""

DiskName = Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=DISK_LIMIT)]
ResourceName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=127,
        description="The resource name under which KubeVirt offers the device, such as nvidia.com/A10.",
    ),
]

_MEMORY = "quantity(string(self.{}))"


class Size(Model):
    """Processors and memory: by class, or in numbers."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "has(self.class) != (has(self.cpu) && has(self.memory))",
                "Give either class, or both cpu and memory.",
            ),
            Rule(
                "!has(self.class) || !(has(self.cpu) || has(self.memory) || has(self.maxCpu) || "
                "has(self.maxMemory))",
                "A class decides about processors and memory: leave cpu, memory, maxCpu and maxMemory out.",
            ),
            Rule(
                "!has(self.maxCpu) || !has(self.cpu) || self.maxCpu >= self.cpu",
                "maxCpu is what cpu may grow to: give at least as many.",
                field_path=".maxCpu",
            ),
            Rule(
                f"!has(self.maxMemory) || !has(self.memory) || {_MEMORY.format('maxMemory')}"
                f".compareTo({_MEMORY.format('memory')}) >= 0",
                "maxMemory is what memory may grow to: give at least as much.",
                field_path=".maxMemory",
            ),
        )
    )

    class_: ObjectName | None = Field(
        default=None,
        alias="class",
        description=(
            "Name of a VirtualMachineInstancetype of this namespace, or else of a "
            "VirtualMachineClusterInstancetype, such as u1.medium."
        ),
    )
    cpu: int | None = Field(
        default=None, ge=1, le=512, description="Virtual processors. More of them are given while it runs."
    )
    memory: Bytes | None = Field(
        default=None, description="Memory of the guest, such as 4Gi. More of it is given while it runs."
    )
    max_cpu: int | None = Field(
        default=None,
        ge=1,
        le=512,
        description="What cpu may grow to without a restart. Absent: four times as many as it started with.",
    )
    max_memory: Bytes | None = Field(
        default=None,
        description="What memory may grow to without a restart. Absent: four times what it started with.",
    )


class System(Model):
    """What the guest is."""

    preference: ObjectName | None = Field(
        default=None,
        description=(
            "Name of a VirtualMachinePreference of this namespace, or else of a "
            "VirtualMachineClusterPreference, such as fedora or windows.11: devices that suit the guest."
        ),
    )
    architecture: Literal["amd64", "arm64", "s390x"] | None = Field(
        default=None,
        description="Processor architecture; it stays as it is. Absent: the cluster's default.",
        json_schema_extra=validations(
            Rule(
                "self == oldSelf",
                "The architecture of a machine cannot change: make another machine, and copy the data.",
            )
        ),
    )


class Processors(Model):
    """How the processors and the memory of a size in numbers are had from the node."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "!has(self.numa) || !self.numa || (has(self.pinned) && self.pinned && has(self.hugepages))",
                "numa passes the node's layout on, which needs pinned: true and hugepages.",
                field_path=".numa",
            ),
        )
    )

    pinned: bool | None = Field(
        default=None, description="Whole processors of the node, for this machine alone. Absent: shared."
    )
    numa: bool | None = Field(
        default=None, description="The guest sees which memory is near which processor. Absent: it does not."
    )
    hugepages: Literal["2Mi", "1Gi"] | None = Field(
        default=None, description="Memory in pages of this size. Absent: in ordinary ones."
    )


class DiskOf(Model):
    """A disk of another machine."""

    vm: ObjectName = Field(description="Name of a CloudVM of this namespace.")
    disk: DiskName = Field(description="Name of its disk.")


_SOURCES = ("image", "registry", "volume", "snapshot", "disk", "blank")
_GIVEN = ", ".join(f"has(self.{source})" for source in _SOURCES)


class Source(Model):
    """What a disk holds at first: exactly one of image, registry, volume, snapshot, disk and blank."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                f"[{_GIVEN}].filter(x, x).size() == 1",
                "Give exactly one of image, registry, volume, snapshot, disk and blank.",
            ),
            Rule("!has(self.checksum) || has(self.image)", "checksum goes with image."),
            Rule(
                "!(has(self.credentials) || has(self.certificates)) || has(self.image) || has(self.registry)",
                "credentials and certificates go with image or registry.",
            ),
        )
    )

    image: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        max_length=2048,
        description="URL of a disk image: raw, qcow2, vmdk, vhd, iso; also compressed with gz or xz.",
    )
    registry: Image | None = Field(
        default=None,
        description="Container image that holds a disk image, such as quay.io/containerdisks/fedora:41.",
    )
    volume: ObjectName | None = Field(
        default=None, description="Name of a PersistentVolumeClaim of this namespace, which is copied."
    )
    snapshot: ObjectName | None = Field(
        default=None, description="Name of a VolumeSnapshot of this namespace, which is copied."
    )
    disk: DiskOf | None = Field(default=None, description="A disk of another CloudVM, which is copied.")
    blank: Literal[True] | None = Field(default=None, description="An empty disk, with `blank: true`.")
    checksum: str | None = Field(
        default=None,
        pattern=r"^(md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
        max_length=135,
        description="What the image must have, such as sha256:… in small letters.",
    )
    credentials: ObjectName | None = Field(
        default=None,
        description="Name of a Secret with accessKeyId and secretKey: name and password for the source.",
    )
    certificates: ObjectName | None = Field(
        default=None, description="Name of a ConfigMap with the certificate authority of the source."
    )


class Disk(Model):
    """A disk of the machine: a DataVolume of CDI, and the claim that it fills."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "(has(self.accessMode) ? self.accessMode : '') == "
                "(has(oldSelf.accessMode) ? oldSelf.accessMode : '') && "
                "(has(self.storageClass) ? self.storageClass : '') == "
                "(has(oldSelf.storageClass) ? oldSelf.storageClass : '')",
                "accessMode and storageClass of a disk cannot change: add a new disk and copy the data.",
            ),
        )
    )

    name: DiskName = Field(description="Name of the disk, unique in the machine.")
    size: Bytes = Field(description="Size of the disk; it may grow.")
    source: Source = Field(description="What it holds at first.")
    boot: int | None = Field(
        default=None, ge=1, le=64, description="Place in the order of booting, from 1. Absent: not asked."
    )
    storage_class: ObjectName | None = Field(
        default=None, description="StorageClass to take it from. Absent: the cluster's default."
    )
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] | None = Field(
        default=None,
        description=(
            "Who may use it at a time; live migration needs ReadWriteMany. Absent: what CDI knows to be the "
            "best that the storage class can do."
        ),
    )
    rebuild: Literal["Never", "WhenSourceChanges"] | None = Field(
        default=None,
        description=(
            "What a changed source does to a disk that is filled. WhenSourceChanges: a new disk is made, and "
            "takes the old one's place at the next start. Absent: Never, the disk keeps what it holds, and a "
            "warning says so."
        ),
    )
    retain: Literal["Retain", "Delete"] | None = Field(
        default=None,
        description="What becomes of the data when the disk or the machine is deleted. Absent: Retain.",
    )


class Network(Model):
    """A network interface of the machine."""

    name: Name = Field(description="Name of the interface, unique in the machine.")
    network: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
        max_length=253,
        description=(
            "Name of a NetworkAttachmentDefinition of this namespace. Absent: the network of the pods, "
            "behind the pod's address."
        ),
    )
    mac: str = Field(
        default="auto",
        pattern=r"^(auto|([0-9a-f]{2}:){5}[0-9a-f]{2})$",
        max_length=17,
        description="MAC address, or auto: one of this machine's own, which stays the same over restarts.",
        json_schema_extra=validations(
            Rule(
                "self == 'auto' || self.substring(1, 2) in ['0', '2', '4', '6', '8', 'a', 'c', 'e']",
                "This address is one of many receivers: give one whose second digit is even, or auto.",
            )
        ),
    )


class SecretName(Model):
    """Names a Secret."""

    secret: ObjectName = Field(description="Name of a Secret of this namespace.")


PublicKey = Annotated[
    str, Field(pattern=r"^(ssh|ecdsa|sk)-[-@.a-z0-9]+ [A-Za-z0-9+/=]+( [^\r\n]*)?$", max_length=4096)
]
"""A line of authorized_keys."""


class Access(Model):
    """How one gets into the guest."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "!(has(self.sshKeys) && self.sshKeys.size() > 0 && has(self.userData))",
                "userData replaces what sshKeys would write: name the keys in userData, or put them into a "
                "Secret and name it in sshSecret.",
            )
        )
    )

    ssh_keys: tuple[PublicKey, ...] = Field(
        default=(),
        max_length=32,
        description="Public keys of the image's first user, as in authorized_keys; for its first start.",
    )
    ssh_secret: SecretName | None = Field(
        default=None, description="Secret whose values are public keys of the image's first user."
    )
    user_data: SecretName | None = Field(
        default=None, description="Secret with cloud-init's user data under the key userdata."
    )
    network_data: SecretName | None = Field(
        default=None, description="Secret with cloud-init's network configuration under networkdata."
    )
    sysprep: SecretName | None = Field(
        default=None, description="Secret with Windows' answers under autounattend.xml or unattend.xml."
    )


class Device(Model):
    """A device of the node that the guest gets for itself."""

    name: Name = Field(description="Name of the device, unique in the machine.")
    class_: ResourceName = Field(
        alias="class",
        description="The resource name under which KubeVirt offers the device, such as nvidia.com/A10.",
    )


class Devices(Model):
    """Devices beside disks and networks."""

    gpus: tuple[Device, ...] = Field(
        default=(), max_length=16, json_schema_extra=list_map("name"), description="Graphics processors."
    )
    host: tuple[Device, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("name"),
        description="Other devices of the node.",
    )
    tpm: bool | None = Field(
        default=None, description="A trusted platform module, whose content survives restarts. Absent: none."
    )
    secure_boot: bool | None = Field(
        default=None, description="UEFI that starts signed systems only. Absent: the preference's, or BIOS."
    )
