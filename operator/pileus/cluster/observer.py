"""Implements the engine's `Observer`: puts together what a pass sees, from the caches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from pileus.cluster.references import References
from pileus.cluster.resources import Resources
from pileus.cluster.store import Store
from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest
from pileus.engine.world import Reference, Referent, Resource, Settings, World


class CacheObserver:
    """Reads caches; the only wait is for a reference that nobody named before."""

    def __init__(
        self,
        *,
        store: Store,
        shared: Store,
        resources: Resources,
        references: References,
        served: Callable[[], frozenset[str]],
        settings: Settings,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ):
        self._store = store
        self._shared = shared
        self._resources = resources
        self._references = references
        self._served = served
        self._settings = settings
        self._clock = clock

    def resource(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The custom resource as last seen."""
        return self._resources.get((kind.name, namespace, name))

    async def references(
        self, resource: Resource, wanted: Sequence[Reference]
    ) -> Mapping[Reference, Referent]:
        """What the references point at; a resource without any costs nothing."""
        user = (resource.kind, resource.namespace, resource.name)
        return await self._references.resolve(user, wanted)

    def world(self, kind: Kind, resource: Resource, references: Mapping[Reference, Referent]) -> World:
        """Children by owner, related objects by label, shared objects whole."""
        key = (resource.kind, resource.namespace, resource.name)
        return World(
            children=self._store.owned(resource.uid, key),
            related=self._store.labelled(key, [related.id for related in kind.related]),
            shared={shared.id: self._shared.all(shared.id) for shared in kind.shared},
            named=self._store.named(kind.looks_at(resource)) if resource.spec is not None else {},
            references=references,
            served=self._served(),
            settings=self._settings,
            now=self._clock(),
        )
