"""FirewallPolicies on an API server of their own, in each layout and at two sizes."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench import contenders
from bench.driver import Driver, definitions
from bench.firewall.course import Course
from bench.firewall.objects import Layout
from bench.firewall.results import Firewall
from bench.results import machine
from pileus.cluster.client import Client
from pileus.cluster.credentials import Endpoint
from pileus.local import engines
from pileus.local.cluster import LocalCluster
from pileus.local.report import Report

IDLE = 60.0
PATIENCE = 900.0
"""Seconds after which a phase is given up."""
SPREAD = 25
"""Namespaces of the first layout; the second has one."""

Keep = Callable[[Firewall], None]
"""Called with what was measured so far, after each layout."""


def layouts(policies: int, pods: int, *, quick: bool = False) -> Iterator[Layout]:
    """Spread and in one namespace, each at half the size first."""
    for spaces in (2 if quick else SPREAD, 1):
        for part in (2, 1):
            yield Layout(spaces, policies // part, pods // part)


def measure(
    directory: Path, policies: int, pods: int, report: Report, keep: Keep, *, quick: bool = False
) -> None:
    """On a cluster of its own, which goes afterwards."""
    cores, memory = machine()
    versions = {"Python": platform.python_version()}
    versions |= {name: engines.version(name) for name in ("kube-apiserver", "etcd")}
    load = round(os.getloadavg()[0], 2)
    found = Firewall(cores, memory, load, versions, 5.0 if quick else IDLE)
    cluster = LocalCluster(directory / "firewall", profile="apiserver", report=report).up()
    try:
        wanted = tuple(layouts(policies, pods, quick=quick))
        asyncio.run(_measure(cluster.kubeconfig, directory, wanted, report, found, keep))
    finally:
        cluster.down()


async def _measure(
    kubeconfig: Path,
    directory: Path,
    wanted: tuple[Layout, ...],
    report: Report,
    found: Firewall,
    keep: Keep,
) -> None:
    ours = contenders.pileus(kubeconfig, directory)
    # No pod runs here, so nothing can be tried.
    process = replace(ours.process, env={**ours.process.env, "PILEUS_TRY_ENFORCEMENT": "false"})
    operator = replace(ours, process=process)
    async with Client(await Endpoint.load(str(kubeconfig)), agent="bench") as client:
        driver = Driver(client)
        await driver.install(*definitions())
        for layout in wanted:
            words = f"{layout.policies:,} FirewallPolicies, {layout.pods:,} pods, {layout.spaces} namespaces"
            with report.step(words):
                found.courses.append(await Course(driver, layout, operator, found.idle, PATIENCE).run())
                keep(found)
