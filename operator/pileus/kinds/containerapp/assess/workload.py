"""Whether the app's pods run: Deployments, their newest pods, and the claims that they mount."""

from __future__ import annotations

import dataclasses
import re

from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp import facts
from pileus.kinds.containerapp.build import names, pods, revisions
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects import deployments, podcauses
from pileus.objects.catalog import DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, POD
from pileus.objects.podcauses import Cause, PodReason
from pileus.objects.reading import items, mapping, observed, text
from pileus.objects.said import Said, lasting, soonest

REMEDIES = {
    PodReason.IMAGE_PULL: "Correct the image's name; for a private registry, name its Secret in pullSecrets.",
    PodReason.INVALID_IMAGE: "Correct the image's name.",
    PodReason.CONFIG_ERROR: "Create what is missing.",
    PodReason.CONTAINER_ERROR: "Correct the container's volumes, command or image.",
    PodReason.START_ERROR: "Correct command and args, or the image.",
    PodReason.OOM_KILLED: "Choose a larger size, or more resources.memory.",
    PodReason.CRASH_LOOP: "Its log says why: kubectl logs {pod} -c {container} --previous.",
    PodReason.UNSCHEDULABLE: "Ask for less with size or resources, or have nodes added.",
    PodReason.NOT_PREPARED: "What keeps it: kubectl describe pod {pod}.",
    PodReason.READINESS_FAILING: "Correct the app, or port and health.ready.",
    PodReason.STARTUP_FAILING: "Correct the app, or give it more time with health.startup.within.",
}

_NAMED_IN_VOLUMES = (
    ("ConfigMap", ("configMap", "name")),
    ("Secret", ("secret", "secretName")),
    ("PersistentVolumeClaim", ("persistentVolumeClaim", "claimName")),
)

ROOT_REMEDY = "Set user to a number other than 0 that the image works with, such as 1000."


def deployment(resource: Resource, plan: Plan, world: World, track: str) -> Said:
    """How far the track's Deployment is, and why it is no further."""
    name = names.of_track(resource, track)
    live = world.children.get(names.ref(resource, DEPLOYMENT, name))
    if live is None or deployments.rolled_out(live):
        asked = any(o["kind"] == DEPLOYMENT.kind and o["metadata"]["name"] == name for o in plan.objects)
        if live is None and asked:
            return Said((Finding(Reason.PROGRESSING, f"Deployment {name!r} is about to be made."),))
        return _restless(live, world, track) if live is not None else Said()
    finding, wait = _cause(resource, live, world, track)
    # A quota that is raised lets Kubernetes go on by itself, however late.
    if deployments.overdue(live) and observed(live) and finding.reason != Reason.QUOTA_EXCEEDED:
        finding = dataclasses.replace(finding, stalled=True)
        if finding.reason == Reason.PROGRESSING:
            finding = _overdue(name)
    return Said((finding,), child_reasons={(DEPLOYMENT.kind, name): str(finding.reason)}, recheck_after=wait)


def claims(resource: Resource, world: World) -> Said:
    """Which claims are not bound; only the list of resources shows it while the app works."""
    reasons = {
        (PERSISTENT_VOLUME_CLAIM.kind, ref.name): phase
        for ref, live in world.children.items()
        if ref.kind == PERSISTENT_VOLUME_CLAIM.id
        and (phase := text(live, "status", "phase") or "Pending") != "Bound"
    }
    return Said(child_reasons=reasons)


def _cause(resource: Resource, live: Manifest, world: World, track: str) -> tuple[Finding, float | None]:
    name = names.of_track(resource, track)
    progressing = Finding(Reason.PROGRESSING, f"Deployment {name!r} is being rolled out.")
    if not observed(live):
        return progressing, None
    if words := text(deployments.failure(live), "message"):
        return _not_made(name, words), None
    found = podcauses.find(_newest(live, world, track), world.now)
    claim, wait = _claim(resource, live, world)
    cause = found.first
    if claim is not None and (cause is None or cause.reason == PodReason.UNSCHEDULABLE):
        return claim, soonest(wait, found.recheck_after)
    if cause is None:
        return progressing, found.recheck_after
    return _told(cause, live), found.recheck_after


def _told(cause: Cause, live: Manifest) -> Finding:
    """The cause with its remedy; what the pods ask for is read from the template of `live`."""
    remedy = REMEDIES[PodReason(cause.reason)].format(pod=cause.pod, container=cause.container)
    if (
        cause.reason == PodReason.UNSCHEDULABLE
        and (arch := _architecture(live))
        and "selector" in cause.message
    ):
        remedy = f"It asks for arch: {arch}; choose another, or have such nodes added."
    if cause.reason == PodReason.CONFIG_ERROR and "runAsNonRoot" in cause.message:
        remedy = ROOT_REMEDY
    if cause.reason == PodReason.NOT_PREPARED and (mounted := _mounted(live)):
        remedy = f"It mounts {mounted}: see that all of it exists. {remedy}"
    if cause.reason == PodReason.CRASH_LOOP and _asked_for_life(live, cause.container):
        remedy = f"It may be its liveness check, health.live, that ends it. {remedy}"
    return Finding(cause.reason, f"{cause.message} {remedy}")


