"""What a run found, as plain values that become JSON. Seconds, MB of 10^6 bytes, counts."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.buckets import results as buckets
from bench.buckets.results import Buckets
from bench.counts import READS, WRITES
from bench.firewall import results as firewall
from bench.firewall.results import Firewall


@dataclass(slots=True)
class Phase:
    """What one phase cost a contender.

    wall: until the last resource or child was as wanted; 0 where nothing is waited for.
    floor: the least requests that the phase can take, with no read. cpu: until it was quiet again.
    rss, peak: at the end, and at most since the process started.
    """

    name: str
    floor: int
    wall: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    peak: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """Writes and reads of single objects: what the floor is about."""
        return sum(self.requests.get(verb, 0) for verb in (*WRITES, *READS))

    @property
    def sent(self) -> int:
        """All requests but watches."""
        return self.asked + self.requests.get("LIST", 0)


@dataclass(slots=True)
class Restart:
    """Seconds from the start of a process, with everything in place already.

    ready: /readyz answers. passed: every resource has had a pass by the contender's own metric, 0 if that
    never came. quiet: it was busy for the last time.
    """

    ready: float
    passed: float
    quiet: float


@dataclass(slots=True)
class Row:
    """A contender at one number of resources. `apart`: requests for other kinds, by verb and kind."""

    contender: str
    resources: int
    phases: list[Phase] = field(default_factory=list)
    restart: Restart | None = None
    apart: dict[str, int] = field(default_factory=dict)
    skipped: str = ""

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)


@dataclass(slots=True)
class Raw:
    """Seconds that bare clients took for the very same writes."""

    resources: int
    requests: int
    python: float
    go: float


@dataclass(slots=True)
class Ready:
    """From apply to Ready on a real kubelet; milliseconds, one entry a pair.

    operator: ContainerApp until Ready. hand: Deployment and Service until Available.
    seen: ContainerApp until its Deployment is there. told: Deployment Available until ContainerApp Ready.
    """

    operator: list[float] = field(default_factory=list)
    hand: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    skipped: str = ""


@dataclass(slots=True)
class Results:
    """A whole run. load: processes that wanted a core before it began; above some tenths, times are noise.

    buckets, firewall: from runs of their own, perhaps.
    """

    cores: int
    memory: int
    load: float
    versions: dict[str, str]
    raw: list[Raw] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ready: Ready | None = None
    buckets: Buckets | None = None
    firewall: Firewall | None = None

    def row(self, contender: str, resources: int) -> Row | None:
        """The row of a contender, if it was measured."""
        for row in self.rows:
            if (row.contender, row.resources) == (contender, resources) and not row.skipped:
                return row
        return None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read(data: dict[str, Any]) -> Results:
    """From what `as_json` made."""
    rows = [
        Row(
            **row
            | {
                "phases": [Phase(**phase) for phase in row["phases"]],
                "restart": Restart(**row["restart"]) if row["restart"] else None,
            }
        )
        for row in data["rows"]
    ]
    ready = Ready(**data["ready"]) if data["ready"] else None
    raw = [Raw(**raw) for raw in data["raw"]]
    apart = {
        "buckets": buckets.read(data["buckets"]) if data.get("buckets") else None,
        "firewall": firewall.read(data["firewall"]) if data.get("firewall") else None,
    }
    return Results(**data | {"raw": raw, "rows": rows, "ready": ready, **apart})


def machine() -> tuple[int, int]:
    """Cores and GiB of memory, all that is told of the machine."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return os.cpu_count() or 1, round(pages / 2**30)
