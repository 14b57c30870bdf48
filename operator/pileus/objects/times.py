"""Durations and instants as text: what users write, and what annotations and statuses hold."""

from __future__ import annotations

import datetime as dt
import re

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def seconds(duration: str) -> int:
    """The seconds of a duration such as `90s`, `5m` or `1h30m`; 0 for text that is none."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        return 0
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def instant(text: object) -> dt.datetime | None:
    """The instant of an RFC 3339 text, or None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        parsed = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def stamp(moment: dt.datetime) -> str:
    """An instant as RFC 3339 text in whole seconds, UTC."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def elapsed(since: object, now: dt.datetime) -> float:
    """Seconds from an RFC 3339 text to `now`; 0 when the text is none or lies ahead."""
    start = instant(since)
    return max(0.0, (now - start).total_seconds()) if start else 0.0
