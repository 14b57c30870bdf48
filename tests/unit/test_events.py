"""Which changes of conditions make an Event."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.events import told

USUAL = frozenset({"Provisioning"})


def one(type_: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": reason, "message": reason}


GOING = one("Provisioned", "False", "Provisioning")
MADE = (GOING, one("Provisioned", "True", "Provisioned"))
OPENED = (one("AccessReady", "False", "AccessPending"), one("AccessReady", "True", "AccessReady"))
DONE = (one("Ready", "False", "Provisioning"), one("Ready", "True", "Ready"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([MADE], ["Normal Provisioned"], id="something became true"),
        pytest.param([DONE, MADE, OPENED], ["Normal Ready"], id="Ready speaks for all that came with it"),
        pytest.param([(None, MADE[1])], [], id="as it was from the start"),
        pytest.param([(MADE[1], GOING)], [], id="something became false"),
        pytest.param([(None, one("Ready", "False", "Provisioning"))], [], id="the normal course"),
        pytest.param([(None, one("Ready", "False", "Deleting"))], [], id="the engine's normal course"),
        pytest.param([(DONE[1], one("Ready", "False", "Taken"))], ["Warning Taken"], id="trouble"),
        pytest.param([(None, one("Reconciling", "True", "Paused"))], ["Normal Paused"], id="paused"),
        pytest.param([(None, one("Stalled", "True", "Taken"))], [], id="Ready says why"),
    ],
)
def test_what_is_told(changes: list[Any], expected: list[str]) -> None:
    assert [f"{type_} {after['reason']}" for type_, after in told(changes, USUAL)] == expected
