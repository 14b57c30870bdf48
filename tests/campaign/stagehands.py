"""Plays the controllers that do not run here: gateway, cert-manager, KEDA, load balancer, storage.

Each does only what the real one does to the status of an object that it takes up, so that resources
become Ready and their further life can be tried. Everything else (Deployments, pods, garbage,
namespaces, quotas) is done by Kubernetes' own controllers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from pileus.cluster.client import Client, path
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.objects import catalog
from tests.e2e.engines import said_true

VOLUMES = ObjectKind("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
CLASSES = ObjectKind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
ADDRESS = "192.0.2.10"
PERIOD = 0.25

Status = Callable[[Manifest], Manifest | None]
"""The status that an object should have, or None where there is nothing to do."""


def _taken_up(*conditions: str) -> Status:
    def status(live: Manifest) -> Manifest | None:
        generation = live["metadata"]["generation"]
        said = [said_true(kind, generation) for kind in conditions]
        return None if live.get("status", {}).get("conditions") == said else {"conditions": said}

    return status


def _route(live: Manifest) -> Manifest | None:
    said = [said_true(kind, live["metadata"]["generation"]) for kind in ("Accepted", "ResolvedRefs")]
    parents = [
        {"parentRef": parent, "controllerName": "example.dev/played", "conditions": said}
        for parent in live["spec"]["parentRefs"]
    ]
    there = live.get("status", {}).get("parents") or []
    same = [(p["parentRef"].get("name"), p["conditions"]) for p in there] == [
        (p["parentRef"].get("name"), said) for p in parents
    ]
    return None if same else {"parents": parents}


def _address(live: Manifest) -> Manifest | None:
    if live["spec"].get("type") != "LoadBalancer" or live.get("status", {}).get("loadBalancer", {}).get(
        "ingress"
    ):
        return None
    return {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}


def _ingress(live: Manifest) -> Manifest | None:
    there = live.get("status", {}).get("loadBalancer", {}).get("ingress")
    return None if there else {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}


PLAYED: tuple[tuple[ObjectKind, Status], ...] = (
    (catalog.HTTP_ROUTE, _route),
    (catalog.LISTENER_SET, _taken_up("Accepted", "Programmed")),
    (catalog.CERTIFICATE, _taken_up("Ready")),
    (catalog.SCALED_OBJECT, _taken_up("Ready")),
    (catalog.SERVICE, _address),
    (catalog.INGRESS, _ingress),
)


class Stagehands:
    """Use `run` as a task; they look again and again until it is cancelled. `volumes`: whether they bind."""

    def __init__(self, client: Client, *, volumes: bool):
        self._client = client
        self._volumes = volumes

    async def run(self) -> None:
        while True:
            for kind, status in PLAYED:
                for live in await self._list(kind):
                    if (wanted := status(live)) is not None:
                        await self._write(kind, live, wanted)
            await self._bind_all()
            await asyncio.sleep(PERIOD)

    async def _bind_all(self) -> None:
        if self._volumes:
            classes = {item["metadata"]["name"] for item in await self._list(CLASSES)}
            for claim in await self._list(catalog.PERSISTENT_VOLUME_CLAIM):
                if claim["spec"].get("storageClassName", "") in {"", *classes}:
                    await self._bind(claim)

    async def _list(self, kind: ObjectKind) -> list[Manifest]:
        with contextlib.suppress(ApiError):  # not served
            return list((await self._client.request("list", path(kind)))["items"])
        return []

    async def _write(self, kind: ObjectKind, live: Manifest, status: Manifest) -> None:
        metadata = live["metadata"]
        url = path(kind, metadata["namespace"], metadata["name"], "status")
        body = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status}
        with contextlib.suppress(ApiError):  # it has changed or gone meanwhile
            await self._client.request(
                "patch", url, method="PATCH", body=body, content_type="application/merge-patch+json"
            )

    async def _bind(self, claim: Manifest) -> None:
        if claim["spec"].get("volumeName") or "deletionTimestamp" in claim["metadata"]:
            return
        metadata = claim["metadata"]
        wanted = claim["spec"]
        spec = {
            "capacity": wanted["resources"]["requests"],
            "accessModes": wanted["accessModes"],
            "hostPath": {"path": f"/tmp/{metadata['uid']}"},
            "storageClassName": wanted.get("storageClassName", ""),
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        }
        body = {**VOLUMES.type_meta, "metadata": {"name": f"pv-{metadata['uid']}"}, "spec": spec}
        with contextlib.suppress(ApiError):  # made already
            await self._client.request("create", path(VOLUMES), method="POST", body=body)
