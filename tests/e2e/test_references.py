"""Changes of environment, Secrets and ConfigMaps reach the pods, where the operator may see them."""

from __future__ import annotations

import base64
from collections.abc import Callable

from tests.e2e.apps import app, change, events, pod_names, ready, says, up, warns
from tests.e2e.kubectl import Kubectl


def test_a_changed_variable_rolls_the_pods_and_a_removed_one_is_gone(
    ns: Kubectl, ask: Callable[..., str]
) -> None:
    url = f"http://app.{ns.namespace}:8080/env"
    up(ns, app(env={"GREETING": "Hi", "LOG": "info"}))
    assert ask(f"{url}/LOG") == "info"

    change(ns, "app", env={"LOG": "debug", "MORE": "1"})
    ns.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == 2)
    assert ask(f"{url}/LOG", "debug")
    assert ask(f"{url}/MORE", "1")

    change(ns, "app", env={"LOG": None})
    ns.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == 3)
    assert ask(f"{url}/LOG", "LOG is not set")


def test_changed_content_of_what_env_from_names_rolls_the_pods(
    granted: Kubectl, ask: Callable[..., str]
) -> None:
    granted.apply(_secret("followed", TOKEN="one"), _config("followed", LOG="info"))
    up(granted, app("followed", envFrom=[{"secret": "followed"}, {"configMap": "followed"}]))
    url = f"http://followed.{granted.namespace}:8080/env"
    assert (ask(f"{url}/TOKEN"), ask(f"{url}/LOG")) == ("one", "info")

    granted.apply(_secret("followed", TOKEN="two"))
    granted.until("capp", "followed", lambda found: ready(found) and found["status"]["revision"] == 2)
    assert ask(f"{url}/TOKEN", "two")

    granted.apply(_config("followed", LOG="debug"))
    granted.until("capp", "followed", lambda found: ready(found) and found["status"]["revision"] == 3)
    assert ask(f"{url}/LOG", "debug")


def test_a_new_label_on_a_secret_rolls_nothing(granted: Kubectl) -> None:
    granted.apply(_secret("same", TOKEN="one"), _config("after", A="1"))
    up(granted, app("same", envFrom=[{"secret": "same"}, {"configMap": "after"}]))
    before = pod_names(granted, "same")
    granted("label", "secret", "same", "example.dev/note=1", "--overwrite")
    # What comes after the label has been seen proves that the label has been too.
    granted("delete", "configmap", "after")
    granted.until("capp", "same", says("ReferenceMissing", "ConfigMap 'after'"))
    assert pod_names(granted, "same") == before
    assert granted.get("deployment", "same")["metadata"]["generation"] == 1


def test_a_missing_reference_is_named_and_recovers(granted: Kubectl) -> None:
    granted("delete", "secret", "late", "--ignore-not-found")
    granted.apply(app("waits", envFrom=[{"secret": "late"}]))
    granted.until("capp", "waits", says("ReferenceMissing", "Secret 'late'", "create it"))
    granted.apply(_secret("late", TOKEN="one"))
    granted.until("capp", "waits", ready)


def test_where_it_may_not_read_it_says_so_and_rolls_nothing(ns: Kubectl) -> None:
    ns.apply(_secret("shop", TOKEN="one"))
    up(ns, app(envFrom=[{"secret": "shop"}]))
    found = ns.until("capp", "app", warns("ReferencesNotFollowed"))
    [warning] = found["status"]["warnings"]
    assert "Secret 'shop'" in warning["message"]
    assert "references.namespaces" in warning["message"]
    assert ("Warning", "ReferencesNotFollowed") in events(ns, "app")

    before = pod_names(ns, "app")
    ns.apply(_secret("shop", TOKEN="two"))
    ns("annotate", "capp", "app", "pileus.dev/reconcile-at=now")
    change(ns, "app", replicas=2)
    ns.until("capp", "app", lambda found: ready(found) and found["status"]["replicas"]["ready"] == 2)
    assert before < pod_names(ns, "app")

    change(ns, "app", envFrom=None)
    found = ns.until("capp", "app", ready)
    assert not found["status"].get("warnings"), "nothing is named any more"


def test_no_content_of_a_secret_is_told(granted: Kubectl, operator: object) -> None:
    canary = "canary-6bd1f0"
    granted.apply(_secret("told", TOKEN=canary))
    up(granted, app("told", envFrom=[{"secret": "told"}]))
    shown = granted("get", "capp,deploy,rs,events", "-o", "yaml")
    assert canary not in shown
    assert base64.b64encode(canary.encode()).decode() not in shown


def _secret(name: str, **values: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def _config(name: str, **values: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}
