"""The names, labels and selectors of an app's objects.

Selectors are immutable in a Deployment, so they hold only what no change of the spec can change: the
app's identity and the track. The track tells the version in service (`stable`) from the one that a
BlueGreen or Canary rollout tries out beside it (`next`).
"""

from __future__ import annotations

from pileus.engine.labels import INSTANCE, KIND, OWNER_NAME
from pileus.engine.plan import ObjectKind, ObjectRef
from pileus.engine.world import Resource
from pileus.objects.metadata import labels

TRACK = "pileus.dev/track"
STABLE = "stable"
NEXT = "next"

APP = "app"
"""Name of the app's own container."""

TEMPLATE = "pileus.dev/template"
"""Annotation on Deployments: digest of the pod template that was compiled for it."""

REPLICAS = "pileus.dev/replicas"
"""Annotation on Deployments: the replica count that was applied last, while Pileus decides it."""

REFERENCES = "pileus.dev/references"
"""Annotation on pod templates: digests of the Secrets and ConfigMaps that the pods read."""

ROLLOUT = "pileus.dev/rollout"
"""Annotation on HTTPRoutes: how far a BlueGreen or Canary rollout is."""


def of_track(resource: Resource, track: str) -> str:
    """Name of the Deployment and of the Service of a track."""
    return resource.name if track == STABLE else f"{resource.name}-next"


def load_balancer(resource: Resource) -> str:
    """Name of the Service of type LoadBalancer."""
    return f"{resource.name}-lb"


def certificate_secret(resource: Resource) -> str:
    """Name of the Secret that cert-manager fills."""
    return f"{resource.name}-tls"


def claim(resource: Resource, volume: str) -> str:
    """Name of the PersistentVolumeClaim of a volume."""
    return f"{resource.name}-{volume}"


def app_selector(resource: Resource) -> dict[str, str]:
    """Selects every pod of the app."""
    return {INSTANCE: resource.name, KIND: resource.kind, OWNER_NAME: resource.name}


def selector(resource: Resource, track: str) -> dict[str, str]:
    """Selects the pods of one track."""
    return {**app_selector(resource), TRACK: track}


def pod_labels(resource: Resource, track: str) -> dict[str, str]:
    """The labels of a track's pods."""
    return {**labels(resource), TRACK: track}


def ref(resource: Resource, kind: ObjectKind, name: str) -> ObjectRef:
    """The reference of one of the app's objects."""
    return ObjectRef(kind.id, resource.namespace, name)
