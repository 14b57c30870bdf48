"""Secrets and ConfigMaps that a spec names: which there are, and which there are not."""

from __future__ import annotations

from collections.abc import Iterable

from pileus.engine.plan import Finding
from pileus.engine.world import Reference, ReferenceState, World

Named = Iterable[tuple[Reference, str]]
"""References, each with the field that names it."""


def each(named: Named) -> tuple[Reference, ...]:
    """Every reference once, in order."""
    return tuple(sorted({reference for reference, _ in named}))


def missing(named: Named, world: World, reason: str) -> list[Finding]:
    """One finding for each object that is not there."""
    fields: dict[Reference, dict[str, None]] = {}
    for reference, field in named:
        fields.setdefault(reference, {})[field] = None
    return [
        Finding(
            reason,
            f"{reference.kind} {reference.name!r} does not exist in this namespace; create it, or correct "
            f"the name in {' and '.join(fields[reference])}.",
        )
        for reference in in_state(sorted(fields), world, ReferenceState.MISSING)
    ]


def in_state(wanted: Iterable[Reference], world: World, state: ReferenceState) -> list[Reference]:
    """Those of which this is known."""
    found: list[Reference] = []
    for reference in wanted:
        referent = world.references.get(reference)
        if referent is not None and referent.state is state:
            found.append(reference)
    return found
