"""Watches of sealed kinds, which may be read namespace by namespace only, and not everywhere.

A watch is opened where a resource needs it, and ends with the last one that did. It asks for metadata only,
of objects with our label. Where it is refused, that is told to passes; the watch asks again now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from pileus.cluster.client import Client
from pileus.cluster.informer import Informer
from pileus.cluster.sighting import Belongs
from pileus.cluster.store import Store
from pileus.engine.plan import ObjectKind
from pileus.engine.ports import ApiError

SYNC_TIMEOUT = 20.0

Place = tuple[str, str]
"""(kind id, namespace)."""


class Granted:
    """Informers of sealed kinds by namespace. `news` is called with each resource that is concerned."""

    def __init__(self, client: Client, store: Store, *, news: Callable[[Belongs], None]):
        self._client = client
        self._store = store
        self._news = news
        self._informers: dict[Place, Informer] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._users: dict[Place, set[Belongs]] = {}

    async def ready(self, user: Belongs, kinds: Iterable[ObjectKind]) -> None:
        """Wait until it is known what there is of these kinds where the user is, or that it is refused."""
        for kind in kinds:
            place = (kind.id, user[1])
            self._users.setdefault(place, set()).add(user)
            informer = self._informers.get(place) or self._open(kind, place)
            try:
                await asyncio.wait_for(informer.synced.wait(), SYNC_TIMEOUT)
            except TimeoutError:
                raise ApiError(0, "Unreachable", f"{kind.kind}s could not be listed in time.") from None

    def withheld(self, namespace: str, kinds: Iterable[ObjectKind]) -> frozenset[str]:
        """Ids of those of these kinds that may not be read there."""
        places = ((kind.id, self._informers.get((kind.id, namespace))) for kind in kinds)
        return frozenset(kind for kind, informer in places if informer and informer.served is False)

    def forget(self, user: Belongs) -> None:
        """The resource is gone; watches that nobody needs any more end."""
        for place in [place for place, users in self._users.items() if user in users]:
            self._users[place].discard(user)
            if not self._users[place]:
                del self._users[place]
                del self._informers[place]
                self._tasks.pop(place).cancel()

    async def close(self) -> None:
        """End all watches."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _open(self, kind: ObjectKind, place: Place) -> Informer:
        def changed(_: ObjectKind) -> None:
            for user in tuple(self._users.get(place, ())):
                self._news(user)

        informer = self._informers[place] = Informer(
            self._client,
            self._store,
            kind,
            news=self._news,
            changed=changed,
            metadata_only=True,
            namespace=place[1],
        )
        self._tasks[place] = asyncio.create_task(informer.run(), name=f"{kind.plural} in {place[1]}")
        return informer
