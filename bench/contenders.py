"""Who is measured: how each is started, which resources it works on, and how one sees that it is done.

Each may use the API server as it likes: no client-side limits, and as many passes at once as suit it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench import kro
from bench.driver import APPS, Driver
from bench.process import Process, free_port
from bench.sample import Sample, told
from bench.tracker import Told
from pileus.engine.plan import ObjectKind
from pileus.local import engines

LEASES = "default"
"""Namespace of the leaders' leases."""


async def nothing(_driver: Driver, _process: Process, _sample: Sample) -> None:
    """For contenders that need no more than the CRDs of Pileus."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them, not started yet.

    kind: its custom resources. told: the generation that a resource's status is about.
    ready: URL that answers 200 once it is. metrics, passes: where it counts its passes, and under which name.
    prepare: what must be there before resources can be.
    """

    name: str
    title: str
    process: Process
    kind: ObjectKind
    told: Told
    ready: str
    metrics: str
    passes: str
    prepare: Callable[[Driver, Process, Sample], Awaitable[None]] = nothing


def pileus(kubeconfig: Path, directory: Path) -> Contender:
    """The operator of this checkout, in this Python."""
    port = free_port()
    env = {
        "KUBECONFIG": str(kubeconfig),
        "PILEUS_NAMESPACE": LEASES,
        "PILEUS_IDENTITY": "bench",
        "PILEUS_LOG_LEVEL": "warning",
        "PILEUS_ADDRESS": "127.0.0.1",
        "PILEUS_PORT": str(port),
        # As in its image, where everything is compiled beforehand.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    argv = [sys.executable, "-m", "pileus", "run"]
    return Contender(
        name="pileus",
        title="Pileus",
        process=Process(argv, env, directory / "pileus.log"),
        kind=APPS,
        told=told,
        ready=f"http://127.0.0.1:{port}/readyz",
        metrics=f"http://127.0.0.1:{port}/metrics",
        passes="pileus_reconcile_total",
    )


def go(kubeconfig: Path, directory: Path) -> Contender:
    """The minimal operator on controller-runtime of `bench/controller`."""
    metrics, probes = free_port(), free_port()
    argv = [
        str(engines.build(["bench-controller"])["bench-controller"]),
        "operate",
        f"--metrics=127.0.0.1:{metrics}",
        f"--probes=127.0.0.1:{probes}",
        f"--namespace={LEASES}",
        "--workers=8",
    ]
    return Contender(
        name="go",
        title="controller-runtime",
        process=Process(argv, {"KUBECONFIG": str(kubeconfig)}, directory / "go.log"),
        kind=APPS,
        told=told,
        ready=f"http://127.0.0.1:{probes}/readyz",
        metrics=f"http://127.0.0.1:{metrics}/metrics",
        passes="controller_runtime_reconcile_total",
    )


def rival(kubeconfig: Path, directory: Path) -> Contender:
    """kro, which turns a ResourceGraphDefinition into a kind and its controller."""
    metrics, probes = free_port(), free_port()
    argv = [
        str(engines.build(["kro"])["kro"]),
        f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{probes}",
        # Its own defaults are one pass at a time, ten a second and 100 requests a second.
        "--dynamic-controller-concurrent-reconciles=8",
        "--dynamic-controller-rate-limiter-rate-limit=100000",
        "--dynamic-controller-rate-limiter-burst-limit=100000",
        "--client-qps=100000",
        "--client-burst=100000",
        "--graceful-shutdown-timeout=5s",
        "--zap-devel=false",
        "--zap-log-level=error",
    ]
    return Contender(
        name="kro",
        title="kro",
        process=Process(argv, {"KUBECONFIG": str(kubeconfig)}, directory / "kro.log"),
        kind=kro.APPS,
        told=kro.told,
        ready=f"http://127.0.0.1:{probes}/readyz",
        metrics=f"http://127.0.0.1:{metrics}/metrics",
        passes="dynamic_controller_reconcile_total",
        prepare=kro.prepare,
    )


BY_NAME: dict[str, Callable[[Path, Path], Contender]] = {"pileus": pileus, "go": go, "kro": rival}
