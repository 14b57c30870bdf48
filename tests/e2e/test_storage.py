"""Volumes: files from Secrets and ConfigMaps, scratch space, and data that outlives its app."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.apps import app, change, ready, says, up
from tests.e2e.conftest import fresh
from tests.e2e.kubectl import Kubectl, RefusedError
from tests.e2e.operator import Operator

DATA = {"name": "data", "path": "/data", "size": "10Mi"}


@pytest.fixture(scope="module", autouse=True)
def pending(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """An app whose claim no one serves. It is looked at last: only after a while is that news."""
    kubectl = fresh(admin, "storage")
    kubectl.apply(app("pending", volumes=[{**DATA, "storageClass": "absent"}]))
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


def write(kubectl: Kubectl, text: str) -> None:
    """Put a file into the volume at /data."""
    kubectl("exec", "deploy/app", "-c", "app", "--", "sh", "-c", f"echo {text} > /data/file")


def test_files_come_from_secrets_config_maps_and_scratch_space(ns: Kubectl, ask: Callable[..., str]) -> None:
    ns("create", "secret", "generic", "shop", "--from-literal=licence.txt=licensed")
    ns("create", "configmap", "shop", "--from-literal=app.conf=configured")
    scratch = {"name": "cache", "path": "/cache", "ephemeral": "8Mi"}
    mounts = [
        {"name": "licence", "path": "/licence", "secret": "shop"},
        {"name": "conf", "path": "/etc/app", "configMap": "shop"},
        scratch,
    ]
    up(ns, app(volumes=mounts))
    url = f"http://app.{ns.namespace}:8080/file"
    assert ask(f"{url}/licence/licence.txt") == "licensed"
    assert ask(f"{url}/etc/app/app.conf") == "configured"
    ns("exec", "deploy/app", "--", "sh", "-c", "echo scratched > /cache/file")
    assert ask(f"{url}/cache/file") == "scratched"

    change(ns, "app", volumes=[scratch])
    ns.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == 2)
    assert ns("exec", "deploy/app", "--", "ls", "/").count("licence") == 0
    assert "file" not in ns("exec", "deploy/app", "--", "ls", "/cache"), "it goes with its pod"


def test_data_survives_its_app_and_comes_back_to_the_next(ns: Kubectl, ask: Callable[..., str]) -> None:
    up(ns, app(volumes=[DATA]))
    assert ns.get("pvc", "app-data")["status"]["phase"] == "Bound"
    write(ns, "kept")

    ns("delete", "capp", "app", "--timeout=60s")
    ns.gone("deployment", "app")
    assert ns.get("pvc", "app-data")["status"]["phase"] == "Bound"

    up(ns, app(volumes=[DATA]))
    assert ask(f"http://app.{ns.namespace}:8080/file/data/file", "kept")


def test_whether_data_goes_with_its_app_can_be_changed_at_any_time(ns: Kubectl) -> None:
    up(ns, app(volumes=[DATA]))
    for retain, owned in (("Delete", True), ("Retain", False), ("Delete", True)):
        change(ns, "app", volumes=[{**DATA, "retain": retain}])
        ns.until("pvc", "app-data", lambda found, o=owned: ("ownerReferences" in found["metadata"]) == o)
    ns("delete", "capp", "app", "--timeout=60s")
    ns.gone("pvc", "app-data")


def test_a_volume_grows_and_refuses_to_shrink(ns: Kubectl) -> None:
    up(ns, app(volumes=[DATA]))
    change(ns, "app", volumes=[{**DATA, "size": "25Mi"}])
    ns.until("pvc", "app-data", lambda found: found["status"]["capacity"]["storage"] == "25Mi")
    ns.until("capp", "app", ready)
    assert ns.get("capp", "app")["status"]["revision"] == 1, "growing restarts nothing"

    with pytest.raises(RefusedError, match="A volume cannot shrink"):
        change(ns, "app", volumes=[DATA])


def test_a_smaller_app_on_kept_data_is_told_what_there_is(ns: Kubectl) -> None:
    up(ns, app(volumes=[{**DATA, "size": "20Mi"}]))
    ns("delete", "capp", "app", "--timeout=60s")
    ns.apply(app(volumes=[DATA]))
    ns.until("capp", "app", says("VolumeShrink", "app-data", "20Mi"))
    assert ns.get("pvc", "app-data")["spec"]["resources"]["requests"]["storage"] == "20Mi"
    change(ns, "app", volumes=[{**DATA, "size": "20Mi"}])
    ns.until("capp", "app", ready)


def test_two_replicas_on_a_volume_for_one_node_are_refused(ns: Kubectl) -> None:
    with pytest.raises(RefusedError, match=re.escape("use accessMode: ReadWriteMany, or replicas: 1")):
        ns.apply(app(replicas=2, volumes=[DATA]))


def test_an_unknown_storage_class_is_named(pending: Kubectl) -> None:
    pending.until("capp", "pending", says("VolumePending", "'pending-data'", "'absent'"))
