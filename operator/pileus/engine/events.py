"""Which changes of conditions people are told of by an Event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pileus.engine.conditions import Reason

QUIET = frozenset({Reason.PROGRESSING, Reason.DELETING, Reason.API_UNAVAILABLE})
"""Reasons of `Ready=False` that are the normal course of things for any kind and make no Event."""

Change = tuple[Mapping[str, Any] | None, Mapping[str, Any]]
"""A condition before, None if it is new, and after."""


def told(changes: Sequence[Change], usual: frozenset[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The type of each Event, with the condition that it is about.

    usual: reasons that make none. Ready speaks for all that became true with it.
    """
    whole = any(after["type"] == "Ready" and after["status"] == "True" for _, after in changes)
    for before, after in changes:
        if after["type"] == "Ready":
            if after["status"] == "True":
                yield "Normal", after
            elif after["reason"] not in QUIET | usual:
                yield "Warning", after
        elif after["type"] in ("Reconciling", "Stalled"):
            if after["reason"] == Reason.PAUSED:
                yield "Normal", after
        elif before is not None and after["status"] == "True" and not whole:
            yield "Normal", after
