"""The operator's own restart: what is as it should be is not written."""

from __future__ import annotations

import pytest

from tests.e2e.apps import ready
from tests.e2e.beside import OperatorBeside
from tests.e2e.kubectl import Kubectl
from tests.e2e.vms.specs import BLANK, disk, phase, running, vm

pytestmark = pytest.mark.cluster

MANY = 200


def test_with_machines_in_every_state_it_writes_nothing(ns: Kubectl, pileus: OperatorBeside) -> None:
    ns.apply(
        vm("plain"),
        vm("wide", disks=[disk(), disk("data", BLANK)], expose=[{"name": "ssh", "port": 22}]),
        vm("class", size={"class": "u1.medium"}, os={"preference": "fedora"}),
        vm("stopped", power="Stopped"),
        vm("paused", power="Paused"),
        vm("unknown", size={"class": "u1.nowhere"}),
    )
    for name in ("plain", "wide", "class"):
        running(ns, name)
    ns.until("cvm", "stopped", lambda found: ready(found) and phase(found, "Stopped"))
    ns.until("cvm", "paused", lambda found: ready(found) and phase(found, "Paused"))
    before = _versions(ns)
    pileus.settled()
    pileus.restart()
    assert pileus.settled() == 0
    assert _versions(ns) == before


@pytest.mark.timeout(1200)
def test_two_hundred_machines_that_run_are_not_written(ns: Kubectl, pileus: OperatorBeside) -> None:
    names = [f"vm-{number}" for number in range(MANY)]
    size = {"cpu": 1, "memory": "64Mi"}
    ns.apply(*(vm(name, size=size, disks=[disk(source=BLANK)]) for name in names))
    for name in names:
        ns.until("cvm", name, lambda found: ready(found) and phase(found, "Running"), patience=600)
    pileus.settled()
    before = _versions(ns)
    pileus.restart()
    assert pileus.settled() == 0
    assert _versions(ns) == before


def _versions(ns: Kubectl) -> dict[str, int]:
    """How often each resource's and machine's spec was changed, which KubeVirt does not do by itself."""
    return {
        f"{found['kind']} {found['metadata']['name']}": found["metadata"]["generation"]
        for kind in ("cvm", "vm")
        for found in ns.list(kind)
    }
