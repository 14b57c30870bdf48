"""A lean informer: keeps a store in step with one kind, by one watch. Ours and foreign kinds alike.

It opens a streaming list (initial events, then a bookmark), falls back to a paged list where the
API server refuses that, and resumes from the last version it saw. 410 and a version that went
back start over with a replace; silence for longer than the bookmarks' period ends the watch; a
404 means that the kind is not served (its engine is absent), which is a state and not an error; so is, in a
single namespace, that it may not be read there.
It never writes and never stops by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
import orjson

from pileus.cluster.client import PARTIAL, Client, path
from pileus.cluster.sighting import Belongs, Sighting, Text, read_event
from pileus.engine import labels
from pileus.engine.backoff import backoff
from pileus.engine.plan import ObjectKind, ObjectRef
from pileus.engine.ports import ApiError

logger = logging.getLogger(__name__)

IDLE = 90.0
"""Seconds of silence after which a watch is taken for dead; bookmarks come about once a minute."""
PAGE = "500"
ABSENT_RETRY = 30.0


FIRST_PAUSE, LONGEST_PAUSE = 0.4, 30.0


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failed watches in a row, a little different each time."""
    return backoff(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)


class Cache(Protocol):
    """What an informer keeps in step."""

    changes: int

    def see(self, kind: ObjectKind, body: Text) -> Sighting:
        """What is seen of an object."""

    def take(self, kind: ObjectKind, seen: Sighting) -> Belongs | None:
        """Take it in; returns whom it belongs to if it was news."""

    def remove(self, kind: ObjectKind, seen: Sighting) -> Belongs | None:
        """Take it out; returns whom it belonged to if it was news."""

    def replace(
        self, kind: ObjectKind, present: set[ObjectRef], version: int, namespace: str = ""
    ) -> Iterable[Belongs]:
        """After a list: drop what is no longer there."""

    def clear(self, kind: ObjectKind, namespace: str = "") -> Iterable[Belongs]:
        """Forget every object of a kind that is not served any more."""


