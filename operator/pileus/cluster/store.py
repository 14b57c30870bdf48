"""The cache of objects: compact, indexed by owner and by resource, ordered by resourceVersion.

Objects are kept as packed text and parsed only for the pass that needs them: a pass looks at a
handful, the cache holds tens of thousands. What readers get has no managedFields, and of pods and
replica sets only what is read. Events that are older than what is known are ignored, so that the
answer to an own write is never undone by a late event (read your own writes); an event that comes
before the answer to the write that caused it is held until the answer tells whose doing it was.
It does no I/O and wakes nobody: callers get told which resource an object belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import orjson

from pileus.cluster.packing import Packer
from pileus.cluster.sighting import Belongs, Sighting, Text, intact, sighting
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef

K = TypeVar("K", str, Belongs)

TOMBSTONES = 4096
"""Deleted objects whose version is remembered, so that a late event does not raise them."""


@dataclass(slots=True, eq=False)
class _Entry:
    ref: ObjectRef
    version: int
    owner: str
    belongs: Belongs | None
    data: bytes


class Store:
    """Live objects by reference, by owner uid and by the resource that they belong to.

    `changes` counts what made a difference to readers.
    """

    def __init__(self) -> None:
        self._entries: dict[str, dict[ObjectRef, _Entry]] = {}  # by kind id
        self._packers: dict[str, Packer] = {}
        self._by_owner: dict[str, tuple[_Entry, ...]] = {}
        self._by_resource: dict[Belongs, tuple[_Entry, ...]] = {}
        self._gone: dict[ObjectRef, int] = {}  # the version at which it went
        self._writing: dict[ObjectRef, dict[int, Belongs]] = {}  # news by version, held during an own write
        self._read: dict[str, tuple[Manifest, ...]] = {}  # what `all` gave, until something changes
        self.changes = 0

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def see(self, kind: ObjectKind, body: Text | Manifest) -> Sighting:
        """What is seen of an object; which resource it belongs to is told by its labels."""
        return sighting(kind, body)

    def put(self, kind: ObjectKind, body: Text | Manifest) -> Belongs | None:
        """Take in an object from an event or an answer; returns whom it belongs to if it was news."""
        return self.take(kind, self.see(kind, body))

    def take(self, kind: ObjectKind, seen: Sighting, *, answer: bool = False) -> Belongs | None:
        """The same, of an object that was looked at already; an answer to an own write is never news."""
        ref, version = seen.ref, seen.version
        entries = self._entries.setdefault(kind.id, {})
        known = entries.get(ref)
        if known is not None and known.version >= version:
            return None
        if version <= self._gone.get(ref, -1):
            return None
        data = self._pack(kind, seen)
        concerned = seen.belongs
        held = self._writing.get(ref)
        if known is None:
            self._gone.pop(ref, None)
            entries[ref] = entry = _Entry(ref, version, seen.owner, seen.belongs, data)
            self._index(entry)
            self._changed(kind.id)
        else:
            concerned = concerned or known.belongs
            if held is None and not answer and self._same(kind, known.data, data):
                concerned = None
            else:
                self._changed(kind.id)
            known.version, known.data = version, data
            if (known.owner, known.belongs) != (seen.owner, seen.belongs):
                self._unindex(known)
                known.owner, known.belongs = seen.owner, seen.belongs
                self._index(known)
        if held is not None and concerned is not None:
            held[version] = concerned
            return None
        return concerned

    def remove(self, kind: ObjectKind, seen: Sighting) -> Belongs | None:
        """Take out an object that a DELETED event shows; returns whom it belonged to if it was news."""
        known = self._entries.get(kind.id, {}).get(seen.ref)
        if known is not None and known.version > seen.version:
            return None
        return self._drop(kind.id, seen.ref, seen.version)

    def lose(self, kind: ObjectKind, ref: ObjectRef, uid: str) -> None:
        """Drop the object with this uid: the API server said that it is gone."""
        known = self._entries.get(kind.id, {}).get(ref)
        if known is not None and self._manifest(known)["metadata"].get("uid") == uid:
            self._drop(kind.id, ref, known.version)

    def replace(
        self, kind: ObjectKind, present: set[ObjectRef], version: int, namespace: str = ""
    ) -> Iterator[Belongs]:
        """After a relist at `version`: drop what is no longer there, except what was written since.

        namespace: the one that was listed; empty: all of them.
        """
        entries = self._entries.get(kind.id, {})
        gone = [
            ref
            for ref, entry in entries.items()
            if entry.version <= version and ref not in present and namespace in ("", ref.namespace)
        ]
        for ref in gone:
            if concerned := self._drop(kind.id, ref, version):
                yield concerned

    def clear(self, kind: ObjectKind, namespace: str = "") -> Iterator[Belongs]:
        """Forget every object of a kind that the API server does not serve any more, or not there."""
        for ref in tuple(self._entries.get(kind.id, ())):
            if namespace not in ("", ref.namespace):
                continue
            concerned = self._drop(kind.id, ref, 0)
            self._gone.pop(ref, None)
            if concerned is not None:
                yield concerned

    def expect(self, ref: ObjectRef) -> None:
        """An own write of this object is about to be sent: hold what events tell of it until `settle`."""
        self._writing[ref] = {}

    def settle(self, kind: ObjectKind, ref: ObjectRef, answer: Manifest | None) -> set[Belongs]:
        """The write was answered (None: it failed, or the answer is not for this cache).

        Takes the answer in; returns whom events meanwhile concerned that told of something else.
        """
        held = self._writing.pop(ref, {})
        if answer is not None:
            seen = self.see(kind, answer)
            self.take(kind, seen, answer=True)
            held.pop(seen.version, None)
        return set(held.values())

    def owned(self, uid: str, owner: Belongs) -> dict[ObjectRef, Manifest]:
        """Objects that `uid` controls, and uncontrolled ones that carry the resource's labels."""
        # Owner references are anybody's to write; across namespaces they mean nothing to Kubernetes either.
        _, namespace, _ = owner
        found = [e for e in self._by_owner.get(uid, ()) if not namespace or e.ref.namespace == namespace]
        found += [entry for entry in self._by_resource.get(owner, ()) if not entry.owner]
        return {entry.ref: self._manifest(entry) for entry in sorted(found, key=_by_ref)}

    def labelled(self, owner: Belongs, kinds: Iterable[str]) -> dict[str, tuple[Manifest, ...]]:
        """Objects of these kind ids that carry the resource's labels, by kind, in name order."""
        found: dict[str, tuple[Manifest, ...]] = dict.fromkeys(kinds, ())
        related = [entry for entry in self._by_resource.get(owner, ()) if entry.ref.kind in found]
        for entry in sorted(related, key=_by_ref):
            found[entry.ref.kind] += (self._manifest(entry),)
        return found

    def named(self, refs: Iterable[ObjectRef]) -> dict[ObjectRef, Manifest]:
        """Those of these objects that are there."""
        found = ((ref, self._entries.get(ref.kind, {}).get(ref)) for ref in refs)
        return {ref: self._manifest(entry) for ref, entry in found if entry is not None}

    def all(self, kind: str) -> tuple[Manifest, ...]:
        """Every cached object of a kind id (for the few cluster-wide inputs); readers share them."""
        if kind not in self._read:
            self._read[kind] = tuple(map(self._manifest, self._entries.get(kind, {}).values()))
        return self._read[kind]

    def _changed(self, kind: str) -> None:
        self.changes += 1
        self._read.pop(kind, None)

    def _view(self, manifest: Manifest) -> Manifest:
        """What readers get to see of an object, and what makes a difference to them."""
        for unread in _UNREAD:
            manifest["metadata"].pop(unread, None)
        return manifest

    def _manifest(self, entry: _Entry) -> Manifest:
        manifest = self._unpack(entry.ref.kind, entry.data)
        manifest["metadata"]["resourceVersion"] = str(entry.version)
        return manifest

    def _pack(self, kind: ObjectKind, seen: Sighting) -> bytes:
        packer = self._packers.get(kind.id)
        if packer is None:
            packer = self._packers[kind.id] = Packer()
        body = seen.content()
        if kind.sealed:
            whole = body if isinstance(body, dict) else orjson.loads(body)
            body = {"metadata": whole["metadata"], "sealed": intact(seen)}
        if (projection := _PROJECTIONS.get(kind.id)) is not None:
            whole = body if isinstance(body, dict) else orjson.loads(body)
            body = {"metadata": whole["metadata"], **projection(whole)}
        if isinstance(body, dict):
            body = {**body, **kind.type_meta}  # items of a list lack it
        return packer.pack(orjson.dumps(body) if isinstance(body, dict) else body)

    def _unpack(self, kind: str, data: bytes) -> Manifest:
        return self._view(orjson.loads(self._packers[kind].unpack(data)))

    def _same(self, kind: ObjectKind, before: bytes, after: bytes) -> bool:
        return before == after or self._unpack(kind.id, before) == self._unpack(kind.id, after)

    def _drop(self, kind: str, ref: ObjectRef, version: int) -> Belongs | None:
        known = self._entries.get(kind, {}).pop(ref, None)
        if known is None:
            return None
        self._unindex(known)
        self._changed(kind)
        self._gone[ref] = max(known.version, version)
        while len(self._gone) > TOMBSTONES:
            self._gone.pop(next(iter(self._gone)))
        return known.belongs

    def _index(self, entry: _Entry) -> None:
        if entry.owner:
            self._by_owner[entry.owner] = (*self._by_owner.get(entry.owner, ()), entry)
        if entry.belongs is not None:
            siblings = self._by_resource.get(entry.belongs, ())
            if siblings:
                entry.belongs = siblings[0].belongs  # one tuple for all of them
            self._by_resource[entry.belongs] = (*siblings, entry)  # type: ignore[index]

    def _unindex(self, entry: _Entry) -> None:
        _discard(self._by_owner, entry.owner, entry)
        if entry.belongs is not None:
            _discard(self._by_resource, entry.belongs, entry)


def _discard(index: dict[K, tuple[_Entry, ...]], key: K, entry: _Entry) -> None:
    left = tuple(other for other in index.get(key, ()) if other is not entry)
    if left:
        index[key] = left
    else:
        index.pop(key, None)


def _by_ref(entry: _Entry) -> ObjectRef:
    return entry.ref


_UNREAD = ("managedFields", "resourceVersion", "selfLink")
"""The version differs where nothing else does; managedFields are gone already, if their text was usual."""


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


def _node(manifest: Manifest) -> Manifest:
    """Heartbeats, some of them in annotations, change nothing for readers."""
    conditions = manifest.get("status", {}).get("conditions") or ()
    kept = ("type", "status", "reason", "lastTransitionTime")
    ready = [{k: c[k] for k in kept if k in c} for c in conditions if c.get("type") == "Ready"]
    metadata = {key: manifest["metadata"][key] for key in ("name", "uid")}
    return {"metadata": metadata, "status": {"conditions": ready}}


_PROJECTIONS: dict[str, Callable[[Manifest], Manifest]] = {
    "Pod": _pod,
    "ReplicaSet.apps": _replica_set,
    "Node": _node,
}
