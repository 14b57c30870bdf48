"""What users are told: whom a policy matches, how it stands, what they should know, and what would change."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.conditions import summarize
from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.kinds.firewallpolicy.assess import dryrun
from pileus.objects.surroundings import Enforcement
from tests.unit.firewallpolicy.firewalls import (
    agent,
    condition,
    judge,
    netpol,
    pod,
    policy,
    rule,
    service,
    warned,
    world,
)

WEB = pod("web-1", app="web", ports=[("http", 8080, "TCP")])
WORKER = pod("worker-1", app="worker", ips=("10.244.1.20",))
ISOLATED = {"isolate": {"ingress": True}}


def status(spec: Manifest, *beside: Manifest, **more: Any) -> Manifest:
    return dict(judge(policy(spec), world(*beside, **more)).fields)


# whom it matches


def test_matched() -> None:
    vm = pod("virt-launcher-db-x", vm="db", labels={"vm.kubevirt.io/name": "db"})
    there = (WEB, pod("web-2", app="web"), WORKER, vm, pod("bare"), pod("x", namespace="data"))
    found = status({"target": {"all": True}, **ISOLATED}, *there)["matched"]

    assert found == {"pods": 5, "vms": 1, "sample": ["app/web", "app/worker", "pod/bare", "vm/db"]}


def test_a_sample_is_some() -> None:
    pods = [pod(f"p{number:02}") for number in range(30)]
    found = status({"target": {"all": True}, **ISOLATED}, *pods)["matched"]

    assert (found["pods"], len(found["sample"])) == (30, 10)
    assert found["sample"][0] == "pod/p00"


def test_pods_that_have_ended_are_none() -> None:
    ended = (pod("a", app="web", phase="Succeeded"), pod("b", app="web", phase="Failed"))

    assert status(ISOLATED, *ended)["matched"]["pods"] == 0
    assert status(ISOLATED, pod("c", app="web", phase="Pending"))["matched"]["pods"] == 1


def test_names_that_are_too_long_are_cut() -> None:
    longest = pod("p" * 253, ports=[("http", 80, "TCP")])
    found = status({"target": {"all": True}, "mode": "DryRun", **ISOLATED}, longest, WORKER)

    assert len(found["matched"]["sample"][1]) == 256
    assert all(len(one) <= 256 for one in found["plan"]["newlyBlocked"])


def test_matched_peers() -> None:
    """Of rules whose peers are pods, each pod once; presets would change with every pod that comes."""
    spec = {
        "presets": [{"name": "SameNamespace"}],
        "rules": [
            rule({"app": "worker"}, {"selector": {}}, name="here"),
            rule({"namespaceSelector": {"matchLabels": {"team": "data"}}}, name="there"),
            rule({"cidr": "192.0.2.0/24"}, name="outside"),
            rule({"any": True}, name="all"),
        ],
    }
    beside = (
        WEB,
        WORKER,
        pod("a", namespace="data"),
        pod("b", namespace="data"),
        pod("c", namespace="default"),
    )
    found = {one["name"]: one.get("matchedPeers") for one in status(spec, *beside)["rules"]}

    assert found == {"SameNamespace": None, "here": 2, "there": 2, "outside": None, "all": None}


# how it stands

STATES: tuple[tuple[Enforcement, str, str, str, str], ...] = (
    (Enforcement(True, "Tried."), "True", "Enforced", "Enforced", "Ready"),
    (Enforcement(False, "A flow passed."), "False", "NotEnforced", "NotEnforced", "NotEnforced"),
    (Enforcement(None), "Unknown", "Verifying", "Applied", "Verifying"),
    (Enforcement(None, "No pod starts."), "Unknown", "VerificationFailed", "Applied", "VerificationFailed"),
    (Enforcement(None, off=True), "Unknown", "NotVerified", "Applied", "Ready"),
)


@pytest.mark.parametrize(
    ("enforcement", "verified", "reason", "state", "ready"), STATES, ids=lambda x: str(x)
)
def test_state_by_what_was_tried(
    enforcement: Enforcement, verified: str, reason: str, state: str, ready: str
) -> None:
    """Only a trial says that a policy holds; the administrator may want none."""
    resource, there = policy(rules=[rule({"app": "worker"})]), world(WEB, WORKER, enforcement=enforcement)
    verdict = judge(resource, there)
    found = condition(verdict, "EnforcementVerified")

    assert (found.status, found.reason) == (verified, reason)
    assert verdict.fields["summary"] == state
    assert [one["state"] for one in verdict.fields["rules"]] == [state]
    assert summarize(verdict.findings)[0].reason == ready
    assert all(one.stalled == (enforcement.holds is False) for one in verdict.findings)
    assert condition(verdict, "Accepted").status == "True"


@pytest.mark.parametrize("enforcement", [row[0] for row in STATES], ids=lambda x: str(x))
def test_a_dry_run_is_ready_whatever_is_enforced(enforcement: Enforcement) -> None:
    verdict = judge(policy(ISOLATED, mode="DryRun"), world(WEB, enforcement=enforcement))

    assert verdict.findings == ()
    assert verdict.fields["summary"] == "DryRun"


def test_a_refused_rule_and_the_others() -> None:
    spec = {"rules": [rule({"any": True}, name="bad", action="Deny"), rule({"app": "worker"}, name="good")]}
    there = world(WEB, WORKER, agent("k8s-app", "calico-node"))
    verdict = judge(policy(spec), there)

    bad, good = verdict.fields["rules"]
    assert (bad["state"], good["state"], verdict.fields["summary"]) == ("Refused", "Waiting", "Refused")
    assert "Calico" in bad["reason"]
    assert "Another rule" in good["reason"]
    assert condition(verdict, "Accepted").reason == "CapabilityMissing"


# what they should know

DNS = {"presets": [{"name": "DNS"}]}
EGRESS = rule({"cidr": "192.0.2.0/24"}, direction="Egress")
ALLOWED = {"rules": [rule({"app": "worker"})]}


def test_nothing_is_warned_of_without_a_reason() -> None:
    spec = {
        "isolate": {"ingress": True, "egress": True},
        **DNS,
        "rules": [rule({"app": "worker"}), rule({"app": "worker"}, direction="Egress", name="out")],
    }
    assert warned(policy(spec), world(WEB, WORKER)) == {}


def test_allow_isolates() -> None:
    found = warned(policy(ALLOWED), world(WEB, WORKER))

    assert "app/web" in found["AllowIsolates"]
    assert "isolate.ingress: true" in found["AllowIsolates"]


SAID: dict[str, tuple[Manifest, tuple[Manifest, ...]]] = {
    "it was said": ({**ALLOWED, "isolate": {"ingress": True}}, (WEB, WORKER)),
    "another policy isolates them": (ALLOWED, (WEB, WORKER, netpol("deny", podSelector={}))),
    "there is nobody": (ALLOWED, (WORKER,)),
    "nothing isolates them anyway": (ALLOWED, (pod("web-1", app="web", host=True), WORKER)),
    "nothing is isolated": ({"rules": [rule({"any": True}, action="Deny")]}, (WEB, agent())),
}


@pytest.mark.parametrize("why", SAID)
def test_allow_isolates_is_not_said_where(why: str) -> None:
    spec, beside = SAID[why]

    assert "AllowIsolates" not in warned(policy(spec), world(*beside))


def test_allow_isolates_whatever_its_own_object_does() -> None:
    """The second pass sees what the first has made."""
    own = netpol("guard", podSelector={}, policyTypes=["Ingress"])

    assert "AllowIsolates" in warned(policy(ALLOWED), world(WEB, WORKER, own))


def test_allow_isolates_the_other_way_round() -> None:
    other = netpol("deny", podSelector={}, policyTypes=["Egress"])

    assert "AllowIsolates" in warned(policy(ALLOWED), world(WEB, WORKER, other))
    assert "egress" in warned(policy(rules=[EGRESS]), world(WEB))["AllowIsolates"]


def test_no_dns_egress() -> None:
    assert "{name: DNS}" in warned(policy(rules=[EGRESS]), world(WEB))["NoDNSEgress"]


ASKS: dict[str, Manifest] = {
    "the preset": {**DNS, "rules": [EGRESS]},
    "a rule with its port": {
        "rules": [EGRESS, rule({"namespace": "kube-system"}, direction="Egress", name="d", ports=["53/udp"])]
    },
    "a range that has its port": {
        "rules": [rule({"cidr": "10.0.0.0/8"}, direction="Egress", ports=["1-1024/udp"])]
    },
    "everything is allowed": {"rules": [rule({"any": True}, direction="Egress")]},
    "all of another namespace": {"rules": [rule({"namespace": "kube-system"}, direction="Egress")]},
    "nothing is allowed at all: a quarantine": {"isolate": {"egress": True}},
    "egress is open": ALLOWED,
}


@pytest.mark.parametrize("why", ASKS)
def test_dns_may_be_asked_by(why: str) -> None:
    assert "NoDNSEgress" not in warned(policy(ASKS[why]), world(WEB, WORKER))


@pytest.mark.parametrize("ports", [["53/tcp"], ["5353/udp"], ["443"]])
def test_dns_is_not_asked_by_another_port(ports: list[str]) -> None:
    listed = rule({"namespace": "kube-system"}, direction="Egress", ports=ports)

    assert "NoDNSEgress" in warned(policy(rules=[listed]), world(WEB))


def test_host_network_pod_selected() -> None:
    found = warned(policy(ISOLATED), world(WEB, pod("web-2", app="web", host=True)))
    assert "app/web" in found["HostNetworkPodSelected"]
    assert "HostNetworkPodSelected" not in warned(policy(ISOLATED), world(WEB, pod("x", host=True)))


CLUSTER_WIDE = {"type": "LoadBalancer", "selector": {"pileus.dev/name": "web"}}
FROM_RANGE = {"rules": [rule({"cidr": "192.0.2.0/24"})]}


@pytest.mark.parametrize("type_", ["LoadBalancer", "NodePort"])
def test_masked_source_ip(type_: str) -> None:
    there = world(WEB, service("web", **{**CLUSTER_WIDE, "type": type_}))
    found = warned(policy(FROM_RANGE), there)

    assert "'web'" in found["MaskedSourceIP"]
    assert "externalTrafficPolicy: Local" in found["MaskedSourceIP"]


UNMASKED: dict[str, tuple[Manifest, Manifest]] = {
    "it keeps addresses": (FROM_RANGE, service("web", **CLUSTER_WIDE, externalTrafficPolicy="Local")),
    "it is for the cluster only": (FROM_RANGE, service("web", **{**CLUSTER_WIDE, "type": "ClusterIP"})),
    "it is another's": (FROM_RANGE, service("web", **{**CLUSTER_WIDE, "selector": {"a": "b"}})),
    "it has no pods of its own": (FROM_RANGE, service("web", **{**CLUSTER_WIDE, "selector": {}})),
    "it is of another namespace": (FROM_RANGE, service("web", namespace="data", **CLUSTER_WIDE)),
    "nobody asks for addresses": (ALLOWED, service("web", **CLUSTER_WIDE)),
    "the way out has addresses only": ({"rules": [EGRESS]}, service("web", **CLUSTER_WIDE)),
}


@pytest.mark.parametrize("why", UNMASKED)
def test_no_source_is_masked_where(why: str) -> None:
    spec, beside = UNMASKED[why]

    assert "MaskedSourceIP" not in warned(policy(spec), world(WEB, beside))


def test_selects_nothing() -> None:
    assert "App 'web' has no pod" in warned(policy(ISOLATED), world(WORKER))["SelectsNothing"]
    labels = {"target": {"selector": {"matchLabels": {"a": "b"}}}, **ISOLATED}
    assert "No pod has the target's labels" in warned(policy(labels), world(WORKER))["SelectsNothing"]


def test_selects_nothing_of_one_of_several() -> None:
    spec = {"target": {"apps": ["web", "wbe"]}, **ISOLATED}
    found = warned(policy(spec), world(WEB))["SelectsNothing"]

    assert "'wbe'" in found
    assert "'web'" not in found


def test_a_pod_of_another_namespace_or_kind_is_not_the_target() -> None:
    there = world(pod("web-1", app="web", namespace="data"), pod("web", vm="web"))

    assert "SelectsNothing" in warned(policy(ISOLATED), there)


def test_secondary_network() -> None:
    found = warned(policy(ISOLATED), world(pod("web-1", app="web", networks="lan")))

    assert "app/web" in found["SecondaryNetwork"]


VMS = {"target": {"vms": ["db"]}, **ISOLATED}
LAUNCHER = {"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": "db"}


def test_vm_pending_restart() -> None:
    """It runs since before its pod had the labels."""
    there = world(pod("virt-launcher-db", labels=LAUNCHER))
    found = warned(policy(VMS), there)

    assert found.keys() == {"VMPendingRestart"}
    assert "'db'" in found["VMPendingRestart"]
    assert judge(policy(VMS), there).fields["matched"]["pendingRestart"] == ["db"]


def test_vm_that_has_its_labels() -> None:
    there = world(pod("virt-launcher-db", vm="db", labels=LAUNCHER))

    assert warned(policy(VMS), there) == {}
    assert "pendingRestart" not in judge(policy(VMS), there).fields["matched"]


def test_another_machine_s_restart_is_not_waited_for() -> None:
    there = world(pod("virt-launcher-x", labels={**LAUNCHER, "vm.kubevirt.io/name": "x"}))

    assert warned(policy(VMS), there).keys() == {"SelectsNothing"}


def test_peer_selects_nothing() -> None:
    spec = {**ISOLATED, "rules": [rule({"app": "wrker"}, name="a"), rule({"app": "worker"}, name="b")]}
    found = warned(policy(spec), world(WEB, WORKER))["PeerSelectsNothing"]

    assert "of a now" in found


PEERS: dict[str, list[Manifest]] = {
    "somebody is": [{"app": "nobody"}, {"app": "worker"}],
    "addresses are not counted": [{"app": "nobody"}, {"cidr": "192.0.2.0/24"}],
    "everybody is": [{"any": True}],
}


@pytest.mark.parametrize("why", PEERS)
def test_peers_are_not_nobody_where(why: str) -> None:
    spec = {**ISOLATED, "rules": [rule(*PEERS[why])]}

    assert "PeerSelectsNothing" not in warned(policy(spec), world(WEB, WORKER))


def test_a_preset_is_not_warned_of_when_nobody_scrapes_yet() -> None:
    spec = {**ISOLATED, "presets": [{"name": "MetricsScrape"}]}

    assert warned(policy(spec), world(WEB)) == {}


# what would change


def plan(spec: Manifest, *beside: Manifest) -> Manifest:
    found: Manifest = status({**spec, "mode": "DryRun"}, *beside)["plan"]
    return found


def test_plan_of_a_policy() -> None:
    """Only the worker reaches the web app: everybody else would be blocked."""
    other = pod("other", ips=("10.244.1.30",))
    found = plan({**ISOLATED, **ALLOWED}, WEB, WORKER, other)

    assert found["newlyBlocked"] == ["outside → app/web:8080/tcp", "pod/other → app/web:8080/tcp"]
    assert found["newlyAllowed"] == []
    assert (found["blocked"], found["allowed"]) == (2, 0)
    assert found["lookedAt"] >= 3


def test_plan_of_what_another_policy_blocks() -> None:
    found = plan({**ISOLATED, **ALLOWED}, WEB, WORKER, netpol("deny", podSelector={}))

    assert found["newlyAllowed"] == ["app/worker → app/web:8080/tcp"]
    assert found["newlyBlocked"] == []


def test_plan_of_what_the_other_end_blocks() -> None:
    """Nothing changes, whatever this end says."""
    closed = netpol("closed", podSelector={}, policyTypes=["Egress"], namespace="data")
    far = pod("far", namespace="data", ips=("10.244.1.40",))
    spec = {**ISOLATED, **ALLOWED}

    told = "pods of other namespaces → app/web:8080/tcp"
    assert told in plan(spec, WEB, WORKER, far)["newlyBlocked"]
    assert told not in plan(spec, WEB, WORKER, far, closed)["newlyBlocked"]


def test_plan_names_nobody_of_another_namespace() -> None:
    """Who may read a policy may not know who else is in the cluster, nor what its namespaces are called."""
    far = pod("secret-pod", app="secret-app", namespace="secret", ips=("10.244.1.40",))
    dns = pod("coredns", namespace="kube-system", labels={"k8s-app": "kube-dns"}, ports=[("dns", 53, "UDP")])
    spec = {"isolate": {"ingress": True, "egress": True}}
    found = plan(spec, WEB, WORKER, far, dns)

    assert "secret" not in str(found)
    assert "app/web → the cluster's DNS:53/udp" in found["newlyBlocked"]
    assert "app/worker → app/web:8080/tcp" in found["newlyBlocked"]


def test_plan_of_what_it_says_itself() -> None:
    """What it made while it was enforced is not what it is compared with."""
    own = netpol("guard", podSelector={}, policyTypes=["Ingress"])

    assert plan({**ISOLATED, **ALLOWED}, WEB, WORKER, own) == plan({**ISOLATED, **ALLOWED}, WEB, WORKER)


def test_plan_of_egress() -> None:
    db = pod("db", ips=("10.244.1.50",), ports=[("pg", 5432, "TCP")])
    spec = {"isolate": {"egress": True}, "rules": [rule({"app": "worker"}, direction="Egress")]}
    found = plan(spec, WEB, WORKER, db)

    assert "app/web → pod/db:5432/tcp" in found["newlyBlocked"]
    assert "app/web → outside:443/tcp" in found["newlyBlocked"]
    assert "app/web → Kubernetes API (10.96.0.1:443/tcp)" in found["newlyBlocked"]


def test_pods_that_look_alike_are_one() -> None:
    replicas = [pod(f"worker-{n}", app="worker", labels={"pod-template-hash": str(n)}) for n in range(9)]

    few, many = (plan(ISOLATED, WEB, *replicas[:1]), plan(ISOLATED, WEB, *replicas))
    assert few == many


def test_a_plan_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = [pod(f"p{number}", labels={"n": str(number)}) for number in range(60)]
    few = plan(ISOLATED, WEB, *pods)
    assert len(few["newlyBlocked"]) == dryrun.SHOWN < few["blocked"] == 61
    assert "partial" not in few

    monkeypatch.setattr(dryrun, "PAIRS", 40)
    found = plan(ISOLATED, WEB, *pods)
    assert found["blocked"] == 41
    assert found["partial"] is True


def test_no_plan_of_what_cannot_be_said() -> None:
    assert "plan" not in status({**FROM_RANGE, "presets": [{"name": "Internet"}]}, WEB), "it is enforced"
    denied = rule({"any": True}, action="Deny")
    assert "plan" not in status({"mode": "DryRun", "rules": [denied]}, WEB), "refused"
    assert "plan" not in status({"mode": "DryRun", "rules": [denied]}, WEB, agent()), "nobody evaluates it"


def test_metrics() -> None:
    gauges = {gauge.name: gauge for gauge in FIREWALL_POLICY.gauges}
    found = status({"rules": [rule({"any": True}, action="Deny")]}, WEB)
    samples = {name: list(gauge.of(found, world().now)) for name, gauge in gauges.items()}

    assert samples == {
        "pileus_firewall_policies": [(("Refused",), 1)],
        "pileus_firewall_matched_pods": [((), 1.0)],
        "pileus_firewall_refused_rules": [((), 1.0)],
    }
