"""Conditions after the kstatus convention, and how findings become them.

`Ready=False` alone means "in progress"; terminal errors set `Stalled=True` too. Every condition
key is always present (a message may be empty), since server-side apply would leave stale text
behind otherwise. `lastTransitionTime` moves only when `status` flips. Pure: time is a parameter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pileus.engine.plan import Finding, Manifest

MESSAGE_LIMIT = 1024
"""Characters of a condition message that are kept; the rest is cut with an ellipsis."""


class Reason(StrEnum):
    """Reasons that the engine itself gives, for every kind. They are API: never renamed."""

    READY = "Ready"
    PROGRESSING = "Progressing"
    SETTLED = "Settled"
    DELETING = "Deleting"
    PAUSED = "Paused"
    INVALID_SPEC = "InvalidSpec"
    NAME_TAKEN = "NameTaken"
    ENGINE_MISSING = "EngineMissing"
    REJECTED = "Rejected"
    FORBIDDEN = "Forbidden"
    QUOTA_EXCEEDED = "QuotaExceeded"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    API_UNAVAILABLE = "ApiUnavailable"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of `status.conditions`; `status` is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `judge` says of a resource.

    findings: why it is not ready, the leaf cause first; empty means ready.
    conditions: the kind's own conditions (Exposed, Scaling...), always all of them.
    fields: the kind's own status fields; a key that is absent is removed from the status.
    child_reasons: one CamelCase word for each child that is not ready, by (kind, name); children
        that are not named here count as ready.
    recheck_after: seconds after which time alone may change the verdict, or None.
    """

    findings: tuple[Finding, ...] = ()
    conditions: tuple[Condition, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    child_reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)
    recheck_after: float | None = None


def summarize(
    findings: Sequence[Finding], *, ready_message: str = "Everything asked for is in place."
) -> tuple[Condition, Condition, Condition]:
    """`Ready`, `Reconciling` and `Stalled` for these findings: the first stalled one, else the first."""
    cause = next((f for f in findings if f.stalled), findings[0] if findings else None)
    if cause is None:
        return (
            Condition("Ready", "True", Reason.READY, ready_message),
            Condition("Reconciling", "False", Reason.SETTLED),
            Condition("Stalled", "False", Reason.SETTLED),
        )
    message = _cut(cause.message)
    if cause.stalled:
        return (
            Condition("Ready", "False", cause.reason, message),
            Condition("Reconciling", "False", Reason.SETTLED),
            Condition("Stalled", "True", cause.reason, message),
        )
    return (
        Condition("Ready", "False", cause.reason, message),
        Condition("Reconciling", "True", cause.reason, message),
        Condition("Stalled", "False", Reason.PROGRESSING),
    )


def merge(
    conditions: Iterable[Condition],
    *,
    previous: Sequence[Mapping[str, Any]],
    generation: int,
    now: dt.datetime,
) -> list[Manifest]:
    """Conditions as written to the status; keeps `lastTransitionTime` where `status` did not flip."""
    before = {entry.get("type"): entry for entry in previous}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    merged: list[Manifest] = []
    for condition in conditions:
        old = before.get(condition.type)
        since = (
            old.get("lastTransitionTime", stamp) if old and old.get("status") == condition.status else stamp
        )
        merged.append(
            {
                "type": condition.type,
                "status": condition.status,
                "reason": str(condition.reason),
                "message": _cut(condition.message),
                "lastTransitionTime": since,
                "observedGeneration": generation,
            }
        )
    return merged


def transitions(
    previous: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any] | None, Mapping[str, Any]]]:
    """Pairs (before, after) of the conditions whose status or reason changed, in the order of `current`."""
    before = {entry.get("type"): entry for entry in previous}
    changed: list[tuple[Mapping[str, Any] | None, Mapping[str, Any]]] = []
    for after in current:
        old = before.get(after["type"])
        if old is None or (old.get("status"), old.get("reason")) != (after["status"], after["reason"]):
            changed.append((old, after))
    return changed


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"
