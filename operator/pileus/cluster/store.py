"""The cache of foreign objects: compact, indexed by owner, ordered by resourceVersion.

Objects are kept as compressed JSON and decoded only for the pass that needs them: a pass looks at a
handful, the cache holds tens of thousands. What nobody reads (managedFields, pod specs) is
projected away on the way in. Events that are older than what is known are ignored, so that the
answer to an own write, put in by `put`, is never undone by a late event (read your own writes).
It does no I/O and wakes nobody: callers get told which resource an object belongs to.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef

K = TypeVar("K", str, tuple[str, str, str])

Belongs = tuple[str, str, str]
"""(our kind, namespace, name): the resource that an object belongs to by its labels."""


@dataclass(slots=True)
class _Entry:
    version: int
    owner: str
    belongs: Belongs | None
    data: bytes


class Store:
    """Live foreign objects by reference, by owner uid and by the resource that their labels name."""

    def __init__(self) -> None:
        self._entries: dict[ObjectRef, _Entry] = {}
        self._by_owner: dict[str, set[ObjectRef]] = {}
        self._by_label: dict[Belongs, set[ObjectRef]] = {}
        self._gone: dict[ObjectRef, int] = {}  # the version at which it went

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, kind: ObjectKind, manifest: Manifest) -> Belongs | None:
        """Take in an object from an event or an answer; returns whom it belongs to if it was news."""
        ref = reference(kind, manifest)
        metadata = manifest["metadata"]
        version = _version(metadata)
        known = self._entries.get(ref)
        if known is not None and known.version >= version:
            return None
        if version <= self._gone.get(ref, -1):
            return None
        entry = _Entry(version, _owner(metadata), belongs(manifest), pack(project(kind, manifest)))
        if known is not None:
            self._unindex(ref, known)
        self._gone.pop(ref, None)
        self._entries[ref] = entry
        if entry.owner:
            self._by_owner.setdefault(entry.owner, set()).add(ref)
        if entry.belongs is not None:
            self._by_label.setdefault(entry.belongs, set()).add(ref)
        if known is not None and known.data == entry.data:
            return None
        return entry.belongs or (known.belongs if known is not None else None)

    def remove(self, kind: ObjectKind, manifest: Manifest) -> Belongs | None:
        """Take out an object that a DELETED event names; returns whom it belonged to if it was news."""
        ref = reference(kind, manifest)
        version = _version(manifest["metadata"])
        known = self._entries.get(ref)
        if known is not None and known.version > version:
            return None
        return self._drop(ref, version)

    def replace(self, kind: ObjectKind, present: set[ObjectRef], version: int) -> Iterator[Belongs]:
        """After a relist at `version`: drop what is no longer there, except what was written since."""
        stale = [
            ref
            for ref, entry in self._entries.items()
            if ref.kind == kind.id and ref not in present and entry.version <= version
        ]
        for ref in stale:
            if owner := self._drop(ref, version):
                yield owner

    def clear(self, kind: ObjectKind) -> None:
        """Forget every object of a kind that the API server does not serve any more."""
        for ref in [ref for ref in self._entries if ref.kind == kind.id]:
            self._drop(ref, 0)
            self._gone.pop(ref, None)

    def owned(self, uid: str, owner: Belongs) -> dict[ObjectRef, Manifest]:
        """Objects that `uid` controls, and uncontrolled ones that carry the resource's labels."""
        refs = set(self._by_owner.get(uid, ()))
        refs |= {ref for ref in self._by_label.get(owner, ()) if not self._entries[ref].owner}
        return {ref: _decode(self._entries[ref]) for ref in sorted(refs)}

    def labelled(self, owner: Belongs, kinds: Iterable[str]) -> dict[str, tuple[Manifest, ...]]:
        """Objects of these kind ids that carry the resource's labels, by kind, in name order."""
        refs = sorted(self._by_label.get(owner, ()))
        return {
            kind: tuple(_decode(self._entries[ref]) for ref in refs if ref.kind == kind) for kind in kinds
        }

    def all(self, kind: str) -> tuple[Manifest, ...]:
        """Every cached object of a kind id (for the few cluster-wide inputs)."""
        return tuple(_decode(entry) for ref, entry in self._entries.items() if ref.kind == kind)

    def _drop(self, ref: ObjectRef, version: int) -> Belongs | None:
        known = self._entries.pop(ref, None)
        if known is None:
            return None
        self._unindex(ref, known)
        self._gone[ref] = max(known.version, version)
        while len(self._gone) > 4096:
            self._gone.pop(next(iter(self._gone)))
        return known.belongs

    def _unindex(self, ref: ObjectRef, entry: _Entry) -> None:
        _discard(self._by_owner, entry.owner, ref)
        if entry.belongs is not None:
            _discard(self._by_label, entry.belongs, ref)


def _discard(index: dict[K, set[ObjectRef]], key: K, ref: ObjectRef) -> None:
    refs = index.get(key)
    if refs is not None:
        refs.discard(ref)
        if not refs:
            del index[key]


def pack(value: Manifest) -> bytes:
    """Canonical JSON, compressed: equal values are equal bytes."""
    return zlib.compress(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), 1)


def unpack(data: bytes) -> Manifest:
    """The inverse of `pack`; a fresh value each time."""
    value: Manifest = orjson.loads(zlib.decompress(data))
    return value


def reference(kind: ObjectKind, manifest: Manifest) -> ObjectRef:
    """The reference of a live object of this kind."""
    metadata = manifest["metadata"]
    return ObjectRef(kind.id, metadata.get("namespace", ""), metadata["name"])


def belongs(manifest: Manifest) -> Belongs | None:
    """The resource that an object's labels name, or None."""
    metadata = manifest["metadata"]
    marks = metadata.get("labels") or {}
    kind, name = marks.get(labels.KIND), marks.get(labels.OWNER_NAME)
    return (kind, metadata.get("namespace", ""), name) if kind and name else None


def project(kind: ObjectKind, manifest: Manifest) -> Manifest:
    """What the cache keeps of an object: no managedFields, and of pods and replica sets only what is read."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _UNREAD}
    projection = _PROJECTIONS.get(kind.id)
    if projection is None:
        return {**manifest, **kind.type_meta, "metadata": metadata}
    return {**kind.type_meta, "metadata": metadata, **projection(manifest)}


_UNREAD = frozenset({"managedFields", "resourceVersion", "selfLink"})


def _decode(entry: _Entry) -> Manifest:
    manifest: Manifest = unpack(entry.data)
    manifest["metadata"]["resourceVersion"] = str(entry.version)
    return manifest


def _pod(manifest: Manifest) -> Manifest:
    spec, status = manifest.get("spec", {}), manifest.get("status", {})
    kept = ("phase", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses")
    return {
        "spec": {"nodeName": spec.get("nodeName", "")},
        "status": {key: status[key] for key in kept if key in status},
    }


def _replica_set(manifest: Manifest) -> Manifest:
    spec = manifest.get("spec", {})
    return {"spec": {key: spec[key] for key in ("replicas", "template") if key in spec}}


_PROJECTIONS: dict[str, Callable[[Manifest], Manifest]] = {"Pod": _pod, "ReplicaSet.apps": _replica_set}


def _owner(metadata: dict[str, Any]) -> str:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("uid", ""))
    return ""


def _version(metadata: dict[str, Any]) -> int:
    # Comparable by contract since Kubernetes 1.35, and in practice (etcd revisions) before.
    version = metadata.get("resourceVersion", "0")
    return int(version) if str(version).isdigit() else 0
