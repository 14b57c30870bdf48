"""The ground that tests stand on: a real control plane, the proxy before it, the operator behind that.

The operator runs as its own process with the token of the ServiceAccount and the roles that the chart
gives it. The driver is the administrator and goes around the proxy. Every test gets namespaces of its
own; what it waits for has a deadline that only decides when to give up, and is no figure of merit.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pileus.cluster.client import Client, path
from pileus.cluster.credentials import Endpoint
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.local.s3.objects import ENGINES, secret_name
from pileus.local.s3.stores import Store
from pileus.objectstores.probe import scratch
from tests.campaign.calls import placed, wide_name
from tests.campaign.masks import differences, masked
from tests.campaign.proxy import Proxy
from tests.campaign.stagehands import Stagehands
from tests.campaign.storeproxy import StoreProxy
from tests.campaign.storeview import StoreView
from tests.campaign.subject import Scenario, Spec, Step, Subject
from tests.contract.charts import Helm
from tests.engine.harness import NAMESPACES, Operator, condition
from tests.programs import program

SYSTEM = "pileus-system"
EACH = 1.5
"""Seconds more for each namespace: many share one operator, which may be killed once for each of them."""
QUIET = 0.7
"""Seconds without a write or an event after which things are taken for settled."""
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator"

APPLY = {"fieldManager": "user", "force": "true", "fieldValidation": "Strict"}
TROUBLE = re.compile(r"Traceback|failed\.$|Task exception|never retrieved", re.MULTILINE)

Snapshot = dict[str, Any]
"""Masked objects of a namespace by `Kind name`."""


class Ground:
    """One subject on one cluster. Use `open`, as an asynchronous context manager."""

    def __init__(
        self,
        client: Client,
        endpoint: Endpoint,
        subject: Subject,
        directory: Path,
        stores: Mapping[str, Store],
    ):
        self.client = client
        self.subject = subject
        self.directory = directory
        self.endpoint = endpoint
        self.proxy = self._proxy()
        self.stores = [StoreProxy(self.proxy, store) for store in stores.values()]
        self.views = [StoreView(store, self.proxy.scratch) for store in stores.values()]
        self._cluster = ""
        self.source = SOURCE
        self.deadline = subject.patience
        self._names = itertools.count()
        self._started = 0.0
        self._operators: list[Operator] = []
        self._starting = asyncio.Lock()
        self.operator = self._none = Operator(directory, lease_namespace=SYSTEM)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, kubeconfig: Path, subject: Subject, directory: Path, stores: Mapping[str, Store]
    ) -> AsyncIterator[Ground]:
        """Install definitions and roles, start the proxies; no operator yet."""
        endpoint = await Endpoint.load(str(kubeconfig))
        async with Client(endpoint, agent="campaign") as client:
            ground = cls(client, endpoint, subject, directory, stores)
            await ground.proxy.start()
            for store in ground.stores:
                await store.start()
            await ground._install()
            hands = asyncio.create_task(Stagehands(client, volumes=subject.volumes).run())
            try:
                yield ground
            finally:
                hands.cancel()
                await ground.stop()
                await ground.proxy.close()
                for store in ground.stores:
                    await store.close()

    # the operator

    def replica(self, identity: str = "one", proxy: Proxy | None = None, **settings: str) -> Operator:
        """An operator behind a proxy; not started yet."""
        way = proxy or self.proxy
        kubeconfig = self.directory / f"{identity}.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(way.url, self._token)))
        environment = {
            "PYTHONPATH": f"{self.source}:{ROOT}",
            **self.subject.settings,
            **settings,
        }
        made = Operator(
            kubeconfig,
            lease_namespace=SYSTEM,
            identity=identity,
            whole=True,
            environment=environment,
            log=self.directory / f"{identity}.log",
        )
        self._operators.append(made)
        return made

    async def start(self) -> None:
        """Start the operator, if it does not run."""
        async with self._starting:  # a supervisor may be about to do the same
            if not self.operator.running:
                if self.operator is self._none:
                    self.operator = self.replica()
                await self.operator.start()
                self._started = asyncio.get_running_loop().time()

    async def stop(self) -> None:
        """End every operator; one that can still hands its lease back, so that the next need not wait."""
        for operator in self._operators:
            if operator.running:
                operator.send(signal.SIGCONT)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(operator.stop(), 5)
                await operator.kill()
        self._operators.clear()

    async def restart(self) -> None:
        """Kill it and start it anew."""
        await self.kill()
        await self.start()

    async def kill(self) -> None:
        """As `kill -9`."""
        await self.operator.kill(signal.SIGKILL)

    @contextlib.asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """While this lasts, an operator that has died is started again, as Kubernetes would."""

        async def watch() -> None:
            while True:
                if not self.operator.running:
                    with contextlib.suppress(AssertionError):  # died again while it started
                        await self.start()
                await asyncio.sleep(0.05)

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def log(self) -> str:
        """What all operators have logged so far."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.directory.glob("*.log")))

    def trouble(self) -> list[str]:
        """Lines of the log that tell of a defect."""
        return [line for line in self.log().splitlines() if TROUBLE.search(line)]

    # the cluster

    async def clear(self) -> None:
        """Between tests: no faults, no operator, no resources of ours; definitions and roles as at first."""
        self.proxy.heal()
        await self.stop()
        self.operator = self._none
        await self._install()  # what a deliberate bug let end too early has taken them away
        for file in self.directory.glob("*.log"):
            file.unlink()
        for item in await self.list(self.subject.target):
            metadata = item["metadata"]
            if not self.subject.target.namespaced:
                await self.delete(self.subject.target, metadata["namespace"], metadata["name"])
            if metadata.get("finalizers"):
                await self.patch(
                    self.subject.target,
                    metadata["namespace"],
                    metadata["name"],
                    {"metadata": {"finalizers": None}},
                )
        rest = await self.list(self.subject.target) if self.subject.target.namespaced else ()
        for namespace in {item["metadata"]["namespace"] for item in rest}:
            await self.delete_all(namespace)
        for view in self.views:
            await view.wipe()
        self.proxy.calls.clear()

    async def namespace(self, purpose: str, *, around: bool = True, granted: bool = True) -> str:
        """A new namespace with the objects that the subject's specs name."""
        name = f"c-{purpose}-{os.getpid() % 10000}-{next(self._names)}"
        await self.create(NAMESPACES, "", {"metadata": {"name": name}})
        if granted:
            await self.create(ROLE_BINDINGS, name, _grant())
        for manifest in (*self.subject.beside, *self.subject.around) if around else ():
            await self.apply_foreign(name, manifest)
        return name

    async def namespaces(self, purpose: str, count: int) -> list[str]:
        """Several of them."""
        return list(await asyncio.gather(*(self.namespace(purpose) for _ in range(count))))

    async def alone(self, *namespaces: str) -> None:
        """Wait until earlier namespaces, which are being deleted, are gone."""
        ours = f"-{os.getpid() % 10000}-"
        deadline = asyncio.get_running_loop().time() + self.deadline
        while True:
            found = [item["metadata"] for item in await self.list(NAMESPACES)]
            names = {metadata["name"] for metadata in found if "deletionTimestamp" in metadata}
            others = sorted(name for name in names - {*namespaces} if name.startswith("c-") and ours in name)
            if not others:
                return
            assert asyncio.get_running_loop().time() < deadline, f"still there: {others}"
            await asyncio.sleep(QUIET)

    async def drop(self, *namespaces: str) -> None:
        """Have namespaces deleted, without waiting."""
        for namespace in namespaces:
            if not self.subject.target.namespaced:
                await self.apply(namespace, None)  # it is in no namespace
            with contextlib.suppress(ApiError):
                await self.client.request("delete", path(NAMESPACES, "", namespace), method="DELETE")

    async def apply(
        self, namespace: str, spec: Spec | None, name: str = "app", **query: str
    ) -> Manifest | None:
        """What a user does: apply a whole spec, or (None) delete the resource."""
        target = self.subject.target
        if spec is None:
            await self.delete(target, namespace, name)
            return None
        return await self.client.request(
            "patch",
            self.path(target, namespace, name),
            method="PATCH",
            params=APPLY | query,
            body=self.manifest(namespace, name, spec),
            content_type="application/apply-patch+yaml",
        )

    def manifest(self, namespace: str, name: str, spec: Spec) -> Manifest:
        """The resource as a user applies it; its stores are behind their proxies."""
        target = self.subject.target
        if target.namespaced:
            return self.subject.manifest(name, spec, namespace)
        wide = wide_name(namespace, name)
        self.proxy.scratch[scratch(f"{self._cluster}/{wide}")] = namespace
        text = json.dumps(self.subject.manifest(wide, spec))
        for store in self.stores:
            text = text.replace(f"<{store.store.engine}>", store.endpoint)
            text = text.replace(f"<users of {store.store.engine}>", store.users)
        return dict(json.loads(text))

    def path(self, kind: ObjectKind, namespace: str, name: str, subresource: str = "") -> str:
        """Where an object is; a resource of the whole cluster stands for one in a namespace."""
        if kind == self.subject.target and not kind.namespaced:
            return path(kind, "", wide_name(namespace, name), subresource)
        return path(kind, namespace, name, subresource)

    async def create(self, kind: ObjectKind, namespace: str, manifest: Manifest) -> Manifest:
        """Create any object."""
        body = {**kind.type_meta, **manifest}
        return await self.client.request("create", path(kind, namespace), method="POST", body=body)

    async def apply_foreign(self, namespace: str, manifest: Manifest) -> None:
        """Apply any object of a core or known kind."""
        kind = _kind_of(manifest)
        await self.client.request(
            "patch",
            path(kind, namespace, manifest["metadata"]["name"]),
            method="PATCH",
            params={"fieldManager": "around", "force": "true"},
            body=manifest,
            content_type="application/apply-patch+yaml",
        )
        await self._played(kind, namespace, manifest)

    async def _played(self, kind: ObjectKind, namespace: str, manifest: Manifest) -> None:
        """What nobody runs has the status that it is given."""
        if status := manifest.get("status"):
            await self.patch(kind, namespace, manifest["metadata"]["name"], {"status": status}, "status")

    async def get(self, kind: ObjectKind, namespace: str, name: str = "app") -> Manifest | None:
        """An object, or None."""
        try:
            found = await self.client.request("get", self.path(kind, namespace, name))
            return self._here(kind, found)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def patch(
        self, kind: ObjectKind, namespace: str, name: str, body: Manifest, subresource: str = ""
    ) -> None:
        """A merge patch."""
        await self.client.request(
            "patch",
            self.path(kind, namespace, name, subresource),
            method="PATCH",
            body=body,
            content_type="application/merge-patch+json",
        )

    async def delete(self, kind: ObjectKind, namespace: str, name: str) -> None:
        """Delete; gone already is as good."""
        try:
            await self.client.request("delete", self.path(kind, namespace, name), method="DELETE")
        except ApiError as error:
            if error.status != 404:
                raise

    async def delete_all(self, namespace: str) -> None:
        """Delete all resources in a namespace; the API server gives up on many of them after a minute."""
        url = path(self.subject.target, namespace)
        while True:
            try:
                await self.client.request("delete", url, method="DELETE", timeout=600)
            except ApiError as error:
                if error.status != 504:
                    raise
            else:
                return

    async def list(self, kind: ObjectKind, namespace: str = "") -> list[Manifest]:
        """All objects of a kind; none if it is not served."""
        try:
            answer = await self.client.request("list", path(kind, namespace), timeout=60)
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        return [self._here(kind, {**kind.type_meta, **item}) for item in answer["items"]]

    def _here(self, kind: ObjectKind, item: Manifest) -> Manifest:
        """The object, in the namespace that it stands for one of if it is of the whole cluster."""
        if kind == self.subject.target and not kind.namespaced:
            namespace, name = placed(item["metadata"]["name"])
            item["metadata"] |= {"namespace": namespace, "name": name}
        return item

    async def version(self) -> str:
        """The cluster's resourceVersion now."""
        answer = await self.client.request("list", path(self.subject.target), params={"limit": "1"})
        return str(answer["metadata"]["resourceVersion"])

    # what tests ask

    async def snapshots(self, namespaces: Iterable[str], *, history: bool = True) -> dict[str, Snapshot]:
        """The resource, its children and what it is on object stores, in each namespace, masked."""
        found: dict[str, Snapshot] = {namespace: {} for namespace in namespaces}
        raw: dict[str, list[Manifest]] = {namespace: [] for namespace in found}
        for kind in (self.subject.target, *self.subject.owned, *self.subject.also):
            for item in await self.list(kind):
                namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
                if namespace not in found or (kind.kind, name) == ("ServiceAccount", "default"):
                    continue
                raw[namespace].append(item)
                shown = self.subject.seen(item, history)
                if shown is None:
                    continue
                item = shown
                if kind in self.subject.owned:
                    item.pop("status", None)
                if kind is not self.subject.target:
                    item["metadata"].pop("finalizers", None)  # of Kubernetes' own protection
                    _without_controllers_notes(item)
                key = f"{kind.kind} {name.replace(namespace, '*')}"
                found[namespace][key] = masked(item, namespace, history=history)
        for view in self.views:
            for namespace, objects in (await view.look(found)).items():
                for key, item in objects.items():
                    found[namespace][key.replace(namespace, "*")] = {
                        "metadata": {},
                        **masked(item, namespace),
                    }
        return {
            namespace: _replaced(objects, self.subject.drawn(raw[namespace]))
            for namespace, objects in found.items()
        }

    async def snapshot(self, namespace: str, *, history: bool = True) -> Snapshot:
        """One namespace."""
        return (await self.snapshots([namespace], history=history))[namespace]

    async def reach(
        self, wanted: Mapping[str, Snapshot], *, history: bool = True, but: tuple[str, ...] = ()
    ) -> dict[str, list[str]]:
        """Wait until each namespace is as wanted, and stays; what differs where it never is.

        An operator that is killed has its time anew. but: beginnings of the names of what may be left.
        """
        begun, patience = asyncio.get_running_loop().time(), self.deadline + EACH * len(wanted)
        while True:
            deadline = max(begun, self._started) + patience
            found = await self.snapshots(wanted, history=history)
            late = {name: differences(found[name], want) for name, want in wanted.items()}
            late = {
                name: left
                for name, lines in late.items()
                if (left := [line for line in lines if not line.startswith(but)])
            }
            rest = max(QUIET, self.subject.rest)
            if not late and all(self.proxy.quiet(name) >= rest for name in wanted):
                return {}
            if asyncio.get_running_loop().time() > deadline:
                return late or {name: ["never comes to rest"] for name in wanted}
            await asyncio.sleep(0.2)

    async def settled(self, *namespaces: str, quiet: float = QUIET) -> None:
        """Wait until there is no write and no event for a while."""
        quiet = max(quiet, self.subject.rest)
        deadline = asyncio.get_running_loop().time() + self.deadline
        while self.proxy.quiet(*namespaces) < quiet:
            assert asyncio.get_running_loop().time() < deadline, f"never quiet: {self._last(*namespaces)}"
            await asyncio.sleep(0.1)

    async def eventually(
        self, question: Callable[[], bool | Awaitable[bool]], why: str, *, pause: float = 0.1
    ) -> None:
        """Wait for the answer to be yes; asked again after `pause` seconds."""
        deadline = asyncio.get_running_loop().time() + self.deadline
        while not (await answer if isinstance(answer := question(), Awaitable) else answer):
            assert asyncio.get_running_loop().time() < deadline, why
            await asyncio.sleep(pause)

    async def until(
        self,
        wanted: Callable[[Manifest | None], bool],
        namespace: str,
        why: str,
        *,
        name: str = "app",
        kind: ObjectKind | None = None,
    ) -> Manifest | None:
        """Wait for an object to be as wanted; fails with what it is instead."""
        deadline = asyncio.get_running_loop().time() + self.deadline
        while True:
            live = await self.get(kind or self.subject.target, namespace, name)
            if wanted(live):
                return live
            assert asyncio.get_running_loop().time() < deadline, f"{why}: {(live or {}).get('status', live)}"
            await asyncio.sleep(0.1)

    async def done(self, namespace: str, step: Step, name: str = "app") -> None:
        """Wait until what the step asks for is there, and settled."""
        if step.spec is None:
            await self.until(lambda live: live is None, namespace, f"{step.name}: gone", name=name)
        else:
            await self.until(
                lambda live: ready(live) == step.reason and not self.pending(live) and step.until(live or {}),
                namespace,
                f"{step.name}: Ready with reason {step.reason}",
                name=name,
            )
        await self.settled(namespace, quiet=step.rest)

    def pending(self, live: Manifest | None) -> bool:
        """Whether a condition has a reason that something else will follow, or something is under way."""
        conditions = ((live or {}).get("status") or {}).get("conditions") or ()
        named = any(entry["reason"] in self.subject.pending for entry in conditions)
        return named or not self.subject.settled(live or {})

    async def finished(self, namespace: str, spec: Spec) -> None:
        """Apply a spec and wait until it is Ready for good."""
        await self.apply(namespace, spec)
        await self.done(namespace, Step("apply", spec))

    async def calm(self, scenario: Scenario) -> Calm:
        """The undisturbed run, by which others are judged."""
        if not self.subject.restless:
            return await self._calm(scenario)
        one, other = await asyncio.gather(self._calm(scenario), self._calm(scenario))
        for step, end, same in zip(scenario.steps, one.ends, other.ends, strict=True):
            lines = differences(end, same)
            assert not lines, f"{scenario.name}, {step.name}: two undisturbed runs differ: {lines}"
        for writes, others in zip(one.writes, other.writes, strict=True):
            writes[:] = [w for w in writes if w in others or not w.resource.endswith("/status")]
        return one

    async def _calm(self, scenario: Scenario) -> Calm:
        namespace = await self.namespace("calm")
        run = Calm()
        for step in scenario.steps:
            before = len(self.proxy.calls)
            await self.apply(namespace, step.spec)
            await self.done(namespace, step)
            run.ends.append(
                await self._at_rest(namespace, collected=step.spec is None or self.subject.restless)
            )
            writes = [call.write for call in self.proxy.writes(namespace, since=before)]
            run.writes.append([write for write in dict.fromkeys(writes) if write.resource != "events"])
        await self.drop(namespace)
        return run

    async def _at_rest(self, namespace: str, *, collected: bool) -> Snapshot:
        """A snapshot that is the same when looked at again; `collected`: and holds no garbage."""
        deadline = asyncio.get_running_loop().time() + self.deadline
        last = await self.snapshot(namespace)
        rest = max(QUIET, self.subject.rest)
        while True:
            await asyncio.sleep(rest)
            now = await self.snapshot(namespace)
            garbage = [name for name, item in now.items() if not owners(item) <= now.keys()]
            if now == last and self.proxy.quiet(namespace) >= rest and not (collected and garbage):
                return now
            assert asyncio.get_running_loop().time() < deadline, f"never at rest: {garbage or 'it changes'}"
            last = now

    def _last(self, *namespaces: str) -> str:
        return "; ".join(str(call) for call in self.proxy.writes(*namespaces)[-5:])

    # once

    def _proxy(self) -> Proxy:
        trust = self.endpoint.ssl_context()
        assert not isinstance(trust, bool)
        trust = _only_the_authority(self.endpoint)
        target = self.subject.target
        wide = "" if target.namespaced else target.plural
        return Proxy(self.endpoint.server, trust, self.subject.lots, self.subject.beats, wide)

    async def second_proxy(self) -> Proxy:
        """Another replica's way to the API server; the caller closes it."""
        proxy = self._proxy()
        await proxy.start()
        return proxy

    async def _install(self) -> None:
        await self._ensure(NAMESPACES, "", {"metadata": {"name": SYSTEM}})
        await self.ensure(chart_roles(**self.subject.chart))
        for file in (self.subject.crd, *self.subject.crds):
            definition = yaml.safe_load((ROOT / file).read_text())
            while await self._ends(definition["metadata"]["name"]):
                await asyncio.sleep(0.1)
            await self._ensure(CRDS, "", definition)
        while not await self._served(self.subject.target):
            await asyncio.sleep(0.1)
        await self.ensure(self.subject.prepare())
        for store in self.stores if self.subject.target.namespaced else ():
            await self.apply_foreign("", object_store(store))
        self._cluster = (await self.client.get(NAMESPACES, "", "kube-system"))["metadata"]["uid"]
        self._token = await self.token(SYSTEM, "pileus")

    async def _ends(self, definition: str) -> bool:
        """Whether a definition is on its way out."""
        return "deletionTimestamp" in ((await self.get(CRDS, "", definition)) or {}).get("metadata", {})

    async def token(self, namespace: str, account: str) -> str:
        """A token of a ServiceAccount, good for a day."""
        url = path(ObjectKind("", "v1", "ServiceAccount", "serviceaccounts"), namespace, account, "token")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86400},
        }
        answer = await self.client.request("create", url, method="POST", body=body)
        return str(answer["status"]["token"])

    async def _served(self, kind: ObjectKind) -> bool:
        with contextlib.suppress(ApiError):
            await self.client.request("list", path(kind))
            return True
        return False

    async def ensure(self, manifests: Iterable[Manifest]) -> None:
        """Create what is not there."""
        for manifest in manifests:
            await self._ensure(_kind_of(manifest), manifest["metadata"].get("namespace", ""), manifest)

    async def forget(self, manifests: Iterable[Manifest]) -> None:
        """Delete these."""
        for manifest in manifests:
            metadata = manifest["metadata"]
            await self.delete(_kind_of(manifest), metadata.get("namespace", ""), metadata["name"])

    async def _ensure(self, kind: ObjectKind, namespace: str, manifest: Manifest) -> None:
        try:
            await self.create(kind, namespace, manifest)
        except ApiError as error:
            if error.status != 409:
                raise
        await self._played(kind, namespace, manifest)


