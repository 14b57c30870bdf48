"""A control plane with KubeVirt and CDI of the tests' own, and the operator beside it.

PILEUS_TEST_VIRTUAL names the directory of a cluster that is used, and left running, instead of an own one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pileus.local import LocalCluster
from tests.e2e.beside import Clock, OperatorBeside, control_plane, defined
from tests.e2e.kubectl import Kubectl
from tests.e2e.vms.specs import fresh
from tests.vmnode import VmNode


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster in its own directory, which goes with the tests."""
    own = tmp_path_factory.mktemp("vms") / "cluster"
    with control_plane("PILEUS_TEST_VIRTUAL", own, ("kubevirt",)) as found:
        yield found


@pytest.fixture(scope="session")
def admin(cluster: LocalCluster) -> Kubectl:
    """kubectl for the whole cluster, with the operator's definitions in it."""
    return defined(cluster)


@pytest.fixture(scope="session")
def pileus(admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorBeside]:
    """The operator, which complains of nothing as long as it runs."""
    found = OperatorBeside(admin, tmp_path_factory.mktemp("operator"))
    found.begin()
    yield found
    found.end()


@pytest.fixture
def clock(pileus: OperatorBeside) -> Iterator[Clock]:
    """The operator's clock, which tells the true time after the test."""
    yield pileus.clock
    pileus.clock.true()


@pytest.fixture
def ns(admin: Kubectl, pileus: OperatorBeside, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl for a new namespace, whose machines are gone before the next test counts writes."""
    kubectl = fresh(admin, request.node.name.removeprefix("test_"))
    yield kubectl
    kubectl("delete", "cvm", "--all", "--timeout=90s")  # first: nothing can be made in a namespace that goes
    admin("delete", "namespace", kubectl.namespace, "--wait=false")


@pytest.fixture(scope="session")
def dry(admin: Kubectl) -> Kubectl:
    """kubectl for a namespace in which things are only tried, never made."""
    return fresh(admin, "dry")


@pytest.fixture
def agent(ns: Kubectl) -> Iterator[VmNode]:
    """The played nodes, which all live again after the test."""
    found = VmNode(ns)
    yield found
    found.find()
