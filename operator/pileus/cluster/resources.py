"""The cache of our own custom resources, filled by Kopf's watch and by the answers to status writes.

Kept as compressed JSON like the foreign objects. It tells whether an event is news that deserves a
pass: a change of the spec, of labels, annotations or deletion is, and so is a status that is not
the one we wrote; the echo of an own status write is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pileus.cluster.store import pack, unpack
from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest

Key = tuple[str, str, str]
"""(kind, namespace, name) of one custom resource."""


@dataclass(slots=True)
class _Entry:
    uid: str
    version: int
    data: bytes


class Resources:
    """Custom resources by key, at the newest version seen."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}

    def put(self, kind: Kind, manifest: Manifest) -> Key | None:
        """Take in a resource; returns its key if this was news."""
        key = key_of(kind, manifest)
        metadata = manifest["metadata"]
        version = int(metadata["resourceVersion"])
        known = self._entries.get(key)
        if known is not None and known.version >= version:
            return None
        data = pack(_project(manifest))
        self._entries[key] = _Entry(metadata["uid"], version, data)
        return None if known is not None and known.data == data else key

    def remove(self, kind: Kind, manifest: Manifest) -> Key | None:
        """Take out a deleted resource; None if another one of the same name has come already."""
        key = key_of(kind, manifest)
        known = self._entries.get(key)
        if known is None or known.uid != manifest["metadata"]["uid"]:
            return None
        del self._entries[key]
        return key

    def get(self, key: Key) -> Manifest | None:
        """The resource, freshly decoded."""
        entry = self._entries.get(key)
        return None if entry is None else unpack(entry.data)

    def has(self, key: Key) -> bool:
        """Whether there is such a resource."""
        return key in self._entries

    def known(self) -> tuple[Key, ...]:
        """The keys of all resources."""
        return tuple(self._entries)

    def conditions(self) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """(kind, namespace, conditions) of every resource, for the metrics."""
        for key, entry in tuple(self._entries.items()):
            status = unpack(entry.data).get("status") or {}
            yield key[0], key[1], status.get("conditions") or []


def key_of(kind: Kind, manifest: Manifest) -> Key:
    """The key of a custom resource."""
    metadata = manifest["metadata"]
    return (kind.name, metadata.get("namespace", ""), metadata["name"])


def _project(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    kept = ("name", "namespace", "uid", "generation", "labels", "annotations", "deletionTimestamp")
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key != "kubectl.kubernetes.io/last-applied-configuration"
    }
    slim = {key: metadata[key] for key in kept if key in metadata} | {"annotations": annotations}
    return {"metadata": slim, "spec": manifest.get("spec") or {}, "status": manifest.get("status") or {}}
