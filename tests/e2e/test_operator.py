"""The operator in its own pod: what it writes, what it shows, what it leaves on users' objects."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.apps import app, change, condition, events, ready, replicas_ready, up
from tests.e2e.kubectl import Kubectl
from tests.e2e.operator import RELEASE, Operator

CHILDREN = "deployments,services,serviceaccounts,poddisruptionbudgets"


def versions(kubectl: Kubectl, kinds: str) -> dict[str, str]:
    """The version of every object: it moves with every write, whoever made it."""
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for item in kubectl.list(kinds, "app.kubernetes.io/managed-by=pileus")
    }


def series(metrics: dict[str, float], name: str, **labels: str) -> float:
    """The sum of a metric's series with these labels."""
    return sum(
        value
        for key, value in metrics.items()
        if key.partition("{")[0] == name and all(f'{k}="{v}"' in key for k, v in labels.items())
    )


def test_a_restart_writes_nothing(ns: Kubectl, operator: Operator, tools: Kubectl) -> None:
    for name in ("a", "b"):
        up(ns, app(name, replicas=2))
    before = versions(ns, CHILDREN), {app["metadata"]["name"]: app for app in ns.list("capp")}
    operator.restart()
    # A change after the restart proves that the new one works; what it has not to do with stays untouched.
    up(ns, app("c"))
    after = versions(ns, CHILDREN), {app["metadata"]["name"]: app for app in ns.list("capp")}
    assert {key: after[0][key] for key in before[0]} == before[0]
    assert {name: after[1][name] for name in ("a", "b")} == before[1]
    metrics = operator.metrics(tools)
    assert series(metrics, "pileus_drift_corrected_total") == 0


def test_what_changed_while_it_was_down_is_taken_up(ns: Kubectl, operator: Operator) -> None:
    for name in ("changed", "deleted"):
        up(ns, app(name, replicas=2))
    operator.keep_log()
    operator.kubectl("scale", f"deployment/{RELEASE}", "--replicas=0")
    operator.kubectl("wait", "--for=delete", "pod", "-l=app.kubernetes.io/name=pileus", "--timeout=60s")
    change(ns, "changed", replicas=1)
    ns.delete("service", "changed")
    ns.delete("capp", "deleted")
    operator.kubectl("scale", f"deployment/{RELEASE}", "--replicas=1")
    operator.rolled_out()
    ns.until("capp", "changed", replicas_ready(1))
    assert ns.exists("service", "changed")
    ns.gone("poddisruptionbudget", "changed")
    ns.gone("deployment", "deleted")


def test_only_what_users_understand_is_on_their_objects(ns: Kubectl) -> None:
    found = up(ns, app("a", replicas=2))
    change(ns, "a", env={"X": "y"})
    found = ns.until("capp", "a", ready)
    metadata = found["metadata"]
    assert "finalizers" not in metadata
    assert set(metadata.get("annotations", {})) <= {"kubectl.kubernetes.io/last-applied-configuration"}
    assert "labels" not in metadata
    managers = {
        entry["manager"]
        for entry in json.loads(ns("get", "capp", "a", "-o", "json", "--show-managed-fields"))["metadata"][
            "managedFields"
        ]
        if entry.get("subresource") != "status"
    }
    assert "pileus" not in managers, "the operator owns nothing but the status"


def test_paused_it_writes_nothing_and_says_so_until_resumed(ns: Kubectl) -> None:
    up(ns, app("a"))
    ns("annotate", "capp", "a", "pileus.dev/paused=true")
    ns.until("capp", "a", lambda found: condition(found, "Reconciling").get("reason") == "Paused")
    change(ns, "a", env={"PAUSED": "yes"})
    ns("label", "deployment", "a", "app.kubernetes.io/part-of=me", "--overwrite")
    # Another app comes up meanwhile: the operator had its chance.
    up(ns, app("b"))
    deployment = ns.get("deployment", "a")
    assert deployment["metadata"]["labels"]["app.kubernetes.io/part-of"] == "me"
    assert "PAUSED" not in json.dumps(deployment["spec"])
    ns("annotate", "capp", "a", "pileus.dev/paused-")
    ns.until("capp", "a", ready)
    deployment = ns.get("deployment", "a")
    assert deployment["metadata"]["labels"]["app.kubernetes.io/part-of"] == "pileus"
    assert "PAUSED" in json.dumps(deployment["spec"])
    assert ("Normal", "Paused") in events(ns, "a")


def test_metrics_of_the_table_are_shown_and_follow_the_resources(
    ns: Kubectl, operator: Operator, tools: Kubectl
) -> None:
    from pileus.telemetry.metrics import TABLE

    before = series(
        operator.metrics(tools), "pileus_resources", kind="ContainerApp", condition="Ready", status="True"
    )
    up(ns, app("a"))
    metrics = operator.metrics(tools)
    now = series(metrics, "pileus_resources", kind="ContainerApp", condition="Ready", status="True")
    assert now >= before + 1 or now >= 1
    shown = {key.partition("{")[0] for key in metrics}
    for row in TABLE:
        name = f"{row.name}_count" if row.kind == "histogram" else row.name
        # Counters and states with labels have no series before their first event.
        if row.labels and row.name in (
            "pileus_acts_total",
            "pileus_drift_corrected_total",
            "pileus_pruned_total",
            "pileus_store_calls_total",
            "pileus_store_call_duration_seconds",
        ):
            continue
        # Of what nobody is, and of what was not found out: see tests/e2e/firewall.
        if row.name in (
            "pileus_resources_not_ready",
            "pileus_enforcement_verified",
            "pileus_enforcement_verification_age_seconds",
        ):
            continue
        assert name in shown, f"{row.name} is in the table but not on /metrics"
    assert series(metrics, "pileus_leading") == 1


def test_it_runs_as_nobody_with_a_read_only_root(operator: Operator) -> None:
    (pod,) = [operator.kubectl.get("pod", name) for name in operator.pods()][:1]
    security: dict[str, Any] = pod["spec"]["containers"][0]["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    enforced = json.loads(operator.kubectl("get", "namespace", operator.kubectl.namespace, "-o", "json"))
    assert enforced["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    identity = operator.kubectl(
        "exec", pod["metadata"]["name"], "--", "/usr/bin/python3.11", "-c", "import os; print(os.getuid())"
    )
    assert identity.strip() == "65532"


def test_a_standby_takes_over_when_the_leader_is_killed(ns: Kubectl, operator: Operator) -> None:
    try:
        operator.deploy(replicas=2)
        assert len(operator.pods()) >= 2
        up(ns, app("a"))
        leader = operator.leader()
        operator.keep_log()
        operator.kubectl("delete", "pod", leader, "--grace-period=0", "--force")
        change(ns, "a", env={"X": "y"})
        ns.until("capp", "a", ready)
        assert operator.leader() != leader
    finally:
        operator.deploy()
        operator.kubectl("rollout", "status", f"deployment/{RELEASE}", "--timeout=120s")
