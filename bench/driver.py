"""The benchmark's own client: it makes resources, changes them and watches, and knows what it asked itself.

What it asked is subtracted from what the API server counted; the rest is the contender's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import yaml

from bench.counts import Request, parse
from pileus.cluster.client import Client, path
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.local.paths import CHECKOUT

NAMESPACES = ObjectKind("", "v1", "Namespace", "namespaces", namespaced=False)
CRDS = ObjectKind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
APPS = ObjectKind("pileus.dev", "v1alpha1", "ContainerApp", "containerapps")
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
IN_FLIGHT = 8
"""How many writes are sent at once, by the driver and by the bare clients."""
PAGE = "500"


class Driver:
    """A client of the API server that counts its own requests."""

    def __init__(self, client: Client):
        self.client = client
        self._own: Counter[Request] = Counter()

    async def served(self) -> Counter[Request]:
        """Requests that the API server has counted so far, without the driver's own."""
        totals = parse(await self.client.text("/metrics"))
        totals.subtract(self._own)
        return totals

    async def create(self, kind: ObjectKind, manifest: Manifest, namespace: str = "") -> None:
        """Create an object; one that is there stays."""
        body = {**kind.type_meta, **manifest}
        try:
            await self._request("POST", kind, namespace, method="POST", body=body)
        except ApiError as error:
            if error.status != 409:
                raise

    async def apply(self, kind: ObjectKind, manifest: Manifest, namespace: str = "") -> Manifest:
        """Server-side apply as a person's kubectl does it."""
        return await self._request(
            "APPLY",
            kind,
            namespace,
            manifest["metadata"]["name"],
            method="PATCH",
            params={"fieldManager": "bench", "force": "true"},
            body={**kind.type_meta, **manifest},
            content_type=APPLY,
        )

    async def change(self, kind: ObjectKind, namespace: str, name: str, patch: Manifest) -> None:
        """Merge a change into an object."""
        await self._request("PATCH", kind, namespace, name, method="PATCH", body=patch, content_type=MERGE)

    async def report(self, kind: ObjectKind, namespace: str, name: str, status: Manifest) -> None:
        """Merge into the status of an object."""
        self._own[Request("PATCH", kind.group, kind.plural, "status")] += 1
        where, body = path(kind, namespace, name, "status"), {"status": status}
        await self.client.request("patch", where, method="PATCH", body=body, content_type=MERGE)

    async def delete(self, kind: ObjectKind, namespace: str, name: str) -> None:
        await self._request("DELETE", kind, namespace, name, method="DELETE")

    async def get(self, kind: ObjectKind, namespace: str, name: str) -> Manifest:
        return await self._request("GET", kind, namespace, name)

    async def exists(self, kind: ObjectKind, namespace: str, name: str, patience: float = 60.0) -> None:
        """Wait until an object is there."""
        async with asyncio.timeout(patience):
            while True:
                try:
                    await self.get(kind, namespace, name)
                except ApiError:
                    await asyncio.sleep(0.1)
                else:
                    return

    async def list(self, kind: ObjectKind, namespace: str, **params: str) -> Manifest:
        """The list object, with its resourceVersion and items."""
        return await self._request("LIST", kind, namespace, params=params, timeout=120)

    async def count(self, kind: ObjectKind, namespace: str) -> int:
        """How many objects there are, without reading them."""
        page = await self.list(kind, namespace, limit="1")
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))

    async def events(
        self, kind: ObjectKind, namespace: str, version: str, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """What happens after that version, as (type, object); ends with the connection."""
        params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "7200"}
        accept = METADATA if metadata_only else ""
        async for event in self.client.stream(path(kind, namespace), params=params, idle=7200, accept=accept):
            yield event["type"], event["object"]

    async def clear(self, kinds: Iterable[ObjectKind], namespace: str) -> None:
        """Delete everything of these kinds in a namespace; finalizers are removed, not waited for."""
        await asyncio.gather(*(self._clear(kind, namespace) for kind in kinds))

    async def install(self, *manifests: Manifest) -> None:
        """Create definitions, and wait until they are served."""
        for manifest in manifests:
            await self.create(CRDS, manifest)
        for manifest in manifests:
            await self.served_kind(manifest["metadata"]["name"])

    async def served_kind(self, name: str, patience: float = 60.0) -> None:
        """Wait until a definition is there and its objects can be listed."""
        group = name.partition(".")[2]
        async with asyncio.timeout(patience):
            while True:
                try:
                    found = await self.get(CRDS, "", name)
                    version = found["spec"]["versions"][0]["name"]
                    await self.list(ObjectKind(group, version, "", name.partition(".")[0]), "", limit="1")
                except ApiError:
                    await asyncio.sleep(0.1)
                else:
                    return

    async def _clear(self, kind: ObjectKind, namespace: str) -> None:
        while (page := await self.list(kind, namespace, limit=PAGE))["items"]:
            held = [item["metadata"] for item in page["items"] if item["metadata"].get("finalizers")]

            async def release(number: int, held: list[Any] = held) -> None:
                nothing = {"metadata": {"finalizers": None}}
                await self.change(kind, namespace, held[number]["name"], nothing)

            await in_flight(len(held), release)
            await self._request(
                "DELETECOLLECTION",
                kind,
                namespace,
                method="DELETE",
                params={"limit": PAGE, "propagationPolicy": "Background"},
                timeout=120,
            )

    async def _request(
        self, verb: str, kind: ObjectKind, namespace: str, name: str = "", **request: Any
    ) -> Manifest:
        self._own[Request(verb, kind.group, kind.plural)] += 1
        return await self.client.request(verb.lower(), path(kind, namespace, name), **request)


async def in_flight(count: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Do `work` for 0 to count - 1, `IN_FLIGHT` at once."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


def definitions() -> list[Manifest]:
    """The committed CRDs of Pileus."""
    found = (
        yaml.safe_load(file.read_text()) for file in sorted((CHECKOUT / "crds").glob("pileus.dev_*.yaml"))
    )
    return [manifest for manifest in found if manifest["kind"] == "CustomResourceDefinition"]
