"""What Pileus writes for one resource, taken from life, so that bare clients and kro get the very same.

The children are what `pileus render` prints with the annotations that the running operator gave them; the
status is the one that it wrote. Everything that differs between resources is found by placeholder values.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
import yaml

from bench.driver import APPS, NAMESPACES, Driver
from bench.process import Process
from bench.tracker import tracking
from pileus.cluster.client import path
from pileus.engine.plan import Manifest, ObjectKind
from pileus.objects import catalog

CHILDREN = (
    catalog.SERVICE_ACCOUNT,
    catalog.SERVICE,
    catalog.DEPLOYMENT,
    catalog.POD_DISRUPTION_BUDGET,
)
NAME = "app-placeholder"
NAMESPACE = "bench-placeholder"
NUMBER = "number-placeholder"
PARAMETERS = urlencode({"fieldManager": "pileus", "force": "true", "fieldValidation": "Strict"})
ABSENT = "1"
"""A resourceVersion that no object has: with it an apply creates or fails, as Pileus's own does."""


def app(name: str, number: str) -> Manifest:
    """The resource that every contender gets; `number` is what a change changes."""
    spec = {"image": "registry.example/app:1", "replicas": 2, "port": 8080, "env": {"NUMBER": number}}
    return {"metadata": {"name": name}, "spec": spec}


def told(manifest: Manifest) -> int:
    """The generation that a ContainerApp's status is about."""
    return int(manifest.get("status", {}).get("observedGeneration", -1))


@dataclass(frozen=True, slots=True)
class Sample:
    """Children in the order in which they are applied, and the status, of the resource `NAME`."""

    uid: str
    children: tuple[Manifest, ...]
    status: Manifest

    def writes(self, name: str, namespace: str, uid: str, number: str) -> list[tuple[str, bytes]]:
        """Path and body of each write that brings one resource in place."""
        filled = {NAME: name, NAMESPACE: namespace, self.uid: uid, NUMBER: number}
        found = []
        for kind, child in zip(CHILDREN, self.children, strict=True):
            metadata = child["metadata"] | {"resourceVersion": ABSENT}
            body = replaced({**child, "metadata": metadata}, filled)
            found.append((f"{path(kind, namespace, name)}?{PARAMETERS}", orjson.dumps(body)))
        metadata = {"name": name, "namespace": namespace, "uid": uid}
        body = {**APPS.type_meta, "metadata": metadata, "status": replaced(self.status, filled)}
        found.append((f"{path(APPS, namespace, name, 'status')}?{PARAMETERS}", orjson.dumps(body)))
        return found


def replaced(value: Any, words: dict[str, str]) -> Any:
    """JSON data with words replaced wherever they stand in a text."""
    text = json.dumps(value)
    for word, other in words.items():
        text = text.replace(word, other)
    return json.loads(text)


async def take(driver: Driver, operator: Process) -> Sample:
    """Let the operator work on one resource, and see what it does."""
    await driver.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
    await driver.create(APPS, app(NAME, NUMBER), NAMESPACE)
    operator.start()
    try:
        async with asyncio.timeout(60), tracking(driver, APPS, NAMESPACE, told) as tracker:
            await tracker.all(1)
            await operator.quiet(1.0)
    finally:
        operator.stop()
    live = await driver.get(APPS, NAMESPACE, NAME)
    children = [await _child(driver, kind, child) for kind, child in rendered(live)]
    assert [child["kind"] for child in children] == [kind.kind for kind in CHILDREN]
    await driver.clear((APPS, *CHILDREN), NAMESPACE)
    return Sample(live["metadata"]["uid"], tuple(children), live["status"])


def rendered(live: Manifest) -> list[tuple[ObjectKind, Manifest]]:
    """The children of a resource by `pileus render`, each with its kind."""
    argv = [sys.executable, "-m", "pileus", "render", "-"]
    done = subprocess.run(argv, input=yaml.safe_dump(live), capture_output=True, text=True, check=True)
    kinds = {kind.kind: kind for kind in CHILDREN}
    return [(kinds[child["kind"]], child) for child in yaml.safe_load_all(done.stdout)]


async def _child(driver: Driver, kind: ObjectKind, child: Manifest) -> Manifest:
    metadata = child["metadata"]
    live = await driver.get(kind, metadata["namespace"], metadata["name"])
    annotations = live["metadata"].get("annotations") or {}
    return {**child, "metadata": {**metadata, "annotations": annotations}}
