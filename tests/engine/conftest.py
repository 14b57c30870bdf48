"""One namespace and one operator process a test, on a real API server."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pileus.cluster.client import Client, path
from pileus.cluster.credentials import Endpoint
from pileus.engine.plan import ObjectKind
from pileus.engine.ports import ApiError
from tests.engine.harness import NAMESPACES, WIDGETS, Kube, Operator
from tests.engine.widget import crd

CRDS = ObjectKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
_numbers = itertools.count()


@pytest.fixture
async def kube(apiserver: Path) -> AsyncIterator[Kube]:
    async with Client(await Endpoint.load(str(apiserver)), agent="test") as client:
        namespace = f"engine-{os.getpid()}-{next(_numbers)}"
        await ensure(client, NAMESPACES, {"metadata": {"name": namespace}})
        await ensure(client, CRDS, crd())
        driver = Kube(client, namespace)
        await served(client)
        yield driver
        for widget in await driver.list(WIDGETS):
            await driver.delete(WIDGETS, widget["metadata"]["name"])


@pytest.fixture
async def operator(kube: Kube, apiserver: Path) -> AsyncIterator[Operator]:
    process = Operator(apiserver, lease_namespace=kube.namespace)
    await process.start()
    yield process
    await process.stop()


async def ensure(client: Client, kind: ObjectKind, manifest: dict[str, object]) -> None:
    body = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}
    try:
        await client.request("create", path(kind), method="POST", body=body)
    except ApiError as error:
        if error.status != 409:
            raise


async def served(client: Client) -> None:
    import asyncio

    for _ in range(200):
        try:
            await client.request("list", path(WIDGETS))
        except ApiError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the CRD of the Widgets is not served")
