"""Buckets on each store of a local cluster, one store after the other."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench import contenders
from bench.buckets.course import Course
from bench.buckets.results import Buckets
from bench.buckets.tap import Tap
from bench.driver import Driver, definitions
from bench.process import Process
from bench.results import machine
from pileus.cluster.client import Client
from pileus.cluster.credentials import Endpoint
from pileus.local import debian, engines, images
from pileus.local.cluster import LocalCluster
from pileus.local.report import Report
from pileus.local.s3 import NAME, ceph
from pileus.local.system import NAMESPACE

IDLE = 60.0
PATIENCE = 1800.0
"""Seconds after which a phase is given up."""


Keep = Callable[[Buckets], None]
"""Called with what was measured so far, after each store."""


def measure(directory: Path, count: int, report: Report, keep: Keep, *, quick: bool = False) -> None:
    """On a cluster of its own, which goes afterwards."""
    cores, memory = machine()
    load = round(os.getloadavg()[0], 2)
    versions = {"Python": platform.python_version()}
    versions |= {name: engines.version(name) for name in ("kube-apiserver", "versitygw")}
    found = Buckets(cores, memory, load, versions, 10.0 if quick else IDLE)
    cluster = LocalCluster(directory / "cluster", profile="control-plane", with_=(NAME,), report=report)
    try:
        cluster.up()
        packages = ceph.packages().names
        versions[ceph.NAME] = debian.version("radosgw", packages, images.store_directory())
        asyncio.run(_measure(cluster, directory, count, report, found, keep))
    finally:
        cluster.down()


async def _measure(
    cluster: LocalCluster, directory: Path, count: int, report: Report, found: Buckets, keep: Keep
) -> None:
    process = contenders.pileus(cluster.kubeconfig, directory).process
    operator = replace(process, env={**process.env, "PILEUS_NAMESPACE": NAMESPACE})
    async with Client(await Endpoint.load(str(cluster.kubeconfig)), agent="bench") as client:
        driver = Driver(client)
        await driver.install(*definitions())
        for name, store in cluster.stores.items():
            course = Course(
                driver, Tap(store.ca), store, count, operator, _resyncing(operator), found.idle, PATIENCE
            )
            with report.step(f"{count:,} Buckets: {name}"):
                found.engines.append(await course.run())
                keep(found)


def _resyncing(operator: Process) -> Callable[[float], Process]:
    def every(seconds: float) -> Process:
        return replace(operator, argv=[sys.executable, "-m", "bench.buckets.operate", str(seconds)])

    return every
