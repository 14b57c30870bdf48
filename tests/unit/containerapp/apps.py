"""Apps, worlds and live objects for tests, as values.

`Cluster` keeps what was applied and lets a test say what the controllers would have written; that the
real ones write it is shown by the tests on a real cluster.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pileus.engine.conditions import Verdict
from pileus.engine.plan import Manifest, ObjectRef, Plan
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, Settings, World
from pileus.kinds.containerapp import CONTAINER_APP
from pileus.kinds.containerapp.build import names
from pileus.objects import catalog
from pileus.objects.catalog import DEPLOYMENT, GATEWAY, GATEWAY_CLASS, POD, REPLICA_SET

NOW = dt.datetime(2026, 1, 2, 12, 0, 0, tzinfo=dt.UTC)
LONG_AGO = "2026-01-01T00:00:00Z"
ENGINES = frozenset(kind.id for kind in CONTAINER_APP.children)
BARE = frozenset(kind.id for kind in CONTAINER_APP.children if kind.engine is None)
SETTINGS = Settings(gateway="infra/public", cluster_issuer="letsencrypt", ingress_class="nginx")
WEB: Manifest = {"image": "ghcr.io/acme/shop:1.4", "port": 8080}


def gateway(
    controller: str = "gateway.envoyproxy.io/gatewayclass-controller",
) -> dict[str, tuple[Manifest, ...]]:
    """The shared objects of a cluster whose Gateway `infra/public` this controller runs."""
    return {
        GATEWAY.id: (
            {
                "metadata": {"namespace": "infra", "name": "public"},
                "spec": {
                    "gatewayClassName": "main",
                    "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
                },
            },
        ),
        GATEWAY_CLASS.id: ({"metadata": {"name": "main"}, "spec": {"controllerName": controller}},),
        catalog.INGRESS_CLASS.id: (
            {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}},
            {"metadata": {"name": "other"}, "spec": {"controller": "example.dev/other"}},
        ),
    }


def app(spec: Mapping[str, Any] | None = None, *, name: str = "shop") -> Resource:
    """A ContainerApp with this spec (as users write it)."""
    return Resource(
        kind="ContainerApp",
        api_version="pileus.dev/v1alpha1",
        namespace="acme",
        name=name,
        uid="11111111-2222-3333-4444-555555555555",
        generation=1,
        spec=CONTAINER_APP.spec.model_validate(WEB if spec is None else spec),
    )


def present(resource: Resource, digest: str = "d1") -> dict[Reference, Referent]:
    """Every reference of the app, there with this digest; Buckets with a key for each consumer."""
    return {
        reference: bucket(reference.name)
        if reference.kind == "Bucket"
        else Referent(ReferenceState.PRESENT, digest)
        for reference in CONTAINER_APP.references(resource.spec)
    }


def bucket(name: str, *, key: str = "AK1", consumers: Sequence[str] = ()) -> Referent:
    """A Bucket whose consumers have this key; `assets` has one consumer and others two."""
    names = consumers or (("app",) if name == "assets" else ("app", "reader"))
    told = {"conditions": [{"type": "Ready", "status": "False", "message": "The store is away."}]}
    entries = [{"name": one, "secret": f"{name}-{one}", "keyId": key} for one in names]
    manifest = {
        "metadata": {"name": name},
        "spec": {"access": [{"name": one} for one in names]},
        "status": {**told, "access": entries},
    }
    return Referent(ReferenceState.PRESENT, manifest=manifest)


def objects(plan: Plan) -> dict[tuple[str, str], Manifest]:
    """The plan's objects by kind and name."""
    return {(o["kind"], o["metadata"]["name"]): o for o in plan.objects}


