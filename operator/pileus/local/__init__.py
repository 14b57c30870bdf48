"""The development cluster: real engines on this machine, without Docker and without a registry.

`LocalCluster` is what programs use; `ensure_cluster` is for tests that want the checkout's own. Nothing
here belongs to the operator, and the operator never imports it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pileus.local.cluster import ClusterError as ClusterError
    from pileus.local.cluster import LocalCluster as LocalCluster
    from pileus.local.report import Report

__all__ = ["ClusterError", "LocalCluster", "ensure_cluster"]


def ensure_cluster(*, with_: Iterable[str] = (), report: Report | None = None) -> LocalCluster:
    """The cluster of this checkout's `.local`, brought up if it is not. It is left running."""
    from pileus.local.cluster import LocalCluster

    return LocalCluster(with_=with_, report=report).up()


def __getattr__(name: str) -> Any:
    """Import on use: making images must not need what certificates need."""
    if name in ("ClusterError", "LocalCluster"):
        from pileus.local import cluster

        return getattr(cluster, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
