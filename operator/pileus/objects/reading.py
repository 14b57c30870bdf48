"""Reading live objects without trusting their shape: an object is whatever the API server sent.

Each function answers for any JSON value; what is missing or of another type reads as empty, so that
the functions built on these are total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def at(value: Any, *path: str) -> Any:
    """The value at a path of keys, or None."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping(value: Any, *path: str) -> Mapping[str, Any]:
    """The map at a path; empty when there is none."""
    found = at(value, *path)
    return found if isinstance(found, Mapping) else {}


def items(value: Any, *path: str) -> tuple[Mapping[str, Any], ...]:
    """The maps in the list at a path."""
    found = at(value, *path)
    return tuple(i for i in found if isinstance(i, Mapping)) if isinstance(found, list | tuple) else ()


def text(value: Any, *path: str) -> str:
    """The string at a path; empty when there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def sentence(words: str, longest: int | None = None) -> str:
    """Another's words on one line and without their full stop, to go on with; at most so many characters."""
    return " ".join(words.split()).rstrip(". ")[:longest]


def number(value: Any, *path: str) -> int:
    """The integer at a path; 0 when there is none."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def annotation(live: Any, key: str) -> str:
    """An annotation's value; empty when it is not set."""
    return text(live, "metadata", "annotations", key)


def condition(live: Any, type_: str) -> Mapping[str, Any]:
    """The status condition of a type; empty when it is not there."""
    return next((c for c in items(live, "status", "conditions") if c.get("type") == type_), {})


def observed(live: Any) -> bool:
    """True if the object's controller has seen the newest spec."""
    return number(live, "status", "observedGeneration") >= max(1, number(live, "metadata", "generation"))


def owners(live: Any) -> Iterator[str]:
    """Uids of the object's owners."""
    for owner in items(live, "metadata", "ownerReferences"):
        yield text(owner, "uid")
