"""What a ContainerApp becomes: the plan of its objects. Pure and total.

The order of the objects matters after a crash, and where the API server refuses one: what runs the
app comes first, what leads to it later, and a route that no longer names a version before that
version changes.
"""

from __future__ import annotations

from pileus.engine.compare import digest
from pileus.engine.plan import Finding, Manifest, ObjectRef, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build import (
    bindings,
    containers,
    exposure,
    names,
    pods,
    references,
    rollout,
    scaling,
    services,
    storage,
    workload,
)
from pileus.kinds.containerapp.facts import Facts
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects.catalog import DEPLOYMENT, HTTP_ROUTE, PERSISTENT_VOLUME_CLAIM, POD_MONITOR
from pileus.objects.reading import mapping
from pileus.objects.said import soonest


def compile_app(resource: Resource, world: World) -> Plan:
    """The plan for one app."""
    spec: ContainerAppSpec = resource.spec
    used = references.wanted(spec)
    bound = bindings.resolve(resource, spec, world)
    templates = _live_templates(resource, world)
    body = pods.template(
        resource,
        spec,
        references=references.digests(used, world, templates, keys=bound.keys),
        bound=bound.sources,
    )
    decision = rollout.decide(resource, spec, world, body=body, digest=digest(body))
    claims, refused_claims = storage.claims(resource, spec, world)
    unbound = bound.findings
    way = exposure.expose(resource, spec, world, weight=decision.weight, annotations=decision.annotations)
    floor = decision.progress.size if decision.progress else 0
    scaler = scaling.autoscaler(resource, spec, world, floor=floor)

    objects = [workload.service_account(resource), *claims]
    if containers.ports(spec):
        objects.append(services.service(resource, spec, names.STABLE))
    if not unbound:
        objects.append(_stable(resource, spec, world, decision))
    if workload.peak(spec) >= 2:
        objects.append(workload.disruption_budget(resource))
    objects += way.objects
    if not unbound and decision.next is not None:
        objects += _next(resource, spec, decision)
    objects += scaler.objects
    objects += _monitors(resource, spec, world)

    maybe = (scaler.finding, way.refusal)
    findings = (
        *unbound,
        *decision.findings,
        *refused_claims,
        *(finding for finding in maybe if finding),
        *references.missing(spec, world),
    )
    warnings = (
        *decision.warnings,
        *way.warnings,
        *references.not_followed(used, world),
        *_unread_metrics(resource, spec, world),
    )
    return Plan(
        objects=tuple(objects),
        findings=findings,
        warnings=warnings,
        exact=_exact(resource, decision, digest(body)),
        keep=decision.keep | _kept(resource, decision, held=bool(unbound)),
        recheck_after=soonest(decision.recheck_after, scaler.recheck_after),
        facts={"app": Facts(way=way, decision=decision, scaler=scaler)},
    )


def _stable(resource: Resource, spec: ContainerAppSpec, world: World, decision: rollout.Rollout) -> Manifest:
    live = world.children.get(names.ref(resource, DEPLOYMENT, resource.name))
    return workload.deployment(
        resource,
        spec,
        track=names.STABLE,
        template=decision.stable.template,
        digest=decision.stable.digest,
        replicas=scaling.replicas(spec, live),
    )


def _next(resource: Resource, spec: ContainerAppSpec, decision: rollout.Rollout) -> list[Manifest]:
    assert decision.next is not None
    return [
        services.service(resource, spec, names.NEXT),
        workload.deployment(
            resource,
            spec,
            track=names.NEXT,
            template=decision.next.template,
            digest=decision.next.digest,
            replicas=decision.next_replicas,
        ),
    ]


def _exact(resource: Resource, decision: rollout.Rollout, asked: str) -> frozenset[ObjectRef]:
    """While an older version is held, or a rollout is under way, both are read from the live objects."""
    if decision.progress is None and decision.stable.digest == asked:
        return frozenset()
    return frozenset(names.ref(resource, kind, resource.name) for kind in (DEPLOYMENT, HTTP_ROUTE))


def _kept(resource: Resource, decision: rollout.Rollout, *, held: bool) -> frozenset[ObjectRef]:
    """Claims that a running version mounts, and Deployments that may not change now."""
    mounted = pods.claims(decision.stable.template)
    kept = {names.ref(resource, PERSISTENT_VOLUME_CLAIM, name) for name in mounted}
    if held:
        kept |= {
            names.ref(resource, DEPLOYMENT, names.of_track(resource, track))
            for track in (names.STABLE, names.NEXT)
        }
    return frozenset(kept)


def _live_templates(resource: Resource, world: World) -> list[Manifest]:
    deployments = (
        world.children.get(names.ref(resource, DEPLOYMENT, names.of_track(resource, track)))
        for track in (names.STABLE, names.NEXT)
    )
    return [dict(mapping(live, "spec", "template")) for live in deployments if live]


def _monitors(resource: Resource, spec: ContainerAppSpec, world: World) -> list[Manifest]:
    if spec.metrics is None or POD_MONITOR.id not in world.served:
        return []
    return [workload.pod_monitor(resource, spec)]


def _unread_metrics(resource: Resource, spec: ContainerAppSpec, world: World) -> list[Finding]:
    if spec.metrics is None or POD_MONITOR.id in world.served:
        return []
    return [
        Finding(
            AppReason.METRICS_NOT_READ,
            f"metrics of {resource.kind} {resource.name!r} need the {POD_MONITOR.engine}, which this "
            "cluster does "
            f"not have; nobody reads them until it is installed.",
        )
    ]
