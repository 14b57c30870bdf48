"""The one choke point of writes: every change that Pileus makes to the cluster goes through `_write`.

It checks the lease before each write, bounds what is in flight, and puts every answer into the
caches, so that the next pass reads its own writes and their echoes wake nobody. Applies are
server-side with one field manager. Creating is an apply with an impossible resourceVersion: the API
server ignores it for an object that does not exist and answers 409 for one that does, which saves a
read for each child.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import uuid
from collections.abc import Callable
from typing import Any

from pileus.cluster.client import PARTIAL, Client, path
from pileus.cluster.limiter import Limiter
from pileus.cluster.resources import UNREAD_ANNOTATIONS, Key, Resources
from pileus.cluster.sighting import sealed
from pileus.cluster.store import Store
from pileus.engine import labels
from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef
from pileus.engine.ports import ApiError, NotLeading
from pileus.engine.world import Resource

logger = logging.getLogger(__name__)

APPLY = "application/apply-patch+yaml"
PARAMETERS = {"fieldManager": labels.MANAGER, "force": "true", "fieldValidation": "Strict"}
NEVER = "1"
"""A resourceVersion that no object has: etcd's first revision is taken before any object exists."""

EVENT = ObjectKind("", "v1", "Event", "events")
EVENT_BUDGET = 20
"""Events that one resource may send in a burst; one more comes back each five minutes."""
EVENT_REFILL = 300.0
EVENT_QUEUE = 1000