class Calm:
    """What an undisturbed run did, by step: its end, and its writes in order."""

    def __init__(self) -> None:
        self.ends: list[Snapshot] = []
        self.writes: list[list[Any]] = []


CRDS = ObjectKind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
ROLE_BINDINGS = ObjectKind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")
ROLES = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"})
CLUSTER_WIDE = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "GatewayClass",
        "Namespace",
        "ObjectStore",
        "IngressClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)


IRREGULAR = {"NetworkAttachmentDefinition": "network-attachment-definitions"}


def chart_roles(**values: Any) -> list[Manifest]:
    """What the chart with these values grants the operator, as Helm renders it."""
    rendered = Helm(program("helm")).template(values)
    return [manifest for manifest in rendered if manifest["kind"] in ROLES]


def object_store(store: StoreProxy) -> Manifest:
    """The ObjectStore that an administrator makes of a store behind its proxy."""
    engine = store.store.engine
    spec = {
        "engine": ENGINES[engine],
        "endpoint": store.endpoint,
        "usersEndpoint": store.users,
        "credentials": {"secret": secret_name(engine)},
    }
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "ObjectStore",
        "metadata": {"name": engine},
        "spec": spec,
    }


def ready(live: Manifest | None) -> str:
    """Reason of the Ready condition, if the status speaks of the present spec; else an empty string."""
    found = condition(live, "Ready")
    seen = ((live or {}).get("status") or {}).get("observedGeneration")
    current = seen == (live or {}).get("metadata", {}).get("generation")
    return str(found["reason"]) if found and current else ""


