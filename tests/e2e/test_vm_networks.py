"""Interfaces of machines: added, taken away, and named wrongly."""

from __future__ import annotations

from collections.abc import Callable

from tests.cluster.machines import network
from tests.e2e.apps import condition, ready, says
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.virtual import vm

LAN = {"name": "lan", "network": "lan-120"}
PODS = {"name": "default"}


def addresses(found: Manifest) -> dict[str, str]:
    """The MAC address of each interface that the guest has."""
    return {entry["network"]: entry.get("mac", "") for entry in found["status"].get("addresses") or ()}


def has(*names: str) -> Callable[[Manifest], bool]:
    """Ready, with these interfaces."""
    return lambda found: ready(found) and set(addresses(found)) == set(names)


def test_an_interface_comes_and_goes_while_the_machine_runs(vms: Kubectl) -> None:
    vms.apply(network("lan-120"), vm())
    vms.until("cvm", "db", has("default"))
    before = vms.get("vmi", "db")["metadata"]["uid"]

    vms.edit("cvm", "db", {"spec": {"networks": [PODS, LAN]}})
    plugged = vms.until("cvm", "db", has("default", "lan"))
    assert condition(plugged, "RestartRequired")["status"] == "False"
    mac = addresses(plugged)["lan"]
    declared = vms.get("vm", "db")["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"]
    assert mac in {interface.get("macAddress") for interface in declared}

    vms.edit("cvm", "db", {"spec": {"networks": [PODS]}})
    vms.until("cvm", "db", has("default"))
    vms.until("vm", "db", lambda found: len(found["spec"]["template"]["spec"]["networks"]) == 1)
    vms.until("vmi", "db", lambda found: len(found["spec"]["networks"]) == 1)
    assert vms.get("vmi", "db")["metadata"]["uid"] == before, "it was not started anew"

    vms.edit("cvm", "db", {"spec": {"networks": [PODS, LAN]}})
    again = vms.until("cvm", "db", has("default", "lan"))
    assert addresses(again)["lan"] == mac, "an interface has its address for good"


def test_a_machine_without_the_network_of_the_pods(vms: Kubectl) -> None:
    vms.apply(network("lan-120"), vm(networks=[LAN]))
    found = vms.until("cvm", "db", has("lan"))
    assert found["status"]["phase"] == "Running"


def test_an_unknown_network_is_told_by_name_and_what_runs_is_left_alone(vms: Kubectl) -> None:
    vms.apply(network("lan-120"), vm())
    vms.until("cvm", "db", has("default"))
    version = vms.get("vm", "db")["metadata"]["generation"]
    vms.edit("cvm", "db", {"spec": {"networks": [PODS, {"name": "lan", "network": "lan-210"}]}})
    told = vms.until("cvm", "db", says("NetworkNotFound", "'lan-210'", "'lan'", "lan-120"))
    assert told["status"]["phase"] == "Running"
    assert vms.get("vm", "db")["metadata"]["generation"] == version
    vms.apply(network("lan-210"))
    vms.until("cvm", "db", has("default", "lan"))


def test_a_new_machine_waits_for_its_network(vms: Kubectl) -> None:
    vms.apply(vm(networks=[PODS, LAN]))
    vms.until("cvm", "db", says("NetworkNotFound", "'lan-120'"))
    assert not vms.exists("vm", "db")
    vms.apply(network("lan-120"))
    vms.until("cvm", "db", has("default", "lan"))
