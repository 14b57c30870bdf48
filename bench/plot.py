"""The plot of the docs: four comparisons, one colour a contender."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.results import Results, Row

COLOURS = {"Pileus": "#2a6f97", "controller-runtime": "#8aa29e", "kro": "#d98324"}


def draw(results: Results, file: Path) -> None:
    """Write it as SVG, the same bytes for the same results."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "font.family": "DejaVu Sans"})
    from matplotlib import pyplot

    rows = [row for row in results.rows if not row.skipped]
    small = [row for row in rows if row.resources == min(row.resources for row in rows)]
    cold = [(row, "cold") for row in small]
    change = [(row, "change") for row in small]
    figure, ((top, right), (left, last)) = pyplot.subplots(2, 2, figsize=(9, 5.6), layout="constrained")
    each: Callable[[Row, str], float] = lambda row, name: row.phase(name).asked / row.resources  # noqa: E731
    _bars(top, "Requests of a resource", [cold, change], each, "{:.1f}", ("cold", "change"))
    cpu: Callable[[Row, str], float] = lambda row, name: row.phase(name).cpu / row.resources * 1000  # noqa: E731
    _bars(right, "CPU of a resource, ms", [cold, change], cpu, "{:.1f}", ("cold", "change"))
    sizes = sorted({row.resources for row in rows})
    sized = [[(row, "idle") for row in rows if row.resources == size] for size in sizes]
    words = tuple(f"{size:,}" for size in sizes)
    peak: Callable[[Row, str], float] = lambda row, _: max(phase.peak for phase in row.phases)  # noqa: E731
    _bars(left, "Memory at most, MB, by resources", sized, peak, "{:.0f}", words)
    raw = {raw.resources: raw.go for raw in results.raw}
    wall: Callable[[Row, str], float] = lambda row, _: row.phase("cold").wall / raw[row.resources]  # noqa: E731
    if set(sizes) <= set(raw):
        _bars(last, "Time cold, as a multiple of raw writes", sized, wall, "{:.2f}", words)
        last.axvline(1, color="#444", linewidth=0.8, linestyle=":")
    figure.legend(
        handles=[mpl.patches.Patch(color=colour, label=name) for name, colour in COLOURS.items()],
        loc="outside upper center",
        ncols=len(COLOURS),
        frameon=False,
    )
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _bars(axes, title, groups, value, form, names) -> None:  # type: ignore[no-untyped-def]
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
