"""The plot of the docs: four comparisons, one colour a contender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.results import Results, Row

COLOURS = {"Pileus": "#2a6f97", "controller-runtime": "#8aa29e", "kro": "#d98324"}


Value = Callable[[Row, str], float]
"""The length of a bar, of a row and the name of a phase."""


def draw(results: Results, file: Path) -> None:
    """Write it as SVG, the same bytes for the same results."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "font.family": "DejaVu Sans"})
    from matplotlib import pyplot

    rows = [row for row in results.rows if not row.skipped]
    few = min(row.resources for row in rows)
    small = [row for row in rows if row.resources == few]
    cold = [(row, "cold") for row in small]
    change = [(row, "change") for row in small]
    figure, ((top, right), (left, last)) = pyplot.subplots(2, 2, figsize=(9, 5.6), layout="constrained")
    _bars(top, f"Requests a resource, of {few:,}", [cold, change], _requests, "{:.1f}", ("cold", "change"))
    _bars(right, f"CPU a resource, ms, of {few:,}", [cold, change], _cpu, "{:.1f}", ("cold", "change"))
    sizes = sorted({row.resources for row in rows})
    sized = [[(row, "idle") for row in rows if row.resources == size] for size in sizes]
    words = tuple(f"{size:,}" for size in sizes)
    _bars(left, "Memory at most, MB, by number of resources", sized, _peak, "{:.0f}", words)
    raw = {raw.resources: raw.go for raw in results.raw}

    def wall(row: Row, _: str) -> float:
        return row.phase("cold").wall / raw[row.resources]

    if set(sizes) <= set(raw):
        _bars(last, "Time cold, as a multiple of raw writes in Go", sized, wall, "{:.2f}", words)
        last.axvline(1, color="#444", linewidth=0.8, linestyle=":")
    figure.legend(
        handles=[mpl.patches.Patch(color=colour, label=name) for name, colour in COLOURS.items()],
        loc="outside upper center",
        ncols=len(COLOURS),
        frameon=False,
    )
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _requests(row: Row, name: str) -> float:
    return row.phase(name).sent / row.resources


def _cpu(row: Row, name: str) -> float:
    return row.phase(name).cpu / row.resources * 1000


def _peak(row: Row, _: str) -> float:
    return max(phase.peak for phase in row.phases)


def _bars(
    axes: Any,
    title: str,
    groups: Sequence[Sequence[tuple[Row, str]]],
    value: Value,
    form: str,
    names: tuple[str, ...],
) -> None:
    """One group of bars for each list of (row, phase), from the top down."""
    place, middles = 0.0, []
    for group in groups:
        start = place
        for row, phase in group:
            amount = value(row, phase)
            axes.barh(place, amount, height=0.85, color=COLOURS[row.contender])
            axes.annotate(
                form.format(amount), (amount, place), xytext=(3, 0), textcoords="offset points", va="center"
            )
            place += 1
        middles.append((start + place - 1) / 2)
        place += 0.7
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_yticks(middles, names)
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
