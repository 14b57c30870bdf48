"""The checkout's own cluster, shared by all tests that need pods; it is left running for the next run.

Tests keep to namespaces of their own. `up` is a quick no-op where the cluster is there already.
"""

from __future__ import annotations

import pytest

from pileus.local import LocalCluster, ensure_cluster
from pileus.local.plan import Profile


@pytest.fixture(scope="session")
def cluster() -> LocalCluster:
    """A cluster whose pods really run."""
    found = ensure_cluster()
    record = found.record
    assert record is not None
    if record.profile in (Profile.CONTROL_PLANE, Profile.APISERVER):
        pytest.skip("Pods are only simulated on this machine: root or a kernel feature is missing.")
    return found
