"""Disks: filled once, grown, plugged, kept, and never wiped."""

from __future__ import annotations

import pytest

from tests.e2e.apps import condition
from tests.e2e.beside import OperatorBeside
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.vms.specs import BLANK, because, change, disk, made, running, uid, vm
from tests.vmnode import VmNode

pytestmark = pytest.mark.cluster

OTHER: Manifest = {"image": "https://images.example/other.qcow2"}


def entry(found: Manifest, name: str = "root") -> Manifest:
    """What the status says of a disk."""
    listed: list[Manifest] = found.get("status", {}).get("disks", [])
    return next((told for told in listed if told["name"] == name), {})


def warned(found: Manifest, reason: str) -> bool:
    """Whether a warning speaks of this."""
    return any(told["reason"] == reason for told in found.get("status", {}).get("warnings", ()))


def test_it_grows_while_the_machine_runs(ns: Kubectl) -> None:
    made(ns)
    first, volume = uid(ns), entry(running(ns))["volume"]
    change(ns, disks=[disk(size="3Gi")])
    ns.until("pvc", volume, lambda found: found["status"].get("capacity") == {"storage": "3Gi"})
    ns.until("cvm", "vm", lambda found: entry(found).get("size") == "3Gi")
    running(ns)
    assert uid(ns) == first


def test_it_cannot_shrink(ns: Kubectl) -> None:
    made(ns, disks=[disk(size="2Gi")])
    change(ns, disks=[disk(size="1Gi")])
    told = ns.until("cvm", "vm", lambda found: because(found, "DiskShrink"))
    assert "root" in condition(told, "Ready")["message"]
    change(ns, disks=[disk(size="2Gi")])
    running(ns)


def test_a_disk_is_plugged_and_unplugged_while_it_runs(ns: Kubectl) -> None:
    made(ns)
    first = uid(ns)
    brief = disk("brief", BLANK, retain="Delete")
    change(ns, disks=[disk(), disk("extra", BLANK), brief])
    ns.until("vmi", "vm", lambda found: _plugged(found) == {"root", "extra", "brief"})
    volumes = {name: entry(running(ns), name)["volume"] for name in ("extra", "brief")}
    change(ns, disks=[disk()])
    ns.until("vmi", "vm", lambda found: _plugged(found) == {"root"})
    running(ns)
    assert uid(ns) == first
    ns.gone("pvc", volumes["brief"])
    assert ns.exists("pvc", volumes["extra"]), "what it holds is kept"


def test_a_stuck_import_shows_how_far_it_is(ns: Kubectl, agent: VmNode) -> None:
    agent.hold_import("vm-root", 42)
    ns.apply(vm())
    told = ns.until("cvm", "vm", lambda found: entry(found).get("progress") == "40%")
    assert entry(told)["phase"] == "Filling"
    assert condition(told, "Ready")["reason"] == "DiskFilling"
    agent.finish_import("vm-root")
    running(ns)


def test_a_failed_import_says_why_and_is_mended(ns: Kubectl, agent: VmNode) -> None:
    agent.fail_import("vm-root", "expected status code 200, got 404")
    ns.apply(vm())
    told = ns.until("cvm", "vm", lambda found: "got 404" in condition(found, "Ready").get("message", ""))
    assert "root" in condition(told, "Ready")["message"]
    agent.finish_import("vm-root")
    running(ns)


def test_a_source_that_was_wrong_is_corrected_in_place(ns: Kubectl, agent: VmNode) -> None:
    """What was never filled is no loss, also where disks are kept."""
    agent.fail_import("vm-root", "expected status code 200, got 404")
    ns.apply(vm())
    ns.until("cvm", "vm", lambda found: because(found, "DiskFailed"))
    change(ns, disks=[disk(source=OTHER)])
    told = running(ns)
    assert entry(told)["volume"] != "vm-root"
    assert not warned(told, "SourceChanged")
    ns.gone("dv", "vm-root")
    ns.gone("pvc", "vm-root")


def test_a_changed_source_wipes_nothing_and_is_warned_of(ns: Kubectl, pileus: OperatorBeside) -> None:
    made(ns)
    before = uid(ns, "pvc", "vm-root")
    change(ns, disks=[disk(source=OTHER)])
    ns.until("cvm", "vm", lambda found: warned(found, "SourceChanged"))
    pileus.settled()
    assert uid(ns, "pvc", "vm-root") == before
    assert len(ns.names("dv")) == 1
    change(ns, disks=[disk()])
    ns.until("cvm", "vm", lambda found: not warned(found, "SourceChanged"))


def test_with_rebuild_a_new_disk_takes_the_place_at_the_next_start(ns: Kubectl) -> None:
    made(ns, disks=[disk(rebuild="WhenSourceChanges")])
    before = entry(running(ns))["volume"]
    change(ns, disks=[disk(source=OTHER, rebuild="WhenSourceChanges")])
    told = ns.until("cvm", "vm", lambda found: because(found, "RestartRequired", "RestartRequired"))
    assert "disks[root]" in told["status"]["restartRequired"]
    change(ns, restart={"token": "one"})
    ns.until("cvm", "vm", lambda found: entry(found).get("volume") not in ("", None, before))
    after = entry(running(ns))["volume"]
    (used,) = [v for v in ns.get("vmi", "vm")["spec"]["volumes"] if v["name"] == "root"]
    assert used["dataVolume"]["name"] == after


def test_a_kept_disk_is_taken_up_by_the_next_machine_of_its_name(ns: Kubectl) -> None:
    made(ns)
    volume, data = uid(ns, "pvc", "vm-root"), uid(ns, "dv", "vm-root")
    ns.delete("cvm", "vm")
    ns.gone("cvm", "vm")
    ns.gone("vm", "vm")
    ns.gone("vmi", "vm")
    assert (uid(ns, "pvc", "vm-root"), uid(ns, "dv", "vm-root")) == (volume, data)
    made(ns)
    assert (uid(ns, "pvc", "vm-root"), uid(ns, "dv", "vm-root")) == (volume, data)


def test_a_disk_that_is_not_kept_goes_with_the_machine(ns: Kubectl) -> None:
    made(ns, disks=[disk(retain="Delete")])
    ns.delete("cvm", "vm")
    ns.gone("cvm", "vm")
    ns.gone("dv", "vm-root")
    ns.gone("pvc", "vm-root")


def _plugged(instance: Manifest) -> set[str]:
    told = instance.get("status", {}).get("volumeStatus", [])
    known = {volume["name"] for volume in instance["spec"]["volumes"] if "dataVolume" in volume}
    return {v["name"] for v in told if v["name"] in known and v.get("phase", "Ready") == "Ready"}
