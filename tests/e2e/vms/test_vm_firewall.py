"""Machines as the target and as peers of FirewallPolicies: by the labels that their pods have."""

from __future__ import annotations

import pytest

from tests.e2e.apps import condition, current, ready, warns
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.vms.specs import change, made, running

pytestmark = pytest.mark.cluster
OWN = "pileus.dev/name"


def guard(**spec: object) -> Manifest:
    """A FirewallPolicy for the machine `vm`."""
    rule = {"name": "ssh", "direction": "Ingress", "peers": [{"vm": "vm"}], "ports": ["22/tcp"]}
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "FirewallPolicy",
        "metadata": {"name": "guard"},
        "spec": {"target": {"vms": ["vm"]}, "isolate": {"ingress": True}, "rules": [rule], **spec},
    }


def test_a_machine_is_matched_by_its_pod(ns: Kubectl) -> None:
    made(ns)
    ns.apply(guard())
    found = ns.until("fwp", "guard", ready)
    assert found["status"]["matched"] == {"pods": 1, "vms": 1, "sample": ["vm/vm"]}
    assert found["status"]["rules"][0]["matchedPeers"] == 1
    assert not found["status"].get("warnings")
    # Nothing runs in the pods here, so nothing can be tried, and that is what is said.
    assert condition(found, "EnforcementVerified")["reason"] == "NotVerified"
    assert found["status"]["summary"] == "Applied"
    selector = ns.get("networkpolicy", "guard")["spec"]["podSelector"]["matchLabels"]
    launcher = ns.list("pods", "kubevirt.io=virt-launcher")[0]
    assert selector.items() <= launcher["metadata"]["labels"].items()
    change(ns, power="Stopped")
    ns.until(
        "fwp", "guard", lambda live: warns("SelectsNothing")(live) and live["status"]["matched"]["vms"] == 0
    )


def test_one_that_runs_without_its_labels_is_told(ns: Kubectl) -> None:
    """KubeVirt gives labels to a pod when it is made, and never again."""
    made(ns)
    launcher = ns.list("pods", "kubevirt.io=virt-launcher")[0]["metadata"]["name"]
    ns("label", "pod", launcher, f"{OWN}-")
    ns.apply(guard())
    found = ns.until("fwp", "guard", warns("VMPendingRestart"))
    assert found["status"]["matched"]["pendingRestart"] == ["vm"]
    assert found["status"]["matched"]["vms"] == 0
    change(ns, restart={"token": "again"})
    ns.until("fwp", "guard", lambda live: current(live) and live["status"]["matched"].get("vms") == 1)
    found = running(ns) and ns.get("fwp", "guard")
    assert "pendingRestart" not in found["status"]["matched"]


def test_the_exposure_of_a_machine_is_followed(ns: Kubectl) -> None:
    """Its load balancer and its firewall let in the same, by one field."""
    made(ns)
    ns.apply(guard(rules=[], presets=[{"name": "Exposed"}]))
    found = ns.until("fwp", "guard", ready)
    assert "'vm' exposes nothing" in found["status"]["rules"][0]["reason"]
    ranges = ["192.0.2.0/24", "203.0.113.7/32"]
    change(
        ns, expose=[{"name": "ssh", "port": 2222, "target": 22, "type": "LoadBalancer", "allowFrom": ranges}]
    )
    ns.until("fwp", "guard", lambda live: ready(live) and "reason" not in live["status"]["rules"][0])
    (entry,) = ns.get("networkpolicy", "guard")["spec"]["ingress"]
    assert [one["ipBlock"]["cidr"] for one in entry["from"]] == ranges
    assert entry["ports"] == [{"protocol": "TCP", "port": 22}]
    assert ns.get("service", "vm-ssh")["spec"]["loadBalancerSourceRanges"] == ranges
    change(ns, expose=[])
    ns.until("fwp", "guard", lambda live: "reason" in live["status"]["rules"][0])
    closed = ns.get("networkpolicy", "guard")["spec"]
    assert closed["policyTypes"] == ["Ingress"]
    assert not closed.get("ingress")