def _mounted(live: Manifest) -> str:
    named = (
        (kind, text(volume, *path))
        for volume in items(live, "spec", "template", "spec", "volumes")
        for kind, path in _NAMED_IN_VOLUMES
    )
    return ", ".join(sorted(f"{kind} {name!r}" for kind, name in named if name))


def _architecture(live: Manifest) -> str:
    return text(live, "spec", "template", "spec", "nodeSelector", pods.ARCHITECTURE)


def _asked_for_life(live: Manifest, container: str) -> bool:
    return any(
        text(entry, "name") == container and bool(mapping(entry, "livenessProbe"))
        for entry in items(live, "spec", "template", "spec", "containers")
    )


def _restless(live: Manifest, world: World, track: str) -> Said:
    """What is complete may be so only between two crashes."""
    found = podcauses.restless(_newest(live, world, track), world.now)
    if found.first is None:
        return Said()
    finding = _told(found.first, live)
    reasons = {(DEPLOYMENT.kind, text(live, "metadata", "name")): str(finding.reason)}
    return Said((finding,), child_reasons=reasons, recheck_after=found.recheck_after)


def _newest(live: Manifest, world: World, track: str) -> list[Manifest]:
    """The pods of the version being rolled out; what old ones suffer from is past."""
    of_track = [
        pod for pod in world.related.get(POD.id, ()) if text(pod, "metadata", "labels", names.TRACK) == track
    ]
    sets = revisions.of(live, world)
    if not sets:
        return of_track
    revision = revisions.number(live)
    newest = next((entry for entry in sets if revisions.number(entry) == revision), sets[0])
    wanted = text(newest, "metadata", "labels", pods.HASH)
    return [pod for pod in of_track if text(pod, "metadata", "labels", pods.HASH) == wanted]


def _claim(resource: Resource, live: Manifest, world: World) -> tuple[Finding | None, float | None]:
    for name in sorted(pods.claims(mapping(live, "spec", "template"))):
        claim = world.children.get(names.ref(resource, PERSISTENT_VOLUME_CLAIM, name))
        phase = text(claim, "status", "phase")
        what = f"PersistentVolumeClaim {name!r}"
        if phase == "Lost":
            words = f"{what} has lost its volume; restore the volume, or delete the claim to begin anew."
            return Finding(AppReason.VOLUME_LOST, words, stalled=True), None
        if claim is not None and phase != "Bound":
            storage_class = text(claim, "spec", "storageClassName")
            giver = (
                f"storage class {storage_class!r}" if storage_class else "the cluster's default storage class"
            )
            words = f"{what} has no volume yet from {giver}. If this lasts, name another storageClass."
            return lasting(AppReason.VOLUME_PENDING, words, claim, world.now)
    return None, None


def _not_made(name: str, words: str) -> Finding:
    reason, said = podcauses.refused(words)
    if reason == Reason.QUOTA_EXCEEDED:
        remedy = "Ask for less with size, resources or replicas, or have the quota raised."
        return Finding(reason, f"Deployment {name!r} may not make more pods: {said}. {remedy}")
    if reason == PodReason.POD_SECURITY:
        remedy = "Ask the administrator about the namespace's Pod Security level."
        return Finding(reason, f"Deployment {name!r} may not make pods: {said}. {remedy}")
    remedy = "Change size or resources, or have the LimitRange changed." if _limited(said) else ""
    return Finding(reason, f"Deployment {name!r} cannot make pods: {said}. {remedy}".rstrip())


def _limited(said: str) -> bool:
    """Whether these are the words of a LimitRange."""
    return bool(re.search(r"(usage|ratio) per (Container|Pod)\b", said))


def _overdue(name: str) -> Finding:
    return Finding(
        AppReason.DEADLINE,
        f"Deployment {name!r} has made no progress for longer than it may. Look at its pods: "
        f"kubectl describe deployment {name}.",
        stalled=True,
    )


def rollout(resource: Resource, plan: Plan, world: World) -> Said:
    """How a BlueGreen or Canary rollout stands."""
    decision = facts.of(plan).decision
    progress = decision.progress
    if progress is None or decision.next is None:
        return Said()
    strategy = resource.spec.rollout.strategy if resource.spec.rollout else ""
    status = {"strategy": strategy, "step": progress.step, "weight": decision.weight}
    stands = f"{strategy}: the new version gets {decision.weight} % of the requests"
    beside = deployment(resource, plan, world, names.NEXT)
    if beside.findings and beside.findings[0].reason != Reason.PROGRESSING:
        cause = beside.findings[0]
        told = dataclasses.replace(
            cause, message=f"{stands} and no more, since it has trouble. {cause.message}"
        )
        return dataclasses.replace(beside, findings=(told,), fields={"rollout": status})
    told = Finding(Reason.PROGRESSING, f"{stands}, after step {progress.step}.")
    return Said((told,), None, {"rollout": status}, beside.child_reasons, beside.recheck_after)
