"""Who decides the number of replicas: the spec, a HorizontalPodAutoscaler, or KEDA.

While an autoscaler decides, the Deployment is applied without `replicas`. Leaving out a field that
Pileus owns alone would reset it to 1, so the handover takes care: Pileus goes on sending the count that
it applied last (it is noted in an annotation of the same apply) until the live count differs from the
note. Then somebody else has written it since, and owns it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build import names
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reach import Scale
from pileus.objects.catalog import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, KEDA, SCALED_OBJECT
from pileus.objects.metadata import child
from pileus.objects.reading import annotation, at, number

SWITCH = 2.0
"""Seconds after which to look again while one autoscaler has to go before the other may come."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The autoscaler to have: at most one object, or why there is none."""

    objects: tuple[Manifest, ...] = ()
    finding: Finding | None = None
    recheck_after: float | None = None


def replicas(spec: ContainerAppSpec, live: Manifest | None) -> int | None:
    """The count to apply to the stable Deployment, or None to leave it to the autoscaler."""
    if spec.scale is None:
        return 1 if spec.replicas is None else spec.replicas
    if live is None:
        return None
    if at(live, "spec", "replicas") == 0 and not needs_keda(spec.scale):
        return spec.scale.min  # a HorizontalPodAutoscaler takes no replicas for switched off
    noted = annotation(live, names.REPLICAS)
    return int(noted) if noted.isdigit() and int(noted) == number(live, "spec", "replicas") else None


def needs_keda(scale: Scale) -> bool:
    """True if a HorizontalPodAutoscaler cannot do it."""
    return scale.min == 0 or bool(scale.triggers)


def autoscaler(resource: Resource, spec: ContainerAppSpec, world: World, *, floor: int) -> Scaling:
    """The autoscaler, which keeps at least `floor` replicas."""
    scale = spec.scale
    if scale is None:
        return Scaling()
    hpa = names.ref(resource, HORIZONTAL_POD_AUTOSCALER, resource.name)
    scaled = names.ref(resource, SCALED_OBJECT, resource.name)
    if needs_keda(scale):
        if SCALED_OBJECT.id not in world.served:
            return Scaling(finding=_keda_missing(resource, scale))
        # KEDA refuses a workload that another autoscaler still has, and pruning comes last.
        if hpa in world.children:
            return Scaling(recheck_after=SWITCH)
        return Scaling((_scaled_object(resource, scale, floor),))
    if scaled in world.children:
        return Scaling(recheck_after=SWITCH)
    return Scaling((_horizontal(resource, scale, floor),))


def _horizontal(resource: Resource, scale: Scale, floor: int) -> Manifest:
    targets = (("cpu", scale.cpu), ("memory", scale.memory))
    metrics = [
        {
            "type": "Resource",
            "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": percent}},
        }
        for name, percent in targets
        if percent
    ]
    spec = {
        "scaleTargetRef": {**DEPLOYMENT.type_meta, "name": resource.name},
        "minReplicas": max(scale.min, floor),
        "maxReplicas": max(scale.max, floor),
        "metrics": metrics,
    }
    return child(
        resource,
        api_version=HORIZONTAL_POD_AUTOSCALER.api_version,
        kind=HORIZONTAL_POD_AUTOSCALER.kind,
        name=resource.name,
        body={"spec": spec},
    )


def _scaled_object(resource: Resource, scale: Scale, floor: int) -> Manifest:
    targets = (("cpu", scale.cpu), ("memory", scale.memory))
    triggers: list[Manifest] = [
        {"type": name, "metricType": "Utilization", "metadata": {"value": str(percent)}}
        for name, percent in targets
        if percent
    ]
    triggers += [{"type": trigger.type, "metadata": dict(trigger.metadata)} for trigger in scale.triggers]
    spec = {
        "scaleTargetRef": {**DEPLOYMENT.type_meta, "name": resource.name},
        "minReplicaCount": max(scale.min, floor),
        "maxReplicaCount": max(scale.max, floor),
        "triggers": triggers,
    }
    return child(
        resource,
        api_version=SCALED_OBJECT.api_version,
        kind=SCALED_OBJECT.kind,
        name=resource.name,
        body={"spec": spec},
    )


def _keda_missing(resource: Resource, scale: Scale) -> Finding:
    field = "scale.triggers" if scale.triggers else "scale.min: 0"
    return Finding(
        Reason.ENGINE_MISSING,
        f"{field} of {resource.kind} {resource.name!r} needs {KEDA}, which this cluster does not have; "
        "have it "
        f"installed, or scale by cpu and memory from min: 1 on.",
        stalled=True,
    )
