"""Conditions after kstatus: what users and `kubectl wait` see."""

from __future__ import annotations

import datetime as dt

import pytest

from pileus.engine.conditions import MESSAGE_LIMIT, Condition, merge, summarize, transitions
from pileus.engine.plan import Finding

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)

ROWS = [
    ("no finding: ready", (), ("True", "False", "False"), "Ready"),
    ("in progress is not stalled", (Finding("Pulling", "m"),), ("False", "True", "False"), "Pulling"),
    ("terminal", (Finding("NameTaken", "m", stalled=True),), ("False", "False", "True"), "NameTaken"),
    (
        "what needs a human comes before what passes by itself",
        (Finding("Pulling", "m"), Finding("NameTaken", "n", stalled=True)),
        ("False", "False", "True"),
        "NameTaken",
    ),
    ("else the first", (Finding("A", "m"), Finding("B", "n")), ("False", "True", "False"), "A"),
]


@pytest.mark.parametrize(("why", "findings", "statuses", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_summarize(why: str, findings: tuple[Finding, ...], statuses: tuple[str, ...], reason: str) -> None:
    conditions = summarize(findings)
    assert tuple(c.type for c in conditions) == ("Ready", "Reconciling", "Stalled")
    assert tuple(c.status for c in conditions) == statuses
    assert conditions[0].reason == reason


def test_the_transition_time_moves_only_with_the_status() -> None:
    first = merge((Condition("Ready", "False", "A", "x"),), previous=(), generation=1, now=NOW)
    reworded = merge((Condition("Ready", "False", "B", "y"),), previous=first, generation=2, now=LATER)
    flipped = merge((Condition("Ready", "True", "Ready"),), previous=reworded, generation=2, now=LATER)
    assert first[0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert reworded[0]["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert flipped[0]["lastTransitionTime"] == "2026-01-02T03:09:05Z"


def test_every_key_is_always_sent() -> None:
    """Server-side apply would leave an old message behind where a key is left out."""
    (entry,) = merge((Condition("Ready", "True", "Ready"),), previous=(), generation=3, now=NOW)
    assert set(entry) == {"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"}
    assert entry["message"] == ""


def test_a_long_message_is_cut() -> None:
    condition = summarize((Finding("Long", "x" * 5000),))[0]
    assert len(condition.message) == MESSAGE_LIMIT
    assert condition.message.endswith("…")


def test_transitions_see_status_and_reason_but_not_words() -> None:
    before = merge(
        (Condition("Ready", "False", "A", "1"), Condition("Exposed", "True", "R")),
        previous=(),
        generation=1,
        now=NOW,
    )
    reworded = merge(
        (Condition("Ready", "False", "A", "2"), Condition("Exposed", "True", "R")),
        previous=before,
        generation=1,
        now=NOW,
    )
    changed = merge(
        (Condition("Ready", "False", "B", "2"), Condition("Exposed", "True", "R")),
        previous=before,
        generation=1,
        now=NOW,
    )
    assert transitions(before, reworded) == []
    assert [after["reason"] for _, after in transitions(before, changed)] == ["B"]
    assert [pair[0] for pair in transitions((), before)] == [None, None]
