"""The first ten minutes: the README's app, and what kubectl shows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.apps import events, pod_names
from tests.e2e.conftest import fresh
from tests.e2e.kubectl import Kubectl, RefusedError
from tests.e2e.operator import Operator

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def hello(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """kubectl for a namespace in which `examples/01-hello` is applied and ready."""
    kubectl = fresh(admin, "hello")
    kubectl("apply", "-f", str(EXAMPLES / "01-hello"))
    kubectl("wait", "--for=condition=Ready", "capp/hello", "--timeout=90s")
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


def test_both_replicas_answer_through_the_service(hello: Kubectl, ask: Callable[..., str]) -> None:
    waited = pod_names(hello, "hello")
    assert len(waited) == 2
    seen: set[str] = set()
    for _ in range(40):
        answer = ask(f"http://hello.{hello.namespace}:8080")
        found = re.fullmatch(r"Hello from Pileus from (\S+)", answer)
        assert found, answer
        seen.add(found[1])
        if seen == waited:
            break
    assert seen == waited


def test_the_internal_url_of_the_status_works(hello: Kubectl, ask: Callable[..., str]) -> None:
    url = hello.get("capp", "hello")["status"]["internalUrl"]
    assert ask(url).startswith("Hello from Pileus")


def test_get_shows_the_columns_that_matter(hello: Kubectl) -> None:
    header, line = hello("get", "capp").splitlines()
    assert header.split() == ["NAME", "READY", "REPLICAS", "REVISION", "URL", "AGE"]
    assert line.split()[:4] == ["hello", "True", "2/2", "1"]

    wide = hello("get", "capp", "-o", "wide")
    assert "REASON" in wide
    assert "local.pileus.dev/web:1" in wide


@pytest.mark.parametrize("name", ["pileus", "containerapp", "containerapps", "capp"])
def test_the_kind_is_found_by_each_of_its_names(hello: Kubectl, name: str) -> None:
    assert "hello" in hello("get", name)


def test_describe_tells_what_happened(hello: Kubectl) -> None:
    described = hello("describe", "capp", "hello")
    assert re.search(r"Normal\s+Ready\s", described)
    assert "Everything asked for is in place." in described
    assert ("Normal", "Ready") in events(hello, "hello")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("capp.spec", "only image is required"),
        ("capp.spec.scale", "Scaling by load"),
        ("capp.spec.scale.cpu", "in percent"),
        ("capp.spec.rollout.strategy", "BlueGreen"),
        ("capp.status.internalUrl", "in the cluster"),
    ],
)
def test_explain_has_text(hello: Kubectl, field: str, words: str) -> None:
    assert words in " ".join(hello("explain", field).split())


def test_a_resource_shows_only_what_its_user_understands(hello: Kubectl) -> None:
    found = hello.get("capp", "hello")
    assert "finalizers" not in found["metadata"]
    annotations = found["metadata"].get("annotations", {})
    assert set(annotations) <= {"kubectl.kubernetes.io/last-applied-configuration"}
    assert "kopf" not in json.dumps(found)


def test_the_status_lists_what_the_app_became(hello: Kubectl) -> None:
    listed = hello.get("capp", "hello")["status"]["resources"]
    assert {(entry["kind"], entry["ready"], entry["reason"]) for entry in listed} == {
        (kind, True, "Ready") for kind in ("Deployment", "PodDisruptionBudget", "Service", "ServiceAccount")
    }


def test_what_the_app_became_carries_the_recommended_labels(hello: Kubectl) -> None:
    for kind in ("deployment", "service", "serviceaccount", "poddisruptionbudget"):
        [found] = hello.list(kind, "app.kubernetes.io/managed-by=pileus")
        assert found["metadata"]["labels"]["app.kubernetes.io/instance"] == "hello", kind
        [owner] = found["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("ContainerApp", "hello", True)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, 'missing required field "image"'),
        ({"image": "a", "replicas": 2, "scale": {"max": 3, "cpu": 50}}, "Give either replicas or scale"),
        ({"image": "a", "imagee": "b"}, 'unknown field "imagee"'),
        ({"image": "a", "size": "smal"}, "Unsupported value"),
    ],
    ids=["without image", "replicas and scale", "a misspelt field", "an unknown size"],
)
def test_a_mistake_is_refused_at_apply(hello: Kubectl, spec: dict[str, object], words: str) -> None:
    wrong = {"apiVersion": "pileus.dev/v1alpha1", "kind": "ContainerApp", "metadata": {"name": "wrong"}}
    with pytest.raises(RefusedError, match=re.escape(words)):
        hello.apply({**wrong, "spec": spec}, options=("--dry-run=server",))


def test_deleting_the_app_deletes_what_it_became(hello: Kubectl, ns: Kubectl) -> None:
    ns("apply", "-f", str(EXAMPLES / "01-hello"))
    ns("wait", "--for=condition=Ready", "capp/hello", "--timeout=90s")
    ns("delete", "capp", "hello", "--timeout=60s")
    for kind in ("deployment", "service", "serviceaccount", "poddisruptionbudget"):
        ns.gone(kind, "hello")


def test_the_other_examples_that_need_no_engine_become_ready(ns: Kubectl) -> None:
    for story in ("02-config", "03-autoscale", "06-data"):
        ns("apply", "-f", str(EXAMPLES / story))
    ns("wait", "--for=condition=Ready", "capp", "--all", "--timeout=90s")
    assert ns.names("capp") == {"shop", "api", "ledger"}
