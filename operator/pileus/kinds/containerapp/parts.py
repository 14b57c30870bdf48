"""What a ContainerApp's pods are made of, as users write it: ports, checks, volumes, containers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_set, validations
from pileus.crds.types import Bytes, Duration, Image, Model, Name, ObjectName, PortNumber, Processors, Word
from pileus.kinds.containerapp.fields import Environment, MountPath, PortName

CLAIM_LIMIT = 17
"""Longest name of a volume that becomes a PersistentVolumeClaim `<app>-<volume>`."""

SizeName = Literal["nano", "micro", "small", "medium", "large", "xlarge", "xxlarge"]


class Gpu(Model):
    """Graphics processors for the app's container."""

    class_: str = Field(
        alias="class",
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=127,
        json_schema_extra=validations(
            Rule(
                "!self.split('/')[0].endsWith('kubernetes.io') && size(self.split('/')[1]) <= 63",
                "Give the name that a device plugin offers, such as nvidia.com/gpu; kubernetes.io has none.",
            )
        ),
        description="The resource name that the nodes' device plugin offers, such as nvidia.com/gpu.",
    )
    count: int = Field(default=1, ge=1, le=64, description="How many of them each replica gets.")


class Resources(Model):
    """CPU and memory in numbers, instead of a size by name."""

    cpu: Processors | None = Field(
        default=None,
        description="CPU that is reserved, such as 250m or 2; there is no limit. Absent: as `size: small`.",
    )
    memory: Bytes | None = Field(
        default=None,
        description="Memory, reserved and limit in one, such as 512Mi. Absent: as `size: small`.",
    )
    gpu: Gpu | None = Field(default=None, description="Graphics processors.")


class Port(Model):
    """A port that the app listens on."""

    name: PortName = Field(description="Name of the port, unique in the app; at most 15 characters.")
    port: PortNumber = Field(description="Number of the port, in the container and on the Service.")
    protocol: Literal["TCP", "UDP", "SCTP"] = Field(default="TCP", description="Protocol of the port.")


