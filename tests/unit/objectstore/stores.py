"""ObjectStores, worlds and what was seen of stores, for tests, as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.engine.conditions import Verdict, merge, summarize
from pileus.engine.plan import Manifest, Plan
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, Settings, World
from pileus.kinds.objectstore import OBJECT_STORE
from pileus.objects.s3 import Feature, StoreSeen

NOW = dt.datetime(2026, 1, 2, 12, 0, 0, tzinfo=dt.UTC)
CLUSTER = "99999999-8888-7777-6666-555555555555"
EVERYTHING = frozenset(Feature)
BARE: Manifest = {
    "engine": "Versity",
    "endpoint": "https://s3.example.dev",
    "credentials": {"secret": "keys"},
}


def store(spec: Mapping[str, Any] | None = None, *, name: str = "main", **more: Any) -> Resource:
    """An ObjectStore with this spec, as administrators write it."""
    return Resource(
        kind="ObjectStore",
        api_version="pileus.dev/v1alpha1",
        namespace="",
        name=name,
        uid="11111111-2222-3333-4444-555555555555",
        generation=1,
        spec=OBJECT_STORE.spec.model_validate({**(BARE if spec is None else spec), **more}),
    )


@dataclass
class Cluster:
    """What a store's references point at, what was seen of it last, and the Buckets that there are."""

    outside: StoreSeen | None = None
    references: dict[Reference, Referent] | None = None
    buckets: tuple[Manifest, ...] = ()

    def world(self, resource: Resource) -> World:
        """Everything as it is."""
        there = dict.fromkeys(OBJECT_STORE.references(resource.spec), Referent(ReferenceState.PRESENT, "d1"))
        return World(
            references=there if self.references is None else self.references,
            outside=self.outside,
            dependents=self.buckets,
            settings=Settings(cluster=CLUSTER),
            now=NOW,
        )

    def compile(self, resource: Resource) -> Plan:
        """The plan."""
        return OBJECT_STORE.compile(resource, self.world(resource))

    def judge(self, resource: Resource) -> Verdict:
        """The verdict on what was seen."""
        return OBJECT_STORE.judge(resource, self.compile(resource), self.world(resource))


def live(name: str = "main", *, seen: StoreSeen | None = None, **spec: Any) -> Manifest:
    """An ObjectStore as the API server has it, with the status that the kind gives it; all features if not
    said otherwise."""
    resource = store(None, name=name, **spec)
    verdict = Cluster(seen or StoreSeen(features=EVERYTHING)).judge(resource)
    conditions = (*summarize(verdict.findings), *verdict.conditions)
    return {
        "metadata": {"name": name},
        "spec": resource.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "status": {
            **verdict.fields,
            "conditions": merge(conditions, previous=(), generation=1, now=NOW),
        },
    }
