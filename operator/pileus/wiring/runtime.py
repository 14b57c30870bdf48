"""The running operator without Kopf: caches, informers, queue, lease, endpoint, and who wakes whom.

`start` returns when everything runs; the queue works only while the caches are in step and the
lease is held. Any part that dies makes the operator unhealthy and ends it: Kubernetes starts it
anew, from the caches up.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import gc
import logging
import os
import platform
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

import pileus
from pileus.cluster.client import Client, own_namespace
from pileus.cluster.credentials import Endpoint
from pileus.cluster.granted import Granted
from pileus.cluster.informer import Informer
from pileus.cluster.lease import Lease
from pileus.cluster.namespaces import Namespaces
from pileus.cluster.observer import CacheObserver
from pileus.cluster.prober import Trial
from pileus.cluster.references import KINDS, References
from pileus.cluster.resources import Key, Resources
from pileus.cluster.store import Store
from pileus.cluster.writer import ClusterWriter
from pileus.engine import labels
from pileus.engine.kind import Kind
from pileus.engine.plan import ObjectKind
from pileus.engine.ports import ApiError, NotLeading
from pileus.engine.queue import Queue, Retry
from pileus.engine.reconcile import Reconciler
from pileus.engine.world import Settings
from pileus.objects.catalog import NAMESPACE
from pileus.objects.s3 import Source
from pileus.objectstores.stores import ObjectStores
from pileus.telemetry.endpoint import serve
from pileus.telemetry.metrics import Scraped, Telemetry
from pileus.wiring.surveys import Surveys

logger = logging.getLogger(__name__)

SURVEY_DELAY = 0.5
"""Seconds from a change in a survey to the pass that it wakes."""

CRD = ObjectKind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)


@dataclass(frozen=True, slots=True)
class Options:
    """How this process runs; from the command line and the environment."""

    settings: Settings = field(default_factory=Settings)
    address: str = "0.0.0.0"  # noqa: S104 - the pod's own network namespace
    port: int = 8080
    lease: str = "pileus"
    trial_image: str = ""
    try_enforcement: bool = True
    identity: str = field(default_factory=lambda: os.environ.get("POD_NAME") or socket.gethostname())


class Runtime:
    """Everything that runs beside Kopf."""

    def __init__(self, kinds: Sequence[Kind], options: Options):
        self._kinds = {kind.name: kind for kind in kinds}
        self._options = options
        self._telemetry = Telemetry(kinds)
        self._telemetry.build(pileus.__version__, platform.python_version())
        self._store = Store()
        self._shared = Store()  # the few cluster-wide inputs, apart: passes read them whole
        self._resources = Resources()
        self._namespaces = Namespaces()
        self._queue: Queue[Key] = Queue(self._handle)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._informers: dict[str, Informer] = {}
        self._surveys = Surveys({})
        self._dependents: dict[str, set[str]] = {}
        self._served: frozenset[str] = frozenset()
        self._endpoint_runner: web.AppRunner | None = None
        self._client: Client | None = None
        self._in_step = False
        self._stopping = False
        self.died = asyncio.Event()

    async def start(self, endpoint: Endpoint) -> None:
        """Start every part; raises what keeps it from starting."""
        self._client = await Client(endpoint, count=self._telemetry.request).__aenter__()
        self._lease = Lease(
            self._client,
            namespace=own_namespace(),
            name=self._options.lease,
            identity=self._options.identity,
        )
        self._references = References(self._client, news=self._again, ours=self._resources.get)
        self._surveys = Surveys.of(
            self._kinds.values(), self._client, news=self._wake_soon, died=self.died.set
        )
        self._granted = Granted(self._client, self._store, news=self._wake)
        self._outside = ObjectStores(
            read=self._content, news=self._wake, leading=self._lease.leading, count=self._telemetry.store_call
        )
        settings = dataclasses.replace(self._options.settings, cluster=await self._cluster())
        self._writer = ClusterWriter(
            self._client,
            self._store,
            self._resources,
            leading=self._lease.leading,
            news=self._wake,
            told=self._touch,
            identity=self._options.identity,
        )
        observer = CacheObserver(
            client=self._client,
            granted=self._granted,
            namespaces=self._namespaces,
            store=self._store,
            shared=self._shared,
            resources=self._resources,
            references=self._references,
            served=lambda: self._served,
            surveyors=self._surveys.surveyors,
            settings=settings,
        )
        self._reconcilers = {
            name: Reconciler(
                kind,
                observer=observer,
                writer=self._writer,
                recorder=self._telemetry,
                outside=self._outside,
            )
            for name, kind in self._kinds.items()
        }
        self._prober = self._surveys.prober(
            self._client,
            Trial(
                namespace=own_namespace(),
                pod=self._options.identity,
                image=self._options.trial_image,
                off=not self._options.try_enforcement,
            ),
            leading=self._lease.leading,
        )
        self._telemetry.scrape_from(self._scraped())
        self._endpoint_runner = await serve(
            self._telemetry,
            address=self._options.address,
            port=self._options.port,
            healthy=self._unhealthy,
            ready=self._unready,
        )
        self._inform()
        for informer in self._informers.values():
            self._spawn(f"informer {informer.kind.id}", informer.run())
        self._spawn("lease", self._lease.run())
        self._spawn("events", self._writer.send_events())
        self._spawn("work", self._work())
        if self._prober is not None:
            self._spawn("trials of enforcement", self._prober.run())
        # What is there now lives as long as the process: keep the collector from walking it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()

    async def stop(self) -> None:
        """Stop working, hand the lease back, close everything."""
        self._stopping = True
        for name in sorted(self._tasks, key=lambda name: name == "lease"):  # the lease last
            self._tasks[name].cancel()
            await asyncio.gather(self._tasks[name], return_exceptions=True)
        if self._client is not None:
            self._outside.reset()
            await self._references.close()
            await self._granted.close()
            await self._surveys.close()
            await self._client.__aexit__()
        if self._endpoint_runner is not None:
            await self._endpoint_runner.cleanup()

    def _wake(self, key: Key) -> None:
        """It, or something of its own, is not what it was."""
        if self._again(key):
            self._touch(key)

    def _again(self, key: Key) -> bool:
        """It gets a pass, and nobody else for that: resources may refer to each other in a circle."""
        # Labels are anybody's to set: only what is a resource of ours deserves a pass. Before the caches
        # are in step nothing needs to be woken: then every resource gets a pass.
        deserves = self._in_step and self._resources.has(key)
        if deserves:
            self._queue.add(key)
        return deserves

    def _forget(self, key: Key) -> None:
        if not self._resources.has(key):
            self._queue.forget(key)
            self._references.forget(key)
            self._touch(key)
            self._granted.forget(key)
            self._surveys.forget(key)
            self._outside.forget(key)

    def _wake_soon(self, key: Key) -> None:
        """Pods come and go by the dozen: one pass for all of them."""
        if self._in_step and self._resources.has(key):
            self._queue.add_after(key, SURVEY_DELAY)

    def _inform(self) -> None:
        own = {ours.object_kind.id for ours in self._kinds.values()}
        shared = {
            kind.id: kind for ours in self._kinds.values() for kind in ours.shared if kind.id not in own
        }
        labelled = {
            kind.id: kind
            for ours in self._kinds.values()
            for kind in (*ours.children, *ours.related)
            if not kind.sealed  # `Granted` watches these
        }
        for ours in self._kinds.values():
            for kind in (*ours.children, *ours.related, *ours.shared):
                self._dependents.setdefault(kind.id, set()).add(ours.name)
        for kind in labelled.values():
            self._watch(kind, self._store, selector=kind.selector or labels.SELECTOR)
        for kind in shared.values():
            self._watch(kind, self._shared, selector="", shared=True)
        for ours in self._kinds.values():
            used = ours.object_kind.id in self._dependents
            self._watch(ours.object_kind, self._resources, gone=self._forget, selector="", shared=used)
        if any(ours.by_namespace for ours in self._kinds.values()):
            self._watch(NAMESPACE, self._namespaces, news=self._relabelled, selector="", metadata_only=True)
        look = lambda _: self._look_for_engines()  # noqa: E731
        self._watch(CRD, Store(), changed=look, selector="", shared=True, metadata_only=True)

    def _watch(
        self,
        kind: ObjectKind,
        store: Store,
        *,
        changed: Callable[[ObjectKind], None] | None = None,
        news: Callable[[Key], None] | None = None,
        **how: Any,
    ) -> None:
        assert self._client is not None
        changed, news = changed or self._kind_changed, news or self._wake
        self._informers[kind.id] = Informer(self._client, store, kind, news=news, changed=changed, **how)

    def _relabelled(self, namespace: Key) -> None:
        """A namespace's labels changed: whoever is in it and reads them gets a pass."""
        if self._in_step:
            readers = {name for name, kind in self._kinds.items() if kind.by_namespace}
            self._queue.add_all(
                key for key in self._resources.known() if key[1] == namespace[2] and key[0] in readers
            )

    def _touch(self, key: Key) -> None:
        """A resource of ours is not what it was: whoever refers to it, or reads all of them, gets a pass."""
        self._references.touch(key)
        kind = self._kinds[key[0]].object_kind
        if kind.id in self._dependents:
            self._kind_changed(kind)

    async def _cluster(self) -> str:
        """What tells this cluster from all others: the uid of a namespace that lives as long as it does."""
        assert self._client is not None
        if not any(kind.outside for kind in self._kinds.values()):
            return ""
        found = await self._client.get(NAMESPACE, "", "kube-system", metadata_only=True)
        return str(found["metadata"]["uid"])

    async def _content(self, source: Source) -> Mapping[str, str]:
        """What a Secret or ConfigMap that an administrator named holds; read when needed, and not kept."""
        assert self._client is not None
        live = await self._client.get(KINDS[source.kind], source.namespace, source.name)
        data: dict[str, str] = live.get("data") or {}
        if source.kind == "ConfigMap":
            return data
        return {name: base64.b64decode(value).decode() for name, value in data.items()}

    def _look_for_engines(self) -> None:
        for informer in self._informers.values():
            if informer.served is False:
                informer.retry()

    def _kind_changed(self, kind: ObjectKind) -> None:
        served = frozenset(kind_id for kind_id, informer in self._informers.items() if informer.served)
        if kind.engine and (kind.id in served) != (kind.id in self._served):
            logger.info("%s: %s is %s.", kind.engine, kind.kind, "served" if kind.id in served else "absent")
        self._served = served
        if self._in_step:
            dependents = self._dependents.get(kind.id, set())
            self._queue.add_all(key for key in self._resources.known() if key[0] in dependents)

    async def _work(self) -> None:
        await asyncio.gather(*(informer.synced.wait() for informer in self._informers.values()))
        self._in_step = True
        logger.info("Caches are in step: %d resources, %d objects.", len(self._resources), len(self._store))
        while True:
            await self._lease.held.wait()
            self._queue.add_all(self._resources.known())
            work = asyncio.create_task(self._queue.run())
            lost = asyncio.create_task(self._lease.lost.wait())
            try:
                await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                work.cancel()
                lost.cancel()
                await asyncio.gather(work, lost, return_exceptions=True)
                self._outside.reset()  # whoever leads now changes what was seen

    async def _handle(self, key: Key) -> float | None:
        kind, namespace, name = key
        try:
            return await self._reconcilers[kind].reconcile(namespace, name)
        except Retry:
            raise
        except NotLeading:
            return None  # whoever leads next looks at everything
        except ApiError as error:
            logger.info("%s %s/%s is tried again: %s", kind, namespace, name, error.message)
            raise Retry(error.retry_after) from error
        except Exception as error:
            # Types only: an exception's text may quote user data.
            logger.exception("%s %s/%s failed.", kind, namespace, name)
            self._telemetry.finished(kind, "error", 0.0)
            raise Retry from error

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[name] = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: None if self._stopping else self.died.set())

    def dead(self) -> str:
        """The name of a part that ended although it must not, or an empty string."""
        dead = [name for name, task in self._tasks.items() if task.done()]
        dead += self._surveys.dead
        return dead[0] if dead and not self._stopping else ""

    def _unhealthy(self) -> str:
        dead = self.dead()
        return f"{dead} has died" if dead else ""

    def _unready(self) -> str:
        if problem := self._unhealthy():
            return problem
        waiting = [i.kind.plural for i in self._informers.values() if not i.synced.is_set()]
        return f"caches are not in step yet: {', '.join(waiting)}" if waiting else ""

    def _scraped(self) -> Scraped:
        return Scraped(
            statuses=self._resources.statuses,
            queue=lambda: (self._queue.depth, self._queue.oldest, self._queue.busy),
            write_limit=lambda: self._writer.limiter.bound,
            cached=lambda: len(self._store),
            engines=lambda: [
                (i.kind.engine, i.kind.kind, bool(i.served))
                for i in self._informers.values()
                if i.kind.engine
            ],
            leading=lambda: self._lease.leading(),
            enforcement=lambda: self._surveys.enforcement,
        )
