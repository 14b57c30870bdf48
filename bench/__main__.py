"""`python -m bench`: what the operator costs, beside its rivals and the raw write rate, in one run.

One real etcd and kube-apiserver without controllers, so that children stay as they were applied and
only the contenders' requests count: Pileus, a minimal operator on controller-runtime, kro, and bare clients
that make the same writes. Then, on a real kubelet, what the operator adds between apply and Ready, and on
real object stores, which calls Buckets take, and what FirewallPolicies cost over many pods. Times
mean something as ratios within the run only. Exits with 1 if Pileus makes more requests than the least
possible; other targets are printed as met or not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from bench import contenders, ready, report, sample, writes
from bench.buckets import run as buckets
from bench.buckets.results import Buckets
from bench.buckets.tables import kept
from bench.driver import Driver, definitions
from bench.firewall import run as firewall
from bench.firewall import tables as of_firewall
from bench.firewall.results import Firewall
from bench.phases import Course
from bench.process import EndedError
from bench.results import Ready, Results, Row, machine, read
from bench.sample import Sample
from bench.targets import floor_kept
from pileus.cluster.client import Client
from pileus.cluster.credentials import Endpoint
from pileus.local import LocalCluster, engines
from pileus.local.cluster import ClusterError
from pileus.local.paths import CHECKOUT
from pileus.local.report import Report

PARTS = ("raw", "pileus", "go", "kro", "ready", "buckets", "firewall")
PATIENCE = 900.0
"""Seconds after which a phase is given up."""
LONGEST = 600.0
"""Seconds that kro may take for one number of resources, by what it took for the one before."""
PAIRS = 15
QUIET = 0.5
"""Load from which on others take so much that times say nothing."""


class Run:
    """Everything that was asked for, on one API server."""

    def __init__(self, arguments: argparse.Namespace, directory: Path):
        self._arguments = arguments
        self._directory = directory
        self._report = Report()
        programs = ("kube-apiserver", "etcd", "kro", "bench-controller")
        names = {"bench-controller": "controller-runtime"}
        versions = {"Python": platform.python_version()}
        versions |= {names.get(name, name): engines.version(name) for name in programs}
        cores, memory = machine()
        self.results = Results(cores, memory, round(os.getloadavg()[0], 2), versions)
        if self.results.load > QUIET:
            self._report.line(
                f"The machine is busy (load {self.results.load}): take no time of this run for good."
            )
        self._kro_took: tuple[int, float] | None = None

    async def counted(self, kubeconfig: Path) -> None:
        """What is measured by counting on the API server of this kubeconfig."""
        async with Client(await Endpoint.load(str(kubeconfig)), agent="bench") as client:
            driver = Driver(client)
            await driver.install(*definitions())
            with self._report.step("the operator's own writes seen"):
                found = await sample.take(driver, contenders.pileus(kubeconfig, self._directory).process)
            for count in self._arguments.resources:
                if "raw" in self._arguments.only:
                    with self._report.step(f"{count:,} resources: raw writes"):
                        raw = await writes.measure(driver, found, count, kubeconfig, self._directory)
                        self.results.raw.append(raw)
                        self._keep()
                for name in contenders.BY_NAME:
                    if name in self._arguments.only:
                        self.results.rows.append(await self._row(driver, found, name, count, kubeconfig))
                        self._keep()

    def _keep(self) -> None:
        """What was measured so far, should the rest come to grief."""
        if self._arguments.json:
            report.write_json(self.results, self._arguments.json)

    async def _row(self, driver: Driver, found: Sample, name: str, count: int, kubeconfig: Path) -> Row:
        contender = contenders.BY_NAME[name](kubeconfig, self._directory)
        most = self._arguments.rivals_to
        if name != "pileus" and most and count > most:
            return Row(contender.title, count, skipped=f"not measured: rivals were, up to {most:,}")
        if (
            name == "kro"
            and self._kro_took
            and (long := self._kro_took[1] / self._kro_took[0] * count) > LONGEST
        ):
            minutes = f"about {long / 60:.0f} min by its time for {self._kro_took[0]:,}"
            return Row(contender.title, count, skipped=f"not measured: {minutes}")
        started = time.monotonic()
        course = Course(driver, contender, found, count, PATIENCE, self._arguments.quick)
        try:
            with self._report.step(f"{count:,} resources: {contender.title}"):
                row = await course.run()
        except (TimeoutError, EndedError) as error:
            self._report.line(f"{contender.title} did not get through: {error}")
            return Row(contender.title, count, skipped=f"gave up: {type(error).__name__}")
        if name == "kro":
            self._kro_took = (count, time.monotonic() - started)
        return row

    def on_a_node(self) -> None:
        """What needs a kubelet; where there cannot be one the reason is told."""
        pairs = 3 if self._arguments.quick else PAIRS
        try:
            self.results.ready = ready.measure(CHECKOUT / ".local" / "bench", pairs, self._report)
        except (ClusterError, TimeoutError) as error:  # what was counted before must not be lost
            self.results.ready = Ready(skipped=str(error) or "gave up: an app did not become Ready in time")
            self._report.line(f"Apply to Ready is not measured: {error}")

    def on_stores(self) -> None:
        """What Buckets cost, on object stores."""
        count, quick = self._arguments.buckets, self._arguments.quick

        def keep(found: Buckets) -> None:
            self.results.buckets = found
            self._keep()

        try:
            buckets.measure(self._directory, count, self._report, keep, quick=quick)
        except (ClusterError, EndedError, TimeoutError) as error:  # what was measured before must not be lost
            self._report.line(f"Buckets did not get through: {error}")

    def on_pods(self) -> None:
        """What FirewallPolicies cost, over many pods."""
        arguments = self._arguments

        def keep(found: Firewall) -> None:
            self.results.firewall = found
            self._keep()

        counts = (arguments.policies, arguments.pods)
        try:
            firewall.measure(self._directory, *counts, self._report, keep, quick=arguments.quick)
        except (ClusterError, EndedError, TimeoutError) as error:  # what was measured before must not be lost
            self._report.line(f"FirewallPolicies did not get through: {error}")


def measure(arguments: argparse.Namespace) -> Results:
    """The run."""
    with tempfile.TemporaryDirectory() as directory:
        run = Run(arguments, Path(directory))
        if set(arguments.only) - {"ready", "buckets", "firewall"}:
            if arguments.kubeconfig:
                asyncio.run(run.counted(arguments.kubeconfig))
            else:
                cluster = LocalCluster(Path(directory) / "cluster", profile="apiserver", report=Report()).up()
                try:
                    asyncio.run(run.counted(cluster.kubeconfig))
                finally:
                    cluster.down()
        if "ready" in arguments.only:
            run.on_a_node()
        if "buckets" in arguments.only:
            run.on_stores()
        if "firewall" in arguments.only:
            run.on_pods()
        return run.results


def main() -> None:
    """Parse arguments, measure or read, show, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--resources", type=int, nargs="+", default=None, help="by default 1000 5000")
    parser.add_argument("--buckets", type=int, default=None, help="how many a store, by default 1000")
    parser.add_argument("--policies", type=int, default=None, help="FirewallPolicies, by default 1000")
    parser.add_argument("--pods", type=int, default=None, help="their pods, by default twice as many")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--rivals-to", type=int, metavar="N", help="measure rivals up to N resources only")
    parser.add_argument("--quick", action="store_true", help="few resources and short waits, to try it out")
    parser.add_argument("--kubeconfig", type=Path, help="an empty API server to use instead of an own one")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--docs", action="store_true", help="also write docs/benchmarks anew")
    parser.add_argument("--results", type=Path, help="show the figures of this file instead of measuring")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    if strangers := [part for part in arguments.only if part not in PARTS]:
        parser.error(f"there is no {strangers[0]}; there are {', '.join(PARTS)}")
    arguments.resources = arguments.resources or ([50, 100] if arguments.quick else [1000, 5000])
    arguments.buckets = arguments.buckets or (20 if arguments.quick else 1000)
    arguments.policies = arguments.policies or (40 if arguments.quick else 1000)
    arguments.pods = arguments.pods or 2 * arguments.policies
    os.chdir(CHECKOUT)
    shown = arguments.results
    results = read(json.loads(shown.read_text())) if shown else measure(arguments)
    report.show(results)
    if arguments.json:
        report.write_json(results, arguments.json)
    if arguments.docs:
        report.write_docs(results)
    held = [floor_kept(results)]
    held += [kept(results.buckets)] if results.buckets else []
    held += [of_firewall.kept(results.firewall)] if results.firewall else []
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
