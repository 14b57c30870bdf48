"""Shows a run: on the terminal, as JSON, and in `docs/benchmarks`.

In the docs only what stands between the two markers is written anew; the words around it are people's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from bench import plot
from bench.buckets import tables as of_buckets
from bench.buckets.results import Buckets
from bench.firewall import tables as of_firewall
from bench.firewall.results import Firewall
from bench.results import Results, read
from bench.table import Table
from bench.tables import tables
from pileus.local.paths import CHECKOUT

DOCS = CHECKOUT / "docs" / "benchmarks"
BEGIN = "<!-- written by `python -m bench --docs` -->\n"
END = "<!-- end of what is written -->\n"


def show(results: Results) -> None:
    """All tables on the terminal."""
    console = Console(width=132)
    if results.rows or results.raw or results.ready:
        _show(console, results, tables(results))
    if results.buckets:
        _show(console, results.buckets, of_buckets.tables(results.buckets))
    if results.firewall:
        _show(console, results.firewall, of_firewall.tables(results.firewall))


def _show(console: Console, results: Results | Buckets | Firewall, found: Iterable[Table]) -> None:
    for table in found:
        grid = Grid(title=table.title)
        for number, column in enumerate(table.header):
            grid.add_column(column, justify="left" if number < table.words else "right")
        for row in table.rows:
            grid.add_row(*(Text(cell.replace("**", "")) for cell in row))
        console.print(grid)
    console.print(machine(results))


def machine(results: Results | Buckets | Firewall) -> str:
    """Where and with what it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    where = f"{results.cores} cores, {results.memory} GiB, load {results.load:.1f} before it began"
    return f"Measured on {where}, in one run; {versions}."


def write_json(results: Results, file: Path) -> None:
    """Everything that was measured, in the form of `bench.results`."""
    file.write_text(json.dumps(results.as_json(), indent=1) + "\n")


def with_committed(results: Results) -> Results:
    """The run, and what it did not measure from the run before it."""
    before = read(json.loads((DOCS / "results.json").read_text()))
    chosen = results if results.rows or results.raw or results.ready else before
    return replace(
        chosen, buckets=results.buckets or before.buckets, firewall=results.firewall or before.firewall
    )


def write_docs(results: Results) -> None:
    """JSON, plot, and the tables of the page, whose sections may be of different runs."""
    if results.rows:
        plot.draw(results, DOCS / "plot.svg")
    results = with_committed(results)
    write_json(results, DOCS / "results.json")
    page = DOCS / "README.md"
    page.write_text(written(page.read_text(), results))


def written(page: str, results: Results) -> str:
    """The page with the tables of these results between the markers."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    parts = [machine(results), "![The same work by each](plot.svg)", *map(_markdown, tables(results))]
    if results.buckets:
        found = map(_markdown, of_buckets.tables(results.buckets))
        parts += ["## Buckets", machine(results.buckets), *found]
    if results.firewall:
        found = map(_markdown, of_firewall.tables(results.firewall))
        parts += ["## FirewallPolicies", machine(results.firewall), *found]
    return before + BEGIN + "\n" + "\n\n".join(parts) + "\n\n" + END + after


def _markdown(table: Table) -> str:
    marks = ["---" if number < table.words else "--:" for number in range(len(table.header))]
    lines = [table.header, tuple(marks), *table.rows]
    return f"### {table.title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)
