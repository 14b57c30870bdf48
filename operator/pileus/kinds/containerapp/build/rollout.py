"""Which version runs where: the heart of Rolling, Recreate, BlueGreen, Canary and rollbackTo.

BlueGreen and Canary run the new version as a second Deployment, `<name>-next`, and move requests at
the HTTPRoute. While they do, the stable Deployment keeps its template; at the end it gets the new one,
rolls under the protection of `next`, takes all requests back, and `next` goes. A BlueGreen is a Canary
with the one step of 100 percent.

There is no memory but the live objects: the HTTPRoute carries how far the rollout is in an annotation
of the same apply that sets the weights, so that a crash at any point goes on from there. Another
template starts again from the first step; the template that is already stable ends the rollout.
A step is taken only when `next` is complete, and a version that is not never gets more requests.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from pileus.engine.plan import Finding, Manifest, ObjectRef
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build import exposure, names, pods, revisions
from pileus.kinds.containerapp.build.progress import Progress
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reach import Step
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects import deployments
from pileus.objects.catalog import DEPLOYMENT, HTTP_ROUTE, SERVICE
from pileus.objects.reading import annotation, mapping
from pileus.objects.times import elapsed, seconds, stamp

SOON = 1.0
"""Seconds after which to look again when the next step is due at once."""

BESIDE = frozenset({"BlueGreen", "Canary"})


@dataclass(frozen=True, slots=True)
class Version:
    """A template for a Deployment and the digest that it is recognised by."""

    template: Manifest
    digest: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """What runs, and who gets the requests.

    stable: what the stable Deployment runs. next: what runs beside it, or None; `next_replicas` of it.
    weight: percent of the requests that go to `next`. progress: how far a rollout is, or None.
    """

    stable: Version
    next: Version | None = None
    next_replicas: int = 0
    weight: int = 0
    progress: Progress | None = None
    keep: frozenset[ObjectRef] = frozenset()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    recheck_after: float | None = None

    @property
    def annotations(self) -> dict[str, str]:
        """What the HTTPRoute notes of the rollout."""
        return {names.ROLLOUT: self.progress.text()} if self.progress else {}


def decide(
    resource: Resource, spec: ContainerAppSpec, world: World, *, body: Manifest, digest: str
) -> Rollout:
    """What runs now, when `body` with this digest is what the spec asks for."""
    live = world.children.get(names.ref(resource, DEPLOYMENT, resource.name))
    asked = Version(pods.on_track(resource, body, names.STABLE), digest)
    if spec.rollback_to is not None and live is not None:
        return _rollback(resource, spec.rollback_to, live, world, asked)
    strategy = spec.rollout.strategy if spec.rollout else "Rolling"
    missing = exposure.cannot_share(resource, spec, world) if strategy in BESIDE else None
    refused = (missing,) if missing else ()
    if strategy not in BESIDE or live is None:
        return Rollout(asked, findings=refused)
    running = _running(live)
    if missing and running.digest != digest:
        # Never rolled in another way than asked for: what runs goes on running.
        return Rollout(running, keep=_next_refs(resource), findings=refused)
    if missing:
        return Rollout(asked, findings=refused)
    route = world.children.get(names.ref(resource, HTTP_ROUTE, resource.name))
    progress = Progress.parse(annotation(route, names.ROLLOUT))
    steps = _steps(spec)
    if running.digest == digest:
        if progress is None or progress.template != digest or deployments.rolled_out(live):
            return Rollout(asked)
        # The stable Deployment is taking over.
        return _beside(resource, spec, body, asked, progress, steps[-1].weight)
    if progress is None:
        progress = Progress(digest, 0, stamp(world.now), deployments.desired(live), revisions.number(live))
    elif progress.template != digest:
        progress = dataclasses.replace(progress, template=digest, step=0, since=stamp(world.now))
    before = revisions.template(live, world, progress.base)
    stable = Version(before, running.digest) if before is not None else running
    return _advance(resource, spec, world, body, stable, asked, progress, steps, route)


def _advance(
    resource: Resource,
    spec: ContainerAppSpec,
    world: World,
    body: Manifest,
    stable: Version,
    asked: Version,
    progress: Progress,
    steps: tuple[Step, ...],
    route: Manifest | None,
) -> Rollout:
    step = min(progress.step, len(steps))
    pause = seconds(steps[step - 1].pause) if step else 0
    left = pause - elapsed(progress.since, world.now)
    goal = step if left > 0 else step + 1
    reached = steps[step - 1].weight if step else 0
    sized = steps[min(goal, len(steps)) - 1].weight
    wanted = _beside(resource, spec, body, stable, dataclasses.replace(progress, step=step), sized)
    held = dataclasses.replace(wanted, weight=reached, recheck_after=left if left > 0 else None)
    if goal == step or exposure.refused_route(route) or not _complete(resource, world, wanted):
        return held
    if goal > len(steps):
        return dataclasses.replace(held, stable=asked)
    return dataclasses.replace(
        wanted,
        weight=steps[goal - 1].weight,
        progress=dataclasses.replace(progress, step=goal, since=stamp(world.now)),
        recheck_after=max(SOON, float(seconds(steps[goal - 1].pause))),
    )


def _beside(
    resource: Resource,
    spec: ContainerAppSpec,
    body: Manifest,
    stable: Version,
    progress: Progress,
    weight: int,
) -> Rollout:
    """`next` at the size that a share of `weight` percent needs."""
    size = progress.size if spec.scale is not None else 1 if spec.replicas is None else spec.replicas
    version = Version(pods.on_track(resource, body, names.NEXT), progress.template)
    replicas = max(1, math.ceil(size * weight / 100))
    return Rollout(stable, next=version, next_replicas=replicas, weight=weight, progress=progress)


def _complete(resource: Resource, world: World, wanted: Rollout) -> bool:
    live = world.children.get(names.ref(resource, DEPLOYMENT, names.of_track(resource, names.NEXT)))
    return (
        wanted.next is not None
        and annotation(live, names.TEMPLATE) == wanted.next.digest
        and deployments.desired(live) == wanted.next_replicas
        and deployments.rolled_out(live)
    )


def _rollback(resource: Resource, revision: int, live: Manifest, world: World, asked: Version) -> Rollout:
    template = revisions.template(live, world, revision)
    if template is None:
        known = ", ".join(str(revisions.number(entry)) for entry in revisions.of(live, world)) or "none"
        refused = Finding(
            AppReason.REVISION_NOT_FOUND,
            f"rollbackTo of {resource.kind} {resource.name!r} names revision {revision}, which is not "
            "there; what "
            f"runs is left as it is. There are: {known}.",
            stalled=True,
        )
        return Rollout(_running(live), findings=(refused,))
    warning = Finding(
        AppReason.ROLLED_BACK,
        f"rollbackTo holds {resource.kind} {resource.name!r} at revision {revision}; changes of the "
        "spec that need "
        f"new pods wait until the field is removed.",
    )
    return Rollout(Version(template, f"revision-{revision}"), warnings=(warning,))


def _running(live: Manifest) -> Version:
    return Version(revisions.adopted(mapping(live, "spec", "template")), annotation(live, names.TEMPLATE))


def _next_refs(resource: Resource) -> frozenset[ObjectRef]:
    name = names.of_track(resource, names.NEXT)
    return frozenset(names.ref(resource, kind, name) for kind in (DEPLOYMENT, SERVICE))


def _steps(spec: ContainerAppSpec) -> tuple[Step, ...]:
    steps = spec.rollout.steps if spec.rollout else ()
    # Not validated: 100 percent is a BlueGreen's, which a Canary may not ask for.
    return steps or (Step.model_construct(weight=100, pause="0s"),)
