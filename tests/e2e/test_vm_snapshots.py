"""Snapshots of machines, the ways back to them, and disks that are copies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from tests.e2e.apps import condition, ready, says
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.virtual import Clock, root, vm, volumes, wake
from tests.vmnode import VmNode

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
    """The machine `db`, ready, with the snapshot `db-first`; the snapshot's uid."""
    up(kubectl, vm(**spec))
    kubectl.edit("cvm", "db", {"spec": {"snapshots": {"take": "first"}}})
    kubectl.until("cvm", "db", usable("db-first"))
    uid: str = kubectl.get("vmsnapshot", "db-first")["metadata"]["uid"]
    return uid


def filled_from(kubectl: Kubectl, volume: str) -> Manifest:
    """What a DataVolume was made from."""
    source: Manifest = kubectl.get("dv", volume)["spec"]["source"]
    return source


def test_a_snapshot_is_taken_on_demand_and_stays_until_it_is_deleted(vms: Kubectl) -> None:
    with_snapshot(vms)
    vms.edit("cvm", "db", {"spec": {"snapshots": {"take": "second"}}})
    vms.until("cvm", "db", usable("db-first", "db-second"))
    vms("delete", "vmsnapshot", "db-second", "--timeout=60s")
    vms.until("cvm", "db", usable("db-first"))
    wake(vms)
    vms.edit("cvm", "db", {"spec": {"snapshots": {"take": None}}})
    shown = vms.until("cvm", "db", lambda found: ready(found) and usable("db-first")(found))
    assert snapshots(shown)["db-first"]["taken"]
    assert vms.names("vmsnapshot") == {"db-first"}, "what somebody deleted is not taken again"


def test_a_machine_that_is_new_has_all_its_disks_in_its_first_snapshot(vms: Kubectl) -> None:
    agent = VmNode(vms)
    agent.hold_import("db-root", 42)
    vms.apply(vm(disks=[root(), root("data", blank=True)], snapshots={"take": "first"}))
    vms.until("cvm", "db", says("DiskFilling", "root"))
    agent.finish_import("db-root")
    vms.until("cvm", "db", usable("db-first"))
    taken = vms.get("vmsnapshot", "db-first")["status"]["snapshotVolumes"]
    assert set(taken["includedVolumes"]) == {"root", "data"}


def test_a_snapshot_that_fails_says_why(vms: Kubectl) -> None:
    up(vms, vm())
    VmNode(vms).fail_snapshot("db-root", "The array is full.")
    vms.edit("cvm", "db", {"spec": {"snapshots": {"take": "first"}}})
    told = vms.until(
        "cvm", "db", lambda found: "array is full" in snapshots(found).get("db-first", {}).get("reason", "")
    )
    assert not snapshots(told)["db-first"]["ready"]
    assert condition(told, "Ready")["status"] == "True", "the machine itself is well"
    vms.edit("cvm", "db", {"spec": {"snapshots": {"restore": "db-first", "stopToRestore": True}}})
    vms.until("cvm", "db", says("SnapshotNotReady", "db-first", "array is full"))
    VmNode(vms).finish_snapshot("db-root")
    vms.until("cvm", "db", ready)
    assert volumes(vms) != {"root": "db-root"}, "it went back once it could"


def test_a_schedule_takes_one_a_night_and_keeps_so_many(vms: Kubectl, clock: Clock) -> None:
    noon = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)

    def name(day: int) -> str:
        return f"db-nightly-{noon + dt.timedelta(days=day):%Y%m%d}0300"

    def pass_to(day: int) -> None:
        clock.show(noon + dt.timedelta(days=day))
        wake(vms)

    clock.show(noon)
    up(vms, vm(snapshots={"schedules": [NIGHTLY]}))
    assert vms.names("vmsnapshot") == set(), "the night before was not asked for"
    pass_to(1)
    vms.until("cvm", "db", usable(name(1)))
    pass_to(2)
    vms.until("cvm", "db", usable(name(1), name(2)))
    pass_to(3)
    vms.until("cvm", "db", usable(name(2), name(3)))
    vms.gone("vmsnapshot", name(1))

    VmNode(vms).fail_snapshot("db-root", "The array is full.")
    pass_to(4)
    told = vms.until("cvm", "db", lambda found: "full" in snapshots(found).get(name(4), {}).get("reason", ""))
    assert set(snapshots(told)) == {name(2), name(3), name(4)}, "no good one goes for one that may fail"
    VmNode(vms).finish_snapshot("db-root")
    vms.until("cvm", "db", usable(name(3), name(4)))

    pass_to(9)
    vms.until("cvm", "db", usable(name(4), name(9)))
    vms("delete", "vmsnapshot", name(9), "--timeout=60s")
    vms.until("cvm", "db", usable(name(4)))
    wake(vms)
    vms.edit("cvm", "db", {"spec": {"snapshots": {"schedules": [], "take": "last"}}})
    vms.until("cvm", "db", usable("db-last"))
    assert vms.names("vmsnapshot") == {"db-last"}, "without its schedule, its snapshots go"


