"""Machines, worlds and live objects for tests, as values.

`Cluster` keeps what was applied and lets a test say what KubeVirt and CDI would have written; that the
real ones write it is shown by the tests on a real cluster.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.engine.conditions import Verdict
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef, Plan
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, World
from pileus.kinds.cloudvm import CLOUD_VM
from pileus.objects import catalog
from pileus.objects.times import stamp

NOW = dt.datetime(2026, 1, 2, 12, 0, 0, tzinfo=dt.UTC)
LONG_AGO = "2026-01-01T00:00:00Z"
ENGINES = frozenset(kind.id for kind in (*CLOUD_VM.children, *CLOUD_VM.related, *CLOUD_VM.shared))
ROOT: Manifest = {"name": "root", "size": "20Gi", "source": {"registry": "quay.io/containerdisks/fedora:41"}}
BARE: Manifest = {"disks": [ROOT]}


def named(kind: ObjectKind, *names: str, **more: Any) -> dict[str, tuple[Manifest, ...]]:
    """Shared objects of a kind."""
    return {kind.id: tuple({"metadata": {"name": name, "namespace": "acme"}, **more} for name in names)}


SHARED = {
    **named(catalog.CLUSTER_INSTANCETYPE, "u1.medium", "u1.large"),
    **named(catalog.CLUSTER_PREFERENCE, "fedora"),
    **named(catalog.STORAGE_CLASS, "fast", allowVolumeExpansion=True),
    **named(catalog.NETWORK_ATTACHMENT, "lan-120"),
    **named(catalog.NODE, "node-1", status={"conditions": [{"type": "Ready", "status": "True"}]}),
}


def vm(spec: Mapping[str, Any] | None = None, *, name: str = "db", **more: Any) -> Resource:
    """A CloudVM with this spec, as users write it."""
    return Resource(
        kind="CloudVM",
        api_version="pileus.dev/v1alpha1",
        namespace="acme",
        name=name,
        uid="11111111-2222-3333-4444-555555555555",
        generation=1,
        spec=CLOUD_VM.spec.model_validate({**(BARE if spec is None else spec), **more}),
    )


def objects(plan: Plan) -> dict[tuple[str, str], Manifest]:
    """The plan's objects by kind and name."""
    return {(o["kind"], o["metadata"]["name"]): o for o in plan.objects}


