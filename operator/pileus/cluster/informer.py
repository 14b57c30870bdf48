"""A lean informer: keeps the store in step with one kind, by one watch.

It opens a streaming list (initial events, then a bookmark), falls back to a paged list where the
API server refuses that, and resumes from the last version it saw. 410 and a version that went
back start over with a replace; silence for longer than the bookmarks' period ends the watch; a
404 means that the kind is not served (its engine is absent), which is a state and not an error.
It never writes and never stops by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from pileus.cluster.client import PARTIAL, Client, path
from pileus.cluster.store import Belongs, Store, reference
from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef
from pileus.engine.ports import ApiError

logger = logging.getLogger(__name__)

IDLE = 90.0
"""Seconds of silence after which a watch is taken for dead; bookmarks come about once a minute."""
PAGE = "500"
ABSENT_RETRY = 30.0


class Informer:
    """Watches one kind. `news` is called with the resource that a changed object belongs to."""

    def __init__(
        self,
        client: Client,
        store: Store,
        kind: ObjectKind,
        *,
        news: Callable[[Belongs], None],
        changed: Callable[[ObjectKind], None],
        selector: str = labels.SELECTOR,
        metadata_only: bool = False,
    ):
        self.kind = kind
        self.synced = asyncio.Event()
        self.served: bool | None = None
        self._client = client
        self._store = store
        self._news = news
        self._changed = changed
        self._selector = selector
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
                await self._watch()
                failures = 0
            except ApiError as error:
                if error.status == 404:
                    self._absent()
                    await self._pause(ABSENT_RETRY)
                    continue
                if error.status in (400, 422) and self._streaming and not self._version:
                    logger.info("Streaming lists are refused for %s; listing in pages.", self.kind.id)
                    self._streaming = False
                    continue
                if error.status in (410, 504):
                    self._version = ""
                    continue
                failures += 1
                level = logging.WARNING if failures in (1, 5) or failures % 20 == 0 else logging.DEBUG
                logger.log(level, "Watching %s failed: %s", self.kind.id, error.message)
                backoff = min(30.0, 0.2 * 2**failures) * random.uniform(0.8, 1.2)
                await self._pause(max(error.retry_after, backoff))

    def _absent(self) -> None:
        if self.served is not False:
            self.served = False
            self._store.clear(self.kind)
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

    async def _watch(self) -> None:
        if not self._version and not self._streaming:
            await self._list()
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(600, 900)),
        }
        if self._selector:
            params["labelSelector"] = self._selector
        initial = not self._version
        if initial:
            params |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            params["resourceVersion"] = self._version
        seen: set[ObjectRef] = set()
        url = path(self.kind)
        async for event in self._client.stream(url, params=params, idle=IDLE, accept=self._accept):
            kind, manifest = event["type"], event["object"]
            if kind == "ERROR":
                raise ApiError(
                    int(manifest.get("code", 500)), str(manifest.get("reason", "")), "The watch expired."
                )
            version = manifest["metadata"]["resourceVersion"]
            if kind == "BOOKMARK":
                marks = manifest["metadata"].get("annotations") or {}
                if initial and marks.get("k8s.io/initial-events-end") == "true":
                    self._replace(seen, int(version))
                    initial = False
                if not initial:
                    self._version = version
                continue
            if initial:
                seen.add(reference(self.kind, manifest))
            self._take(kind, manifest)
            if not initial:
                self._version = version

    async def _list(self) -> None:
        params = {"limit": PAGE} | ({"labelSelector": self._selector} if self._selector else {})
        seen: set[ObjectRef] = set()
        while True:
            accept = self._accept.replace("PartialObjectMetadata;", "PartialObjectMetadataList;")
            page = await self._client.request("list", path(self.kind), params=params, accept=accept)
            for item in page.get("items") or ():
                seen.add(reference(self.kind, item))
                self._take("ADDED", item)
            more = page["metadata"].get("continue")
            if not more:
                break
            params["continue"] = more
        self._replace(seen, int(page["metadata"]["resourceVersion"]))
        self._version = page["metadata"]["resourceVersion"]

    def _replace(self, seen: set[ObjectRef], version: int) -> None:
        for owner in self._store.replace(self.kind, seen, version):
            self._news(owner)
        self._present()

    def _take(self, event: str, manifest: Manifest) -> None:
        change = self._store.remove if event == "DELETED" else self._store.put
        if (owner := change(self.kind, manifest)) is not None:
            self._news(owner)
        elif not self._selector:
            self._changed(self.kind)
