"""What a refused write means for the user, and whether it is tried again soon."""

from __future__ import annotations

import pytest

from pileus.engine.apply import explain
from pileus.engine.ports import ApiError

ROWS = {
    "the API server is in trouble": (ApiError(500, "InternalError", "etcd"), "ApiUnavailable", False, True),
    "no permission": (ApiError(403, "Forbidden", "serviceaccounts is forbidden"), "Forbidden", True, False),
    "a quota": (ApiError(403, "Forbidden", "exceeded quota: small"), "QuotaExceeded", False, False),
    "admission does not know a new definition yet": (
        ApiError(403, "Forbidden", "cannot set blockOwnerDeletion: cannot find RESTMapping for APIVersion"),
        "Progressing",
        False,
        True,
    ),
    "a conflict": (ApiError(409, "Conflict", "the object has been modified"), "Progressing", False, True),
    "invalid": (ApiError(422, "Invalid", "spec.replicas: too many"), "Rejected", True, False),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_refused_write(row: str) -> None:
    error, reason, stalled, again = ROWS[row]
    finding, retry = explain(error, "Service 'shop'")
    assert (str(finding.reason), finding.stalled, retry) == (reason, stalled, again)
    assert "Service 'shop'" in finding.message
