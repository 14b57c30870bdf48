"""Changes: live where KubeVirt can, else with a restart whose time the policy decides."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.e2e.apps import condition
from tests.e2e.beside import OperatorBeside
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.vms.specs import because, change, made, running, uid

pytestmark = pytest.mark.cluster

SMALL: Manifest = {"cpu": 1, "memory": "1Gi"}
NEED_RESTART: tuple[tuple[str, Manifest, str, str], ...] = (
    ("less-cpu", {"size": {"cpu": 1}}, "size.cpu", "processors cannot be taken away"),
    ("less-memory", {"size": {"memory": "1Gi"}}, "size.memory", "nor can memory"),
    ("pinned", {"cpu": {"pinned": True}}, "cpu.pinned", "where processors come from is decided at the start"),
    (
        "class",
        {"size": {"cpu": None, "memory": None, "class": "u1.medium"}},
        "size.class",
        "a class replaces the numbers",
    ),
)
LARGE: Manifest = {"cpu": 2, "memory": "4Gi"}  # a class of as much memory gives none while it runs


def waits(found: Manifest) -> bool:
    """Whether something waits for a restart."""
    return because(found, "RestartRequired", "RestartRequired")


def nothing_waits(found: Manifest) -> bool:
    """Whether nothing does."""
    return because(found, "UpToDate", "RestartRequired") and not found["status"].get("restartRequired")


def window(*, now: bool) -> Manifest:
    """A window of twelve hours that is open now, or begins in six."""
    begins = dt.datetime.now(dt.UTC) + dt.timedelta(hours=-6 if now else 6)
    return {"cron": f"{begins.minute} {begins.hour} * * *", "lasts": "12h" if now else "1h"}


def test_it_grows_while_it_runs(ns: Kubectl) -> None:
    made(ns, size=SMALL)
    first = uid(ns)
    change(ns, size=LARGE)

    def grown(found: Manifest) -> bool:
        now = found["status"]
        return (now["currentCPUTopology"]["sockets"], now["memory"]["guestRequested"]) == (2, "4Gi")

    ns.until("vmi", "vm", grown)
    ns.until("cvm", "vm", nothing_waits)
    assert uid(ns) == first


@pytest.mark.parametrize(
    ("patch", "field", "why"),
    [row[1:] for row in NEED_RESTART],
    ids=[row[0] for row in NEED_RESTART],
)
def test_by_hand_it_says_what_waits_and_the_old_value_takes_it_away(
    ns: Kubectl, patch: Manifest, field: str, why: str
) -> None:
    made(ns, size=LARGE)
    first = uid(ns)
    change(ns, **patch)
    told = ns.until("cvm", "vm", waits, why)
    assert field in told["status"]["restartRequired"]
    assert field in condition(told, "RestartRequired")["message"]
    assert uid(ns) == first

    back: Manifest = {"size": {**LARGE, "class": None}, "cpu": None}
    change(ns, **back)
    ns.until("cvm", "vm", nothing_waits)
    assert uid(ns) == first


def test_a_token_brings_into_force_what_waits(ns: Kubectl) -> None:
    made(ns, size=LARGE)
    change(ns, size=SMALL)
    ns.until("cvm", "vm", waits)
    change(ns, restart={"token": "now"})
    ns.until("vmi", "vm", lambda found: found and _sockets(found) == 1)
    running(ns)
    ns.until("cvm", "vm", nothing_waits)


def test_automatic_restarts_it_at_once(ns: Kubectl) -> None:
    made(ns, size=LARGE, restart={"policy": "Automatic"})
    first = uid(ns)
    change(ns, size=SMALL)
    ns.until("vmi", "vm", lambda found: found and found["metadata"]["uid"] != first and _sockets(found) == 1)
    running(ns)
    ns.until("cvm", "vm", nothing_waits)


def test_outside_its_window_it_is_not_restarted_and_inside_it_is(ns: Kubectl, pileus: OperatorBeside) -> None:
    made(ns, size=LARGE, restart={"policy": "Window", "window": window(now=False)})
    first = uid(ns)
    change(ns, size=SMALL)
    ns.until("cvm", "vm", waits)
    pileus.settled()
    assert uid(ns) == first
    change(ns, restart={"window": window(now=True)})
    ns.until("vmi", "vm", lambda found: found and found["metadata"]["uid"] != first and _sockets(found) == 1)
    running(ns)
    ns.until("cvm", "vm", nothing_waits)


def _sockets(instance: Manifest) -> int:
    return int(instance["spec"]["domain"]["cpu"]["sockets"])
