"""Snapshots of machines, the ways back to them, and disks that are copies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.apps import condition, ready, says
from tests.e2e.beside import Clock
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.vms.specs import BLANK, change, disk, vm, volumes, wake
from tests.vmnode import VmNode

pytestmark = pytest.mark.cluster

NIGHTLY = {"name": "nightly", "cron": "0 3 * * *", "keep": 2}


def snapshots(found: Manifest) -> dict[str, Manifest]:
    """What the status says of each."""
    return {entry["name"]: entry for entry in found.get("status", {}).get("snapshots") or ()}


def usable(*names: str) -> Callable[[Manifest], bool]:
    """Whether these snapshots, and no others, are shown, and all can be restored."""

    def matches(found: Manifest) -> bool:
        shown = snapshots(found)
        return set(shown) == set(names) and all(entry["ready"] for entry in shown.values())

    return matches


def up(kubectl: Kubectl, manifest: Manifest) -> Manifest:
    """Apply the machine and wait until it is ready."""
    kubectl.apply(manifest)
    return kubectl.until("cvm", manifest["metadata"]["name"], ready)


def with_snapshot(kubectl: Kubectl, **spec: Any) -> str:
    """The machine `db`, ready, with the snapshot `vm-first`; the snapshot's uid."""
    up(kubectl, vm(**spec))
    kubectl.edit("cvm", "vm", {"spec": {"snapshots": {"take": "first"}}})
    kubectl.until("cvm", "vm", usable("vm-first"))
    uid: str = kubectl.get("vmsnapshot", "vm-first")["metadata"]["uid"]
    return uid


def filled_from(kubectl: Kubectl, volume: str) -> Manifest:
    """What a DataVolume was made from."""
    source: Manifest = kubectl.get("dv", volume)["spec"]["source"]
    return source


def test_a_snapshot_is_taken_on_demand_and_stays_until_it_is_deleted(ns: Kubectl) -> None:
    with_snapshot(ns)
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"take": "second"}}})
    ns.until("cvm", "vm", usable("vm-first", "vm-second"))
    ns("delete", "vmsnapshot", "vm-second", "--timeout=60s")
    ns.until("cvm", "vm", usable("vm-first"))
    wake(ns)
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"take": None}}})
    shown = ns.until("cvm", "vm", lambda found: ready(found) and usable("vm-first")(found))
    assert snapshots(shown)["vm-first"]["taken"]
    assert ns.names("vmsnapshot") == {"vm-first"}, "what somebody deleted is not taken again"


def test_a_machine_that_is_new_has_all_its_disks_in_its_first_snapshot(ns: Kubectl) -> None:
    agent = VmNode(ns)
    agent.hold_import("vm-root", 42)
    ns.apply(vm(disks=[disk(), disk("data", BLANK)], snapshots={"take": "first"}))
    ns.until("cvm", "vm", says("DiskFilling", "root"))
    agent.finish_import("vm-root")
    ns.until("cvm", "vm", usable("vm-first"))
    taken = ns.get("vmsnapshot", "vm-first")["status"]["snapshotVolumes"]
    assert set(taken["includedVolumes"]) == {"root", "data"}


def test_a_snapshot_that_fails_says_why(ns: Kubectl) -> None:
    up(ns, vm())
    VmNode(ns).fail_snapshot("vm-root", "The array is full.")
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"take": "first"}}})
    told = ns.until(
        "cvm", "vm", lambda found: "array is full" in snapshots(found).get("vm-first", {}).get("reason", "")
    )
    assert not snapshots(told)["vm-first"]["ready"]
    assert condition(told, "Ready")["status"] == "True", "the machine itself is well"
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"restore": "vm-first", "stopToRestore": True}}})
    ns.until("cvm", "vm", says("SnapshotNotReady", "vm-first", "array is full"))
    VmNode(ns).finish_snapshot("vm-root")
    ns.until("cvm", "vm", ready)
    assert volumes(ns) != {"root": "vm-root"}, "it went back once it could"


def test_a_schedule_takes_one_a_night_and_keeps_so_many(ns: Kubectl, clock: Clock) -> None:
    noon = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)

    def name(day: int) -> str:
        return f"vm-nightly-{noon + dt.timedelta(days=day):%Y%m%d}0300"

    def pass_to(day: int) -> None:
        clock.show(noon + dt.timedelta(days=day))
        wake(ns)

    clock.show(noon)
    up(ns, vm(snapshots={"schedules": [NIGHTLY]}))
    assert ns.names("vmsnapshot") == set(), "the night before was not asked for"
    pass_to(1)
    ns.until("cvm", "vm", usable(name(1)))
    pass_to(2)
    ns.until("cvm", "vm", usable(name(1), name(2)))
    pass_to(3)
    ns.until("cvm", "vm", usable(name(2), name(3)))
    ns.gone("vmsnapshot", name(1))

    VmNode(ns).fail_snapshot("vm-root", "The array is full.")
    pass_to(4)
    told = ns.until("cvm", "vm", lambda found: "full" in snapshots(found).get(name(4), {}).get("reason", ""))
    assert set(snapshots(told)) == {name(2), name(3), name(4)}, "no good one goes for one that may fail"
    VmNode(ns).finish_snapshot("vm-root")
    ns.until("cvm", "vm", usable(name(3), name(4)))

    pass_to(9)
    ns.until("cvm", "vm", usable(name(4), name(9)))
    ns("delete", "vmsnapshot", name(9), "--timeout=60s")
    ns.until("cvm", "vm", usable(name(4)))
    wake(ns)
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"schedules": [], "take": "last"}}})
    ns.until("cvm", "vm", usable("vm-last"))
    assert ns.names("vmsnapshot") == {"vm-last"}, "without its schedule, its snapshots go"


