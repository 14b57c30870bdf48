"""Bindings: credentials of other resources as environment variables of the app.

The kind that they name, Bucket, is not part of this release. A binding is refused by name and the app
waits: started without its credentials it would only fail in its own words. When there are Buckets,
`unresolved` finds each one's Secret in the world, and the pod template gets it.
"""

from __future__ import annotations

from pileus.engine.plan import Finding
from pileus.engine.world import Resource
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reasons import AppReason


def unresolved(resource: Resource, spec: ContainerAppSpec) -> list[Finding]:
    """Why the app cannot start, one finding for each binding."""
    return [
        Finding(
            AppReason.BINDINGS_UNAVAILABLE,
            f"{resource.kind} {resource.name!r} is bound to Bucket {binding.bucket!r}, but bindings "
            "need the Bucket "
            f"kind, which this release does not have. Remove the binding; give the credentials by envFrom.",
            stalled=True,
        )
        for binding in spec.bindings
    ]
