"""The operator under the permissions that the chart grants, and under no other: nothing is denied to it.

It runs as a process with the token of the chart's ServiceAccount, on an API server that serves all
engines' kinds, and works on all examples. There are no controllers: children are made, but no pod runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from pileus.kinds import KINDS
from pileus.local.kubectl import Kubectl
from tests.cluster.crds.conftest import ROOT
from tests.cluster.crds.gateway import ENVOY
from tests.engine.harness import free_port
from tests.programs import program

NAME = f"pileus-permissions-{os.getpid()}"
PATIENCE = 60.0
"""Seconds after which a state that should come is given up."""


@pytest.fixture
def kubeconfig(kubectl_with_engines: Kubectl, namespace: str, tmp_path: Path) -> Iterator[Path]:
    """The operator's own: the chart's ServiceAccount, with the permissions that the chart grants."""
    helm = [str(program("helm")), f"--kubeconfig={kubectl_with_engines.kubeconfig}", f"--namespace={NAME}"]
    granted = [f"--set={value}.namespaces={{{namespace}}}" for value in ("references", "credentials")]
    values = ["--set=crds.enabled=false", *granted]
    chart = str(ROOT / "charts" / "pileus")
    subprocess.run([*helm, "install", NAME, chart, "--create-namespace", *values], check=True)
    token = kubectl_with_engines.run("create", "token", NAME, f"--namespace={NAME}").strip()
    config = json.loads(kubectl_with_engines.run("config", "view", "--raw", "--minify", "-o=json"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    yield path
    subprocess.run([*helm, "uninstall", NAME], check=True)


class Process:
    """`pileus run`, and what its metrics say."""

    def __init__(self, port: int, process: asyncio.subprocess.Process):
        self._port = port
        self._process = process

    async def until(self, wanted: Callable[[], bool], why: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not wanted():
            assert self._process.returncode is None, "the operator ended"
            assert asyncio.get_running_loop().time() < deadline, why
            await asyncio.sleep(0.2)

    def ready(self) -> bool:
        try:
            return bool(self._read("readyz"))
        except OSError:
            return False

    def denied(self) -> list[str]:
        """Series of the request counter that tell of refusals."""
        requests = (
            line for line in self._read("metrics").splitlines() if "pileus_api_requests_total{" in line
        )
        return [line for line in requests if 'result="403"' in line or 'result="401"' in line]

    def _read(self, page: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{page}", timeout=5) as answer:
            return str(answer.read().decode())


@pytest_asyncio.fixture
async def operator(kubeconfig: Path) -> AsyncIterator[Process]:
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "PILEUS_NAMESPACE": NAME,
        "PILEUS_LEASE": NAME,
        "PILEUS_GATEWAY": "infra/public",
        "PILEUS_CLUSTER_ISSUER": "letsencrypt",
        "PYTHONPATH": str(ROOT / "operator"),
    }
    arguments = ("-m", "pileus", "run", "--address=127.0.0.1", f"--port={port}")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment)
    try:
        running = Process(port, process)
        await running.until(running.ready, "ready")
        yield running
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def examples(namespace: str) -> list[dict[str, Any]]:
    documents = [
        document
        for file in sorted((ROOT / "examples").rglob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]
    return [_moved(document, namespace) for document in documents]


def _moved(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Into the namespace; what a store is reached by is where the operator is."""
    if document["kind"] == "ObjectStore":
        spec = document["spec"]
        return {**document, "spec": {**spec, "credentials": {**spec["credentials"], "namespace": NAME}}}
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def gateway() -> list[dict[str, Any]]:
    infra = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}}
    return [infra, *ENVOY]


def looked_at(kubectl: Kubectl, namespace: str) -> list[bool]:
    plurals = ",".join(f"{kind.plural}.{kind.group}" for kind in KINDS)
    listed = json.loads(kubectl.run("get", plurals, f"--namespace={namespace}", "-o=json"))["items"]
    return [live["status"]["observedGeneration"] == live["metadata"]["generation"] for live in listed]


async def test_nothing_is_denied(kubectl_with_engines: Kubectl, namespace: str, operator: Process) -> None:
    kubectl = kubectl_with_engines
    kubectl.apply(gateway())
    kubectl.apply(examples(namespace))
    await operator.until(lambda: all(looked_at(kubectl, namespace)), "every example is looked at")
    scoped = f"--namespace={namespace}"

    # What is taken away is put back, what is no longer asked for is deleted.
    kubectl.run("delete", "deployment", "hello", scoped)
    kubectl.run("patch", "capp", "api", scoped, "--type=merge", '-p={"spec":{"scale":null,"replicas":1}}')

    def mended() -> bool:
        names = kubectl.run("get", "deployment,hpa", scoped, "-o=name").split()
        return "deployment.apps/hello" in names and not any(n.startswith("horizontal") for n in names)

    await operator.until(mended, "drift is put back, and what is not asked for is pruned")
    assert operator.denied() == []