def test_a_running_machine_is_not_restored_until_it_may_be_stopped(ns: Kubectl) -> None:
    uid = with_snapshot(ns)
    before = ns.get("vmi", "vm")["metadata"]["uid"]
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"restore": "vm-first"}}})
    ns.until("cvm", "vm", says("MustBeStopped", "power: Stopped", "stopToRestore: true"))
    assert (volumes(ns), ns.get("vmi", "vm")["metadata"]["uid"]) == ({"root": "vm-root"}, before)

    ns.edit("cvm", "vm", {"spec": {"snapshots": {"stopToRestore": True}}})
    ns.until("cvm", "vm", ready)
    now = volumes(ns)["root"]
    assert now != "vm-root"
    assert filled_from(ns, now)["snapshot"]["name"] == f"vmsnapshot-{uid}-volume-root"
    running = ns.get("vmi", "vm")
    assert running["metadata"]["uid"] != before
    assert [v["dataVolume"]["name"] for v in running["spec"]["volumes"] if "dataVolume" in v] == [now]
    assert ns.get("pvc", "vm-root")["status"]["phase"] == "Bound", "the data of before are still there"

    ns("delete", "vmsnapshot", "vm-first", "--timeout=60s")
    wake(ns)
    ns.until("cvm", "vm", lambda found: ready(found) and not snapshots(found))
    assert volumes(ns) == {"root": now}, "it is not done again"

    change(ns, power="Stopped")  # CDI copies no disk that is in use
    up(ns, vm("web", disks=[disk(source={"disk": {"vm": "vm", "disk": "root"}})]))
    assert filled_from(ns, "web-root")["pvc"]["name"] == now, "a copy is of what the machine has by now"


def test_a_stopped_machine_is_restored_and_stays_stopped(ns: Kubectl) -> None:
    with_snapshot(ns, disks=[disk(), disk("data", BLANK)])
    ns.edit("cvm", "vm", {"spec": {"power": "Stopped", "snapshots": {"restore": "vm-first"}}})
    ns.until("cvm", "vm", ready)
    restored = volumes(ns)
    assert {"vm-root", "vm-data"}.isdisjoint(restored.values()), "both disks are of the snapshot"
    assert not ns.exists("vmi", "vm")
    ns.edit("cvm", "vm", {"spec": {"power": "Running"}})
    ns.until("cvm", "vm", lambda found: ready(found) and found["status"]["phase"] == "Running")
    assert volumes(ns) == restored


def test_a_disk_that_came_after_the_snapshot_stays_as_it_is(ns: Kubectl) -> None:
    with_snapshot(ns)
    disks = [disk(), disk("data", BLANK)]
    ns.edit("cvm", "vm", {"spec": {"disks": disks}})
    ns.until("cvm", "vm", lambda found: ready(found) and len(found["status"]["disks"]) == 2)
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"restore": "vm-first", "stopToRestore": True}}})
    ns.until("cvm", "vm", ready)
    assert volumes(ns)["root"] != "vm-root"
    assert volumes(ns)["data"] == "vm-data"


def test_a_snapshot_that_is_not_there_is_told_with_those_that_are(ns: Kubectl) -> None:
    with_snapshot(ns)
    ns.edit("cvm", "vm", {"spec": {"snapshots": {"restore": "vm-frist"}}})
    ns.until("cvm", "vm", says("SnapshotNotFound", "vm-frist", "vm-first"))
    assert volumes(ns) == {"root": "vm-root"}


def test_a_disk_is_a_copy_of_another_machines_once_that_is_stopped(ns: Kubectl) -> None:
    up(ns, vm())
    ns.apply(vm("web", disks=[disk(source={"disk": {"vm": "vm", "disk": "root"}})]))
    ns.until("cvm", "web", says("DiskPending", "once CloudVM 'vm' is stopped"))
    change(ns, power="Stopped")
    found = ns.until("cvm", "web", ready)
    assert found["status"]["phase"] == "Running"
    assert filled_from(ns, "web-root")["pvc"]["name"] == "vm-root"
    assert ns.get("pvc", "web-root")["status"]["phase"] == "Bound"


def test_a_disk_is_a_copy_of_a_volume_snapshot_that_came_later(ns: Kubectl) -> None:
    ns.apply(vm("web", disks=[disk(source={"snapshot": "golden"})]))
    ns.until("cvm", "web", says("SourceNotFound", "golden"))
    up(ns, vm())
    source = {"persistentVolumeClaimName": "vm-root"}
    golden = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "golden"},
        "spec": {"source": source},
    }
    ns.apply(golden)
    found = ns.until("cvm", "web", ready)
    assert found["status"]["phase"] == "Running"
    assert filled_from(ns, "web-root")["snapshot"]["name"] == "golden"