class EnvSource(Model):
    """A Secret or a ConfigMap of the same namespace whose keys become environment variables."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "has(self.secret) != has(self.configMap)",
                "Give exactly one of secret and configMap; use two entries for both.",
            )
        )
    )

    secret: ObjectName | None = Field(default=None, description="Name of a Secret.")
    config_map: ObjectName | None = Field(default=None, description="Name of a ConfigMap.")


class Check(Model):
    """How to ask the app: HTTP GET on a path, or, without a path, a TCP connection."""

    path: str | None = Field(
        default=None,
        pattern=r"^/\S*$",
        max_length=1024,
        description="Path of an HTTP GET that must answer 200 to 399. Absent: a TCP connection is enough.",
    )
    port: PortNumber | None = Field(
        default=None, description="Port to ask. Absent: the first TCP port of the app."
    )


class StartupCheck(Check):
    """How to find out that the app has started; until then the other checks wait."""

    within: Duration = Field(
        default="60s",
        description="The app is restarted when it has not started within this time, such as 60s or 5m.",
        json_schema_extra=validations(
            Rule(
                "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
                "Give a time between 1s and 24h.",
            )
        ),
    )


class Health(Model):
    """How the app is asked whether it works."""

    ready: Check | None = Field(
        default=None,
        description=(
            "Whether a replica gets requests. Absent: a TCP connection to the first TCP port must succeed."
        ),
    )
    startup: StartupCheck | None = Field(
        default=None, description="Whether a replica has started; for slow starters."
    )
    live: Check | None = Field(
        default=None,
        description=(
            "Whether a replica is stuck and must be restarted. Absent: never; it kills apps that are only "
            "slow."
        ),
    )


class Binding(Model):
    """A Bucket whose credentials the app gets as environment variables."""

    bucket: ObjectName = Field(description="Name of a Bucket of this namespace.")
    access: Name | None = Field(
        default=None, description="Name of the consumer in the Bucket's spec.access. Absent: the only one."
    )
    prefix: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$", min_length=1, max_length=40)] | None = Field(
        default=None, description="What the names of the variables begin with, such as ASSETS_."
    )


class Volume(Model):
    """A directory in the container: exactly one of ephemeral, size, secret and configMap."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                (
                    "[has(self.ephemeral), has(self.size), has(self.secret), "
                    "has(self.configMap)].filter(x, x).size() == 1"
                ),
                "Give exactly one of ephemeral, size, secret and configMap.",
            ),
            Rule(
                "has(self.size) || !(has(self.accessMode) || has(self.storageClass) || has(self.retain))",
                "accessMode, storageClass and retain go with size.",
            ),
            Rule(
                f"!has(self.size) || size(self.name) <= {CLAIM_LIMIT}",
                (
                    f"The name of a volume with size has at most {CLAIM_LIMIT} characters: the claim is "
                    "named <app>-<volume>."
                ),
            ),
            Rule(
                "!has(self.size) || !has(oldSelf.size) || "
                "quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0",
                (
                    "A volume cannot shrink: keep the size or give a greater one, or add a new volume and "
                    "copy the data."
                ),
                field_path=".size",
            ),
            Rule(
                "!has(self.size) || !has(oldSelf.size) || ("
                "(has(self.accessMode) ? self.accessMode : 'ReadWriteOnce') == "
                "(has(oldSelf.accessMode) ? oldSelf.accessMode : 'ReadWriteOnce') && "
                "(has(self.storageClass) ? self.storageClass : '') == (has(oldSelf.storageClass) ? "
                "oldSelf.storageClass : ''))",
                "accessMode and storageClass of a volume cannot change: add a new volume and copy the data.",
            ),
        )
    )

    name: Name = Field(description="Name of the volume, unique in the app.")
    path: MountPath = Field(description="Where it is mounted.")
    ephemeral: Bytes | None = Field(
        default=None, description="An empty directory of at most this size that goes with the replica."
    )
    size: Bytes | None = Field(
        default=None, description="A PersistentVolumeClaim <app>-<name> of this size; it may grow."
    )
    secret: ObjectName | None = Field(
        default=None, description="A Secret as files. A change of its content rolls the pods."
    )
    config_map: ObjectName | None = Field(
        default=None, description="A ConfigMap as files. A change of its content rolls the pods."
    )
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] | None = Field(
        default=None, description="Who may mount it at a time. Absent: ReadWriteOnce, one node."
    )
    storage_class: ObjectName | None = Field(
        default=None, description="StorageClass to take it from. Absent: the cluster's default."
    )
    retain: Literal["Retain", "Delete"] | None = Field(
        default=None,
        description="What becomes of the data when the volume or the app is deleted. Absent: Retain.",
    )


class Init(Model):
    """A container that runs to its end before the app starts, with the app's environment and volumes."""

    name: Name = Field(description="Name of the container, unique in the app; not app.")
    image: Image | None = Field(default=None, description="Image to run. Absent: the app's.")
    command: tuple[Word, ...] = Field(
        default=(), max_length=64, description="Command to run instead of the image's."
    )
    args: tuple[Word, ...] = Field(default=(), max_length=128, description="Arguments of the command.")
    env: Environment = Field(
        default={}, max_length=128, description="Environment variables beside the app's; they win."
    )


class Sidecar(Model):
    """A container that runs beside the app; it starts before the app and ends after it."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule("!(has(self.size) && has(self.resources))", "Give either size or resources.")
        )
    )

    name: Name = Field(description="Name of the container, unique in the app; not app.")
    image: Image = Field(description="Image to run.")
    command: tuple[Word, ...] = Field(
        default=(), max_length=64, description="Command to run instead of the image's."
    )
    args: tuple[Word, ...] = Field(default=(), max_length=128, description="Arguments of the command.")
    env: Environment = Field(
        default={}, max_length=128, description="Environment variables; the app's are not passed on."
    )
    env_from: tuple[EnvSource, ...] = Field(
        default=(),
        max_length=16,
        description="Secrets and ConfigMaps whose keys become environment variables.",
    )
    volumes: tuple[Name, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_set(),
        description="Names of the app's volumes that it mounts too, at the same paths.",
    )
    size: SizeName | None = Field(default=None, description="CPU and memory by name. Absent: nano.")
    resources: Resources | None = Field(default=None, description="CPU and memory in numbers.")


class Metrics(Model):
    """Where Prometheus reads the app's metrics."""

    port: PortNumber = Field(description="Port of the metrics; it need not be one of the app's ports.")
    path: str = Field(
        default="/metrics", pattern=r"^/\S*$", max_length=1024, description="Path of the metrics."
    )
