"""One cluster and one operator for all end-to-end tests; an own namespace for each.

PILEUS_TEST_CLUSTER names the directory of another cluster than the checkout's `.local`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from pileus.local.cluster import LocalCluster
from pileus.local.plan import Profile
from tests.e2e import aftermath
from tests.e2e.apps import SLEEP
from tests.e2e.engines import Engines
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.operator import GATEWAY, GRANTED, NAMESPACE, Operator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells of the parts beneath it."""
    report = yield
    if report.failed:
        report.sections.extend(aftermath.sections(item))
    return report


@pytest.fixture(scope="session")
def cluster() -> LocalCluster:
    """The development cluster with metrics API and stores, brought up if it is not; it is left running."""
    given = os.environ.get("PILEUS_TEST_CLUSTER")
    found = LocalCluster(Path(given) if given else None, with_=("metrics", "s3")).up()
    record = found.record
    assert record is not None
    if record.profile in (Profile.CONTROL_PLANE, Profile.APISERVER):
        pytest.skip("Pods are only simulated on this machine: root or a kernel feature is missing.")
    return found


@pytest.fixture(scope="session")
def admin(cluster: LocalCluster) -> Kubectl:
    """kubectl for the whole cluster."""
    return Kubectl(cluster.kubectl, cluster.kubeconfig)


@pytest.fixture(scope="session")
def operator(cluster: LocalCluster, admin: Kubectl) -> Operator:
    """The operator, installed by its chart."""
    admin.apply(namespace(GRANTED), namespace(GATEWAY))
    found = Operator(cluster, admin.within(NAMESPACE))
    found.deploy()
    return found


@pytest.fixture(scope="session")
def tools(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """kubectl for the namespace of a pod `tools` with curl in it."""
    kubectl = fresh(admin, "tools")
    kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=60s")
    kubectl.apply(_tools())
    kubectl("wait", "--for=condition=Ready", "pod/tools", "--timeout=60s")
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


@pytest.fixture
def ns(admin: Kubectl, operator: Operator, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl for a new namespace under restricted Pod Security, which goes after the test."""
    kubectl = fresh(admin, request.node.name.removeprefix("test_"))
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


@pytest.fixture
def granted(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """kubectl for the namespace in which the operator may read Secrets and ConfigMaps."""
    kubectl = admin.within(GRANTED)
    yield kubectl
    kubectl("delete", "capp", "--all", "--wait=false")


@pytest.fixture
def ask(tools: Kubectl) -> Callable[..., str]:
    """The answer of an HTTP server to a pod, tried again until it holds `wanted`.

    A first try may come before the Service is programmed, and others while an old pod is leaving it.
    """
    retry = ("--retry", "20", "--retry-delay", "1", "--retry-all-errors", "--connect-timeout", "2")

    def asked(url: str, wanted: str = "") -> str:
        for _ in range(40):
            answer = tools("exec", "tools", "--", "curl", "-sS", *retry, url).strip()
            if wanted in answer:
                return answer
        raise AssertionError(f"{url} never answers with {wanted!r}, but with {answer!r}")

    return asked


@pytest.fixture(scope="session")
def engines(admin: Kubectl, operator: Operator) -> Engines:
    """The foreign engines' definitions."""
    return Engines(admin)


def fresh(admin: Kubectl, words: str) -> Kubectl:
    """kubectl for a new namespace."""
    kubectl = admin.unused("e2e", words)
    kubectl.apply(namespace(kubectl.namespace))
    return kubectl


def namespace(name: str) -> Manifest:
    """A namespace whose pods may do nothing that the restricted standard forbids."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _tools() -> Manifest:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "tools",
        "image": "local.pileus.dev/tools:1",
        "imagePullPolicy": "IfNotPresent",
        "command": SLEEP,
        "securityContext": security,
    }
    spec = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tools"}, "spec": spec}