class ClusterWriter:
    """Implements `pileus.engine.ports.Writer` over the API client."""

    def __init__(
        self,
        client: Client,
        store: Store,
        resources: Resources,
        *,
        leading: Callable[[], bool],
        news: Callable[[Key], None],
        told: Callable[[Key], None] = lambda key: None,
        identity: str,
    ):
        self._client = client
        self._store = store
        self._resources = resources
        self._leading = leading
        self._news = news
        self._told = told
        self._identity = identity
        self.limiter = Limiter()
        self._events: asyncio.Queue[tuple[str, Manifest]] = asyncio.Queue(EVENT_QUEUE)
        self._budgets: dict[str, tuple[float, float]] = {}

    async def create(self, kind: ObjectKind, manifest: Manifest) -> Manifest:
        """Apply that fails with 409 if the object exists."""
        return await self._apply(kind, manifest, {"resourceVersion": NEVER})

    async def update(self, kind: ObjectKind, manifest: Manifest, *, uid: str, version: str = "") -> Manifest:
        """Apply to the object with this uid, at this version if given; 409 or 422 if it is another by now."""
        exactly = {"resourceVersion": version} if version else {}
        return await self._apply(kind, manifest, {"uid": uid, **exactly})

    async def delete(self, kind: ObjectKind, ref: ObjectRef, *, uid: str, version: str) -> None:
        """Delete this very object; its dependents go in the background. Gone already is success."""
        await self._delete(kind, ref, {"uid": uid, "resourceVersion": version})

    async def remove(self, kind: ObjectKind, ref: ObjectRef, *, uid: str) -> None:
        """Delete the object with this uid, whatever became of it meanwhile. Gone already is success."""
        await self._delete(kind, ref, {"uid": uid})

    async def call(self, kind: ObjectKind, ref: ObjectRef, subresource: str) -> None:
        """PUT a subresource that acts; nothing of the answer is kept."""
        url = path(kind, ref.namespace, ref.name, subresource)
        await self._write("update", url, method="PUT", body={}, accept="*/*")  # aggregated APIs are picky

    async def _delete(self, kind: ObjectKind, ref: ObjectRef, preconditions: dict[str, str]) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        try:
            await self._write("delete", path(kind, ref.namespace, ref.name), method="DELETE", body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    async def adopt_view(self, kind: ObjectKind, ref: ObjectRef) -> Manifest | None:
        """Read one object into the cache; None if it does not exist."""
        try:
            live = await self._client.get(kind, ref.namespace, ref.name, metadata_only=kind.sealed)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        if kind.sealed:
            live = sealed(kind, live)
        if _managed(live):
            self._store.put(kind, live)
        return live

    async def status(self, kind: Kind, resource: Resource, status: Manifest) -> None:
        """Apply the whole status; what it no longer has is removed.

        A resource that turns out to be gone leaves the cache: its event may be a long time coming, and
        until then every pass would make its children anew, against garbage collection.
        """
        target = kind.object_kind
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {"name": resource.name, "namespace": resource.namespace, "uid": resource.uid},
            "status": status,
        }
        url = path(target, resource.namespace, resource.name, "status")
        try:
            answer = await self._tell(self._resources, target, url, body)
        except ApiError as error:
            if error.gone:
                self._resources.lose(
                    target, ObjectRef(target.id, resource.namespace, resource.name), resource.uid
                )
            raise
        self._told((resource.kind, resource.namespace, resource.name))
        if _moved(resource, answer):
            # The event that says so is older than this answer, and will be ignored.
            self._news((resource.kind, resource.namespace, resource.name))

    async def hold(self, kind: Kind, resource: Resource, *, held: bool) -> None:
        """Put our finalizer on the resource, or take it off. Gone already is success."""
        metadata: Manifest = {"name": resource.name, "uid": resource.uid}
        if resource.namespace:
            metadata["namespace"] = resource.namespace
        if held:
            metadata["finalizers"] = [labels.FINALIZER]
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
        url = path(kind.object_kind, resource.namespace, resource.name)
        try:
            await self._tell(self._resources, kind.object_kind, url, body)
        except ApiError as error:
            if not error.gone:
                raise

    def event(self, resource: Resource, *, type_: str, reason: str, message: str) -> None:
        """Queue an Event; silently dropped when the resource's budget or the queue is spent."""
        if not self._spend(resource.uid):
            return
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        involved: dict[str, Any] = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": resource.name,
            "uid": resource.uid,
        }
        namespace = resource.namespace or "default"
        if resource.namespace:
            involved["namespace"] = namespace
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{resource.name[:200]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": involved,
            "type": type_,
            "reason": str(reason),
            "message": message[:1000] or str(reason),
            "source": {"component": labels.MANAGER},
            "reportingComponent": "pileus.dev/operator",
            "reportingInstance": self._identity[:128],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._events.put_nowait((path(EVENT, namespace), body))
        except asyncio.QueueFull:
            logger.debug("The queue of Events is full; one about %s is dropped.", resource.name)

    async def send_events(self) -> None:
        """Send queued Events until cancelled; an Event that cannot be sent is dropped, never retried."""
        while True:
            url, body = await self._events.get()
            try:
                await self._write("create", url, method="POST", body=body)
            except (ApiError, NotLeading) as error:
                logger.debug("An Event was not sent: %s", error)

    async def _apply(self, kind: ObjectKind, manifest: Manifest, precondition: dict[str, str]) -> Manifest:
        metadata = manifest["metadata"]
        body = {**manifest, "metadata": {**metadata, **precondition}}
        url = path(kind, metadata.get("namespace", ""), metadata["name"])
        return await self._tell(self._store, kind, url, body)

    async def _tell(self, store: Store, kind: ObjectKind, url: str, body: Manifest) -> Manifest:
        """One apply, its answer into the cache; what others did to the object meanwhile is news."""
        metadata = body["metadata"]
        ref = ObjectRef(kind.id, metadata.get("namespace", ""), metadata["name"])
        answer = None
        store.expect(ref)
        try:
            accept = PARTIAL if kind.sealed else ""
            answer = await self._write(
                "patch", url, method="PATCH", params=PARAMETERS, body=body, content_type=APPLY, accept=accept
            )
            if kind.sealed:
                answer = sealed(kind, answer)
            return answer
        finally:
            # Only what the informers would see too: a stranger's object must not enter the cache.
            seen = answer if store is self._resources or (answer and _managed(answer)) else None
            for concerned in store.settle(kind, ref, seen):
                self._news(concerned)

    async def _write(self, verb: str, url: str, **request: Any) -> Manifest:
        await self.limiter.acquire()
        loop = asyncio.get_running_loop()
        started = loop.time()
        overload = False
        try:
            if not self._leading():
                raise NotLeading
            return await self._client.request(verb, url, **request)
        except ApiError as error:
            overload = error.status in (0, 429) or error.status >= 500
            raise
        finally:
            self.limiter.release(loop.time() - started, overload=overload)

    def _spend(self, uid: str) -> bool:
        now = asyncio.get_running_loop().time()
        left, since = self._budgets.get(uid, (float(EVENT_BUDGET), now))
        left = min(EVENT_BUDGET, left + (now - since) / EVENT_REFILL)
        if left < 1:
            return False
        self._budgets[uid] = (left - 1, now)
        while len(self._budgets) > 10_000:
            self._budgets.pop(next(iter(self._budgets)))
        return True


def _managed(manifest: Manifest) -> bool:
    return bool((manifest["metadata"].get("labels") or {}).get(labels.MANAGED_BY) == labels.MANAGER)


def _moved(resource: Resource, answer: Manifest) -> bool:
    """True if the answer shows that the resource has been changed since the pass looked at it."""
    metadata = answer["metadata"]
    annotations = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if k not in UNREAD_ANNOTATIONS
    }
    before = (resource.generation, resource.deleting, resource.labels, resource.annotations)
    deleting = "deletionTimestamp" in metadata
    return before != (metadata.get("generation", 0), deleting, metadata.get("labels") or {}, annotations)
