"""What the state of a ContainerApp's objects means for its user. Pure and total.

The pieces in `assess` each look at one thing; here their findings are put in order, the cause that
explains the others first, and the status fields are filled.
"""

from __future__ import annotations

from pileus.engine.conditions import Verdict
from pileus.engine.plan import Manifest, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp import facts
from pileus.kinds.containerapp.assess.exposed import exposed
from pileus.kinds.containerapp.assess.scaling import scaled
from pileus.kinds.containerapp.assess.workload import claims, deployment, rollout
from pileus.kinds.containerapp.build import bindings, containers, names, references, revisions
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.objects import deployments
from pileus.objects.catalog import DEPLOYMENT
from pileus.objects.reading import mapping, text
from pileus.objects.said import Said, merged

HISTORY = 11
"""Revisions that are shown: those that a Deployment keeps, and the one in service."""


def judge_app(resource: Resource, plan: Plan, world: World) -> Verdict:
    """The verdict on one app, the leaf cause first."""
    ways = (exposed(resource, plan, world), scaled(resource, plan, world))
    said = merged(
        (
            deployment(resource, plan, world, names.STABLE),
            rollout(resource, plan, world),
            claims(resource, world),
            *ways,
            _service(resource, world),
            _replicas(resource, world),
            _bindings(resource, plan, world),
        )
    )
    return Verdict(
        findings=said.findings,
        conditions=tuple(way.condition for way in ways if way.condition is not None),
        fields=said.fields,
        child_reasons=said.child_reasons,
        recheck_after=said.recheck_after,
    )


def _service(resource: Resource, world: World) -> Said:
    spec: ContainerAppSpec = resource.spec
    port = containers.first_tcp(spec)
    if port is None:
        return Said()
    host = f"{resource.name}.{resource.namespace}.svc.{world.settings.cluster_domain}"
    return Said(fields={"internalUrl": f"http://{host}:{port.port}/"})


def _replicas(resource: Resource, world: World) -> Said:
    live = world.children.get(names.ref(resource, DEPLOYMENT, resource.name))
    if live is None:
        return Said()
    desired = deployments.desired(live)
    # More than desired are ready for moments of a rollout; nobody needs to hear of it.
    ready = min(deployments.ready(live), desired)
    fields: dict[str, object] = {
        "replicas": {"ready": ready, "desired": desired, "summary": f"{ready}/{desired}"}
    }
    revision = revisions.number(live)
    if revision:
        fields["revision"] = revision
    if entries := [_revision(entry, revision) for entry in revisions.of(live, world)[:HISTORY]]:
        fields["revisions"] = entries
    return Said(fields=fields)


def _bindings(resource: Resource, plan: Plan, world: World) -> Said:
    """With which keys all pods run; while they are being replaced, those from before."""
    live = world.children.get(names.ref(resource, DEPLOYMENT, resource.name))
    decision = facts.of(plan).decision
    if live is None or decision.next is not None or not deployments.rolled_out(live):
        before = resource.status.get("bindings")
        return Said(fields={"bindings": before} if before else {})
    found = references.read(mapping(live, "spec", "template"))
    entries = []
    for name, key in sorted(found.items()):
        kind, _, consumer = name.partition("/")
        if kind == bindings.BUCKET:
            bucket, _, access = consumer.rpartition(".")
            entries.append({"bucket": bucket, "access": access, "keyId": key})
    return Said(fields={"bindings": entries} if entries else {})


def _revision(entry: Manifest, active: int) -> Manifest:
    number = revisions.number(entry)
    return {
        "revision": number,
        "image": revisions.image(mapping(entry, "spec", "template")),
        "created": text(entry, "metadata", "creationTimestamp"),
        "active": number == active,
    }