def message(live: Manifest | None) -> str:
    """Message of the Ready condition."""
    return str((condition(live, "Ready") or {}).get("message", ""))


def _only_the_authority(endpoint: Endpoint) -> Any:
    """Trust the cluster's CA, without the administrator's certificate: the operator has its own token."""
    import ssl

    return ssl.create_default_context(cafile=endpoint.ca_file)


def _without_controllers_notes(item: Manifest) -> None:
    """Annotations that controllers write on children, in their own time."""
    notes = item["metadata"].get("annotations", {})
    for key in [key for key in notes if not key.startswith(("pileus.dev/", "deployment.kubernetes.io/"))]:
        if "kubernetes.io" in key or "autoscaling" in key:
            del notes[key]


def owners(item: Manifest) -> set[str]:
    """The owners of an object, as snapshots name them."""
    return {f"{owner['kind']} {owner['name']}" for owner in item["metadata"].get("ownerReferences") or ()}


def _replaced(objects: Snapshot, drawn: Mapping[str, str]) -> Snapshot:
    """A snapshot in which other words stand for what is drawn by lot, in names too."""
    text = json.dumps(objects)
    for lot, stands in drawn.items():
        text = text.replace(lot, stands)
    return dict(json.loads(text)) if drawn else objects


def _kubeconfig(url: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "operator",
        "clusters": [{"name": "proxy", "cluster": {"server": url}}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "operator", "context": {"cluster": "proxy", "user": "operator"}}],
    }


def _grant() -> Manifest:
    """What an administrator does who lists the namespace in the chart's `references.namespaces`."""
    return {
        "metadata": {"name": "pileus-references"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "pileus-references",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "pileus", "namespace": SYSTEM}],
    }


def _kind_of(manifest: Manifest) -> ObjectKind:
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind = manifest["kind"]
    return ObjectKind(group, version, kind, _plural(kind), namespaced=kind not in CLUSTER_WIDE)


def _plural(kind: str) -> str:
    if kind in IRREGULAR:
        return IRREGULAR[kind]
    lower = kind.lower()
    if lower.endswith("y") and lower[-2] not in "aeiou":
        return f"{lower[:-1]}ies"
    return f"{lower}{'es' if lower.endswith('s') else 's'}"
