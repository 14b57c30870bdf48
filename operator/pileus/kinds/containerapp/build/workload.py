"""The Deployments of an app, its ServiceAccount, PodDisruptionBudget and PodMonitor."""

from __future__ import annotations

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.containerapp.build import containers, names, storage
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.objects.catalog import (
    DEPLOYMENT,
    POD_DISRUPTION_BUDGET,
    POD_MONITOR,
    SERVICE_ACCOUNT,
)
from pileus.objects.metadata import child
from pileus.objects.times import seconds

DEADLINE = 600
"""Seconds that Kubernetes gives a Deployment to make progress, unless told otherwise."""


def peak(spec: ContainerAppSpec) -> int:
    """The greatest number of replicas that the spec allows."""
    if spec.scale is not None:
        return spec.scale.max
    return 1 if spec.replicas is None else spec.replicas


def service_account(resource: Resource) -> Manifest:
    """The app's own identity; its token is given to no pod."""
    return child(
        resource,
        api_version=SERVICE_ACCOUNT.api_version,
        kind=SERVICE_ACCOUNT.kind,
        name=resource.name,
        body={"automountServiceAccountToken": False},
    )


def deployment(
    resource: Resource,
    spec: ContainerAppSpec,
    *,
    track: str,
    template: Manifest,
    digest: str,
    replicas: int | None,
) -> Manifest:
    """The Deployment of a track. `replicas` is None when an autoscaler has the say."""
    annotations = {names.TEMPLATE: digest} if digest else {}
    body: Manifest = {
        "selector": {"matchLabels": names.selector(resource, track)},
        "strategy": _strategy(spec),
        "template": template,
    }
    if replicas is not None:
        body["replicas"] = replicas
        annotations[names.REPLICAS] = str(replicas)
    if (patience := _patience(spec)) > DEADLINE:
        body["progressDeadlineSeconds"] = patience
    return child(
        resource,
        api_version=DEPLOYMENT.api_version,
        kind=DEPLOYMENT.kind,
        name=names.of_track(resource, track),
        body={"spec": body},
        annotations=annotations,
    )


def disruption_budget(resource: Resource) -> Manifest:
    """At most one replica may be taken away at a time; broken ones may always go."""
    return child(
        resource,
        api_version=POD_DISRUPTION_BUDGET.api_version,
        kind=POD_DISRUPTION_BUDGET.kind,
        name=resource.name,
        body={
            "spec": {
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": names.app_selector(resource)},
            }
        },
    )


def pod_monitor(resource: Resource, spec: ContainerAppSpec) -> Manifest:
    """Tells the Prometheus Operator where the pods' metrics are."""
    assert spec.metrics is not None
    endpoint = {"port": containers.metrics_port(spec), "path": spec.metrics.path}
    return child(
        resource,
        api_version=POD_MONITOR.api_version,
        kind=POD_MONITOR.kind,
        name=resource.name,
        body={
            "spec": {
                "selector": {"matchLabels": names.app_selector(resource)},
                "podMetricsEndpoints": [endpoint],
            }
        },
    )


def _strategy(spec: ContainerAppSpec) -> Manifest:
    if spec.rollout is not None and spec.rollout.strategy == "Recreate":
        return {"type": "Recreate"}
    # A volume for one node deadlocks a surge: the new pod waits for the volume, the old one for the new pod.
    one_node = storage.for_one_node(spec)
    limits = {"maxSurge": 0 if one_node else "25%", "maxUnavailable": 1 if one_node else 0}
    return {"type": "RollingUpdate", "rollingUpdate": limits}


def _patience(spec: ContainerAppSpec) -> int:
    startup = spec.health.startup if spec.health else None
    return seconds(startup.within) + 120 if startup else 0
