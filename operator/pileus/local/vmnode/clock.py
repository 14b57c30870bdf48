"""Times as the Kubernetes API writes them."""

from __future__ import annotations

import datetime


def now() -> datetime.datetime:
    """The present, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def stamp(moment: datetime.datetime) -> str:
    """To the second, in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(text: str) -> datetime.datetime:
    """What `stamp` wrote."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
