"""The metrics of FirewallPolicies, from their statuses. No label holds a policy's name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from pileus.engine.kind import Sample, StatusGauge
from pileus.objects.reading import items, number, text

Status = Mapping[str, Any]


def _states(status: Status, _: dt.datetime) -> Iterator[Sample]:
    yield (text(status, "summary") or "New",), 1


def _pods(status: Status, _: dt.datetime) -> Iterator[Sample]:
    yield (), float(number(status, "matched", "pods"))


def _refused(status: Status, _: dt.datetime) -> Iterator[Sample]:
    yield (), float(sum(text(rule, "state") == "Refused" for rule in items(status, "rules")))


GAUGES = (
    StatusGauge(
        "pileus_firewall_policies",
        "FirewallPolicies by state, as in their summary.",
        _states,
        ("state",),
    ),
    StatusGauge(
        "pileus_firewall_matched_pods",
        "Pods that FirewallPolicies select; those that several select count for each.",
        _pods,
    ),
    StatusGauge(
        "pileus_firewall_refused_rules",
        "Rules that cannot be enforced by what enforces policies here.",
        _refused,
    ),
)
