"""Looked at last: what the operator's logs say of everything that the other tests did."""

from __future__ import annotations

from tests.e2e.operator import Operator


def test_it_never_lacked_a_permission_and_had_no_defect(operator: Operator) -> None:
    assert operator.complaints() == []


def test_it_never_restarted_by_itself(operator: Operator) -> None:
    for pod in operator.pods():
        [status] = operator.kubectl.get("pod", pod)["status"]["containerStatuses"]
        assert status["restartCount"] == 0, pod
