"""The raw write rate: how fast the API server takes the very same writes from clients that do nothing else.

For each resource the four children and its status, serialized beforehand. Two clients: the operator's own,
and one in Go, since what a client costs the machine is taken from the API server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.driver import APPS, IN_FLIGHT, NAMESPACES, Driver, in_flight
from bench.results import Raw
from bench.sample import CHILDREN, Sample, app, told
from bench.tracker import tracking
from pileus.local import engines
from pileus.local.paths import CHECKOUT

EACH = len(CHILDREN) + 1


async def measure(driver: Driver, sample: Sample, count: int, kubeconfig: Path, directory: Path) -> Raw:
    """Both clients, one after the other, on fresh resources each."""
    file = directory / "writes"
    numbers = (str(EACH), str(IN_FLIGHT))
    python = [sys.executable, "-m", "bench.raw", str(file), *numbers]
    program = str(engines.build(["bench-controller"])["bench-controller"])
    go = [program, "write", f"--requests={file}", f"--each={EACH}", f"--in-flight={IN_FLIGHT}"]
    seconds = {}
    for name, argv in (("python", python), ("go", go)):
        namespace = f"bench-raw-{name}"
        file.write_bytes(await _prepare(driver, sample, count, namespace))
        # Somebody watches the operator's resources while it works, so somebody does here.
        async with tracking(driver, APPS, namespace, told) as tracker:
            answer = await _run(argv, kubeconfig)
            await tracker.all(count)
        assert answer["requests"] == EACH * count
        seconds[name] = answer["seconds"]
        await driver.clear((APPS, *CHILDREN), namespace)
    return Raw(count, EACH * count, **seconds)


async def _prepare(driver: Driver, sample: Sample, count: int, namespace: str) -> bytes:
    """New resources, and the writes that bring them in place, one a line."""
    await driver.create(NAMESPACES, {"metadata": {"name": namespace}})

    async def create(number: int) -> None:
        await driver.create(APPS, app(f"app-{number}", str(number)), namespace)

    await in_flight(count, create)
    page = await driver.list(APPS, namespace)
    lines = []
    for item in page["items"]:
        metadata = item["metadata"]
        number = item["spec"]["env"]["NUMBER"]
        for url, body in sample.writes(metadata["name"], namespace, metadata["uid"], number):
            lines.append(url.encode() + b"\t" + body + b"\n")
    return b"".join(lines)


async def _run(argv: Sequence[str], kubeconfig: Path) -> dict[str, float]:
    env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    running = await asyncio.create_subprocess_exec(
        *argv, env=env, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await running.communicate()
    assert running.returncode == 0, f"{argv[0]} failed"
    answer: dict[str, float] = json.loads(said)
    return answer
