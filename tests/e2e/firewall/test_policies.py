"""FirewallPolicies on a cluster that enforces: what they say is what really passes, and the status tells."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.local import contents
from pileus.local.cluster import LocalCluster
from pileus.objects.netpol import Policies
from tests.e2e.apps import app, condition, current, ready, says, up, warns
from tests.e2e.conftest import fresh
from tests.e2e.firewall.corners import in_corner
from tests.e2e.firewall.flows import Field
from tests.e2e.kubectl import Kubectl
from tests.e2e.operator import NAMESPACE, Operator

TRY = (
    "import socket,sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close(); print('passes')\n"
    "except OSError as e: print('no name' if isinstance(e, socket.gaierror) else 'blocked')"
)
TRIES = 40
ROUNDS = {"smoke": 8, "full": 60}


def policy(name: str = "guard", **spec: Any) -> Manifest:
    """A FirewallPolicy."""
    metadata = {"name": name}
    return {"apiVersion": "pileus.dev/v1alpha1", "kind": "FirewallPolicy", "metadata": metadata, "spec": spec}


def allow(name: str, direction: str, *peers: Manifest, **more: Any) -> Manifest:
    """A rule."""
    return {"name": name, "direction": direction, "peers": list(peers), **more}


@pytest.fixture(scope="module")
def team(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """A namespace with the apps web, worker and other, which all answer."""
    kubectl = fresh(admin, "firewall")
    kubectl.apply(*(app(name) for name in ("web", "worker", "other")))
    for name in ("web", "worker", "other"):
        kubectl.until("capp", name, ready)
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


@pytest.fixture
def guarded(team: Kubectl) -> Iterator[Callable[..., Manifest]]:
    """Applies a policy and waits until it is as wanted; it goes after the test."""

    def applied(manifest: Manifest, wanted: Callable[[Manifest], Any] = ready) -> Manifest:
        team.apply(manifest)
        return team.until("fwp", manifest["metadata"]["name"], wanted)

    yield applied
    team("delete", "fwp", "--all")
    team("wait", "--for=delete", "networkpolicy", "--all", "--timeout=60s")


def tried(kubectl: Kubectl, source: str, host: str, port: int = 8080) -> str:
    """What comes of a connection from an app."""
    command = (f"/{contents.PYTHON}", "-I", "-c", TRY, host, str(port))
    return kubectl("exec", f"deployment/{source}", "--", *command).strip()


def comes_to(kubectl: Kubectl, wanted: str, source: str, host: str, port: int = 8080) -> None:
    """Wait until a connection is so: the enforcer has its time."""
    seen = ""
    for _ in range(TRIES):
        seen = tried(kubectl, source, host, port)
        if seen == wanted:
            return
    raise AssertionError(f"{source} → {host}:{port}: {seen}, never {wanted}")


def test_only_whom_a_rule_allows(team: Kubectl, guarded: Callable[..., Manifest]) -> None:
    comes_to(team, "passes", "other", "web")
    found = guarded(
        policy(
            target={"apps": ["web"]},
            isolate={"ingress": True},
            rules=[allow("workers", "Ingress", {"app": "worker"}, ports=["8080/tcp"])],
        )
    )
    comes_to(team, "blocked", "other", "web")
    comes_to(team, "passes", "worker", "web")
    comes_to(team, "passes", "web", "other")
    status = found["status"]
    assert status["matched"] == {"pods": 1, "vms": 0, "sample": ["app/web"]}
    assert status["rules"] == [{"name": "workers", "state": "Enforced", "matchedPeers": 1}]
    assert status["summary"] == "Enforced"
    assert not status.get("warnings")
    team("delete", "fwp", "guard")
    comes_to(team, "passes", "other", "web")


def test_egress_and_the_presets(
    team: Kubectl, guarded: Callable[..., Manifest], cluster: LocalCluster
) -> None:
    web = team.get("service", "web")["spec"]["clusterIP"]
    guarded(
        policy(
            target={"apps": ["worker"]},
            isolate={"egress": True},
            rules=[allow("web", "Egress", {"app": "web"})],
        ),
        warns("NoDNSEgress"),
    )
    comes_to(team, "no name", "worker", "web")
    comes_to(team, "passes", "worker", web)
    guarded(
        policy(
            target={"apps": ["worker"]},
            isolate={"egress": True},
            presets=[{"name": "DNS"}],
            rules=[allow("web", "Egress", {"app": "web"})],
        ),
        lambda live: ready(live) and not live["status"].get("warnings"),
    )
    comes_to(team, "passes", "worker", "web")
    comes_to(team, "blocked", "worker", "other")
    comes_to(team, "blocked", "worker", "kubernetes.default.svc.cluster.local", 443)
    guarded(
        policy(
            target={"apps": ["worker"]},
            isolate={"egress": True},
            presets=[{"name": "DNS"}, {"name": "KubeAPIServer"}],
        )
    )
    comes_to(team, "passes", "worker", "kubernetes.default.svc.cluster.local", 443)
    comes_to(team, "blocked", "worker", "web")
    guarded(
        policy(target={"apps": ["worker"]}, presets=[{"name": "DNS"}, {"name": "SameNamespace"}]), current
    )
    comes_to(team, "passes", "worker", "web")
    comes_to(team, "blocked", "worker", "kubernetes.default.svc.cluster.local", 443)


def test_the_exposure_of_an_app_is_followed(team: Kubectl, guarded: Callable[..., Manifest]) -> None:
    """Whom the app lets in by its own expose, its firewall lets in: no range is written twice."""
    pod = team.list("pods", "pileus.dev/kind=ContainerApp,pileus.dev/name=worker")[0]
    worker = f"{pod['status']['podIP']}/32"
    closed = guarded(
        policy(target={"apps": ["web"]}, isolate={"ingress": True}, presets=[{"name": "Exposed"}]), current
    )
    assert "'web' exposes nothing" in closed["status"]["rules"][0]["reason"]
    comes_to(team, "blocked", "worker", "web")
    try:
        team.apply(app("web", expose={"type": "LoadBalancer", "allowFrom": [worker]}))
        team.until("fwp", "guard", warns("MaskedSourceIP"))
        comes_to(team, "passes", "worker", "web")
        comes_to(team, "blocked", "other", "web")
        assert team.get("service", "web-lb")["spec"]["loadBalancerSourceRanges"] == [worker]
        team.apply(app("web", expose={"type": "LoadBalancer"}))
        comes_to(team, "passes", "other", "web")
    finally:
        team.apply(app("web"))
    comes_to(team, "blocked", "other", "web")
    comes_to(team, "blocked", "worker", "web")
    team.until("capp", "web", ready)


def test_a_dry_run_says_what_enforcing_does(team: Kubectl, guarded: Callable[..., Manifest]) -> None:
    spec: Manifest = {
        "target": {"apps": ["web"]},
        "isolate": {"ingress": True},
        "rules": [allow("workers", "Ingress", {"app": "worker"})],
    }
    found = guarded(policy(**spec, mode="DryRun"), lambda live: ready(live) and "plan" in live["status"])
    plan = found["status"]["plan"]
    assert "app/other → app/web:8080/tcp" in plan["newlyBlocked"]
    assert not any("app/worker" in flow for flow in plan["newlyBlocked"])
    assert plan["newlyAllowed"] == []
    assert found["status"]["summary"] == "DryRun"
    assert not team.list("networkpolicies")
    comes_to(team, "passes", "other", "web")
    guarded(policy(**spec, mode="Enforce"))
    comes_to(team, "blocked", "other", "web")
    comes_to(team, "passes", "worker", "web")
    # What now passes no more would be allowed anew by a second policy, which says so first.
    more = guarded(
        policy(
            "more",
            target={"apps": ["web"]},
            isolate={"ingress": True},
            rules=[allow("others", "Ingress", {"app": "other"})],
            mode="DryRun",
        ),
        lambda live: ready(live) and "plan" in live["status"],
    )
    assert more["status"]["plan"]["newlyAllowed"] == ["app/other → app/web:8080/tcp"]
    assert more["status"]["plan"]["newlyBlocked"] == []


def test_what_the_enforcer_cannot_do_is_refused_by_name(
    team: Kubectl, guarded: Callable[..., Manifest]
) -> None:
    kept = guarded(policy(target={"apps": ["web"]}, isolate={"ingress": True}))
    assert kept["status"]["summary"] == "Enforced"
    found = guarded(
        policy(
            target={"apps": ["web"]},
            isolate={"ingress": True, "egress": True},
            rules=[
                allow("saas", "Egress", {"fqdn": "*.example.org"}),
                allow("all", "Ingress", {"any": True}),
            ],
        ),
        says("CapabilityMissing", "'saas'", "fqdn", "Cilium"),
    )
    assert condition(found, "Accepted")["reason"] == "CapabilityMissing"
    states = {rule["name"]: rule["state"] for rule in found["status"]["rules"]}
    assert states == {"saas": "Refused", "all": "Waiting"}
    comes_to(team, "blocked", "other", "web")  # what was enforced stays whole: nothing is loosened


def test_pods_that_come_are_matched(team: Kubectl, guarded: Callable[..., Manifest]) -> None:
    guarded(policy(target={"apps": ["later"]}, isolate={"ingress": True}), warns("SelectsNothing"))
    up(team, app("later", replicas=2))
    team.until("fwp", "guard", lambda live: live["status"]["matched"]["pods"] == 2)
    comes_to(team, "blocked", "other", "later")
    team("delete", "capp", "later")
    team.until("fwp", "guard", warns("SelectsNothing"))


def test_enforcement_is_tried_and_nothing_is_left(
    team: Kubectl,
    guarded: Callable[..., Manifest],
    operator: Operator,
    cluster: LocalCluster,
    tools: Kubectl,
) -> None:
    """With its enforcer stopped the cluster does not enforce what is new, and says so."""
    found = guarded(policy(target={"apps": ["web"]}, isolate={"ingress": True}))
    assert condition(found, "EnforcementVerified")["status"] == "True"
    metrics = operator.metrics(tools)
    assert metrics["pileus_enforcement_verified"] == 1
    assert metrics["pileus_enforcement_verification_age_seconds"] >= 0
    system = operator.kubectl.within(NAMESPACE)
    assert system.get("configmap", "pileus-enforcement")["data"]["answer"] == "enforced"
    assert not {name for name in system.names("pods") if "trial" in name}
    pid = str(cluster.progress()["parts"]["netpol"]["pid"])
    subprocess.run(cluster.nsenter(["kill", "-STOP", pid]), check=True)
    try:
        system("delete", "configmap", "pileus-enforcement")
        operator.restart()
        told = team.until("fwp", "guard", says("NotEnforced", "network plugin"), patience=240)
        assert told["status"]["summary"] == "NotEnforced"
    finally:
        subprocess.run(cluster.nsenter(["kill", "-CONT", pid]), check=True)
    system("delete", "configmap", "pileus-enforcement")
    operator.restart()
    team.until("fwp", "guard", ready, patience=240)
    assert not operator.complaints()


def test_specs_of_all_kinds_hold(
    field: Field, admin: Kubectl, operator: Operator, pytestconfig: pytest.Config
) -> None:
    """Round after round of random FirewallPolicies in three namespaces; every flow is really tried."""
    seed = pytestconfig.getoption("--seed") or 7
    words = field.peers.words
    anywhere = admin.within("")
    tried_flows = blocked = 0
    try:
        for number in range(ROUNDS[pytestconfig.getoption("--campaign")]):
            dice = Random(f"{seed} {number}")
            placed = [
                {**policy(f"p{i}", **_spec(dice)), "space": dice.choice("xyz")}
                for i in range(dice.randint(1, 4))
            ]
            manifests = []
            for one in placed:
                space = words[one.pop("space")]
                one["metadata"]["namespace"] = space
                manifests.append(one)
            manifests = field.peers.placed(manifests)
            anywhere.apply(*manifests)
            for one in manifests:
                admin.within(one["metadata"]["namespace"]).until("fwp", one["metadata"]["name"], ready)
            compiled = [
                found
                for space in "xyz"
                for found in admin.within(words[space]).list(
                    "networkpolicies", "pileus.dev/kind=FirewallPolicy"
                )
            ]
            assert len(compiled) == len(manifests)
            field.enforce([])  # its sentinel comes after them
            evaluator = Policies(compiled, field.peers.namespaces)
            expected = {flow: evaluator.verdict(flow).allowed for _, _, flow in field.peers.flows()}
            clear = {flow: it for flow, it in expected.items() if not in_corner(flow, compiled)}
            found = field.disagreements(clear)
            assert not found, (seed, number, [*map(field.story, found)], compiled)
            tried_flows += len(clear)
            blocked += sum(not it for it in clear.values())
            anywhere("delete", "-f", "-", given=_list(manifests))
    finally:
        for space in "xyz":
            admin.within(words[space])("delete", "fwp", "--all")
    print(f"{tried_flows} flows agree, {blocked} of them are blocked")
    assert tried_flows / 20 < blocked < tried_flows * 19 / 20


def _list(manifests: list[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})


def _spec(dice: Random) -> Manifest:
    """A spec that says something, without what needs more than the standard."""
    target = dice.choice(
        (
            {"all": True},
            {"selector": {"matchLabels": {"pod": dice.choice("abc")}}},
            {"selector": {"matchExpressions": [{"key": "pod", "operator": "In", "values": ["a", "b"]}]}},
        )
    )
    rules = []
    for number in range(dice.randint(0, 3)):
        rule = allow(
            f"r{number}",
            dice.choice(("Ingress", "Egress")),
            *(_peer(dice) for _ in range(dice.randint(1, 2))),
        )
        if dice.random() < 0.6:
            ports = ("80/tcp", "81", "80-81/udp", "81/udp", "serve-80-tcp", "serve-81-udp/udp")
            rule["ports"] = dice.sample(ports, dice.randint(1, 2))
        rules.append(rule)
    spec: Manifest = {"target": target, "rules": rules}
    if dice.random() < 0.3:
        spec["presets"] = [{"name": "SameNamespace"}]
    if dice.random() < 0.5 or not (rules or "presets" in spec):
        spec["isolate"] = {dice.choice(("ingress", "egress")): True}
    return spec


def _peer(dice: Random) -> Manifest:
    return dice.choice(
        (
            {"selector": {"matchLabels": {"pod": dice.choice("abc")}}},
            {"selector": {"matchLabels": {"pod": dice.choice("abc")}}, "namespaceSelector": {}},
            {"namespaceSelector": {"matchLabels": {"ns": dice.choice("xyz")}}},
            {"namespace": "{" + dice.choice("xyz") + "}"},
            {"cidr": "{out}/32"},
            {"cidr": "0.0.0.0/0", "except": ["{y/b}/32"]},
            {"any": True},
        )
    )
