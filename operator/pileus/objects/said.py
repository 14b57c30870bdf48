"""What one piece of the judgement says, and how long something usual may last before it is news."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pileus.engine.conditions import Condition, Reason
from pileus.engine.plan import Finding, Manifest
from pileus.objects.reading import text
from pileus.objects.times import elapsed

GRACE = 30.0
"""Seconds after its creation during which an object may well be incomplete."""


@dataclass(frozen=True, slots=True)
class Said:
    """Findings (the leaf cause first), the condition if the piece has one, and the rest of a verdict."""

    findings: tuple[Finding, ...] = ()
    condition: Condition | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    child_reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)
    recheck_after: float | None = None


def lasting(
    reason: str, message: str, live: Manifest | None, now: dt.datetime
) -> tuple[Finding, float | None]:
    """Progressing while `live` is young, then `reason`; with the seconds until then."""
    left = GRACE - elapsed(text(live, "metadata", "creationTimestamp"), now)
    if left > 0:
        return Finding(Reason.PROGRESSING, message), left
    return Finding(reason, message), None


def soonest(*waits: float | None) -> float | None:
    """The shortest of the waits that there are."""
    return min((wait for wait in waits if wait is not None), default=None)


def merged(pieces: Iterable[Said]) -> Said:
    """Everything that the pieces say; their conditions are left to the caller."""
    findings: list[Finding] = []
    fields: dict[str, object] = {}
    reasons: dict[tuple[str, str], str] = {}
    wait: float | None = None
    for piece in pieces:
        findings += piece.findings
        fields |= piece.fields
        reasons |= piece.child_reasons
        wait = soonest(wait, piece.recheck_after)
    return Said(tuple(findings), None, fields, reasons, wait)
