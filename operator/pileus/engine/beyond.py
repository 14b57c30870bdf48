"""The part of a pass that concerns what a resource is outside of the cluster.

Nothing is done here: a wish is handed on, and what was seen last is handed in. Before the first wish the
resource gets our finalizer, so that it cannot go and leave behind what nobody knows of any more; when it is
deleted, the finalizer goes once the wish of its farewell has come true. Kinds that are nothing outside never
get here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from pileus.engine import labels
from pileus.engine.apply import controlled_by
from pileus.engine.kind import Kind
from pileus.engine.plan import ObjectRef, Plan
from pileus.engine.ports import Observer, Outside, Writer
from pileus.engine.world import Reference, Resource, World

Key = tuple[str, str, str]


class Beyond:
    """What resources of one kind are outside of the cluster."""

    def __init__(self, kind: Kind, observer: Observer, writer: Writer, outside: Outside):
        self._kind = kind
        self._observer = observer
        self._writer = writer
        self._outside = outside

    def holds(self, resource: Resource) -> bool:
        """Whether the resource waits for what becomes of it outside."""
        return self._kind.part is not None and labels.FINALIZER in resource.finalizers

    def seen(self, resource: Resource, world: World) -> World:
        """The world, with what was seen last."""
        if not self._kind.outside:
            return world
        key, uid = _key(resource), resource.uid
        return dataclasses.replace(
            world, outside=self._outside.seen(key, uid), pending=self._outside.pending(key, uid)
        )

    def untold(self, resource: Resource, plan: Plan, world: World, *, paused: bool) -> bool:
        """Whether the status says all that is known: after a start, until the first look."""
        if paused or (self._kind.part is not None and not self.holds(resource)):
            return False  # without our finalizer nothing was wished for yet, so nothing can have been seen
        looks = self._kind.outside and plan.wish is not None and world.outside is None
        return looks and resource.status.get("observedGeneration") == resource.generation

    def parting(self, resource: Resource, world: World) -> Plan:
        """The plan for a resource that is being deleted."""
        if self._kind.part is None or not self.holds(resource):
            return Plan(prune=False)
        return dataclasses.replace(self._kind.part(resource, world), prune=False)

    async def want(self, resource: Resource, plan: Plan, world: World) -> bool:
        """Hand the plan's wish on; whether objects are to be applied. Raises `ApiError`, `NotLeading`."""
        if not self._kind.outside:
            return not resource.deleting
        held = self.holds(resource)
        if resource.deleting and held and self._kind.parted(resource, world):
            await self._writer.hold(self._kind, resource, held=False)
            self.rest(resource)
        elif plan.wish is not None:
            if self._kind.part is not None and not held and not resource.deleting:
                await self._writer.hold(self._kind, resource, held=True)
            self._hand_on(resource, plan, world)
        else:
            self.rest(resource)
        return not resource.deleting

    def rest(self, resource: Resource) -> None:
        """Nothing is looked at or changed from now on."""
        if self._kind.outside:
            self._outside.forget(_key(resource))

    def _hand_on(self, resource: Resource, plan: Plan, world: World) -> None:
        asked = resource.annotations.get(labels.RECONCILE_AT, "")
        # The pass's world is not kept: it is many times as large as what is compared.
        ref = ObjectRef(self._kind.object_kind.id, resource.namespace, resource.name)
        state = (resource.uid, resource.generation, resource.deleting)
        basis = {one: _version(_known(one, world)) for one in plan.basis}

        async def confirm() -> bool:
            return await self._is_so(ref, state, basis)

        self._outside.want(_key(resource), resource.uid, plan.wish, confirm=confirm, asked=asked)

    async def _is_so(
        self, resource: ObjectRef, state: tuple[str, int, bool], basis: Mapping[ObjectRef, object]
    ) -> bool:
        """Whether the resource, and the versions of what its wish was made from, are still these."""
        live = await self._observer.anew(self._kind.object_kind, resource)
        if live is None:
            return False
        metadata = live["metadata"]
        if (metadata["uid"], metadata.get("generation", 0), "deletionTimestamp" in metadata) != state:
            return False
        own = self._kind.object_kind
        kinds = {kind.id: kind for kind in (*self._kind.children, own)}
        for ref, version in basis.items():
            found = await self._observer.anew(kinds[ref.kind], ref)
            # What is a stranger's was not in the world, either.
            if found and ref.kind != own.id and not controlled_by(found, state[0]):
                found = None
            if _version(found) != version:
                return False
        return True


def _key(resource: Resource) -> Key:
    return (resource.kind, resource.namespace, resource.name)


def _known(ref: ObjectRef, world: World) -> dict[str, object] | None:
    """A child, or another resource of its kind to which it refers."""
    if ref in world.children:
        return world.children[ref]
    referent = world.references.get(Reference(ref.kind.partition(".")[0], ref.name))
    return referent.manifest if referent else None


def _version(live: dict[str, object] | None) -> object:
    metadata = live["metadata"] if live else None
    return metadata.get("resourceVersion") if isinstance(metadata, dict) else None
