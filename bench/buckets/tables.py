"""What a run over Buckets found, as tables of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from bench.buckets.results import UNCHANGED, Buckets, Engine, Phase
from bench.table import Table

ORDER = ("cold", "restart", "resync", "idle", "leave")


def tables(found: Buckets) -> Iterator[Table]:
    """Every table, in the order in which they are shown."""
    yield _targets(found)
    yield _phases(found)
    for engine in found.engines:
        yield _by_name(f"Calls of {engine.name} a Bucket", engine, lambda phase: phase.calls)
    for engine in found.engines:
        yield _by_name(f"Requests of the API server a Bucket, {engine.name}", engine, _requests)
    yield _memory(found)


def kept(found: Buckets) -> bool:
    """Whether nothing was written and no call was made twice where nothing changed."""
    return all(held for _, _, _, held in _promises(found))


def _promises(found: Buckets) -> Iterator[tuple[str, str, str, bool]]:
    """What is promised, its limit, what was found, and whether that is within."""
    for engine in found.engines:
        where = f"{engine.name}, {engine.buckets:,}"
        for name in UNCHANGED:
            writes = engine.phase(name).writes
            yield f"{where}: writes to the API server, {name}", "0", f"{writes:,}", writes == 0
        look = engine.phase("restart").called
        again = engine.phase("resync").called
        most = engine.buckets * len(engine.phase("resync").calls)
        yield f"{where}: calls at a restart", f"{most:,}", f"{look:,}", look <= most
        yield f"{where}: calls at a resync", f"{most:,}", f"{again:,}", again <= most
        idle = engine.phase("idle").called
        yield f"{where}: calls about Buckets, idle", "0", f"{idle:,}", idle == 0


def _targets(found: Buckets) -> Table:
    rows = tuple((*words, "yes" if held else "**no**") for *words, held in _promises(found))
    return Table("Targets of Buckets", ("Target", "Limit", "Found", "Met"), rows, words=1)


def _phases(found: Buckets) -> Table:
    header = (
        "Store",
        "Phase",
        "Calls a Bucket",
        "Calls of the store's own",
        "Writes a Bucket",
        "Wall s",
        "x bare boto3",
        "CPU ms a Bucket",
    )
    rows = []
    for engine, phase in _each(found):
        ratio = f"{phase.wall / phase.bare:.2f}" if phase.bare else ""
        wall = f"{phase.wall:.1f}" if phase.wall else ""
        counts = (f"{phase.called / engine.buckets:.2f}", f"{sum(phase.own.values())}")
        writes = f"{phase.writes / engine.buckets:.2f}"
        cpu = f"{phase.cpu / engine.buckets * 1000:.1f}"
        rows.append((engine.name, phase.name, *counts, writes, wall, ratio, cpu))
    return Table(f"Buckets by phase, idle for {found.idle:.0f} s", header, tuple(rows))


def _by_name(title: str, engine: Engine, counts: Callable[[Phase], Mapping[str, int]]) -> Table:
    """What is made for Buckets, by name; what one in ten did not need is left out."""
    phases = [engine.phase(name) for name in ORDER]
    most = Counter[str]()
    for phase in phases:
        most |= Counter(counts(phase))
    names = [name for name in most if most[name] >= engine.buckets / 10]
    rows = tuple(
        (name, *(f"{counts(phase).get(name, 0) / engine.buckets:.2f}" for phase in phases)) for name in names
    )
    sums = (sum(counts(phase).get(name, 0) for name in names) for phase in phases)
    whole = ("**all**", *(f"**{count / engine.buckets:.2f}**" for count in sums))
    return Table(title, ("Call", *ORDER), (*rows, whole), words=1)


def _requests(phase: Phase) -> dict[str, int]:
    return {name: count for name, count in phase.requests.items() if not name.startswith("WATCH")}


def _memory(found: Buckets) -> Table:
    rows = []
    for engine in found.engines:
        last = engine.phase("idle")
        peak = max(engine.phase(name).peak for name in ("cold", "idle"))
        further = (last.rss - engine.empty) * 1000 / engine.buckets
        figures = (f"{engine.empty:.0f}", f"{last.rss:.0f}", f"{peak:.0f}", f"{further:.1f}")
        rows.append((engine.name, f"{engine.buckets:,}", *figures))
    header = ("Store", "Buckets", "Without any, RSS MB", "With all, RSS MB", "Peak MB", "KB a Bucket")
    return Table("Memory with Buckets", header, tuple(rows))


def _each(found: Buckets) -> Iterator[tuple[Engine, Phase]]:
    for engine in found.engines:
        for name in ORDER:
            yield engine, engine.phase(name)