def test_a_running_machine_is_not_restored_until_it_may_be_stopped(vms: Kubectl) -> None:
    uid = with_snapshot(vms)
    before = vms.get("vmi", "db")["metadata"]["uid"]
    vms.edit("cvm", "db", {"spec": {"snapshots": {"restore": "db-first"}}})
    vms.until("cvm", "db", says("MustBeStopped", "power: Stopped", "stopToRestore: true"))
    assert (volumes(vms), vms.get("vmi", "db")["metadata"]["uid"]) == ({"root": "db-root"}, before)

    vms.edit("cvm", "db", {"spec": {"snapshots": {"stopToRestore": True}}})
    vms.until("cvm", "db", ready)
    now = volumes(vms)["root"]
    assert now != "db-root"
    assert filled_from(vms, now)["snapshot"]["name"] == f"vmsnapshot-{uid}-volume-root"
    running = vms.get("vmi", "db")
    assert running["metadata"]["uid"] != before
    assert [v["dataVolume"]["name"] for v in running["spec"]["volumes"] if "dataVolume" in v] == [now]
    assert vms.get("pvc", "db-root")["status"]["phase"] == "Bound", "the data of before are still there"

    vms("delete", "vmsnapshot", "db-first", "--timeout=60s")
    wake(vms)
    vms.until("cvm", "db", lambda found: ready(found) and not snapshots(found))
    assert volumes(vms) == {"root": now}, "it is not done again"

    up(vms, vm("web", disks=[root(disk={"vm": "db", "disk": "root"})]))
    assert filled_from(vms, "web-root")["pvc"]["name"] == now, "a copy is of what the machine has by now"


def test_a_stopped_machine_is_restored_and_stays_stopped(vms: Kubectl) -> None:
    with_snapshot(vms, disks=[root(), root("data", blank=True)])
    vms.edit("cvm", "db", {"spec": {"power": "Stopped", "snapshots": {"restore": "db-first"}}})
    vms.until("cvm", "db", ready)
    restored = volumes(vms)
    assert {"db-root", "db-data"}.isdisjoint(restored.values()), "both disks are of the snapshot"
    assert not vms.exists("vmi", "db")
    vms.edit("cvm", "db", {"spec": {"power": "Running"}})
    vms.until("cvm", "db", lambda found: ready(found) and found["status"]["phase"] == "Running")
    assert volumes(vms) == restored


def test_a_disk_that_came_after_the_snapshot_stays_as_it_is(vms: Kubectl) -> None:
    with_snapshot(vms)
    disks = [root(), root("data", blank=True)]
    vms.edit("cvm", "db", {"spec": {"disks": disks}})
    vms.until("cvm", "db", lambda found: ready(found) and len(found["status"]["disks"]) == 2)
    vms.edit("cvm", "db", {"spec": {"snapshots": {"restore": "db-first", "stopToRestore": True}}})
    vms.until("cvm", "db", ready)
    assert volumes(vms)["root"] != "db-root"
    assert volumes(vms)["data"] == "db-data"


def test_a_snapshot_that_is_not_there_is_told_with_those_that_are(vms: Kubectl) -> None:
    with_snapshot(vms)
    vms.edit("cvm", "db", {"spec": {"snapshots": {"restore": "db-frist"}}})
    vms.until("cvm", "db", says("SnapshotNotFound", "db-frist", "db-first"))
    assert volumes(vms) == {"root": "db-root"}


def test_a_disk_is_a_copy_of_another_machines(vms: Kubectl) -> None:
    up(vms, vm())
    found = up(vms, vm("web", disks=[root(disk={"vm": "db", "disk": "root"})]))
    assert found["status"]["phase"] == "Running"
    assert filled_from(vms, "web-root")["pvc"]["name"] == "db-root"
    assert vms.get("pvc", "web-root")["status"]["phase"] == "Bound"


def test_a_disk_is_a_copy_of_a_volume_snapshot_that_came_later(vms: Kubectl) -> None:
    vms.apply(vm("web", disks=[root(snapshot="golden")]))
    vms.until("cvm", "web", says("DiskPending", "root"))
    up(vms, vm())
    source = {"persistentVolumeClaimName": "db-root"}
    golden = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "golden"},
        "spec": {"source": source},
    }
    vms.apply(golden)
    found = vms.until("cvm", "web", ready)
    assert found["status"]["phase"] == "Running"
    assert filled_from(vms, "web-root")["snapshot"]["name"] == "golden"
