"""What a run over Buckets found, as plain values that become JSON. Seconds, MB of 10^6 bytes, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.counts import WRITES

UNCHANGED = ("idle", "restart", "resync")
"""Phases in which nothing changes."""


@dataclass(slots=True)
class Phase:
    """What one phase cost.

    wall: until the last Bucket was as wanted, or looked at; 0 where nothing is waited for. bare: what a bare
    script took for the same calls, 0 where none did. calls: those about a bucket or its user, by operation;
    own: those about the store itself. requests: of the API server, by verb and kind.
    """

    name: str
    wall: float = 0.0
    bare: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    peak: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def called(self) -> int:
        """Calls about buckets and users."""
        return sum(self.calls.values())

    @property
    def writes(self) -> int:
        """Writes to the API server."""
        return sum(count for request, count in self.requests.items() if request.split()[0] in WRITES)


@dataclass(slots=True)
class Engine:
    """One store with its Buckets. empty: the operator's MB with the store and no Bucket."""

    name: str
    buckets: int
    empty: float = 0.0
    phases: list[Phase] = field(default_factory=list)

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)


@dataclass(slots=True)
class Buckets:
    """A whole run, with the machine that it was made on."""

    cores: int
    memory: int
    load: float
    versions: dict[str, str]
    idle: float
    """Seconds of the idle phase."""
    engines: list[Engine] = field(default_factory=list)


def read(data: Mapping[str, Any]) -> Buckets:
    """From what `dataclasses.asdict` made."""
    engines = [
        Engine(**{**engine, "phases": [Phase(**phase) for phase in engine["phases"]]})
        for engine in data["engines"]
    ]
    return Buckets(**{**data, "engines": engines})
