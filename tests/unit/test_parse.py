"""What is made of a resource's JSON: what was asked for as far as it can be read, and when it matters."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine import labels
from pileus.engine.kind import Kind
from pileus.engine.reconcile import parse
from pileus.kinds.bucket import BUCKET
from pileus.kinds.containerapp import CONTAINER_APP

GOOD: dict[str, Any] = {"deletionPolicy": "Delete"}
BAD: dict[str, Any] = {"deletionPolicy": "Orphan"}
BUCKET_SPEC, APP_SPEC = BUCKET.spec, CONTAINER_APP.spec


def manifest(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "a", "namespace": "ns", "uid": "u", "generation": 3} | metadata,
        "spec": spec,
    }


DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [labels.FINALIZER]}
ROWS: dict[str, tuple[Kind, dict[str, Any], Any, list[str]]] = {
    "it is there": (BUCKET, manifest(GOOD), BUCKET_SPEC, []),
    "it cannot be read": (BUCKET, manifest(BAD), None, ["InvalidSpec"]),
    "deleted, it says what becomes of what is outside": (
        BUCKET,
        manifest(GOOD, **DELETED),
        BUCKET_SPEC,
        [],
    ),
    "deleted, and it cannot be read: that keeps nothing from going": (
        BUCKET,
        manifest(BAD, **DELETED),
        None,
        [],
    ),
    "deleted, of a kind that is nothing outside": (
        CONTAINER_APP,
        manifest({"image": "i"}, deletionTimestamp="2026-01-01T00:00:00Z"),
        None,
        [],
    ),
    "an app": (CONTAINER_APP, manifest({"image": "i"}), APP_SPEC, []),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_resource(row: str) -> None:
    kind, given, expected, reasons = ROWS[row]
    resource, invalid = parse(kind, given)
    assert (resource.spec if expected is None else type(resource.spec)) == expected
    assert [finding.reason for finding in (invalid.findings if invalid else ())] == reasons
    assert resource.deleting == ("deletionTimestamp" in given["metadata"])
    assert resource.finalizers == tuple(given["metadata"].get("finalizers", ()))


def test_what_cannot_be_read_is_told_by_its_field_and_prunes_nothing() -> None:
    _, invalid = parse(BUCKET, manifest(BAD))
    assert invalid is not None
    assert invalid.findings[0].message.startswith("spec.deletionPolicy: ")
    assert "Orphan" not in invalid.findings[0].message
    assert (invalid.prune, invalid.findings[0].stalled) == (False, True)
