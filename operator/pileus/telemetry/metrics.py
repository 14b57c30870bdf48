"""Every metric of the operator, in one table.

The table is the only source: the collectors, the generated reference page and its test are made
from it. Counters and histograms are kept as they happen; gauges over resources are computed from
the cache when they are scraped, so nothing goes stale when a resource is deleted. No label holds a
resource's name: the number of series must not grow with the number of users' objects.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from pileus.engine.kind import Kind, StatusGauge
from pileus.objects.times import elapsed


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `kind` "scraped" is a gauge that is computed at scrape time."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "scraped"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


FAST = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
SLOW = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)

TABLE: tuple[Metric, ...] = (
    Metric(
        "pileus_reconcile_total",
        "counter",
        "Passes over resources, by kind and result: unchanged, written, retry, error.",
        ("kind", "result"),
    ),
    Metric("pileus_reconcile_duration_seconds", "histogram", "Seconds that a pass took.", ("kind",), SLOW),
    Metric(
        "pileus_stage_duration_seconds",
        "histogram",
        "Seconds that a stage of a pass took: observe, compile, apply, judge, report.",
        ("kind", "stage"),
        FAST,
    ),
    Metric("pileus_queue_depth", "scraped", "Resources that wait for a worker."),
    Metric("pileus_queue_oldest_seconds", "scraped", "Seconds that the oldest of them has been waiting."),
    Metric("pileus_queue_busy", "scraped", "Resources that are being worked on."),
    Metric(
        "pileus_api_requests_total",
        "counter",
        "Requests to the Kubernetes API by verb and result (status code, or error without an answer).",
        ("verb", "result"),
    ),
    Metric(
        "pileus_api_request_duration_seconds",
        "histogram",
        "Seconds until the API server answered, by verb.",
        ("verb",),
        SLOW,
    ),
    Metric(
        "pileus_write_limit", "scraped", "Writes that may be in flight at once; it adapts between 4 and 32."
    ),
    Metric(
        "pileus_condition_transitions_total",
        "counter",
        "Changes of conditions, by kind, condition, new status and reason.",
        ("kind", "condition", "status", "reason"),
    ),
    Metric(
        "pileus_resources",
        "scraped",
        "Resources by kind, condition type and status; from the cache at the time of the scrape.",
        ("kind", "condition", "status"),
    ),
    Metric(
        "pileus_resources_not_ready",
        "scraped",
        "Resources whose Ready condition is not True, by kind and reason.",
        ("kind", "reason"),
    ),
    Metric(
        "pileus_drift_corrected_total",
        "counter",
        "Children that somebody else had changed and that were put back, by kind of resource.",
        ("kind",),
    ),
    Metric(
        "pileus_pruned_total",
        "counter",
        "Children deleted because the spec no longer has them, by kind.",
        ("kind",),
    ),
    Metric(
        "pileus_acts_total",
        "counter",
        "What was done to objects that other controllers made, by kind of resource: pause, unpause, the "
        "removal of what must start anew, the growth of a claim.",
        ("kind", "act"),
    ),
    Metric(
        "pileus_store_calls_total",
        "counter",
        "Work at object stores, by ObjectStore, operation and result: ok, or what went wrong.",
        ("store", "operation", "result"),
    ),
    Metric(
        "pileus_store_call_duration_seconds",
        "histogram",
        "Seconds that a piece of such work took, by ObjectStore.",
        ("store",),
        SLOW,
    ),
    Metric("pileus_cached_objects", "scraped", "Foreign objects in the cache."),
    Metric(
        "pileus_engine_served",
        "scraped",
        "1 if the API server serves this kind of a foreign engine, 0 if the engine is absent.",
        ("engine", "kind"),
    ),
    Metric(
        "pileus_enforcement_verified",
        "scraped",
        "1 if NetworkPolicies hold in this cluster, 0 if not; absent while that was not found out.",
    ),
    Metric("pileus_enforcement_verification_age_seconds", "scraped", "Seconds since that was tried last."),
    Metric("pileus_leading", "scraped", "1 if this replica holds the lease, 0 for a standby."),
    Metric("pileus_build_info", "gauge", "Always 1; the labels tell the version.", ("version", "python")),
)


def table(kinds: Iterable[Kind]) -> tuple[Metric, ...]:
    """All rows: those above, and the gauges of the kinds."""
    own = (Metric(gauge.name, "scraped", gauge.help, gauge.labels) for kind in kinds for gauge in kind.gauges)
    return (*TABLE, *own)


class Telemetry:
    """The metrics as objects; implements `pileus.engine.ports.Recorder`."""

    def __init__(self, kinds: Iterable[Kind] = ()) -> None:
        self._kinds = tuple(kinds)
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._metrics: dict[str, Any] = {}
        self._series: dict[tuple[str, ...], Any] = {}
        for row in TABLE:
            if row.kind == "counter":
                self._metrics[row.name] = Counter(row.name, row.help, row.labels, registry=self.registry)
            elif row.kind == "gauge":
                self._metrics[row.name] = Gauge(row.name, row.help, row.labels, registry=self.registry)
            elif row.kind == "histogram":
                self._metrics[row.name] = Histogram(
                    row.name, row.help, row.labels, buckets=row.buckets, registry=self.registry
                )
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def _of(self, metric: str, *labels: str) -> Any:
        """The series with these labels; kept, since finding it costs more than counting."""
        series = self._series.get((metric, *labels))
        if series is None:
            series = self._series[(metric, *labels)] = self._metrics[metric].labels(*labels)
        return series

    def build(self, version: str, python: str) -> None:
        """Tell the version once, at start."""
        self._metrics["pileus_build_info"].labels(version, python).set(1)

    def scrape_from(self, sources: Scraped) -> None:
        """Have the scraped gauges computed from these sources."""
        self.registry.register(_ScrapeCollector(sources, self._kinds))

    def stage(self, kind: str, stage: str, seconds: float) -> None:
        """One stage of one pass."""
        self._of("pileus_stage_duration_seconds", kind, stage).observe(seconds)

    def finished(self, kind: str, result: str, seconds: float) -> None:
        """One pass."""
        self._of("pileus_reconcile_total", kind, result).inc()
        self._of("pileus_reconcile_duration_seconds", kind).observe(seconds)

    def transition(self, kind: str, condition: str, status: str, reason: str) -> None:
        """A condition changed."""
        self._metrics["pileus_condition_transitions_total"].labels(kind, condition, status, reason).inc()

    def pruned(self, kind: str) -> None:
        """A child was pruned."""
        self._metrics["pileus_pruned_total"].labels(kind).inc()

    def act(self, kind: str, act: str) -> None:
        """Something was done to an object that is not ours."""
        self._metrics["pileus_acts_total"].labels(kind, act).inc()

    def drift(self, kind: str) -> None:
        """A child was put back."""
        self._metrics["pileus_drift_corrected_total"].labels(kind).inc()

    def store_call(self, store: str) -> Callable[[str, str, float], None]:
        """What counts the work at one store."""

        def count(operation: str, result: str, seconds: float) -> None:
            self._of("pileus_store_calls_total", store, operation, result).inc()
            self._of("pileus_store_call_duration_seconds", store).observe(seconds)

        return count

    def request(self, verb: str, result: str, seconds: float) -> None:
        """One API request."""
        self._of("pileus_api_requests_total", verb, result).inc()
        self._of("pileus_api_request_duration_seconds", verb).observe(seconds)


@dataclass(frozen=True, slots=True)
class Scraped:
    """Where the scraped gauges come from; each is called at every scrape."""

    statuses: Callable[[], Iterable[tuple[str, dict[str, Any]]]]
    queue: Callable[[], tuple[int, float, int]]
    write_limit: Callable[[], int]
    cached: Callable[[], int]
    engines: Callable[[], Iterable[tuple[str, str, bool]]]
    leading: Callable[[], bool]
    enforcement: Callable[[], tuple[bool, str] | None] = lambda: None
    """Whether policies hold, and when that was tried."""


class _ScrapeCollector(Collector):
    def __init__(self, sources: Scraped, kinds: tuple[Kind, ...]):
        self._sources = sources
        self._kinds = kinds
        self._gauges = {kind.name: kind.gauges for kind in kinds}

    def describe(self) -> Iterator[GaugeMetricFamily]:
        for row in table(self._kinds):
            if row.kind == "scraped":
                yield GaugeMetricFamily(row.name, row.help, labels=row.labels)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = {family.name: family for family in self.describe()}
        states: Tally[tuple[str, str, str]] = Tally()
        waiting: Tally[tuple[str, str]] = Tally()
        samples: dict[tuple[StatusGauge, tuple[str, ...]], list[float]] = {}
        now = dt.datetime.now(dt.UTC)
        for kind, status in self._sources.statuses():
            conditions = status.get("conditions") or []
            for gauge in self._gauges.get(kind, ()):
                for labels, value in gauge.of(status, now):
                    samples.setdefault((gauge, labels), []).append(value)
            for condition in conditions:
                states[(kind, condition["type"], condition["status"])] += 1
            ready = next((c for c in conditions if c["type"] == "Ready"), None)
            if ready is None or ready["status"] != "True":
                waiting[(kind, ready["reason"] if ready else "New")] += 1
        for (gauge, labels), values in samples.items():
            families[gauge.name].add_metric(labels, gauge.combine(values))
        for state, count in states.items():
            families["pileus_resources"].add_metric(state, count)
        for reason, count in waiting.items():
            families["pileus_resources_not_ready"].add_metric(reason, count)
        depth, oldest, busy = self._sources.queue()
        families["pileus_queue_depth"].add_metric((), depth)
        families["pileus_queue_oldest_seconds"].add_metric((), oldest)
        families["pileus_queue_busy"].add_metric((), busy)
        families["pileus_write_limit"].add_metric((), self._sources.write_limit())
        families["pileus_cached_objects"].add_metric((), self._sources.cached())
        families["pileus_leading"].add_metric((), float(self._sources.leading()))
        if (enforcement := self._sources.enforcement()) is not None:
            holds, tried = enforcement
            families["pileus_enforcement_verified"].add_metric((), float(holds))
            families["pileus_enforcement_verification_age_seconds"].add_metric((), elapsed(tried, now))
        for engine, kind, served in self._sources.engines():
            families["pileus_engine_served"].add_metric((engine, kind), float(served))
        yield from families.values()
