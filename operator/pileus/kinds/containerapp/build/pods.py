"""The pod template of an app: its containers, volumes, placement and security.

The template holds nothing that changes without the pods having to change: the replica count is not
in it, and so the rules of spreading stand in it from the first replica on, where they mean nothing
yet. Otherwise going from one replica to two would replace the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.containerapp.build import containers, names
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.parts import Volume
from pileus.objects.quantities import canonical
from pileus.objects.reading import items, text

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
ARCHITECTURE = "kubernetes.io/arch"
HASH = "pod-template-hash"

DATA_GROUP = 65532
"""Group that owns the files of persistent volumes, so that any non-root user can write them."""


def template(
    resource: Resource, spec: ContainerAppSpec, *, references: str, bound: tuple[Manifest, ...] = ()
) -> Manifest:
    """The template without its labels, which depend on the track. bound: sources of the environment."""
    pod: Manifest = {
        "serviceAccountName": resource.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _security(spec),
        "containers": [containers.app(spec, bound)],
    }
    first = [containers.sidecar(spec, wanted) for wanted in spec.sidecars]
    first += [containers.init(spec, wanted, bound) for wanted in spec.init]
    if first:
        pod["initContainers"] = first
    if spec.volumes:
        pod["volumes"] = [_volume(resource, v) for v in sorted(spec.volumes, key=lambda v: v.name)]
    if spec.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in spec.pull_secrets]
    if spec.arch != "any":
        pod["nodeSelector"] = {ARCHITECTURE: spec.arch}
    body: Manifest = {"spec": pod}
    if references:
        body["metadata"] = {"annotations": {names.REFERENCES: references}}
    return body


def on_track(resource: Resource, body: Manifest, track: str) -> Manifest:
    """`body`, a template without labels, as the template of a track's Deployment."""
    metadata = {**body.get("metadata", {}), "labels": names.pod_labels(resource, track)}
    spread = [_spread(resource, track, key) for key in (ZONE, HOST)]
    pod: Manifest = {**body["spec"], "topologySpreadConstraints": spread}
    for kind in ("initContainers", "containers"):
        if kind in pod:
            pod[kind] = [containers.pulled(container) for container in pod[kind]]
    return {"metadata": metadata, "spec": pod}


def claims(body: Mapping[str, Any]) -> frozenset[str]:
    """Names of the claims that a template mounts."""
    found = (text(volume, "persistentVolumeClaim", "claimName") for volume in items(body, "spec", "volumes"))
    return frozenset(name for name in found if name)


def _security(spec: ContainerAppSpec) -> Manifest:
    security: Manifest = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if spec.user is not None:
        security["runAsUser"] = spec.user
    if any(volume.size for volume in spec.volumes):
        security["fsGroup"] = DATA_GROUP
        security["fsGroupChangePolicy"] = "OnRootMismatch"
    return security


def _volume(resource: Resource, volume: Volume) -> Manifest:
    entry: Manifest = {"name": volume.name}
    if volume.ephemeral:
        entry["emptyDir"] = {"sizeLimit": canonical(volume.ephemeral)}
    elif volume.secret:
        entry["secret"] = {"secretName": volume.secret}
    elif volume.config_map:
        entry["configMap"] = {"name": volume.config_map}
    else:
        entry["persistentVolumeClaim"] = {"claimName": names.claim(resource, volume.name)}
    return entry


def _spread(resource: Resource, track: str, key: str) -> Manifest:
    return {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(resource, track)},
        "matchLabelKeys": [HASH],
    }
