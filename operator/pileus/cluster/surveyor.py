"""Keeps a survey in step with the cluster, and wakes whom a change in it concerns.

The watches are opened with the first resource that needs them: a cluster without such resources does not pay
for the pods of others. Nothing is kept twice: an object is read, put into the survey, and only its version
is remembered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

import orjson

from pileus.cluster.client import Client
from pileus.cluster.informer import Informer
from pileus.cluster.listeners import Listeners
from pileus.cluster.sighting import Belongs, Sighting, Text, sighting
from pileus.engine.kind import Survey, Surveyed
from pileus.engine.plan import ObjectKind, ObjectRef, Topic
from pileus.engine.ports import ApiError

SYNC_TIMEOUT = 20.0


class Surveyor:
    """One survey, and who listens to what of it.

    news: called with each resource that is concerned. died: called when a watch ends that must not.
    """

    def __init__(
        self,
        client: Client,
        surveyed: Surveyed,
        *,
        news: Callable[[Belongs], None],
        died: Callable[[], None],
    ):
        self.survey: Survey = surveyed.make()
        self._client = client
        self._kinds = surveyed.kinds
        self._news = news
        self._died = died
        self._cache = _Cache(self.survey, self.touched)
        self._informers: tuple[Informer, ...] = ()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._listeners: Listeners[Belongs, Topic] = Listeners()
        self.dead = ""
        self.used = asyncio.Event()
        self.known = asyncio.Event()
        """Whether what is remembered beside the survey is in it; whoever puts it there clears this first."""
        self.known.set()

    async def ready(self) -> None:
        """Wait until the survey is in step. Raises `ApiError` if it cannot be had in time."""
        if not self._informers:
            self._open()
        waits = (informer.synced.wait() for informer in self._informers)
        try:
            await asyncio.wait_for(asyncio.gather(*waits), SYNC_TIMEOUT)
        except TimeoutError:
            late = [informer.kind.plural for informer in self._informers if not informer.synced.is_set()]
            raise ApiError(0, "Unreachable", f"{', '.join(late)} could not be listed in time.") from None
        self.used.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.known.wait(), SYNC_TIMEOUT)

    def listen(self, user: Belongs, topics: frozenset[Topic]) -> None:
        """Whatever touches one of these topics concerns the user from now on; nothing else does."""
        self._listeners.listen(user, topics)

    def forget(self, user: Belongs) -> None:
        """The resource is gone."""
        self.listen(user, frozenset())

    def touched(self, topics: Iterable[Topic]) -> None:
        """Tell those who listen."""
        for user in self._listeners.of(*topics):
            self._news(user)

    async def close(self) -> None:
        """End all watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _open(self) -> None:
        self._informers = tuple(
            Informer(
                self._client,
                self._cache,
                kind,
                news=lambda _: None,
                changed=lambda _: None,
                selector=kind.selector,
            )
            for kind in self._kinds
        )
        self._tasks = tuple(
            asyncio.create_task(informer.run(), name=f"survey {informer.kind.plural}")
            for informer in self._informers
        )
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.dead = task.get_name()
            self._died()


class _Cache:
    """What an informer keeps in step: the survey, and the version of everything in it."""

    def __init__(self, survey: Survey, touched: Callable[[Iterable[Topic]], None]):
        self.changes = 0
        self._survey = survey
        self._touched = touched
        self._versions: dict[str, dict[ObjectRef, int]] = {}

    def see(self, kind: ObjectKind, body: Text) -> Sighting:
        """What is seen of an object."""
        return sighting(kind, body)

    def take(self, kind: ObjectKind, seen: Sighting) -> None:
        """Put it into the survey, unless something newer is in it."""
        known = self._versions.setdefault(kind.id, {})
        if known.get(seen.ref, -1) >= seen.version:
            return
        known[seen.ref] = seen.version
        body = seen.body
        manifest = body if isinstance(body, dict) else orjson.loads(memoryview(body))
        self._put(seen.ref, manifest)

    def remove(self, kind: ObjectKind, seen: Sighting) -> None:
        """Take it out, unless something newer is there."""
        known = self._versions.setdefault(kind.id, {})
        if known.get(seen.ref, -1) <= seen.version:
            known.pop(seen.ref, None)
            self._put(seen.ref, None)

    def replace(
        self, kind: ObjectKind, present: set[ObjectRef], version: int, namespace: str = ""
    ) -> Iterator[Belongs]:
        """After a list: drop what is no longer there."""
        known = self._versions.setdefault(kind.id, {})
        for ref in [ref for ref, seen in known.items() if seen <= version and ref not in present]:
            del known[ref]
            self._put(ref, None)
        return iter(())

    def clear(self, kind: ObjectKind, namespace: str = "") -> Iterator[Belongs]:
        """Forget a kind that is not served."""
        for ref in self._versions.pop(kind.id, {}):
            self._put(ref, None)
        return iter(())

    def _put(self, ref: ObjectRef, manifest: dict[str, object] | None) -> None:
        if topics := self._survey.put(ref.kind, ref.namespace, ref.name, manifest):
            self.changes += 1
            self._touched(topics)
