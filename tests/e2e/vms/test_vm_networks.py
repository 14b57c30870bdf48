"""Interfaces of machines: added, taken away, and named wrongly."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cluster.machines import network
from tests.e2e.apps import condition, ready, says
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.vms.specs import vm

pytestmark = pytest.mark.cluster

LAN = {"name": "lan", "network": "lan-120"}
PODS = {"name": "default"}


def addresses(found: Manifest) -> dict[str, str]:
    """The MAC address of each interface that the guest has."""
    return {entry["network"]: entry.get("mac", "") for entry in found["status"].get("addresses") or ()}


def has(*names: str) -> Callable[[Manifest], bool]:
    """Ready, with these interfaces, and all their addresses known."""
    return lambda found: (
        ready(found) and set(addresses(found)) == set(names) and all(addresses(found).values())
    )


def test_an_interface_comes_and_goes_while_the_machine_runs(ns: Kubectl) -> None:
    ns.apply(network("lan-120"), vm())
    ns.until("cvm", "vm", has("default"))
    before = ns.get("vmi", "vm")["metadata"]["uid"]

    ns.edit("cvm", "vm", {"spec": {"networks": [PODS, LAN]}})
    plugged = ns.until("cvm", "vm", has("default", "lan"))
    assert condition(plugged, "RestartRequired")["status"] == "False"
    mac = addresses(plugged)["lan"]
    declared = ns.get("vm", "vm")["spec"]["template"]["spec"]["domain"]["devices"]["interfaces"]
    assert mac in {interface.get("macAddress") for interface in declared}

    ns.edit("cvm", "vm", {"spec": {"networks": [PODS]}})
    ns.until("cvm", "vm", has("default"))
    ns.until("vm", "vm", lambda found: len(found["spec"]["template"]["spec"]["networks"]) == 1)
    ns.until("vmi", "vm", lambda found: len(found["spec"]["networks"]) == 1)
    assert ns.get("vmi", "vm")["metadata"]["uid"] == before, "it was not started anew"

    ns.edit("cvm", "vm", {"spec": {"networks": [PODS, LAN]}})
    again = ns.until("cvm", "vm", has("default", "lan"))
    assert addresses(again)["lan"] == mac, "an interface has its address for good"


def test_a_machine_without_the_network_of_the_pods(ns: Kubectl) -> None:
    ns.apply(network("lan-120"), vm(networks=[LAN]))
    found = ns.until("cvm", "vm", has("lan"))
    assert found["status"]["phase"] == "Running"


def test_an_unknown_network_is_told_by_name_and_what_runs_is_left_alone(ns: Kubectl) -> None:
    ns.apply(network("lan-120"), vm())
    ns.until("cvm", "vm", has("default"))
    version = ns.get("vm", "vm")["metadata"]["generation"]
    ns.edit("cvm", "vm", {"spec": {"networks": [PODS, {"name": "lan", "network": "lan-210"}]}})
    told = ns.until("cvm", "vm", says("NetworkNotFound", "'lan-210'", "'lan'", "lan-120"))
    assert told["status"]["phase"] == "Running"
    assert ns.get("vm", "vm")["metadata"]["generation"] == version
    ns.apply(network("lan-210"))
    ns.until("cvm", "vm", has("default", "lan"))


def test_a_new_machine_waits_for_its_network(ns: Kubectl) -> None:
    ns.apply(vm(networks=[PODS, LAN]))
    ns.until("cvm", "vm", says("NetworkNotFound", "'lan-120'"))
    assert not ns.exists("vm", "vm")
    ns.apply(network("lan-120"))
    ns.until("cvm", "vm", has("default", "lan"))
