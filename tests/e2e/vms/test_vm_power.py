"""Power: what is declared comes to be, once, and changes no hands."""

from __future__ import annotations

import json

import pytest

from tests.cluster.traces import eventually
from tests.e2e.apps import condition, current, ready
from tests.e2e.beside import OperatorBeside
from tests.e2e.kubectl import Kubectl, Manifest, RefusedError
from tests.e2e.vms.specs import because, change, made, phase, running, uid, vm

pytestmark = pytest.mark.cluster


def test_it_is_made_and_tells_where_it_runs(ns: Kubectl) -> None:
    ns.apply(vm())
    status = running(ns)["status"]
    instance = ns.get("vmi", "vm")
    assert status["node"] == instance["status"]["nodeName"]
    assert status["disks"][0]["phase"] == "Ready"
    assert ns.exists("pvc", status["disks"][0]["volume"])


def test_stopped_and_started(ns: Kubectl) -> None:
    made(ns)
    first = uid(ns)
    change(ns, power="Stopped")
    ns.until("cvm", "vm", lambda found: ready(found) and phase(found, "Stopped"))
    assert not ns.exists("vmi", "vm")
    change(ns, power="Running")
    running(ns)
    assert uid(ns) != first


def test_paused_and_resumed_is_the_same_machine(ns: Kubectl) -> None:
    made(ns)
    first = uid(ns)
    change(ns, power="Paused")
    ns.until("cvm", "vm", lambda found: phase(found, "Paused"))
    assert condition(ns.get("vmi", "vm"), "Paused")["status"] == "True"
    change(ns, power="Running")
    running(ns)
    assert condition(ns.get("vmi", "vm"), "Paused").get("status") != "True"
    assert uid(ns) == first


def test_a_new_token_restarts_it_once(ns: Kubectl, pileus: OperatorBeside) -> None:
    made(ns)
    first = uid(ns)
    seen = [first]
    change(ns, restart={"token": "one"})
    with ns.watch("vmi", "vm") as states:
        for state in states:
            seen += [state["metadata"]["uid"]] if state else []
            if seen[-1] != first and state and state.get("status", {}).get("phase") == "Running":
                break
    assert len(set(seen)) == 2, "there was one restart"
    second = seen[-1]
    running(ns)
    pileus.settled()
    pileus.restart()
    ns.edit("cvm", "vm", {"metadata": {"annotations": {"example.com/touched": "true"}}})
    pileus.settled()
    assert uid(ns) == second, "neither a touch nor the operator's restart asks for it again"


def test_a_token_from_the_beginning_restarts_nothing(ns: Kubectl, pileus: OperatorBeside) -> None:
    ns.apply(vm(restart={"token": "one"}))
    running(ns)
    first = uid(ns)
    pileus.settled()
    assert uid(ns) == first


def test_power_never_changes_hands(ns: Kubectl) -> None:
    made(ns)
    change(ns, power="Stopped")
    ns.until("cvm", "vm", lambda found: phase(found, "Stopped"))
    change(ns, power="Running", restart={"token": "one"})
    running(ns)
    managed = ns("get", "vm", "vm", "-o", "json", "--show-managed-fields")
    owners = {
        entry["manager"]
        for entry in json.loads(managed)["metadata"]["managedFields"]
        if "f:runStrategy" in entry["fieldsV1"].get("f:spec", {})
    }
    assert owners == {"pileus"}


def test_a_protected_machine_cannot_be_deleted_even_by_the_administrator(ns: Kubectl) -> None:
    ns.apply(vm(power="Stopped", protect=True))
    ns.until("cvm", "vm", current)
    with pytest.raises(RefusedError, match=r"protected: set spec\.protect to false first"):
        ns("delete", "cvm", "vm", "--wait=false")
    assert "deletionTimestamp" not in ns.get("cvm", "vm")["metadata"]
    change(ns, protect=False)
    ns.delete("cvm", "vm")
    ns.gone("cvm", "vm")


def test_a_port_leads_to_the_launcher(ns: Kubectl) -> None:
    made(ns, expose=[{"name": "ssh", "port": 22}])
    (launcher,) = [pod for pod in ns.list("pods", "kubevirt.io=virt-launcher") if _alive(pod)]

    def addresses() -> list[str]:
        slices = ns.list("endpointslices", "kubernetes.io/service-name=vm-ssh")
        return [a for found in slices for end in found.get("endpoints") or () for a in end["addresses"]]

    assert eventually(lambda: addresses() == [launcher["status"]["podIP"]]), addresses()


def _alive(pod: Manifest) -> bool:
    return bool(pod["status"].get("phase") == "Running")


def test_a_running_machine_is_left_alone_while_its_class_is_unknown(ns: Kubectl) -> None:
    """What runs is left alone until the class is mended."""
    made(ns)
    first = uid(ns)
    ns.edit("cvm", "vm", {"spec": {"size": {"cpu": None, "memory": None, "class": "u1.nowhere"}}})
    told = ns.until("cvm", "vm", lambda found: because(found, "ClassNotFound"))
    assert "u1.nowhere" in condition(told, "Ready")["message"]
    assert uid(ns) == first
