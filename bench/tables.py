"""The results as tables of text, for the terminal and for the docs alike."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.results import Phase, Results, Row
from bench.table import Table
from bench.targets import our_part, per_further, targets

VERBS = ("APPLY", "POST", "PUT", "PATCH", "DELETE", "GET", "LIST", "WATCH")


def tables(results: Results) -> Iterator[Table]:
    """Every table of a run, in the order in which they are shown."""
    yield _targets(results)
    yield _cold(results)
    yield _later(results, "change", "One change of each resource")
    yield _later(results, "drift", "One child of ten deleted")
    yield _restart(results)
    yield _idle(results)
    yield _verbs(results)
    if results.ready and results.ready.operator:
        yield _ready(results)


def _targets(results: Results) -> Table:
    rows = tuple((t.promise, t.limit, t.found, "yes" if t.met else "**no**") for t in targets(results))
    return Table("Targets", ("Target", "Limit", "Found", "Met"), rows, words=1)


def _cold(results: Results) -> Table:
    header = (
        "Resources",
        "Who",
        "Requests each",
        "Wall s",
        "x raw Python",
        "x raw Go",
        "Resources/s",
        "CPU ms each",
        "RSS MB",
        "Peak MB",
    )
    rows: list[tuple[str, ...]] = []
    for raw in results.raw:
        for client, seconds in (("Python", raw.python), ("Go", raw.go)):
            each = f"{raw.requests / raw.resources:.2f}"
            times = (
                f"{seconds / raw.python:.2f}",
                f"{seconds / raw.go:.2f}",
                f"{raw.resources / seconds:.0f}",
            )
            rows.append(
                (f"{raw.resources:,}", f"raw writes, {client}", each, f"{seconds:.1f}", *times, "", "", "")
            )
        rows += [_cold_row(results, row) for row in results.rows if row.resources == raw.resources]
    known = {raw.resources for raw in results.raw}
    rows += [_cold_row(results, row) for row in results.rows if row.resources not in known]
    return Table("Everything from nothing (cold)", header, tuple(rows))


def _cold_row(results: Results, row: Row) -> tuple[str, ...]:
    if row.skipped:
        return (f"{row.resources:,}", row.contender, row.skipped, *[""] * 7)
    cold = row.phase("cold")
    raw = next((raw for raw in results.raw if raw.resources == row.resources), None)
    times = (f"{cold.wall / raw.python:.2f}", f"{cold.wall / raw.go:.2f}") if raw else ("", "")
    rate = f"{row.resources / cold.wall:.0f}"
    memory = (f"{cold.rss:.0f}", f"{cold.peak:.0f}")
    return (*_named(row), _each(row, cold), f"{cold.wall:.1f}", *times, rate, _cpu(row, cold), *memory)


def _later(results: Results, name: str, title: str) -> Table:
    header = ("Resources", "Who", "Requests each", "Floor", "Wall s", "CPU ms each", "RSS MB")
    rows = []
    for row in _measured(results):
        phase = row.phase(name)
        floor = f"{phase.floor / row.resources:.2f}"
        figures = (_each(row, phase), floor, f"{phase.wall:.1f}", _cpu(row, phase), f"{phase.rss:.0f}")
        rows.append((*_named(row), *figures))
    return Table(title, header, tuple(rows))


def _restart(results: Results) -> Table:
    header = (
        "Resources",
        "Who",
        "Requests each",
        "CPU s",
        "RSS MB",
        "/readyz s",
        "All looked at s",
        "Quiet s",
    )
    rows = []
    for row in _measured(results):
        phase, back = row.phase("restart"), row.restart
        times = (
            (f"{back.ready:.2f}", f"{back.passed:.2f}" if back.passed else "", f"{back.quiet:.2f}")
            if back
            else ()
        )
        rows.append((*_named(row), _each(row, phase), f"{phase.cpu:.2f}", f"{phase.rss:.0f}", *times))
    return Table("Restart with everything in place", header, tuple(rows))


def _idle(results: Results) -> Table:
    header = ("Resources", "Who", "Requests", "CPU s", "RSS MB", "Peak MB", "KB a further resource")
    rows = []
    first: dict[str, Row] = {}
    for row in _measured(results):
        phase = row.phase("idle")
        small = first.setdefault(row.contender, row)
        further = f"{per_further(small, row):.1f}" if small is not row else ""
        peak = max(phase.peak for phase in row.phases)
        figures = (f"{phase.sent:,}", f"{phase.cpu:.2f}", f"{phase.rss:.0f}", f"{peak:.0f}", further)
        rows.append((*_named(row), *figures))
    return Table("An idle minute, and memory", header, tuple(rows))


def _verbs(results: Results) -> Table:
    rows = []
    for row in _measured(results):
        for phase in row.phases:
            counts = tuple(f"{phase.requests.get(verb, 0):,}" for verb in VERBS)
            if any(phase.requests.values()):
                rows.append((*_named(row), phase.name, *counts))
    return Table("Requests by verb", ("Resources", "Who", "Phase", *VERBS), tuple(rows), words=3)


def _ready(results: Results) -> Table:
    ready = results.ready
    assert ready is not None
    figures = (
        ("ContainerApp applied until Ready", ready.operator),
        ("the same Deployment and Service by hand until Available", ready.hand),
        ("ContainerApp applied until its Deployment is there", ready.seen),
        ("Deployment Available until ContainerApp Ready", ready.told),
    )
    rows = [(words, f"{median(ms):.0f}", f"{min(ms):.0f}", f"{max(ms):.0f}") for words, ms in figures]
    rows.append(("**the operator's part: difference of a pair**", f"**{our_part(results):.0f}**", "", ""))
    title = f"From apply to Ready on a real kubelet, {len(ready.operator)} pairs"
    return Table(title, ("What", "Median ms", "Least", "Most"), tuple(rows), words=1)


def _measured(results: Results) -> list[Row]:
    return [row for row in results.rows if not row.skipped]


def _named(row: Row) -> tuple[str, str]:
    return f"{row.resources:,}", row.contender


def _each(row: Row, phase: Phase) -> str:
    return f"{phase.sent / row.resources:.2f}"


def _cpu(row: Row, phase: Phase) -> str:
    return f"{phase.cpu / row.resources * 1000:.2f}"
