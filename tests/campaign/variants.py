"""What T7 tries: for each row of effects and each value, a way from one spec to another. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.masks import changed_paths
from tests.campaign.schema import ABSENT, Schema, given, put
from tests.campaign.subject import Effect, Spec

Snapshot = dict[str, Any]


@dataclass
class Variant:
    """One way: from `start` to `end`, which is the row's field at `value`. problems: what was wrong on it.

    before, after: the app's objects at both. places: where they differ.
    """

    row: Effect
    value: Any
    start: Spec
    end: Spec
    problems: list[str] = field(default_factory=list)
    before: Snapshot = field(default_factory=dict)
    after: Snapshot = field(default_factory=dict)
    places: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        shown = repr(self.value)
        return f"{self.row.field}: {shown if len(shown) < 60 else shown[:59] + '…'}"


def tried(row: Effect, schema: Schema) -> list[Any]:
    """The values of a row, each once; of a list or a mapping also two at once."""
    values = list(row.values if row.only else (*given(schema), *row.values))
    unique = [value for number, value in enumerate(values) if value not in values[:number]]
    if row.field.endswith(("[]", "{}")) and len(unique) > 1:
        unique.append((unique[0], unique[1]))
    return unique


def unmoved(row: Effect, schema: Schema) -> list[Any]:
    """Values of the schema that a row leaves out; that they are admitted can be shown all the same."""
    return [value for value in given(schema) if value not in row.values] if row.only else []


def spec_of(row: Effect, still: Spec, value: Any, *, together: bool = True) -> Spec:
    """The spec with the field at a value; the rest is the row's context over the still spec."""
    spec = {**still, **row.context}
    if value is ABSENT:
        spec = put(spec, row.without or row.field, ABSENT)
    else:
        spec |= row.together if together else {}
        spec = put(spec, row.field, value)
    return {key: item for key, item in spec.items() if item is not None}


def ways(row: Effect, still: Spec, values: list[Any]) -> Iterator[Variant]:
    """From absence to the first value, from there to the next and so on; or each from absence."""
    before: Any = values[0] if row.without is None else ABSENT
    for value in values:
        if value is before and not row.together:
            continue
        yield Variant(row, value, spec_of(row, still, before, together=False), spec_of(row, still, value))
        if not row.alone:
            before = value


def places(one: Snapshot, other: Snapshot, kind: str) -> set[str]:
    """Where two apps differ, as the table writes it; the spec that the user wrote is left out."""
    found: set[str] = set()
    for path in changed_paths(one, other):
        parts = re.fullmatch(r"(\w+) [^.\[]*(.*)", path)
        assert parts is not None, path
        child, rest = parts[1], parts[2].lstrip(".")
        if child != kind:
            found.add(f"{child}/{rest}" if rest else child)
        elif not rest.startswith("spec"):
            found.add(rest.replace("status.", "status/", 1))
    return found


def outside(found: set[str], allowed: tuple[str, ...]) -> list[str]:
    """Those that no allowed place holds."""
    return sorted(place for place in found if not any(holds(where, place) for where in allowed))


def holds(where: str, place: str) -> bool:
    """Whether a place is the named one or below it; a `Kind` alone is only the coming or going."""
    return place == where or ("/" in where and place.startswith((f"{where}.", f"{where}[")))
