"""What users write in a ContainerApp: its spec, and every rule that the API server checks by itself.

The descriptions are what `kubectl explain` shows. Optional means absent: a default stands here only
where it can be shown in the stored object without contradicting an alternative field. Rules state
the remedy. Nothing here knows what the fields become.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_map, list_set, names, validations
from pileus.crds.types import Image, Model, ObjectName, PortNumber, Word
from pileus.kinds.containerapp.fields import Environment
from pileus.kinds.containerapp.parts import (
    Binding,
    EnvSource,
    Health,
    Init,
    Metrics,
    Port,
    Resources,
    Sidecar,
    SizeName,
    Volume,
)
from pileus.kinds.containerapp.reach import Expose, Rollout, Scale

NAME_LIMIT = 45
"""Longest name of an app: every name made from it fits the 63 characters of a label value."""

ROOT_RULES = names(NAME_LIMIT, "a Service gets")

_TCP = "(has(self.port) || (has(self.ports) && self.ports.exists(p, p.protocol == 'TCP')))"
_ONE_NODE = (
    "(has(self.volumes) && self.volumes.exists(v, has(v.size) && "
    "(!has(v.accessMode) || v.accessMode != 'ReadWriteMany')))"
)
_BESIDE = "(has(self.rollout) && self.rollout.strategy in ['BlueGreen', 'Canary'])"
_NAMED = "(has(self.{list}) ? self.{list}.map(c, c.name) : [])"
_CONTAINERS = f"({_NAMED.format(list='init')} + {_NAMED.format(list='sidecars')})"

TEXT_LIMIT = 512 * 1024
"""Bytes of text in all containers together: etcd keeps no object of more than 1.5 MiB."""


def _text(of: str) -> str:
    lists = (f"(has({of}.{name}) ? {of}.{name}.map(w, size(w)).sum() : 0)" for name in ("command", "args"))
    return " + ".join((*lists, _variables(of)))


def _variables(of: str) -> str:
    return f"(has({of}.env) ? {of}.env.map(k, size(k) + size({of}.env[k])).sum() : 0)"


_INITS = f"(has(self.init) ? self.init.map(c, {_text('c')} + {_variables('self')}).sum() : 0)"
_SIDECARS = f"(has(self.sidecars) ? self.sidecars.map(c, {_text('c')}).sum() : 0)"

SPEC_RULES = (
    Rule(
        f"{_text('self')} + {_INITS} + {_SIDECARS} <= {TEXT_LIMIT}",
        (
            "command, args and env of all containers hold more than 512 KiB (init gets env too): put large "
            "values into a ConfigMap, and mount it with volumes."
        ),
    ),
    Rule("!(has(self.port) && has(self.ports))", "Give either port or ports."),
    Rule(
        "!(has(self.replicas) && has(self.scale))",
        "Give either replicas or scale: with scale, the load decides.",
    ),
    Rule("!(has(self.size) && has(self.resources))", "Give either size or resources."),
    Rule(
        (
            f"!{_ONE_NODE} || ((!has(self.replicas) || self.replicas <= 1) && (!has(self.scale) || "
            "self.scale.max <= 1))"
        ),
        (
            "A volume that only one node may mount allows one replica: use accessMode: ReadWriteMany, or "
            "replicas: 1."
        ),
    ),
    Rule(
        f"!{_ONE_NODE} || !{_BESIDE}",
        (
            "BlueGreen and Canary run two versions at once, which a volume for one node does not allow: "
            "use accessMode: ReadWriteMany."
        ),
    ),
    Rule(
        f"!{_BESIDE} || (has(self.expose) && has(self.expose.hosts))",
        (
            "BlueGreen and Canary move requests between versions at the gateway: give expose.hosts, or use "
            "strategy Rolling."
        ),
    ),
    Rule(
        f"!(has(self.expose) && has(self.expose.hosts)) || {_TCP}",
        "expose.hosts needs a TCP port to send requests to: give port.",
    ),
    Rule(
        "!(has(self.expose) && has(self.expose.type)) || has(self.port) || has(self.ports)",
        "expose needs a port to send connections to: give port.",
    ),
    Rule(
        f"!has(self.health) || {_TCP} || ((!has(self.health.ready) || has(self.health.ready.port)) && "
        "(!has(self.health.startup) || has(self.health.startup.port)) && (!has(self.health.live) || "
        "has(self.health.live.port)))",
        "A health check needs a TCP port to ask: give port, or a port in the check.",
    ),
    Rule(
        f"{_CONTAINERS}.all(n, n != 'app' && {_CONTAINERS}.filter(m, m == n).size() == 1)",
        "Names of init and sidecars must differ from each other, and none may be 'app'.",
    ),
    Rule(
        (
            "!has(self.sidecars) || self.sidecars.all(s, !has(s.volumes) || s.volumes.all(n, "
            "has(self.volumes) && self.volumes.exists(v, v.name == n)))"
        ),
        "A sidecar mounts volumes of the app by name: each must stand in spec.volumes.",
    ),
)


class ContainerAppSpec(Model):
    """What is asked for; only image is required."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    image: Image = Field(description="Image to run. It must not run as root, unless user says otherwise.")
    command: tuple[Word, ...] = Field(
        default=(), max_length=64, description="Command to run instead of the image's."
    )
    args: tuple[Word, ...] = Field(default=(), max_length=128, description="Arguments of the command.")
    env: Environment = Field(
        default={},
        max_length=256,
        description="Environment variables. Put secrets into a Secret, and name it in envFrom.",
    )
    env_from: tuple[EnvSource, ...] = Field(
        default=(),
        max_length=32,
        description=(
            "Secrets and ConfigMaps whose keys become environment variables; later ones win. A change of "
            "their content rolls the pods."
        ),
    )
    user: int | None = Field(
        default=None,
        ge=1,
        le=2_147_483_647,
        description=(
            "Numeric user to run as, for images whose own user is root or a name. Absent: the image's user."
        ),
    )
    pull_secrets: tuple[ObjectName, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_set(),
        description="Secrets with credentials for the image registry.",
    )
    port: PortNumber | None = Field(
        default=None, description="The TCP port that the app listens on; it is named http."
    )
    ports: tuple[Port, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("name")
        | validations(
            Rule(
                "self.all(p, self.filter(q, q.port == p.port && q.protocol == p.protocol).size() == 1)",
                "Each port and protocol may stand only once.",
            )
        ),
        description="The ports that the app listens on, if there is more than one.",
    )
    health: Health | None = Field(default=None, description="How the app is asked whether it works.")
    size: SizeName | None = Field(
        default=None, description="CPU and memory by name. Absent: small. The concept page has the table."
    )
    resources: Resources | None = Field(default=None, description="CPU and memory in numbers.")
    replicas: int | None = Field(
        default=None, ge=0, le=1000, description="How many replicas run. Absent, and without scale: 1."
    )
    scale: Scale | None = Field(default=None, description="Scaling by load.")
    rollout: Rollout | None = Field(
        default=None, description="How a new version replaces the old one. Absent: Rolling."
    )
    rollback_to: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description=(
            "Run this revision of status.revisions again, whatever the rest says. Remove the field to go on."
        ),
    )
    expose: Expose | None = Field(
        default=None, description="How the app is reached from outside the cluster. Absent: not at all."
    )
    bindings: tuple[Binding, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"}
        | validations(
            Rule(
                "self.all(b, self.filter(c, (has(b.prefix) ? b.prefix : '') == "
                "(has(c.prefix) ? c.prefix : '')).size() == 1)",
                "Two bindings give variables of the same names: give each a prefix of its own.",
            )
        ),
        description=(
            "Buckets whose credentials the app gets as environment variables. It waits for them, and is "
            "rolled when a key is replaced."
        ),
    )
    volumes: tuple[Volume, ...] = Field(
        default=(),
        max_length=32,
        json_schema_extra=list_map("name")
        | validations(
            Rule(
                "self.all(v, self.filter(w, w.path == v.path).size() == 1)", "Each path may stand only once."
            )
        ),
        description="Directories in the container.",
    )
    init: tuple[Init, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("name"),
        description="Containers that run to their end, one after the other, before the app starts.",
    )
    sidecars: tuple[Sidecar, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=list_map("name"),
        description="Containers that run beside the app.",
    )
    arch: Literal["amd64", "arm64", "any"] = Field(
        default="any", description="Processor architecture of the nodes to run on."
    )
    metrics: Metrics | None = Field(
        default=None,
        description="Where Prometheus reads the app's metrics, if the cluster has the Prometheus Operator.",
    )
