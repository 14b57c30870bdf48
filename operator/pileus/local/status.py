"""What each part of a cluster is doing: version, process, port, memory, state.

A view of what others know: the first process's report, the record, the kernel. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pileus.local import launch
from pileus.local.cluster import LocalCluster
from pileus.local.s3.objects import secret_name
from pileus.local.s3.stores import REGION
from pileus.local.system import NAMESPACE


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part; `pid` is the host's number of its process, `memory` is in bytes."""

    name: str
    state: str
    version: str
    pid: int | None
    port: int | None
    memory: int
    restarts: int


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """An object store: where pods and where programs of the machine reach it, and the Secret of its keys."""

    engine: str
    endpoint: str
    users: str
    outside: str
    users_outside: str
    region: str
    ca: str
    secret: str


@dataclass(frozen=True, slots=True)
class Status:
    """The cluster and its parts. `state` is running, starting, failed, ended or absent."""

    state: str
    profile: str
    kubeconfig: str
    parts: tuple[PartStatus, ...]
    stores: tuple[StoreStatus, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def read(cluster: LocalCluster) -> Status:
    """The cluster's state now."""
    record = cluster.record
    if record is None:
        return Status("absent", "", "", ())
    profile, kubeconfig = str(record.profile), str(cluster.kubeconfig)
    if record.profile.provided:
        return Status("running" if cluster.running() else "ended", profile, kubeconfig, ())
    found = launch.find(cluster.layout)
    progress = cluster.progress()
    numbers = launch.host_pids(found) if found else {}
    parts = []
    for name, part in progress["parts"].items():
        pid = numbers.get(part["pid"]) if found else None
        parts.append(
            PartStatus(
                name=name,
                state=part["state"] if pid else "ended",
                version=record.versions.get(name, ""),
                pid=pid,
                port=part.get("port"),
                memory=launch.resident(pid) if pid else 0,
                restarts=part["restarts"],
            )
        )
    state = _state(cluster, found is not None, progress["phase"])
    return Status(state, profile, kubeconfig, tuple(parts), tuple(_stores(cluster)))


def _stores(cluster: LocalCluster) -> Iterator[StoreStatus]:
    for store in cluster.stores.values():
        yield StoreStatus(
            engine=store.engine,
            endpoint=store.endpoint,
            users=store.users,
            outside=store.outside,
            users_outside=store.users_outside,
            region=REGION,
            ca=store.ca,
            secret=f"{NAMESPACE}/{secret_name(store.engine)}",
        )


def _state(cluster: LocalCluster, found: bool, phase: str) -> str:
    if not found:
        return "ended"
    if phase == "failed":
        return "failed"
    return "running" if cluster.running() else "starting"
