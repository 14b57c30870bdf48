"""What users write in a CloudVM: its spec, and every rule that the API server checks by itself.

The descriptions are what `kubectl explain` shows. Optional means absent: a default stands here only
where it can be shown in the stored object without contradicting an alternative field. Rules state
the remedy. Nothing here knows what the fields become.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_map, names, validations
from pileus.crds.types import Model
from pileus.kinds.cloudvm.care import Exposure, Migrate, Placement, Restart, Snapshots
from pileus.kinds.cloudvm.parts import Access, Devices, Disk, Network, Processors, Size, System

NAME_LIMIT = 38
"""Longest name of a machine: the names of its disks, also made anew, fit the 63 characters of a label."""

ROOT_RULES = names(NAME_LIMIT, "the guest and its Services get")

_CLASS = "(has(self.size) && has(self.size.class))"
_HUGE = "quantity(string(self.size.memory)).asInteger() % {bytes} == 0"

SPEC_RULES = (
    Rule(
        f"!{_CLASS} || !has(self.cpu)",
        "A class decides how processors are had: leave cpu out, or give size in numbers.",
    ),
    Rule(
        "!has(self.cpu) || !has(self.cpu.hugepages) || !has(self.size) || !has(self.size.memory) || "
        "(self.cpu.hugepages == '1Gi' ? "
        f"{_HUGE.format(bytes=1 << 30)} : {_HUGE.format(bytes=2 << 20)})",
        "With hugepages, size.memory must be so many whole pages.",
    ),
    Rule(
        "self.disks.all(d, !has(d.boot) || "
        "self.disks.filter(e, has(e.boot) && e.boot == d.boot).size() == 1)",
        "Two disks cannot have the same place in the order of booting: give each its own boot.",
        field_path=".disks",
    ),
    Rule(
        "!has(self.networks) || self.networks.filter(n, !has(n.network)).size() <= 1",
        "Only one interface can be on the network of the pods: give the others a network.",
        field_path=".networks",
    ),
    Rule(
        "!has(self.networks) || self.networks.all(n, n.mac == 'auto' || "
        "self.networks.filter(m, m.mac == n.mac).size() == 1)",
        "Two interfaces cannot have the same MAC address.",
        field_path=".networks",
    ),
    Rule(
        "!has(self.expose) || self.expose.size() == 0 || !has(self.networks) || self.networks.size() == 0 || "
        "self.networks.exists(n, !has(n.network))",
        "expose needs an interface on the network of the pods: add one without network.",
        field_path=".expose",
    ),
)


class CloudVMSpec(Model):
    """What is asked for; only disks is required."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    power: Literal["Running", "Stopped", "Paused"] = Field(
        default="Running",
        description="Running, Stopped, or Paused: it keeps its memory, and its processors stand still.",
    )
    restart: Restart | None = Field(
        default=None, description="Restarts, on request and for changes that need one. Absent: by hand."
    )
    size: Size | None = Field(
        default=None, description="Processors and memory. Absent: one processor and 2Gi."
    )
    os: System | None = Field(default=None, description="What the guest is.")
    cpu: Processors | None = Field(
        default=None, description="How processors and memory are had from the node; with size in numbers."
    )
    disks: tuple[Disk, ...] = Field(
        min_length=1,
        max_length=24,
        json_schema_extra=list_map("name"),
        description="The disks; it starts from the first, unless boot says otherwise.",
    )
    networks: tuple[Network, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("name"),
        description="Network interfaces. Absent: one on the network of the pods.",
    )
    access: Access | None = Field(default=None, description="How one gets into the guest.")
    devices: Devices | None = Field(default=None, description="Devices beside disks and networks.")
    placement: Placement | None = Field(
        default=None, description="On which nodes it runs, and what happens when one is emptied."
    )
    migrate: Migrate | None = Field(default=None, description="Live migration on request.")
    expose: tuple[Exposure, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=list_map("name"),
        description="Ports of the guest that are reached through Services.",
    )
    snapshots: Snapshots | None = Field(default=None, description="Snapshots of all disks, and the way back.")
    protect: bool = Field(default=False, description="While true, nobody can delete this resource.")
