"""Implements the engine's `Observer`: puts together what a pass sees, from the caches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from pileus.cluster.client import Client
from pileus.cluster.granted import Granted
from pileus.cluster.namespaces import Namespaces
from pileus.cluster.references import References
from pileus.cluster.resources import Resources
from pileus.cluster.store import Store
from pileus.cluster.surveyor import Surveyor
from pileus.engine.kind import GROUP, Kind
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef, Topic
from pileus.engine.ports import ApiError
from pileus.engine.world import Reference, Referent, Resource, Settings, World


class CacheObserver:
    """Reads caches; the only wait is for a reference that nobody named before."""

    def __init__(
        self,
        *,
        client: Client,
        store: Store,
        shared: Store,
        resources: Resources,
        references: References,
        granted: Granted,
        namespaces: Namespaces,
        served: Callable[[], frozenset[str]],
        surveyors: Mapping[str, Surveyor],
        settings: Settings,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ):
        self._client = client
        self._granted = granted
        self._namespaces = namespaces
        self._store = store
        self._shared = shared
        self._resources = resources
        self._references = references
        self._served = served
        self._surveyors = surveyors
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

    async def ready(self, kind: Kind, resource: Resource) -> None:
        """Wait for what is watched in the resource's namespace only."""
        if kind.sealed:
            await self._granted.ready((resource.kind, resource.namespace, resource.name), kind.sealed)
        if kind.name in self._surveyors:
            await self._surveyors[kind.name].ready()

    def listen(self, resource: Resource, topics: frozenset[Topic]) -> None:
        """The resource is woken by these topics from now on."""
        key = (resource.kind, resource.namespace, resource.name)
        self._surveyors[resource.kind].listen(key, topics)

    async def anew(self, kind: ObjectKind, ref: ObjectRef) -> Manifest | None:
        """The metadata of one object, by a request."""
        try:
            return await self._client.get(kind, ref.namespace, ref.name, metadata_only=True)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def _dependents(self, kind: Kind, resource: Resource) -> tuple[Manifest, ...]:
        """Found by looking through the namespace: that is rare, and right from the first pass on."""
        kinds = kind.dependents(resource)
        if not kinds:
            return ()
        keys = (
            key for key in self._resources.known() if key[0] in kinds and resource.namespace in ("", key[1])
        )
        return tuple(found for key in keys if (found := self._resources.get(key)) is not None)

    def world(self, kind: Kind, resource: Resource, references: Mapping[Reference, Referent]) -> World:
        """Children by owner, related objects by label, shared objects whole."""
        key = (resource.kind, resource.namespace, resource.name)
        return World(
            children=self._store.owned(resource.uid, key),
            related=self._store.labelled(key, [related.id for related in kind.related]),
            shared={
                shared.id: (self._resources if shared.group == GROUP else self._shared).all(shared.id)
                for shared in kind.shared
            },
            named=self._store.named(kind.looks_at(resource)) if resource.spec is not None else {},
            namespace=self._namespaces.labels(resource.namespace) if kind.by_namespace else {},
            references=references,
            dependents=self._dependents(kind, resource),
            withheld=self._granted.withheld(resource.namespace, kind.sealed),
            served=self._served(),
            settings=self._settings,
            survey=self._surveyors[kind.name].survey if kind.name in self._surveyors else None,
            now=self._clock(),
        )
