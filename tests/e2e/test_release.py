"""The chart's life: upgraded, uninstalled and installed again while an app runs on."""

from __future__ import annotations

from typing import Any

from tests.e2e.apps import app, pod_names, ready, up
from tests.e2e.kubectl import Kubectl
from tests.e2e.operator import RELEASE, Operator


def seen(kubectl: Kubectl) -> dict[str, Any]:
    """Everything about the app that changes when somebody writes to it or a pod starts anew."""
    return {
        "resource": kubectl.get("capp", "stays")["metadata"]["resourceVersion"],
        "deployment": kubectl.get("deployment", "stays")["metadata"]["resourceVersion"],
        "pods": pod_names(kubectl, "stays"),
    }


def test_upgrade_uninstall_and_install_again_leave_apps_alone(ns: Kubectl, operator: Operator) -> None:
    for name in ("stays", "goes"):
        up(ns, app(name))
    before = seen(ns)

    operator.deploy(log={"level": "debug", "format": "json"})
    operator.rolled_out()
    assert seen(ns) == before, "an upgrade of the operator writes nothing to an app"

    operator.uninstall()
    assert not operator.kubectl.exists("deployment", RELEASE)
    assert seen(ns) == before, "definitions, resources and what they became stay"
    # No finalizer waits for an operator that is not there.
    ns("delete", "capp", "goes", "--timeout=30s")
    ns.gone("deployment", "goes")

    operator.deploy()
    ns.edit("capp", "stays", {"metadata": {"annotations": {"pileus.dev/reconcile-at": "after the install"}}})
    found = ns.until("capp", "stays", ready)
    after = seen(ns)
    assert {**after, "resource": ""} == {**before, "resource": ""}
    assert found["status"]["replicas"]["summary"] == "1/1"
    ns.edit("capp", "stays", {"spec": {"replicas": 2}})
    ns.until("capp", "stays", lambda now: ready(now) and now["status"]["replicas"]["summary"] == "2/2")


def test_an_upgrade_with_other_values_changes_what_they_say(ns: Kubectl, operator: Operator) -> None:
    try:
        operator.deploy(gateway="", ingressClass="nginx")
        ns.apply(app(expose={"hosts": ["app.example.dev"], "tls": "None"}))
        found = ns.until("ingress", "app", bool, "an ingress class was named, and no Gateway")
        assert found["spec"]["ingressClassName"] == "nginx"
        status = {"loadBalancer": {"ingress": [{"ip": "198.51.100.8"}]}}
        ns.edit("ingress", "app", {"status": status}, "--subresource=status")
        assert ns.until("capp", "app", ready)["status"]["url"] == "http://app.example.dev/"
    finally:
        operator.deploy()
    ns.gone("ingress", "app")
