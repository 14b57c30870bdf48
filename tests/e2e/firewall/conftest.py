"""The development cluster as it is, without the operator and without add-ons, and one field for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.local.cluster import LocalCluster
from pileus.local.plan import Profile
from tests.e2e.firewall import flows
from tests.e2e.kubectl import Kubectl


@pytest.fixture(scope="session")
def cluster() -> LocalCluster:
    """A cluster of this machine whose pods really run."""
    given = os.environ.get("PILEUS_TEST_CLUSTER")
    found = LocalCluster(Path(given) if given else None).up()
    if found.record is None or found.record.profile is not Profile.NODE:
        pytest.skip("Policies are enforced where pods really run, and an outside is made on this machine.")
    return found


@pytest.fixture(scope="session")
def admin(cluster: LocalCluster) -> Kubectl:
    """kubectl for the whole cluster."""
    return Kubectl(cluster.kubectl, cluster.kubeconfig)


@pytest.fixture(scope="session")
def field(cluster: LocalCluster, admin: Kubectl) -> Iterator[flows.Field]:
    """The field; each test says anew what is enforced in it."""
    with flows.field(cluster, admin) as found:
        yield found
