"""`python -m bench`: what the operator costs for many ContainerApps of four children each.

Everything runs against one real etcd and kube-apiserver without controllers, so that children stay
as they were applied and only the operator's own requests count. Requests are read from the API
server's own metrics, CPU and memory from /proc. The raw write rate is what a bare client gets out
of the same server in the same run, with eight server-side applies in flight: wall times only mean
something as a ratio to it. Exits with 1 if the number of requests is above the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pileus.cluster.client import Client, path
from pileus.cluster.credentials import Endpoint
from pileus.cluster.writer import APPLY, PARAMETERS
from pileus.engine.plan import ObjectKind
from pileus.engine.ports import ApiError
from pileus.local import LocalCluster
from pileus.local.report import Report
from pileus.objects import catalog

ROOT = Path(__file__).parents[1]
APPS = ObjectKind("pileus.dev", "v1alpha1", "ContainerApp", "containerapps")
NAMESPACE = "bench"
CHILDREN = (
    catalog.SERVICE_ACCOUNT,
    catalog.SERVICE,
    catalog.DEPLOYMENT,
    catalog.POD_DISRUPTION_BUDGET,
)
IN_FLIGHT = 8
WRITES = ("APPLY", "POST", "PUT", "PATCH", "DELETE")
RESOURCES = ("containerapps", "events", *(child.plural for child in CHILDREN))
"""Whose requests count. The API server itself writes others (IP addresses), the lease is renewed apart."""
DRIVERS = (("POST", "containerapps"), ("PATCH", "containerapps"))
"""Requests that this driver makes and the operator never does: it only applies."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Phase:
    """What one phase cost. Times in seconds, memory in MB (10^6 bytes)."""

    name: str
    wall: float = 0.0
    cpu: float = 0.0
    rss: float = 0.0
    peak: float = 0.0
    writes: int = 0
    gets: int = 0
    allowed: int = 0
    requests: dict[str, int] = field(default_factory=dict)


class Operator:
    """The operator as its own process, seen from outside."""

    def __init__(self, kubeconfig: Path):
        self._env = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PILEUS_NAMESPACE": NAMESPACE,
            "PILEUS_IDENTITY": "bench",
            "PILEUS_LOG_LEVEL": "warning",
            "PILEUS_ADDRESS": "127.0.0.1",
            "PILEUS_PORT": "0",
        }

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "pileus", "run"], env=self._env, cwd=ROOT)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def cpu(self) -> float:
        parts = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / TICKS

    def memory(self, key: str) -> float:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"{key}:\s+(\d+) kB", text)
        assert found is not None
        return int(found.group(1)) * 1024 / 1e6


class Bench:
    """Drives the phases over `count` resources."""

    def __init__(self, client: Client, kubeconfig: Path, count: int):
        self.client = client
        self.count = count
        self.operator = Operator(kubeconfig)
        self.phases: list[Phase] = []
        self._started = 0.0

    async def run(self) -> None:
        await self._namespace()
        self.raw = await self._raw_rate()
        await self._each(self._create)
        self.operator.start()
        try:
            async with self._phase("cold", allowed=5 * self.count + 10) as phase:
                await self._until(lambda apps: all(_observed(app) for app in apps))
                phase.wall = time.monotonic() - self._started
                await self._quiet()
            self.operator.stop()
            self.operator.start()
            async with self._phase("restart", allowed=0):
                await self._quiet(at_least=10)
            async with self._phase("change", allowed=2 * self.count) as phase:
                await self._each(self._change)
                await self._until(lambda apps: all(_observed(app) for app in apps))
                phase.wall = time.monotonic() - self._started
                await self._quiet()
            async with self._phase("idle", allowed=0):
                await asyncio.sleep(20)
        finally:
            self.operator.stop()

    async def _namespace(self) -> None:
        kind = ObjectKind("", "v1", "Namespace", "namespaces", namespaced=False)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        await self.client.request("create", path(kind), method="POST", body=body)

    async def _raw_rate(self) -> float:
        """Server-side applies a second that create a small object, from a bare client."""

        async def write(number: int) -> None:
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"raw-{number}", "namespace": NAMESPACE},
                "data": {"text": "x" * 400},
            }
            url = path(catalog.CONFIG_MAP, NAMESPACE, f"raw-{number}")
            await self.client.request(
                "patch", url, method="PATCH", params=PARAMETERS, body=body, content_type=APPLY
            )

        started = time.monotonic()
        await self._each(write)
        return self.count / (time.monotonic() - started)

    async def _create(self, number: int) -> None:
        spec = {
            "image": "registry.example/app:1",
            "replicas": 2,
            "port": 8080,
            "env": {"NUMBER": str(number)},
        }
        body = {
            "apiVersion": "pileus.dev/v1alpha1",
            "kind": "ContainerApp",
            "metadata": {"name": f"app-{number}"},
            "spec": spec,
        }
        await self.client.request("create", path(APPS, NAMESPACE), method="POST", body=body)

    async def _change(self, number: int) -> None:
        await self.client.request(
            "patch",
            path(APPS, NAMESPACE, f"app-{number}"),
            method="PATCH",
            body={"spec": {"env": {"NUMBER": "changed"}}},
            content_type="application/merge-patch+json",
        )

    async def _each(self, work: Callable[[int], Awaitable[None]]) -> None:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def one(number: int) -> None:
            async with places:
                await work(number)

        await asyncio.gather(*(one(number) for number in range(self.count)))

    async def _until(self, wanted: Callable[[Iterable[dict[str, Any]]], bool]) -> None:
        while True:
            answer = await self.client.request("list", path(APPS, NAMESPACE), timeout=120)
            if wanted(answer["items"]):
                return
            await asyncio.sleep(1)

    async def _quiet(self, at_least: float = 3.0) -> None:
        """Wait until the operator has used hardly any CPU for some seconds."""
        quiet = 0.0
        last = self.operator.cpu
        while quiet < at_least:
            await asyncio.sleep(0.5)
            now = self.operator.cpu
            quiet = quiet + 0.5 if now - last < 0.06 else 0.0
            last = now

    @asynccontextmanager
    async def _phase(self, name: str, *, allowed: int) -> AsyncIterator[Phase]:
        """Measures what happens inside; `wall` ends where `reached` was last called, if it was."""
        phase = Phase(name, allowed=allowed)
        before, cpu, started = await self._served(), self.operator.cpu, time.monotonic()
        if name in ("cold", "restart"):
            cpu = 0.0
        self._started = started
        yield phase
        phase.cpu = self.operator.cpu - cpu
        phase.rss, phase.peak = self.operator.memory("VmRSS"), self.operator.memory("VmHWM")
        for (verb, resource), number in (await self._served() - before).items():
            if resource in RESOURCES and (verb, resource) not in DRIVERS:
                phase.requests[f"{verb} {resource}"] = number
                phase.writes += number if verb in WRITES else 0
                phase.gets += number if verb == "GET" else 0
        self.phases.append(phase)

    async def _served(self) -> Counter[tuple[str, str]]:
        """Requests that the API server counted so far, by verb and resource."""
        text = await self._scrape()
        counts: Counter[tuple[str, str]] = Counter()
        for labels, value in re.findall(r"^apiserver_request_total\{(.*?)\} (\S+)$", text, re.MULTILINE):
            series = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            counts[(series["verb"], series["resource"])] += int(float(value))
        return counts

    async def _scrape(self) -> str:
        return await self.client.text("/metrics")


