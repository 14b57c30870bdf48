"""The cache of namespaces, of which only the labels are read: who may use what is often decided by them."""

from __future__ import annotations

from collections.abc import Mapping

from pileus.cluster.sighting import Sighting, Text, sighting
from pileus.cluster.store import Store
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef
from pileus.objects.catalog import NAMESPACE


class Namespaces(Store):
    """Namespaces by name. A change is told as news of ("Namespace", "", name)."""

    def see(self, kind: ObjectKind, body: Text | Manifest) -> Sighting:
        """What is seen of a namespace, whose labels say nothing of whom it belongs to."""
        seen = sighting(kind, body)
        return seen._replace(owner="", belongs=(kind.kind, "", seen.ref.name))

    def labels(self, name: str) -> Mapping[str, str]:
        """The labels of a namespace; none if it is not known."""
        ref = ObjectRef(NAMESPACE.id, "", name)
        found = self.named([ref]).get(ref, {})
        return (found.get("metadata") or {}).get("labels") or {}

    def _view(self, manifest: Manifest) -> Manifest:
        metadata = manifest["metadata"]
        kept = ("name", "uid", "labels")
        return {"metadata": {key: metadata[key] for key in kept if key in metadata}}
