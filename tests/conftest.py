"""Real parts for every tier: an API server of its own for the engine's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# How long an example takes is the machine's business: no test asserts a timing.
settings.register_profile("pileus", deadline=None)
settings.load_profile("pileus")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("campaign")
    group.addoption("--campaign", choices=("smoke", "full"), default="smoke", help="how much of it runs")
    group.addoption("--bugs", default="", help="only deliberate bugs whose name matches this pattern")
    group.addoption("--seed", type=int, default=None, help="replay the campaign's dice with this seed")


class Tracks(LoadScopeScheduling):
    """Two tracks for two processors (`-n 2`), each in its order and with its own clusters.

    Tests that look at the whole machine for what a cluster left behind are on one track with those that
    start containers; the other track's clusters leave no mounts and no links even while they run.
    """

    def _split_scope(self, nodeid: str) -> str:
        beside = nodeid.startswith(("tests/e2e/vms/", "tests/e2e/buckets/"))
        machine = nodeid.startswith(("tests/cluster/", "tests/e2e/")) and not beside
        return "machine" if machine else "control planes"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Tracks:
    """What xdist divides the tests by."""
    return Tracks(config, log)


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a real etcd and kube-apiserver without controllers, for this session."""
    if given := os.environ.get("PILEUS_TEST_APISERVER"):
        yield Path(given)
        return
    from pileus.local import LocalCluster

    cluster = LocalCluster(tmp_path_factory.mktemp("apiserver"), profile="apiserver")
    cluster.up()
    try:
        yield cluster.kubeconfig
    finally:
        cluster.down()