def _observed(app: dict[str, Any]) -> bool:
    return bool(app.get("status", {}).get("observedGeneration") == app["metadata"]["generation"])


async def measure(count: int, kubeconfig: Path) -> Bench:
    """All phases over `count` resources on the API server of this kubeconfig."""
    async with Client(await Endpoint.load(str(kubeconfig)), agent="bench") as client:
        await install_crds(client)
        bench = Bench(client, kubeconfig, count)
        await bench.run()
        return bench


async def install_crds(client: Client) -> None:
    """Install the committed CRDs and wait until they are served."""
    import yaml

    kind = ObjectKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
    for file in sorted((ROOT / "crds").glob("*.yaml")):
        manifest = yaml.safe_load(file.read_text())
        if manifest.get("kind") == "CustomResourceDefinition":
            await client.request("create", path(kind), method="POST", body=manifest)
    while True:
        try:
            await client.request("list", path(APPS))
        except ApiError:
            await asyncio.sleep(0.1)
        else:
            return


def show(bench: Bench) -> bool:
    """Print the table; True if every phase kept to the floor."""
    console = Console(width=110)
    table = Table(title=f"{bench.count} ContainerApps, {len(CHILDREN)} children each")
    for column in (
        "phase",
        "writes",
        "floor",
        "GETs",
        "CPU s",
        "ms each",
        "RSS MB",
        "peak MB",
        "wall s",
        "x raw",
    ):
        table.add_column(column, justify="left" if column == "phase" else "right")
    for phase in bench.phases:
        ratio = phase.wall / (phase.writes / bench.raw) if phase.writes and phase.wall else 0.0
        table.add_row(
            phase.name,
            str(phase.writes),
            str(phase.allowed),
            str(phase.gets),
            f"{phase.cpu:.2f}",
            f"{phase.cpu / bench.count * 1000:.2f}",
            f"{phase.rss:.0f}",
            f"{phase.peak:.0f}",
            f"{phase.wall:.1f}" if phase.wall else "",
            f"{ratio:.2f}" if ratio else "",
        )
    console.print(table)
    console.print(
        f"Raw write rate of the same API server: {bench.raw:.0f} applies a second, {IN_FLIGHT} in flight."
    )
    console.print(f"Machine: {os.cpu_count()} cores, {_memory():.0f} GiB.")
    broken = [phase for phase in bench.phases if phase.writes > phase.allowed or phase.gets > 10]
    for phase in broken:
        console.print(f"[red]{phase.name}: more requests than the floor allows: {phase.requests}")
    return not broken


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def main() -> None:
    """Parse arguments, bring up an API server, measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--resources", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--kubeconfig", type=Path, help="an empty API server to use instead of an own one")
    arguments = parser.parse_args()
    if arguments.kubeconfig:
        bench = asyncio.run(measure(arguments.resources, arguments.kubeconfig))
    else:
        with tempfile.TemporaryDirectory() as directory:
            cluster = LocalCluster(Path(directory), profile="apiserver", report=Report()).up()
            try:
                bench = asyncio.run(measure(arguments.resources, cluster.kubeconfig))
            finally:
                cluster.down()
    kept = show(bench)
    if arguments.json:
        figures = {"resources": bench.count, "raw": bench.raw, "phases": [asdict(p) for p in bench.phases]}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
