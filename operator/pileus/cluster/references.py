"""Follows the content of Secrets and ConfigMaps that resources name, and of no others.

For a namespace in which something is named, it watches the metadata of that kind (never content),
and reads a single named object when it is first needed or its version moved. Only a digest of its
content is kept. Where the operator may not read, it says so and looks again now and then: reading
Secrets is granted namespace by namespace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from pileus.cluster.client import PARTIAL, Client, path
from pileus.cluster.informer import pause_after
from pileus.cluster.listeners import Listeners
from pileus.engine.compare import digest
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.engine.world import Reference, ReferenceState, Referent

logger = logging.getLogger(__name__)

KINDS = {
    "Secret": ObjectKind("", "v1", "Secret", "secrets"),
    "ConfigMap": ObjectKind("", "v1", "ConfigMap", "configmaps"),
}
IDLE = 90.0
PERMISSION_RETRY = 30.0
SYNC_TIMEOUT = 20.0

User = tuple[str, str, str]
"""(kind, namespace, name) of the resource that names something."""


class References:
    """Digests of named objects. `news` is called with each resource whose referent changed."""

    def __init__(
        self, client: Client, *, news: Callable[[User], object], ours: Callable[[User], Manifest | None]
    ):
        """`ours`: a resource of ours by its key, from its cache."""
        self._client = client
        self._ours = ours
        self._news = news
        self._watches: dict[tuple[str, str], _NamespaceWatch] = {}
        self._listeners: Listeners[User, tuple[str, Reference]] = Listeners()

    async def resolve(self, user: User, wanted: Sequence[Reference]) -> Mapping[Reference, Referent]:
        """What `user`'s references point at now; remembers to wake it when that changes."""
        places = {reference: user[1] or reference.namespace for reference in sorted(set(wanted))}
        self._remember(user, frozenset((namespace, reference) for reference, namespace in places.items()))
        return {
            reference: await self._resolve(namespace, reference) for reference, namespace in places.items()
        }

    def forget(self, user: User) -> None:
        """The resource is gone; watches that nobody needs any more end."""
        self._remember(user, frozenset())

    async def close(self) -> None:
        """End all watches."""
        for watch in self._watches.values():
            watch.task.cancel()
        await asyncio.gather(*(watch.task for watch in self._watches.values()), return_exceptions=True)
        self._watches.clear()

    def _remember(self, user: User, now: frozenset[tuple[str, Reference]]) -> None:
        if not self._listeners.listen(user, now):
            return
        needed = {
            (namespace, reference.kind)
            for namespace, reference in self._listeners.matters()
            if reference.kind in KINDS
        }
        for key in [key for key in self._watches if key not in needed]:
            self._watches.pop(key).task.cancel()

    def touch(self, key: User) -> None:
        """A resource of ours has changed: whoever refers to it gets a pass."""
        kind, namespace, name = key
        for user in self._listeners.of((namespace, Reference(kind, name))):
            self._news(user)

    async def _resolve(self, namespace: str, reference: Reference) -> Referent:
        if reference.kind not in KINDS:
            live = self._ours((reference.kind, namespace, reference.name))
            return Referent(ReferenceState.PRESENT if live else ReferenceState.MISSING, manifest=live)
        key = (namespace, reference.kind)
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = _NamespaceWatch(
                self._client, KINDS[reference.kind], namespace, changed=self._changed
            )
        try:
            await asyncio.wait_for(watch.known.wait(), SYNC_TIMEOUT)
        except TimeoutError:
            raise ApiError(0, "Unreachable", f"{reference.kind}s could not be listed in time.") from None
        if not watch.permitted:
            return Referent(ReferenceState.NOT_PERMITTED)
        return await watch.read(reference.name)

    def _changed(self, namespace: str, kind: str, name: str | None) -> None:
        concerned = (
            (where, reference)
            for where, reference in self._listeners.matters()
            if where == namespace and reference.kind == kind and name in (None, reference.name)
        )
        for user in self._listeners.of(*concerned):
            self._news(user)


class _NamespaceWatch:
    """Versions of one kind's objects in one namespace, from a metadata-only watch, and digests on demand."""

    def __init__(
        self,
        client: Client,
        kind: ObjectKind,
        namespace: str,
        *,
        changed: Callable[[str, str, str | None], None],
    ):
        self.known = asyncio.Event()
        self.permitted = True
        self._client = client
        self._kind = kind
        self._namespace = namespace
        self._changed = changed
        self._versions: dict[str, str] = {}
        self._digests: dict[str, tuple[str, str]] = {}
        self.task = asyncio.create_task(self._run(), name=f"references {kind.plural} {namespace}")

    async def read(self, name: str) -> Referent:
        """The state of one object, read only if its version moved since."""
        version = self._versions.get(name)
        if version is None:
            return Referent(ReferenceState.MISSING)
        cached = self._digests.get(name)
        if cached is None or cached[0] != version:
            try:
                live = await self._client.get(self._kind, self._namespace, name)
            except ApiError as error:
                if error.status == 404:
                    return Referent(ReferenceState.MISSING)
                if error.status == 403:
                    return Referent(ReferenceState.NOT_PERMITTED)
                raise
            content = {key: live[key] for key in ("data", "binaryData") if live.get(key)}
            cached = self._digests[name] = (live["metadata"]["resourceVersion"], digest(content))
            self._versions[name] = live["metadata"]["resourceVersion"]
        return Referent(ReferenceState.PRESENT, cached[1])

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                failures = 0 if await self._watch() else failures + 1
                pause = pause_after(failures) if failures else 0.0
            except ApiError as error:
                if error.status == 403:
                    self._set_permitted(False)
                    await asyncio.sleep(PERMISSION_RETRY)
                    continue
                failures += 1
                logger.debug("Watching %s in %s failed: %s", self._kind.plural, self._namespace, error)
                pause = max(error.retry_after, pause_after(failures))
            await asyncio.sleep(pause)

    def _set_permitted(self, permitted: bool) -> None:
        flipped = permitted != self.permitted
        self.permitted = permitted
        if not self.known.is_set():
            self.known.set()
        elif flipped:
            self._changed(self._namespace, self._kind.kind, None)

    async def _watch(self) -> bool:
        """One list and the watch from there to its end; True if the watch brought anything."""
        heard = False
        url = path(self._kind, self._namespace)
        page = await self._client.request("list", url, accept=PARTIAL.replace("Metadata;", "MetadataList;"))
        items = page.get("items") or ()
        versions = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}
        moved = {
            name
            for name in versions.keys() | self._versions.keys()
            if versions.get(name) != self._versions.get(name)
        }
        self._versions = versions
        first = not self.known.is_set()
        self._set_permitted(True)
        for name in () if first else moved:
            self._changed(self._namespace, self._kind.kind, name)
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": page["metadata"]["resourceVersion"],
        }
        async for event in self._client.stream(url, params=params, idle=IDLE, accept=PARTIAL):
            if event["type"] == "ERROR":
                return heard  # too old: list again
            heard = True
            if event["type"] != "BOOKMARK":
                self._event(event["type"], event["object"])
        return heard

    def _event(self, kind: str, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        name = metadata["name"]
        if kind == "DELETED":
            self._versions.pop(name, None)
            self._digests.pop(name, None)
        elif self._versions.get(name) == metadata["resourceVersion"]:
            return
        else:
            self._versions[name] = metadata["resourceVersion"]
        self._changed(self._namespace, self._kind.kind, name)
