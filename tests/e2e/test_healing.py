"""What breaks heals, or the app says why it cannot, in words that name the cause; mending it recovers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.apps import (
    NO_IMAGE,
    SLEEP,
    app,
    change,
    condition,
    events,
    pod_names,
    ready,
    replicas_ready,
    says,
    up,
)
from tests.e2e.conftest import fresh
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.operator import Operator


@pytest.fixture(scope="module")
def living(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """A namespace with an app of two replicas, which every test leaves as it was.

    Two others are looked at last: only after a while is it news that an app is not ready.
    """
    kubectl = fresh(admin, "healing")
    health = {"startup": {"within": "30s"}, "ready": {"path": "/healthz"}}
    kubectl.apply(app("unready", env={"HEALTHZ_STATUS": "503"}, health=health))
    kubectl.apply(app("unmounted", volumes=[{"name": "conf", "path": "/conf", "configMap": "absent"}]))
    up(kubectl, app(replicas=2))
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


def test_a_killed_pod_comes_back(living: Kubectl) -> None:
    victim = min(pod_names(living, "app"))
    living("delete", "pod", victim, "--now", "--wait=false")
    living.until("capp", "app", lambda found: not ready(found), "A missing replica is told.")
    living.until("capp", "app", replicas_ready(2))
    assert victim not in pod_names(living, "app")


@pytest.mark.parametrize("kind", ["deployment", "service", "serviceaccount", "poddisruptionbudget"])
def test_a_deleted_object_comes_back(living: Kubectl, kind: str) -> None:
    before = living.get(kind, "app")["metadata"]["uid"]
    living.delete(kind, "app")
    living.until(kind, "app", lambda found: found["metadata"]["uid"] != before)
    living.until("capp", "app", replicas_ready(2))


@pytest.mark.parametrize(
    ("kind", "patch", "restored"),
    [
        (
            "deployment",
            {"metadata": {"labels": {"app.kubernetes.io/instance": "edited"}}},
            lambda found: found["metadata"]["labels"]["app.kubernetes.io/instance"] == "app",
        ),
        ("deployment", {"spec": {"replicas": 5}}, lambda found: found["spec"]["replicas"] == 2),
        (
            "deployment",
            {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
            lambda found: found["metadata"]["labels"].get("app.kubernetes.io/managed-by") == "pileus",
        ),
        (
            "service",
            {"spec": {"selector": {"pileus.dev/track": "edited"}}},
            lambda found: found["spec"]["selector"]["pileus.dev/track"] == "stable",
        ),
        (
            "poddisruptionbudget",
            {"spec": {"maxUnavailable": 2}},
            lambda found: found["spec"]["maxUnavailable"] == 1,
        ),
    ],
    ids=["a label", "the replica count", "the label that is watched", "a selector", "the disruption budget"],
)
def test_an_edit_is_put_back(
    living: Kubectl, kind: str, patch: Manifest, restored: Callable[[Manifest], bool]
) -> None:
    generation = living.get(kind, "app")["metadata"]["resourceVersion"]
    living.edit(kind, "app", patch)
    living.until(kind, "app", restored)
    assert living.get(kind, "app")["metadata"]["resourceVersion"] != generation
    living.until("capp", "app", replicas_ready(2))


def test_what_others_add_is_left_alone(living: Kubectl) -> None:
    living("annotate", "deployment", "app", "example.dev/note=kept", "--overwrite")
    living("annotate", "capp", "app", "pileus.dev/reconcile-at=again", "--overwrite")
    living("scale", "deployment", "app", "--replicas=3")
    found = living.until("deployment", "app", lambda found: found["spec"]["replicas"] == 2)
    assert found["metadata"]["annotations"]["example.dev/note"] == "kept"


def test_a_broken_image_is_named_while_the_old_pods_serve(ns: Kubectl, ask: Callable[..., str]) -> None:
    up(ns, app(replicas=2, env={"GREETING": "old"}))
    before = pod_names(ns, "app")

    change(ns, "app", image=NO_IMAGE, env={"GREETING": "new"})
    ns.until("capp", "app", says("ImagePullBackOff", NO_IMAGE))

    assert "ImagePullBackOff" in ns("get", "capp", "app", "-o", "wide")
    described = ns("describe", "capp", "app")
    assert re.search(r"Warning\s+ImagePullBackOff\s.*" + re.escape(NO_IMAGE), described)
    assert before <= pod_names(ns, "app")
    assert ask(f"http://app.{ns.namespace}:8080").startswith("old from")
    assert "2/2" in ns("get", "capp", "app"), "what serves is counted"

    change(ns, "app", image=app()["spec"]["image"])
    ns.until("capp", "app", replicas_ready(2))
    assert ask(f"http://app.{ns.namespace}:8080", "new from")


BROKEN: tuple[tuple[str, dict[str, Any], str, tuple[str, ...], dict[str, Any]], ...] = (
    (
        "a crash loop tells the exit code",
        {"command": ["sh", "-c", "exit 7"]},
        "CrashLoopBackOff",
        ("exit code 7", "kubectl logs"),
        {"command": None},
    ),
    (
        "a program that ends is no service, also without a check that would show it",
        {"command": ["sh", "-c", "true"], "port": None, "health": None},
        "CrashLoopBackOff",
        ("exit code 0",),
        {"command": SLEEP},
    ),
    (
        "an image that runs as root",
        {"image": "local.pileus.dev/busybox:1", "command": SLEEP, "port": None, "health": None},
        "CreateContainerConfigError",
        ("runAsNonRoot", "Set user to a number"),
        {"user": 1000},
    ),
    (
        "a command that is not in the image",
        {"command": ["/no/such/program"]},
        "StartError",
        ("/no/such/program",),
        {"command": None},
    ),
    (
        "too much CPU for any node",
        {"resources": {"cpu": "1000", "memory": "48Mi"}},
        "Unschedulable",
        ("Insufficient cpu",),
        {"resources": {"cpu": "10m"}},
    ),
    (
        "nodes of another architecture",
        {"arch": "arm64"},
        "Unschedulable",
        ("affinity/selector",),
        {"arch": "any"},
    ),
    (
        "an image name that is none",
        {"image": "local.pileus.dev/Web:1"},
        "InvalidImageName",
        ("local.pileus.dev/Web:1",),
        {"image": app()["spec"]["image"]},
    ),
    (
        "a broken sidecar names its container",
        {"sidecars": [{"name": "proxy", "image": NO_IMAGE}]},
        "ImagePullBackOff",
        (NO_IMAGE, "'proxy'"),
        {"sidecars": None},
    ),
    (
        "a failing init container names itself",
        {"init": [{"name": "migrate", "command": ["sh", "-c", "exit 3"]}]},
        "CrashLoopBackOff",
        ("'migrate'", "exit code 3"),
        {"init": None},
    ),
)


@pytest.mark.parametrize(
    ("case", "broken", "reason", "words", "mended"), BROKEN, ids=[row[0] for row in BROKEN]
)
def test_the_leaf_cause_is_told_and_mending_recovers(
    ns: Kubectl,
    case: str,
    broken: dict[str, Any],
    reason: str,
    words: tuple[str, ...],
    mended: dict[str, Any],
) -> None:
    ns.apply(app(**broken))
    ns.until("capp", "app", says(reason, *words), case)
    assert ("Warning", reason) in events(ns, "app")

    change(ns, "app", **mended)
    ns.until("capp", "app", ready, case)


def test_a_missing_secret_is_named_and_the_app_starts_when_it_is_there(ns: Kubectl) -> None:
    ns.apply(app(envFrom=[{"secret": "shop"}]))
    ns.until("capp", "app", says("CreateContainerConfigError", 'secret "shop" not found'))
    ns("create", "secret", "generic", "shop", "--from-literal=A=1")
    ns.until("capp", "app", ready)


def test_an_exceeded_quota_is_told_and_raising_it_recovers(ns: Kubectl) -> None:
    up(ns, app())
    ns("create", "quota", "few", "--hard=pods=1")
    change(ns, "app", replicas=2)
    ns.until("capp", "app", says("QuotaExceeded", "few", "pods=1"))
    assert condition(ns.get("capp", "app"), "Stalled")["status"] == "False", "it may be raised any time"
    ns.edit("quota", "few", {"spec": {"hard": {"pods": "5"}}})
    ns.until("capp", "app", replicas_ready(2))


def test_a_name_that_is_taken_is_never_taken_over(ns: Kubectl) -> None:
    ns("create", "service", "clusterip", "app", "--tcp=80:80")
    foreign = ns.get("service", "app")
    ns.apply(app())
    found = ns.until("capp", "app", says("NameTaken", "Service", "'app'"))
    assert condition(found, "Stalled")["status"] == "True"
    assert ns.get("service", "app")["metadata"]["resourceVersion"] == foreign["metadata"]["resourceVersion"]

    ns.delete("service", "app")
    ns("annotate", "capp", "app", "pileus.dev/reconcile-at=now")
    ns.until("capp", "app", ready)
    assert ns.get("service", "app")["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pileus"


def test_a_sleeping_app_without_port_is_ready_and_has_no_service(ns: Kubectl) -> None:
    up(ns, app(command=SLEEP, port=None, health=None))
    assert ns.names("service") == set()


def test_a_failing_readiness_check_is_told(living: Kubectl) -> None:
    living.until("capp", "unready", says("ReadinessFailing", "readiness check fails"))
    change(living, "unready", env={"HEALTHZ_STATUS": "200"})
    living.until("capp", "unready", ready)


def test_a_volume_that_cannot_be_mounted_is_named(living: Kubectl) -> None:
    living.until("capp", "unmounted", says("ContainerCreating", "ConfigMap 'absent'", "kubectl describe pod"))
