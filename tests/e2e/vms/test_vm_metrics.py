"""What Prometheus is told of machines, while they live through it."""

from __future__ import annotations

import pytest

from tests.cluster.traces import eventually
from tests.e2e.beside import OperatorBeside
from tests.e2e.kubectl import Kubectl
from tests.e2e.vms.specs import change, made, running, uid, vm
from tests.vmnode import VmNode

pytestmark = pytest.mark.cluster


def test_phases_disks_acts_and_snapshots_are_counted(
    ns: Kubectl, pileus: OperatorBeside, agent: VmNode
) -> None:
    agent.hold_import("vm-root", 42)
    ns.apply(vm())
    assert shows(pileus, 40, "cloudvm_disk_progress_percent")
    assert shows(pileus, 1, "cloudvm_disks", phase="Filling")
    agent.finish_import("vm-root")
    running(ns)
    assert shows(pileus, 1, "cloudvm_phase", phase="Running")
    assert shows(pileus, 1, "cloudvm_disks", phase="Ready")

    before = pileus.metric("pileus_acts_total", kind="CloudVM")
    change(ns, migrate={"token": "one"}, snapshots={"take": "first"})
    assert shows(pileus, 1, "cloudvm_migrations", phase="Succeeded")
    ns.until("cvm", "vm", lambda found: any(s["ready"] for s in found["status"].get("snapshots", ())))
    assert eventually(lambda: pileus.metric("pileus_cloudvm_snapshot_age_seconds") > 0)
    first = uid(ns)
    change(ns, restart={"token": "one"})
    ns.until("vmi", "vm", lambda found: found and found["metadata"]["uid"] != first)
    running(ns)
    assert pileus.metric("pileus_acts_total", kind="CloudVM") == before + 1, "the restart"


def test_a_machine_that_waits_for_a_restart_is_counted_until_it_has_it(
    ns: Kubectl, pileus: OperatorBeside
) -> None:
    made(ns, size={"cpu": 2, "memory": "2Gi"})
    change(ns, size={"cpu": 1})
    assert shows(pileus, 1, "cloudvm_restart_required")
    change(ns, size={"cpu": 2})
    assert shows(pileus, 0, "cloudvm_restart_required")


def shows(pileus: OperatorBeside, value: float, name: str, **labels: str) -> bool:
    """Whether a metric comes to this value."""
    return eventually(lambda: pileus.metric(f"pileus_{name}", **labels) == value)
