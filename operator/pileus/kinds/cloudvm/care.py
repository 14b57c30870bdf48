"""How a CloudVM is looked after, as users write it: restarts, placement, migration, exposure, snapshots."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_map, list_set, validations
from pileus.crds.types import NAME_PATTERN, Cidr, Duration, Model, Name, PortNumber, Token

_NUMBERS = r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?"
_FIELD = rf"{_NUMBERS}(,{_NUMBERS})*"
_NAMES = r"[a-zA-Z]{3}(-[a-zA-Z]{3})?(,[a-zA-Z]{3}(-[a-zA-Z]{3})?)*"
CRON_PATTERN = rf"^{_FIELD} {_FIELD} ({_FIELD}|L) ({_FIELD}|{_NAMES}) ({_FIELD}|{_NAMES})$"

Cron = Annotated[str, Field(pattern=CRON_PATTERN, min_length=9, max_length=100)]
"""Minute, hour, day of the month, month, day of the week; in UTC."""


class Window(Model):
    """When something may happen."""

    cron: Cron = Field(description="When it begins, such as `0 3 * * sun`; in UTC.")
    lasts: Duration = Field(
        default="1h",
        description="How long it lasts.",
        json_schema_extra=validations(
            Rule(
                "duration(self) >= duration('1m') && duration(self) <= duration('24h')",
                "Give a time between 1m and 24h.",
            )
        ),
    )


class Restart(Model):
    """What becomes of changes that only a restart brings into force, and restarts on request."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "(self.policy == 'Window') == has(self.window)",
                "policy: Window goes with window, which says when.",
            )
        )
    )

    policy: Literal["Manual", "Automatic", "Window"] = Field(
        default="Manual",
        description=(
            "Manual: the condition RestartRequired says what waits. Automatic: it is restarted at once. "
            "Window: it is restarted in the window."
        ),
    )
    window: Window | None = Field(default=None, description="When it may be restarted.")
    token: Token | None = Field(default=None, description="A new text restarts the machine once, now.")


class Spread(Model):
    """Machines of one group keep away from each other."""

    group: Name = Field(description="Name of the group, in this namespace.")
    hard: bool = Field(
        default=False, description="Never two on one node, rather than not if it can be helped."
    )


class Placement(Model):
    """On which nodes the machine runs, and what happens when one is emptied."""

    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)] = Field(
        default={}, description="Labels that the node must have."
    )
    spread: Spread | None = Field(default=None, description="Keep away from other machines of a group.")
    evict: Literal["LiveMigrate", "LiveMigrateIfPossible", "External", "None"] | None = Field(
        default=None,
        description=(
            "What happens when its node is emptied: it moves, and the node waits if it cannot; it moves if "
            "it can; others care for it; or it is stopped. Absent: what the cluster's KubeVirt says."
        ),
    )


class Migrate(Model):
    """Live migration on request."""

    token: Token = Field(description="A new text moves the machine to another node once, while it runs.")


class Exposure(Model):
    """A port of the guest that is reached through a Service `<vm>-<name>`."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "!has(self.allowFrom) || self.type == 'LoadBalancer'",
                "Only a load balancer keeps others out: give type: LoadBalancer, or a FirewallPolicy.",
                field_path=".allowFrom",
            )
        )
    )

    name: Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=15)] = Field(
        description="Name of the port, unique in the machine."
    )
    port: PortNumber = Field(description="Port of the Service.")
    target: PortNumber | None = Field(default=None, description="Port of the guest. Absent: the same.")
    protocol: Literal["TCP", "UDP", "SCTP"] = Field(default="TCP", description="Protocol of the port.")
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(
        default="ClusterIP", description="From where it is reached: the cluster, its nodes, or outside."
    )
    allow_from: Annotated[tuple[Cidr, ...], Field(min_length=1, max_length=64)] | None = Field(
        default=None,
        json_schema_extra=list_set(),
        description="Only these address ranges may connect to the load balancer. Absent: everybody.",
    )


class Schedule(Model):
    """Snapshots at regular times."""

    name: Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=10)] = Field(
        default="auto",
        description="Name of the schedule, unique in the machine; it is in the snapshots' names.",
    )
    cron: Cron = Field(description="When, such as `0 3 * * *`; in UTC.")
    keep: int = Field(ge=1, le=100, description="How many are kept; the oldest go.")


class Snapshots(Model):
    """Snapshots of all disks of the machine."""

    schedules: tuple[Schedule, ...] = Field(
        default=(),
        max_length=4,
        json_schema_extra=list_map("name"),
        description="Snapshots at regular times.",
    )
    take: Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=20)] | None = Field(
        default=None,
        description="A new name takes a snapshot `<vm>-<name>` now. Earlier ones stay until deleted.",
    )
    restore: Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=63)] | None = Field(
        default=None,
        description=(
            "Name of a snapshot, as in status.snapshots, whose disks the machine gets. Each name once: give "
            "another one to go back again."
        ),
    )
    stop_to_restore: bool = Field(
        default=False,
        description="Whether the machine may be stopped to restore it. Otherwise power: Stopped is awaited.",
    )
