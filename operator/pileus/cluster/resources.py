"""The cache of our own custom resources: a store whose objects belong to themselves.

What is news and deserves a pass is a change of the spec, of labels, annotations or deletion, and a
status that is not the one we wrote; the echo of an own status write is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pileus.cluster.sighting import Belongs, Sighting, Text, sighting
from pileus.cluster.store import Store
from pileus.engine.plan import Manifest, ObjectKind

Key = Belongs
"""(kind, namespace, name) of one custom resource."""

UNREAD_ANNOTATIONS = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})
"""A copy of what is looked at anyway."""


class Resources(Store):
    """Custom resources by key, at the newest version seen."""

    def see(self, kind: ObjectKind, body: Text | Manifest) -> Sighting:
        """What is seen of a resource, whose labels are its user's and say nothing to us."""
        seen = sighting(kind, body)
        return seen._replace(owner="", belongs=(kind.kind, seen.ref.namespace, seen.ref.name))

    def get(self, key: Key) -> Manifest | None:
        """The resource, freshly parsed."""
        found = self._by_resource.get(key)
        return None if found is None else self._manifest(found[0])

    def has(self, key: Key) -> bool:
        """Whether there is such a resource."""
        return key in self._by_resource

    def known(self) -> tuple[Key, ...]:
        """The keys of all resources."""
        return tuple(self._by_resource)

    def statuses(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(kind, status) of every resource, for the metrics."""
        for key in self.known():
            yield key[0], (self.get(key) or {}).get("status") or {}

    def _view(self, manifest: Manifest) -> Manifest:
        metadata = manifest["metadata"]
        kept = (
            "name",
            "namespace",
            "uid",
            "generation",
            "labels",
            "annotations",
            "finalizers",
            "deletionTimestamp",
        )
        annotations = metadata.get("annotations") or {}
        for unread in UNREAD_ANNOTATIONS:
            annotations.pop(unread, None)
        slim = {key: metadata[key] for key in kept if key in metadata} | {"annotations": annotations}
        return {"metadata": slim, "spec": manifest.get("spec") or {}, "status": manifest.get("status") or {}}
