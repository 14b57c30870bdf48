"""A control plane with object stores of the tests' own, and the operator beside it.

PILEUS_TEST_STORES names the directory of a cluster that is used, and left running, instead of an own one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pileus.local import LocalCluster
from tests.campaign.ground import SYSTEM
from tests.e2e.beside import OperatorBeside, control_plane, defined
from tests.e2e.buckets.engines import ENGINES, WITH
from tests.e2e.buckets.specs import Place, object_store
from tests.e2e.kubectl import Kubectl


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster in its own directory, which goes with the tests."""
    own = tmp_path_factory.mktemp("buckets") / "cluster"
    with control_plane("PILEUS_TEST_STORES", own, WITH) as found:
        yield found


@pytest.fixture(scope="session")
def admin(cluster: LocalCluster) -> Kubectl:
    """kubectl for the whole cluster, with the operator's definitions in it."""
    return defined(cluster)


@pytest.fixture(scope="session")
def pileus(admin: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorBeside]:
    """The operator, which may write Secrets everywhere, and complains of nothing as long as it runs."""
    everywhere = {"namespaces": ["*"]}
    found = OperatorBeside(admin, tmp_path_factory.mktemp("operator"), {"credentials": everywhere})
    found.begin()
    yield found
    found.end()


@pytest.fixture(scope="session")
def places(cluster: LocalCluster, admin: Kubectl, pileus: OperatorBeside) -> dict[str, Place]:
    """The ObjectStores by engine, Ready."""
    found = {engine: Place(cluster.stores[engine], admin.within(SYSTEM)) for engine in ENGINES}
    admin.apply(*(object_store(place.store) for place in found.values()))
    for engine in ENGINES:
        admin("wait", "--for=condition=Ready", f"ostore/{engine}", "--timeout=90s")
    return found


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, places: dict[str, Place]) -> Place:
    """Each store in turn."""
    return places[request.param]


@pytest.fixture(scope="session")
def dry(admin: Kubectl) -> Kubectl:
    """kubectl for a namespace in which things are only tried, never made."""
    kubectl = admin.unused("buckets", "dry")
    kubectl("create", "namespace", kubectl.namespace)
    return kubectl


@pytest.fixture
def ns(admin: Kubectl, pileus: OperatorBeside, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl for a new namespace, which goes after the test."""
    kubectl = admin.unused("buckets", request.node.name.removeprefix("test_"))
    kubectl("create", "namespace", kubectl.namespace)
    yield kubectl
    for name in kubectl.names("bkt"):  # whatever holds it, it is no longer of interest
        kubectl.attempt("annotate", "bkt", name, "pileus.dev/abandon=true", "pileus.dev/paused-")
    kubectl("delete", "bkt", "--all", "--timeout=90s")
    admin("delete", "namespace", kubectl.namespace, "--wait=false")
