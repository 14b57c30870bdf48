"""A control plane with KubeVirt and CDI of the tests' own, and the operator beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pileus.local import LocalCluster
from tests.campaign.ground import ROOT
from tests.e2e.kubectl import Kubectl
from tests.e2e.vms.operator import VmOperator
from tests.e2e.vms.specs import fresh
from tests.vmnode import VmNode


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster in its own directory, which goes with the tests."""
    found = LocalCluster(
        tmp_path_factory.mktemp("vms") / "cluster", profile="control-plane", with_=("kwok", "kubevirt")
    )
    try:
        yield found.up()
    finally:
        found.down()


@pytest.fixture(scope="session")
def admin(cluster: LocalCluster) -> Kubectl:
    """kubectl for the whole cluster, with the operator's definitions in it."""
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
    kubectl("wait", "--for=condition=Established", "crd/cloudvms.pileus.dev", "--timeout=60s")
    return kubectl


@pytest.fixture(scope="session")
def pileus(admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VmOperator]:
    """The operator."""
    found = VmOperator(admin, tmp_path_factory.mktemp("operator"))
    found.install()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def ns(admin: Kubectl, pileus: VmOperator, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl for a new namespace, which is gone before the next test counts writes."""
    kubectl = fresh(admin, request.node.name.removeprefix("test_"))
    yield kubectl
    admin("delete", "namespace", kubectl.namespace, "--timeout=180s")


@pytest.fixture
def agent(ns: Kubectl) -> Iterator[VmNode]:
    """The played nodes, which all live again after the test."""
    found = VmNode(ns)
    yield found
    found.find()
