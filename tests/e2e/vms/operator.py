"""The operator as a process beside the cluster, with the roles of its chart and no others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.ground import ROOT, SYSTEM, chart_roles
from tests.e2e.kubectl import Kubectl
from tests.engine.harness import free_port

WRITES = ("patch", "delete")
PATIENCE = 60.0


@dataclass
class VmOperator:
    """One process, started and stopped by tests."""

    admin: Kubectl
    directory: Path
    process: subprocess.Popen[bytes] | None = None
    port: int = field(default=0)

    def install(self) -> None:
        """Roles, and a kubeconfig with a token of its ServiceAccount."""
        if not self.admin.exists("namespace", SYSTEM):
            self.admin("create", "namespace", SYSTEM)
        self.admin.apply(*chart_roles())
        token = self.admin.within(SYSTEM)("create", "token", "pileus", "--duration=24h").strip()
        view = json.loads(self.admin("config", "view", "--minify", "--raw", "-o", "json"))
        view["users"] = [{"name": "operator", "user": {"token": token}}]
        view["contexts"][0]["context"]["user"] = "operator"
        self.kubeconfig.write_text(json.dumps(view))

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "operator.kubeconfig"

    @property
    def log(self) -> Path:
        return self.directory / "operator.log"

    def start(self) -> None:
        """Start it, and wait until its caches are in step."""
        self.port = free_port()
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "PILEUS_IDENTITY": "one",
            "PILEUS_ADDRESS": "127.0.0.1",
            "PILEUS_PORT": str(self.port),
            "PILEUS_NAMESPACE": SYSTEM,
            "POD_NAME": "one",
            "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pileus", "run"], env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers("readyz"):
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            assert time.monotonic() < deadline, f"never ready:\n{self.log.read_text()[-4000:]}"
            time.sleep(0.2)

    def stop(self) -> None:
        """End it as Kubernetes does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def restart(self) -> None:
        """Stop it and start it anew; its counts begin at nothing."""
        self.stop()
        self.start()

    def series(self) -> dict[str, float]:
        """Every series of /metrics."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that carry these labels."""
        return sum(
            value
            for series, value in self.series().items()
            if series.partition("{")[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items())
        )

    def writes(self) -> float:
        """Writes since its start other than renewals of the Lease, which are the only updates, and Events."""
        return sum(self.metric("pileus_api_requests_total", verb=verb) for verb in WRITES)

    def settled(self) -> float:
        """Wait until nothing is queued or written for a while; its writes so far."""
        quiet, last = 0, self.writes()
        deadline = time.monotonic() + PATIENCE
        while quiet < 10:
            assert time.monotonic() < deadline, "the operator never comes to rest"
            time.sleep(0.2)
            now = self.writes()
            busy = self.metric("pileus_queue_depth") + self.metric("pileus_queue_busy")
            quiet = quiet + 1 if now == last and not busy else 0
            last = now
        return last

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