class Informer:
    """Watches one kind.

    `news` is called with the resource that a changed object belongs to, and `gone` with the one that
    a vanished object belonged to (without it, that is news too); `changed` when the kind comes or
    goes, and where objects are `shared`, belong to nobody, at each of their changes.
    """

    def __init__(
        self,
        client: Client,
        store: Cache,
        kind: ObjectKind,
        *,
        news: Callable[[Belongs], None],
        changed: Callable[[ObjectKind], None],
        gone: Callable[[Belongs], None] | None = None,
        selector: str = labels.SELECTOR,
        shared: bool = False,
        metadata_only: bool = False,
        namespace: str = "",
    ):
        self.kind = kind
        self.namespace = namespace
        self.synced = asyncio.Event()
        self.served: bool | None = None
        self._client = client
        self._store = store
        self._news = news
        self._gone = gone or news
        self._changed = changed
        self._selector = selector
        self._shared = shared
        self._accept = PARTIAL if metadata_only else ""
        self._version = ""
        self._streaming = True
        self._wake = asyncio.Event()

    def retry(self) -> None:
        """Look again at once whether the kind is served (its CRD appeared)."""
        self._wake.set()

    async def run(self) -> None:
        """Watch for ever; cancel to stop."""
        failures = 0
        while True:
            try:
                failures = 0 if await self._watch() else failures + 1
                if failures:
                    await self._pause(pause_after(failures))
            except ApiError as error:
                if error.status == 404 or (error.status == 403 and self.namespace):
                    self._absent()
                    await self._pause(ABSENT_RETRY)
                    continue
                if error.status in (400, 422) and self._streaming and not self._version:
                    logger.info("Streaming lists are refused for %s; listing in pages.", self.kind.id)
                    self._streaming = False
                    continue
                expired = error.status in (410, 504)
                if expired:
                    self._version = ""
                failures += 1
                if expired and failures == 1:
                    continue
                level = logging.WARNING if failures in (1, 5) or failures % 20 == 0 else logging.DEBUG
                logger.log(level, "Watching %s failed: %s", self.kind.id, error.message)
                await self._pause(max(error.retry_after, pause_after(failures)))

    def _absent(self) -> None:
        if self.served is not False:
            self.served = False
            for concerned in self._store.clear(self.kind, self.namespace):
                self._gone(concerned)
            self._version = ""
            self._changed(self.kind)
        self.synced.set()

    def _present(self) -> None:
        if not self.synced.is_set() or not self.served:
            self.served = True
            self.synced.set()
            self._changed(self.kind)

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _watch(self) -> bool:
        """One watch to its end; True if anything was heard."""
        heard = False
        if not self._version and not self._streaming:
            await self._list()
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(600, 900)),
        }
        if self._selector:
            params["labelSelector"] = self._selector
        if not self._version:
            params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            params["resourceVersion"] = self._version
        present: set[ObjectRef] | None = set() if not self._version else None  # during a streaming list
        url = path(self.kind, self.namespace)
        async for lines in self._client.lines(url, params=params, idle=IDLE, accept=self._accept):
            heard = True
            for line in lines:
                present = self._event(line, present)
            if present is not None:
                await asyncio.sleep(0)  # a long list must not keep others waiting
        return heard

    def _event(self, line: bytes, present: set[ObjectRef] | None) -> set[ObjectRef] | None:
        """Take in one line of the watch; returns what the streaming list showed so far, None after it."""
        try:
            event = read_event(line)
            if event.type == "ERROR":
                status = orjson.loads(memoryview(event.object))
                raise ApiError(
                    int(status.get("code", 500)), str(status.get("reason", "")), "The watch expired."
                )
            if event.type == "BOOKMARK":
                metadata = orjson.loads(memoryview(event.object))["metadata"]
                version = str(metadata["resourceVersion"])
                ends = (metadata.get("annotations") or {}).get("k8s.io/initial-events-end") == "true"
                if present is not None and not ends:
                    return present
                if present is not None:
                    self._replace(present, int(version))
                self._version = version
                return None
            seen = self._store.see(self.kind, event.object)
        except (msgspec.MsgspecError, orjson.JSONDecodeError) as error:
            raise ApiError(0, "Unreadable", f"A watch event is not what it should be ({error}).") from None
        self._take(event.type, seen)
        if present is not None:
            present.add(seen.ref)
        else:
            self._version = str(seen.version)
        return present

    async def _list(self) -> None:
        params = {"limit": PAGE} | ({"labelSelector": self._selector} if self._selector else {})
        present: set[ObjectRef] = set()
        while True:
            accept = self._accept.replace("PartialObjectMetadata;", "PartialObjectMetadataList;")
            page = await self._client.request(
                "list", path(self.kind, self.namespace), params=params, accept=accept
            )
            for item in page.get("items") or ():
                seen = self._store.see(self.kind, item)
                present.add(seen.ref)
                self._take("ADDED", seen)
            more = page["metadata"].get("continue")
            if not more:
                break
            params["continue"] = more
        self._replace(present, int(page["metadata"]["resourceVersion"]))
        self._version = page["metadata"]["resourceVersion"]

    def _replace(self, present: set[ObjectRef], version: int) -> None:
        for concerned in self._store.replace(self.kind, present, version, self.namespace):
            self._gone(concerned)
        self._present()

    def _take(self, event: str, seen: Sighting) -> None:
        before = self._store.changes
        if event == "DELETED":
            concerned, tell = self._store.remove(self.kind, seen), self._gone
        else:
            concerned, tell = self._store.take(self.kind, seen), self._news
        if concerned is not None:
            tell(concerned)
        elif self._shared and (self._accept or self._store.changes != before):
            self._changed(self.kind)  # metadata alone does not show what else changed
