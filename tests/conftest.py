"""Real parts for every tier: an API server of its own for the engine's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("campaign")
    group.addoption("--campaign", choices=("smoke", "full"), default="smoke", help="how much of it runs")
    group.addoption("--bugs", default="", help="only deliberate bugs whose name matches this pattern")
    group.addoption("--seed", type=int, default=None, help="replay the campaign's dice with this seed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two tracks for two processors (`-n 2 --dist loadgroup`), each in its order and with its own clusters.

    Tests that look at the whole machine for what a cluster left behind are on one track with those that
    start containers; the other track's clusters leave no mounts and no links even while they run.
    """
    for item in items:
        tier = item.path.relative_to(Path(__file__).parent).parts
        machine = tier[0] == "cluster" or (tier[0] == "e2e" and tier[1] != "vms")
        item.add_marker(pytest.mark.xdist_group("machine" if machine else "control planes"))


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
