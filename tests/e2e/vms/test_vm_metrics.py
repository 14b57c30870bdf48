"""What Prometheus is told of machines, while they live through it."""

from __future__ import annotations

import pytest

from tests.cluster.traces import eventually
from tests.e2e.kubectl import Kubectl
from tests.e2e.vms.operator import VmOperator
from tests.e2e.vms.specs import change, made, running, uid, vm
from tests.vmnode import VmNode

pytestmark = pytest.mark.cluster


def test_phases_disks_acts_and_snapshots_are_counted(ns: Kubectl, pileus: VmOperator, agent: VmNode) -> None:
    def shows(name: str, value: float, **labels: str) -> bool:
        return eventually(lambda: pileus.metric(f"pileus_{name}", **labels) == value)

    agent.hold_import("vm-root", 42)
    ns.apply(vm())
    assert shows("cloudvm_disk_progress_percent", 40)
    assert pileus.metric("pileus_cloudvm_disks", phase="Filling") == 1
    agent.finish_import("vm-root")
    running(ns)
    assert shows("cloudvm_phase", 1, phase="Running")
    assert pileus.metric("pileus_cloudvm_disks", phase="Ready") == 1

    before = pileus.metric("pileus_acts_total", kind="CloudVM")
    change(ns, migrate={"token": "one"}, snapshots={"take": "first"})
    assert shows("cloudvm_migrations", 1, phase="Succeeded")
    ns.until("cvm", "vm", lambda found: any(s["ready"] for s in found["status"].get("snapshots", ())))
    assert eventually(lambda: pileus.metric("pileus_cloudvm_snapshot_age_seconds") > 0)
    first = uid(ns)
    change(ns, restart={"token": "one"})
    ns.until("vmi", "vm", lambda found: found and found["metadata"]["uid"] != first)
    running(ns)
    assert pileus.metric("pileus_acts_total", kind="CloudVM") == before + 1, "the restart"


def test_a_machine_that_waits_for_a_restart_is_counted_until_it_has_it(
    ns: Kubectl, pileus: VmOperator
) -> None:
    made(ns, size={"cpu": 2, "memory": "2Gi"})
    change(ns, size={"cpu": 1})
    assert eventually(lambda: pileus.metric("pileus_cloudvm_restart_required") == 1)
    change(ns, size={"cpu": 2})
    assert eventually(lambda: pileus.metric("pileus_cloudvm_restart_required") == 0)