@dataclass
class Cluster:
    """What was applied, by reference, with what a test says that controllers wrote."""

    served: frozenset[str] = ENGINES
    settings: Settings = SETTINGS
    shared: dict[str, tuple[Manifest, ...]] = field(default_factory=gateway)
    children: dict[ObjectRef, Manifest] = field(default_factory=dict)
    sets: dict[str, Manifest] = field(default_factory=dict)
    pods: tuple[Manifest, ...] = ()
    references: dict[Reference, Referent] | None = None
    now: dt.datetime = NOW

    def world(self, resource: Resource) -> World:
        """Everything as it is."""
        return World(
            children=copy.deepcopy(self.children),
            related={POD.id: self.pods, REPLICA_SET.id: tuple(copy.deepcopy(list(self.sets.values())))},
            shared=self.shared,
            references=present(resource) if self.references is None else self.references,
            served=self.served,
            settings=self.settings,
            now=self.now,
        )

    def compile(self, resource: Resource) -> Plan:
        """The plan, without applying it."""
        return CONTAINER_APP.compile(resource, self.world(resource))

    def judge(self, resource: Resource, plan: Plan | None = None) -> Verdict:
        """The verdict on what is there."""
        return CONTAINER_APP.judge(resource, plan or self.compile(resource), self.world(resource))

    def apply(self, resource: Resource) -> Plan:
        """One pass: applied like the engine does it, pruned at the end; no controller acts."""
        plan = self.compile(resource)
        kinds = {(kind.api_version, kind.kind): kind for kind in CONTAINER_APP.children}
        wanted: set[ObjectRef] = set()
        for manifest in plan.objects:
            kind = kinds[manifest["apiVersion"], manifest["kind"]]
            ref = ObjectRef(kind.id, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
            wanted.add(ref)
            self._put(ref, manifest)
        for ref in [ref for ref in self.children if ref not in wanted | plan.keep]:
            if self.children[ref]["metadata"].get("ownerReferences"):
                del self.children[ref]
        return plan

    def settle(self, resource: Resource, *, passes: int = 12) -> Plan:
        """Passes, with Deployments that roll out at once, until nothing changes but time could."""
        for _ in range(passes):
            before = copy.deepcopy(self.children)
            plan = self.apply(resource)
            self.roll_out()
            if before == self.children:
                return plan
        raise AssertionError("The plan changes without end.")

    def deployment(self, name: str = "shop") -> Manifest:
        """The live Deployment."""
        return self.children[ObjectRef(DEPLOYMENT.id, "acme", name)]

    def roll_out(self, *which: str) -> None:
        """Every Deployment (or these) is rolled out as its controller would report it."""
        for ref, live in self.children.items():
            if ref.kind == DEPLOYMENT.id and (not which or ref.name in which):
                self._revise(live)
                count = live["spec"].get("replicas", 1)
                live["status"] = {
                    "observedGeneration": live["metadata"]["generation"],
                    "replicas": count,
                    "updatedReplicas": count,
                    "readyReplicas": count,
                    "availableReplicas": count,
                }

    def _revise(self, live: Manifest) -> None:
        template = live["spec"]["template"]
        uid, notes = live["metadata"]["uid"], live["metadata"].setdefault("annotations", {})
        mine = [
            entry for entry in self.sets.values() if entry["metadata"]["ownerReferences"][0]["uid"] == uid
        ]
        newest = max((_revision(entry) for entry in mine), default=0)
        same = next((entry for entry in mine if _bare(entry["spec"]["template"]) == template), None)
        if same is not None and _revision(same) == newest:
            return
        if same is None:
            name = f"{live['metadata']['name']}-{len(self.sets)}"
            hashed = copy.deepcopy(template)
            hashed["metadata"]["labels"]["pod-template-hash"] = str(len(self.sets))
            same = self.sets[name] = {
                "metadata": {
                    "name": name,
                    "annotations": {},
                    "labels": dict(hashed["metadata"]["labels"]),
                    "creationTimestamp": LONG_AGO,
                    "ownerReferences": [{"uid": uid, "controller": True}],
                },
                "spec": {"template": hashed},
            }
        else:
            history = same["metadata"]["annotations"].get("deployment.kubernetes.io/revision-history", "")
            same["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = ",".join(
                [*filter(None, [history]), str(_revision(same))]
            )
        same["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = str(newest + 1)
        notes["deployment.kubernetes.io/revision"] = str(newest + 1)

    def _put(self, ref: ObjectRef, manifest: Manifest) -> None:
        old = self.children.get(ref)
        new = copy.deepcopy(manifest)
        if old is None:
            new["metadata"] |= {
                "uid": f"uid-{ref.kind}-{ref.name}",
                "generation": 1,
                "creationTimestamp": LONG_AGO,
            }
            if ref.kind == DEPLOYMENT.id:
                new["spec"].setdefault("replicas", 1)
            self.children[ref] = new
            return
        kept = {key: old["metadata"][key] for key in ("uid", "generation", "creationTimestamp")}
        foreign = {
            key: value
            for key, value in old["metadata"].get("annotations", {}).items()
            if not key.startswith("pileus.dev/")
        }
        new["metadata"] |= kept
        if notes := foreign | new["metadata"].get("annotations", {}):
            new["metadata"]["annotations"] = notes
        if ref.kind == DEPLOYMENT.id and "replicas" not in new["spec"]:
            # Server-side apply: a count that only we own goes back to the default.
            owned = old["metadata"].get("annotations", {}).get(names.REPLICAS) == str(old["spec"]["replicas"])
            new["spec"]["replicas"] = 1 if owned else old["spec"]["replicas"]
        if "status" in old:
            new["status"] = old["status"]
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        self.children[ref] = new


def _revision(entry: Manifest) -> int:
    return int(entry["metadata"]["annotations"].get("deployment.kubernetes.io/revision", 0))


def _bare(template: Manifest) -> Manifest:
    bare = copy.deepcopy(template)
    bare["metadata"]["labels"].pop("pod-template-hash", None)
    return bare
