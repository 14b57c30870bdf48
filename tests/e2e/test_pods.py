"""What stands in an app's pods: commands, checks, sizes, other containers, and no more rights than needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.e2e.apps import SLEEP, WEB, app, change, pods, ready, up
from tests.e2e.kubectl import Kubectl, Manifest


def container(kubectl: Kubectl, name: str = "app") -> Manifest:
    """A container of the app's newest pod, as Kubernetes stores it."""
    [pod] = pods(kubectl, "app")
    listed = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
    found: Manifest = next(entry for entry in listed if entry["name"] == name)
    return found


def rolled(kubectl: Kubectl, revision: int) -> None:
    """Wait until the app is ready at a revision, and its other pods have gone."""
    kubectl.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == revision)
    kubectl.until("deployment", "app", lambda found: found["status"].get("replicas") == 1)


def test_command_args_size_and_checks_come_and_go(ns: Kubectl, ask: Callable[..., str]) -> None:
    serve = "import runpy; runpy.run_path('/app/web.py', run_name='__main__')"
    health = {
        "startup": {"path": "/healthz", "within": "30s"},
        "ready": {"path": "/healthz"},
        "live": {"path": "/healthz"},
    }
    up(
        ns,
        app(
            command=["python3.11"],
            args=["-c", serve],
            resources=None,
            size="micro",
            health=health,
            arch="amd64",
        ),
    )
    found = container(ns)
    assert (found["command"], found["args"]) == (["python3.11"], ["-c", serve])
    assert found["resources"] == {
        "requests": {"cpu": "50m", "memory": "128Mi"},
        "limits": {"memory": "128Mi"},
    }
    probes = {name for name in found if name.endswith("Probe")}
    assert probes == {"startupProbe", "readinessProbe", "livenessProbe"}
    assert found["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert pods(ns, "app")[0]["spec"]["nodeSelector"] == {"kubernetes.io/arch": "amd64"}

    change(
        ns,
        "app",
        command=None,
        args=None,
        size=None,
        resources={"cpu": "20m", "memory": "64Mi"},
        health={"ready": None, "live": None},
        arch="any",
    )
    rolled(ns, 2)
    found = container(ns)
    assert "command" not in found
    assert "args" not in found
    assert found["resources"]["requests"] == {"cpu": "20m", "memory": "64Mi"}
    assert {name for name in found if name.endswith("Probe")} == {"startupProbe", "readinessProbe"}
    assert "tcpSocket" in found["readinessProbe"]
    assert "nodeSelector" not in pods(ns, "app")[0]["spec"]
    assert ask(f"http://app.{ns.namespace}:8080/healthz", "ok")


def test_init_runs_first_and_a_sidecar_runs_beside(ns: Kubectl, ask: Callable[..., str]) -> None:
    volumes = [{"name": "data", "path": "/data", "ephemeral": "1Mi"}]
    init = [
        {"name": "migrate", "command": ["sh", "-c", "echo $STEP > /data/migrated"], "env": {"STEP": "done"}}
    ]
    sidecars = [{"name": "watch", "image": WEB, "command": SLEEP, "volumes": ["data"]}]
    up(ns, app(volumes=volumes, init=init, sidecars=sidecars))
    assert ask(f"http://app.{ns.namespace}:8080/file/data/migrated") == "done"
    assert container(ns, "watch")["restartPolicy"] == "Always"
    [pod] = pods(ns, "app")
    started = {s["name"]: s for s in pod["status"]["initContainerStatuses"]}
    assert started["migrate"]["state"]["terminated"]["exitCode"] == 0
    assert started["watch"]["ready"]
    assert ns("exec", "deploy/app", "-c", "watch", "--", "cat", "/data/migrated") == "done\n"

    change(ns, "app", init=None, sidecars=None)
    rolled(ns, 2)
    [pod] = pods(ns, "app")
    assert "initContainers" not in pod["spec"]


def test_several_ports_are_all_served_and_a_removed_one_is_not(ns: Kubectl, ask: Callable[..., str]) -> None:
    other = {"name": "admin", "port": 9000}
    # A second server, so that both ports answer.
    sidecars = [{"name": "admin", "image": WEB, "env": {"PORT": "9000", "GREETING": "Admin"}}]
    up(ns, app(port=None, ports=[{"name": "web", "port": 8080}, other], sidecars=sidecars))
    assert ask(f"http://app.{ns.namespace}:8080").startswith("Hello")
    assert ask(f"http://app.{ns.namespace}:9000").startswith("Admin")

    change(ns, "app", ports=None, port=8080)
    ns.until("service", "app", lambda found: [p["port"] for p in found["spec"]["ports"]] == [8080])
    ns.until("capp", "app", ready)


def test_pods_have_no_rights_that_they_do_not_need(ns: Kubectl) -> None:
    up(ns, app(user=1234))
    [pod] = pods(ns, "app")
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["serviceAccountName"] == "app"
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    security = container(ns)["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert ns("exec", "deploy/app", "--", "id", "-u").strip() == "1234"
    assert "serviceaccount" not in ns("exec", "deploy/app", "--", "mount")


def test_bindings_wait_by_name_and_go_on_without(ns: Kubectl) -> None:
    ns.apply(app(bindings=[{"bucket": "assets"}]))
    found = ns.until(
        "capp", "app", lambda found: _reason(found) == "BindingMissing", "there is no such Bucket"
    )
    assert "'assets'" in json.dumps(found["status"]["conditions"])
    assert not ns.exists("deployment", "app"), "without its credentials it would only fail"
    change(ns, "app", bindings=None)
    ns.until("capp", "app", ready)


def _reason(found: Manifest) -> Any:
    listed = found.get("status", {}).get("conditions", ())
    return next((entry["reason"] for entry in listed if entry["type"] == "Ready"), "")
