"""What the operator promises, each with what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from bench.results import Results, Row

SMALL = 1000
LARGE = 5000
"""The numbers of resources that the promises are about."""


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, its limit and what was found, in words; `met` is the verdict."""

    promise: str
    limit: str
    found: str
    met: bool


def targets(results: Results) -> list[Target]:
    """All that this run can judge."""
    ours = [row for row in results.rows if row.contender == "Pileus" and not row.skipped]
    found = [*_requests(ours), *_walls(results, ours), *_rival(results), *_memory(ours)]
    return [*found, *_cpu(ours), *_back(ours), *_ready(results)]


def floor_kept(results: Results) -> bool:
    """Whether the operator made no request above the least possible."""
    ours = (row for row in results.rows if row.contender == "Pileus")
    return all(phase.asked <= phase.floor for row in ours for phase in row.phases)


def _requests(ours: list[Row]) -> Iterator[Target]:
    words = {
        "cold": "requests to bring all in place",
        "restart": "requests at a restart",
        "change": "requests when each is changed once",
        "drift": "requests when one child of ten is deleted",
        "idle": "requests in an idle minute",
    }
    for row in ours:
        for phase in row.phases:
            promise = f"{row.resources:,}: {words[phase.name]}"
            yield Target(promise, f"{phase.floor:,}", f"{phase.asked:,}", phase.asked <= phase.floor)


def _walls(results: Results, ours: list[Row]) -> Iterator[Target]:
    for row in ours:
        for raw in results.raw:
            if raw.resources != row.resources:
                continue
            for client, seconds in (("Python", raw.python), ("Go", raw.go)):
                ratio = row.phase("cold").wall / seconds
                promise = f"{row.resources:,}: wall time, next to the bare {client} client"
                yield Target(promise, "1.10 x", f"{ratio:.2f} x", ratio <= 1.1)


def _rival(results: Results) -> Iterator[Target]:
    for row in results.rows:
        ours = results.row("Pileus", row.resources)
        if row.contender == "kro" and not row.skipped and ours:
            times = row.phase("cold").wall / ours.phase("cold").wall
            yield Target(f"{row.resources:,}: throughput, next to kro", "4 x", f"{times:.1f} x", times >= 4)


def _memory(ours: list[Row]) -> Iterator[Target]:
    sized = {row.resources: row for row in ours}
    if small := sized.get(SMALL):
        peak = max(phase.peak for phase in small.phases)
        yield Target(f"{SMALL:,}: memory at most", "90 MB", f"{peak:.0f} MB", peak <= 90)
    if (small := sized.get(SMALL)) and (large := sized.get(LARGE)):
        further = per_further(small, large)
        yield Target(
            "memory of a further resource with its children", "4 KB", f"{further:.1f} KB", further <= 4
        )


def per_further(small: Row, large: Row) -> float:
    """KB (10^3 bytes) of memory at rest for each resource more."""
    more = large.phase("idle").rss - small.phase("idle").rss
    return more * 1000 / (large.resources - small.resources)


def _cpu(ours: list[Row]) -> Iterator[Target]:
    for row in ours:
        for name, limit, words in (("cold", 4.5, "to bring it in place"), ("change", 1.8, "for a change")):
            each = row.phase(name).cpu / row.resources * 1000
            promise = f"{row.resources:,}: CPU a resource, {words}"
            yield Target(promise, f"{limit} ms", f"{each:.2f} ms", each <= limit)


def _back(ours: list[Row]) -> Iterator[Target]:
    for row in ours:
        if row.resources == LARGE and row.restart:
            took = row.restart.passed or row.restart.quiet
            words = f"{took:.1f} s (caches in step: {row.restart.ready:.1f} s)"
            yield Target(f"{LARGE:,}: every resource looked at after a restart", "1.5 s", words, took <= 1.5)


def _ready(results: Results) -> Iterator[Target]:
    if results.ready and results.ready.operator:
        part = our_part(results)
        yield Target("from apply to Ready, the operator's part", "50 ms", f"{part:.0f} ms", part <= 50)


def our_part(results: Results) -> float:
    """Milliseconds: the median of what a pair differs in."""
    assert results.ready is not None
    pairs = zip(results.ready.operator, results.ready.hand, strict=True)
    return median(operator - hand for operator, hand in pairs)