@dataclass
class Cluster:
    """What was applied, by reference, with what a test says that controllers wrote."""

    served: frozenset[str] = ENGINES
    shared: dict[str, tuple[Manifest, ...]] = field(default_factory=lambda: copy.deepcopy(SHARED))
    children: dict[ObjectRef, Manifest] = field(default_factory=dict)
    running: Manifest | None = None
    claims: dict[str, Manifest] = field(default_factory=dict)
    pods: tuple[Manifest, ...] = ()
    named: dict[ObjectRef, Manifest] = field(default_factory=dict)
    references: dict[Reference, Referent] | None = None
    now: dt.datetime = NOW
    started: int = 0

    def world(self, resource: Resource) -> World:
        """Everything as it is."""
        there = dict.fromkeys(CLOUD_VM.references(resource.spec), Referent(ReferenceState.PRESENT, "d1"))
        return World(
            children=copy.deepcopy(self.children),
            related={
                catalog.VIRTUAL_MACHINE_INSTANCE.id: (copy.deepcopy(self.running),) if self.running else (),
                catalog.PERSISTENT_VOLUME_CLAIM.id: tuple(copy.deepcopy(list(self.claims.values()))),
                catalog.POD.id: self.pods,
            },
            shared=self.shared,
            named=self.named,
            references=there if self.references is None else self.references,
            served=self.served,
            now=self.now,
        )

    def compile(self, resource: Resource) -> Plan:
        """The plan, without applying it."""
        return CLOUD_VM.compile(resource, self.world(resource))

    def judge(self, resource: Resource) -> Verdict:
        """The verdict on what is there."""
        return CLOUD_VM.judge(resource, self.compile(resource), self.world(resource))

    def apply(self, resource: Resource) -> Plan:
        """One pass: applied like the engine does it, pruned at the end; no controller acts."""
        plan = self.compile(resource)
        kinds = {(kind.api_version, kind.kind): kind for kind in CLOUD_VM.children}
        wanted: set[ObjectRef] = set()
        for manifest in plan.objects:
            kind = kinds[manifest["apiVersion"], manifest["kind"]]
            ref = ObjectRef(kind.id, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
            wanted.add(ref)
            self._put(ref, manifest)
        for ref in [ref for ref in self.children if plan.prune and ref not in wanted | plan.keep]:
            if self.children[ref]["metadata"].get("ownerReferences"):
                del self.children[ref]
        return plan

    def fill(self, *which: str) -> None:
        """CDI fills every DataVolume (or these), and binds their claims."""
        for ref, live in self.children.items():
            if ref.kind == catalog.DATA_VOLUME.id and (not which or ref.name in which):
                live["status"] = {"phase": "Succeeded", "progress": "100.0%"}
                size = live["spec"]["storage"]["resources"]["requests"]["storage"]
                self.claims.setdefault(
                    ref.name,
                    {
                        "metadata": {"name": ref.name, "uid": f"claim-{ref.name}"},
                        "spec": {
                            "storageClassName": "fast",
                            "resources": {"requests": {"storage": size}},
                        },
                        "status": {"phase": "Bound", "capacity": {"storage": size}},
                    },
                )

    def start(self, name: str = "db") -> Manifest:
        """KubeVirt starts the machine from its spec."""
        machine = self.machine(name)
        self.started += 1
        self.running = {
            "metadata": {
                "name": name,
                "uid": f"run-{self.started}",
                "creationTimestamp": stamp(self.now),
                "annotations": _classes(machine["spec"]),
            },
            "spec": copy.deepcopy(machine["spec"]["template"]["spec"]),
            "status": {
                "phase": "Running",
                "nodeName": "node-1",
                "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "LiveMigratable", "status": "True"},
                ],
            },
        }
        return self.running

    def settle(self, resource: Resource) -> Plan:
        """Made, filled, started as asked, and passed over until nothing changes."""
        for _ in range(8):
            before = copy.deepcopy((self.children, self.running))
            plan = self.apply(resource)
            self.fill()
            strategy = self.machine(resource.name)["spec"]["runStrategy"]
            if strategy == "Halted":
                self.running = None
            elif self.running is None:
                self.start(resource.name)
            if before == (self.children, self.running):
                return plan
        raise AssertionError("The plan changes without end.")

    def machine(self, name: str = "db") -> Manifest:
        """The live VirtualMachine."""
        return self.children[ObjectRef(catalog.VIRTUAL_MACHINE.id, "acme", name)]

    def tell(self, type_: str, status: str, *, reason: str = "", message: str = "") -> None:
        """A condition of what runs."""
        assert self.running is not None
        conditions = self.running["status"]["conditions"]
        conditions[:] = [entry for entry in conditions if entry["type"] != type_]
        conditions.append({"type": type_, "status": status, "reason": reason, "message": message})

    def require_restart(self, message: str = "a non-live-updatable field was changed") -> None:
        """KubeVirt says that what runs must be started anew."""
        self.now += dt.timedelta(seconds=10)
        self.machine()["status"] = {
            "conditions": [
                {
                    "type": "RestartRequired",
                    "status": "True",
                    "message": message,
                    "lastTransitionTime": stamp(self.now),
                }
            ]
        }

    def _put(self, ref: ObjectRef, manifest: Manifest) -> None:
        old = self.children.get(ref)
        new = copy.deepcopy(manifest)
        if old is None:
            new["metadata"] |= {"uid": f"uid-{ref.kind}-{ref.name}", "creationTimestamp": stamp(self.now)}
        else:
            new["metadata"] |= {key: old["metadata"][key] for key in ("uid", "creationTimestamp")}
            if "status" in old:
                new["status"] = old["status"]
        self.children[ref] = new


def _classes(spec: Manifest) -> dict[str, str]:
    marks: dict[str, str] = {}
    for kind, key in (("instancetype", "instancetype"), ("preference", "preference")):
        if found := spec.get(kind):
            wide = "cluster-" if "Cluster" in found["kind"] else ""
            marks[f"kubevirt.io/{wide}{key}-name"] = found["name"]
    return marks
