"""What the benchmark makes of what it reads: counted requests, verdicts, tables. Nothing is timed here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from bench import counts, report
from bench.counts import Request
from bench.results import Phase, Ready, Restart, Results, Row, read
from bench.targets import floor_kept, targets

PAGE = """\
# HELP apiserver_request_total Counter of apiserver requests
apiserver_request_total{code="201",group="",resource="services",verb="APPLY",scope="resource"} 3
apiserver_request_total{code="200",group="",resource="services",verb="APPLY",scope="resource"} 4
apiserver_request_total{code="200",group="apps",resource="deployments",verb="WATCH",scope="cluster"} 1
apiserver_request_duration_seconds_count{group="",resource="services",verb="APPLY"} 9
"""


def test_answers_are_added_up() -> None:
    expected = {Request("APPLY", "", "services"): 7, Request("WATCH", "apps", "deployments"): 1}
    assert expected == counts.parse(PAGE)


def results(cold: int = 5000, ready: float = 30.0) -> Results:
    """A run in which every promise is kept."""

    def row(resources: int, rss: float) -> Row:
        phases = [
            Phase("cold", 5 * resources + 10, 10.0, 4.0, rss, rss, {"APPLY": cold * resources // 1000}),
            Phase("restart", 0, 0.0, 1.0, rss, rss, {"WATCH": 4}),
            Phase("change", 2 * resources, 9.0, 1.5, rss, rss, {"APPLY": 2 * resources}),
            Phase("drift", 400, 1.0, 0.2, rss, rss, {"APPLY": 400}),
            Phase("idle", 0, 0.0, 0.0, rss, rss),
        ]
        return Row("Pileus", resources, phases, Restart(0.9, 1.2, 1.3))

    pairs = Ready([400.0 + ready] * 3, [400.0] * 3, [20.0] * 3, [5.0] * 3)
    return Results(2, 24, 0.1, {"Python": "3.11"}, [], [row(1000, 80.0), row(5000, 90.0)], pairs)


def test_every_promise_can_be_kept() -> None:
    assert [target.promise for target in targets(results()) if not target.met] == []


@pytest.mark.parametrize(
    ("run", "floor", "broken"),
    [
        pytest.param(lambda: results(cold=6100), False, "bring all in place", id="a write too many"),
        pytest.param(lambda: results(ready=51.0), True, "apply to Ready", id="late, but no request too many"),
    ],
)
def test_a_broken_promise_is_told(run: Callable[[], Results], floor: bool, broken: str) -> None:
    assert floor == floor_kept(run())
    assert all(broken in target.promise for target in targets(run()) if not target.met)
    assert any(not target.met for target in targets(run()))


def test_results_survive_json() -> None:
    assert results() == read(json.loads(json.dumps(results().as_json())))


def test_words_around_the_tables_stay() -> None:
    page = f"before\n{report.BEGIN}stale\n{report.END}after\n"
    once = report.written(page, results())
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "stale" not in once
    assert once == report.written(once, results())


def test_the_page_shows_the_committed_results() -> None:
    figures = read(json.loads((report.DOCS / "results.json").read_text()))
    page = (report.DOCS / "README.md").read_text()
    assert page == report.written(page, figures), (
        "run `python -m bench --results docs/benchmarks/results.json --docs`"
    )
