"""A view of a resource that is older than its children is not acted upon."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine import labels
from pileus.engine.apply import behind
from pileus.engine.plan import ObjectRef
from pileus.engine.world import Resource, World

REF = ObjectRef("Service", "ns", "app")


def child(generation: str | None, owner: str = "u") -> dict[str, Any]:
    notes = {} if generation is None else {labels.GENERATION: generation}
    owners = [{"controller": True, "uid": owner}] if owner else []
    return {"metadata": {"name": "app", "annotations": notes, "ownerReferences": owners}}


ROWS: dict[str, tuple[dict[str, Any], bool]] = {
    "written for this spec": (child("3"), False),
    "written for an older spec, and right ever since": (child("1"), False),
    "written for a newer spec": (child("4"), True),
    "made by a release that did not note it": (child(None), False),
    "of a namesake that was deleted": (child("9", owner="other"), False),
    "kept data of a namesake": (child("9", owner=""), False),
}


@pytest.mark.parametrize("row", ROWS)
def test_behind(row: str) -> None:
    live, expected = ROWS[row]
    resource = Resource("ContainerApp", "pileus.dev/v1alpha1", "ns", "app", "u", 3, None)

    assert expected == behind(resource, World(children={REF: live}))
