"""What a run over FirewallPolicies found, as values that become JSON. Seconds, MB of 10^6 bytes, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.counts import READS, WRITES


@dataclass(slots=True)
class Phase:
    """What one phase cost.

    changed: policies or pods that it was about. wall: until the last policy was as wanted; 0 where nothing is
    waited for. passes: over policies, by the operator's own metric. requests: of the API server, by verb and
    kind.
    """

    name: str
    changed: int
    wall: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    peak: float = 0.0
    passes: int = 0
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """Writes, and reads of single objects."""
        asking = (*WRITES, *READS)
        return sum(count for request, count in self.requests.items() if request.split()[0] in asking)


@dataclass(slots=True)
class Course:
    """One layout. empty: seconds of CPU, and empty_rss: MB, of a start with all the pods and no policy."""

    spaces: int
    policies: int
    pods: int
    empty: float = 0.0
    empty_rss: float = 0.0
    phases: list[Phase] = field(default_factory=list)

    def phase(self, name: str) -> Phase:
        return next(phase for phase in self.phases if phase.name == name)


@dataclass(slots=True)
class Firewall:
    """A whole run, with the machine that it was made on."""

    cores: int
    memory: int
    load: float
    versions: dict[str, str]
    idle: float
    """Seconds of the idle phase."""
    courses: list[Course] = field(default_factory=list)


def read(data: Mapping[str, Any]) -> Firewall:
    """From what `dataclasses.asdict` made."""
    courses = [
        Course(**{**course, "phases": [Phase(**phase) for phase in course["phases"]]})
        for course in data["courses"]
    ]
    return Firewall(**{**data, "courses": courses})
