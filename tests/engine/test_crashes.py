"""Killed at random moments, the product comes to the same end as if nothing had happened."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path
from typing import Any

import yaml

from pileus.cluster.client import path
from pileus.engine.plan import ObjectKind
from pileus.engine.ports import ApiError
from pileus.objects import catalog
from tests.engine.conftest import CRDS, ensure
from tests.engine.harness import NAMESPACES, Kube, Operator

APPS = ObjectKind("pileus.dev", "v1alpha1", "ContainerApp", "containerapps")
CHILDREN = (
    catalog.SERVICE_ACCOUNT,
    catalog.SERVICE,
    catalog.DEPLOYMENT,
    catalog.POD_DISRUPTION_BUDGET,
)
COUNT = 200
PER_RUN = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "lastTransitionTime",
    "clusterIP",
    "clusterIPs",
    "pileus.dev/applied",  # digests the owner's uid too
)


async def test_kill_9_during_200_creates_leaves_the_same_end_state(kube: Kube, apiserver: Path) -> None:
    seed = random.randrange(2**32)
    await _install(kube)
    calm = Kube(kube.client, f"{kube.namespace}-calm")
    await ensure(kube.client, NAMESPACES, {"metadata": {"name": calm.namespace}})
    operator = Operator(apiserver, lease_namespace=kube.namespace, whole=True)
    try:
        await _compared(kube, calm, operator, seed)
    finally:
        await operator.kill()


async def _compared(kube: Kube, calm: Kube, operator: Operator, seed: int) -> None:
    await operator.start()
    await _create_all(calm)
    await _until_observed(calm)
    await operator.settled()
    assert operator.writes() == COUNT * (len(CHILDREN) + 1)

    await _disturbed(kube, operator, random.Random(seed))
    await _until_observed(kube)
    await operator.settled()

    for kind in (APPS, *CHILDREN):
        assert await _masked(kube, kind) == await _masked(calm, kind), f"seed {seed}: {kind.plural}"

    await operator.stop()
    await operator.start()
    await operator.until(
        lambda: operator.metric("pileus_reconcile_total", result="unchanged") >= 2 * COUNT, "a pass over each"
    )
    await operator.settled()
    assert operator.writes() == 0, f"seed {seed}: a restart found something left to write"
    await operator.stop()
    for app in await kube.list(APPS):
        assert "finalizers" not in app["metadata"], "nothing of the operator's on users' objects"
        assert "annotations" not in app["metadata"], "nothing of the operator's on users' objects"


async def _disturbed(kube: Kube, operator: Operator, dice: random.Random) -> None:
    creating = asyncio.create_task(_create_all(kube))
    for _ in range(8):
        await asyncio.sleep(dice.uniform(0.0, 0.8))
        await operator.kill(signal.SIGKILL)
        await operator.start()
    await creating


async def _install(kube: Kube) -> None:
    crd = yaml.safe_load((Path(__file__).parents[2] / "crds" / "pileus.dev_containerapps.yaml").read_text())
    await ensure(kube.client, CRDS, crd)
    for _ in range(200):
        try:
            await kube.client.request("list", path(APPS))
        except ApiError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the CRD of the ContainerApps is not served")


async def _create_all(kube: Kube) -> None:
    for number in range(COUNT):
        spec = {"image": "registry.example/app:1", "port": 8080, "replicas": 2, "env": {"N": str(number)}}
        await kube.create(APPS, {"metadata": {"name": f"app-{number}"}, "spec": spec})


async def _until_observed(kube: Kube) -> None:
    while not all(
        app.get("status", {}).get("observedGeneration") == app["metadata"]["generation"]
        for app in await kube.list(APPS)
    ):
        await asyncio.sleep(0.2)


async def _masked(kube: Kube, kind: ObjectKind) -> dict[str, Any]:
    live = await kube.list(kind)
    return {item["metadata"]["name"]: _mask(item, kube.namespace) for item in live}


def _mask(value: Any, namespace: str) -> Any:
    if isinstance(value, dict):
        return {key: "*" if key in PER_RUN else _mask(item, namespace) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item, namespace) for item in value]
    return value.replace(namespace, "*") if isinstance(value, str) else value
