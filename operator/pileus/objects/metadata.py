"""Labels, annotations and owner references that every child carries, in one place.

The label selector that the caches watch by, and the keys by which an event finds its resource, are
made from the same constants, so they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.engine.labels import INSTANCE, KIND, MANAGED_BY, MANAGER, NAME, OWNER_NAME, PART_OF
from pileus.engine.plan import Manifest
from pileus.engine.world import Resource


def labels(resource: Resource, *, component: str = "") -> dict[str, str]:
    """The common labels; they go on every child and on pod templates.

    A resource's name is a label value as it is: its CRD bounds it below 63 characters.
    """
    common = {
        NAME: resource.kind.lower(),
        INSTANCE: resource.name,
        MANAGED_BY: MANAGER,
        PART_OF: "pileus",
        KIND: resource.kind,
        OWNER_NAME: resource.name,
    }
    if component:
        common["app.kubernetes.io/component"] = component
    return common


def owner_reference(resource: Resource) -> Manifest:
    """A controller owner reference: garbage collection removes the child with its resource."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": resource.name,
        "uid": resource.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def child(
    resource: Resource,
    *,
    api_version: str,
    kind: str,
    name: str,
    body: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
    component: str = "",
    owned: bool = True,
) -> Manifest:
    """A child object of `resource`; without `owned` it outlives the resource (no owner reference)."""
    metadata: Manifest = {
        "name": name,
        "namespace": resource.namespace,
        "labels": labels(resource, component=component),
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    if owned:
        metadata["ownerReferences"] = [owner_reference(resource)]
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}
