"""An object as an event, a list or an answer shows it, read only as far as a cache needs to know.

Most events are about what a cache knows already (the echo of an own write, a relist), and of those
that are not, most are looked at once, by one pass. So the text of an object is kept as it came, and
only its name, version, owner and the two labels that name its resource are read from it here.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import msgspec
import orjson

from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef

Belongs = tuple[str, str, str]
"""(our kind, namespace, name): the resource that an object belongs to by its labels."""

MANAGED_FIELDS = "managedFields"

Text = msgspec.Raw
"""The JSON text of one object, unread."""


class Sighting(NamedTuple):
    """One object at one version.

    owner: uid of its controller; empty without. belongs: the resource that its labels name.
    body: the object itself, as text or parsed. managed_fields: the text of that field, if body is one.
    """

    ref: ObjectRef
    version: int
    owner: str
    belongs: Belongs | None
    body: Text | Manifest
    managed_fields: Text

    def content(self) -> bytes | Manifest:
        """The object without its managedFields, which are half of most objects and read by nobody."""
        if isinstance(self.body, dict):
            metadata = {key: value for key, value in self.body["metadata"].items() if key != MANAGED_FIELDS}
            return {**self.body, "metadata": metadata}
        text, value = bytes(self.body), bytes(self.managed_fields)
        if not value:
            return text
        field = b'"%s":%s' % (MANAGED_FIELDS.encode(), value)  # the very text that was found
        shorter = text.replace(field + b",", b"", 1)
        return shorter if len(shorter) < len(text) else text.replace(b"," + field, b"", 1)


class Event(msgspec.Struct, gc=False):
    """One line of a watch."""

    type: str
    object: Text


class _Owner(msgspec.Struct, gc=False):
    uid: str = ""
    controller: bool | None = None


class _Labels(msgspec.Struct, gc=False):
    kind: str = msgspec.field(default="", name=labels.KIND)
    name: str = msgspec.field(default="", name=labels.OWNER_NAME)


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    name: str
    namespace: str = ""
    resource_version: str = "0"
    labels: _Labels | None = None
    owner_references: list[_Owner] | None = None
    managed_fields: Text = Text()


class _Object(msgspec.Struct, gc=False):
    metadata: _Metadata


read_event = msgspec.json.Decoder(Event).decode
_read = msgspec.json.Decoder(_Object).decode


def sighting(kind: ObjectKind, body: Text | Manifest) -> Sighting:
    """What is seen of an object. Raises `msgspec.MsgspecError` for what is none."""
    if isinstance(body, dict):
        read = {key: value for key, value in body["metadata"].items() if key != MANAGED_FIELDS}
        metadata = msgspec.convert(read, _Metadata)
    else:
        metadata = _read(body).metadata
    intern = sys.intern  # namespaces, names and uids occur in many references and indices
    namespace, marks = intern(metadata.namespace), metadata.labels
    belongs = None
    if marks is not None and marks.kind and marks.name:
        belongs = (intern(marks.kind), namespace, intern(marks.name))
    owner = ""
    for reference in metadata.owner_references or ():
        if reference.controller:
            owner = intern(reference.uid)
            break
    ref = ObjectRef(kind.id, namespace, intern(metadata.name))
    # Comparable by contract since Kubernetes 1.35, and in practice (etcd revisions) before.
    version = int(metadata.resource_version) if metadata.resource_version.isdigit() else 0
    return Sighting(ref, version, owner, belongs, body, metadata.managed_fields)


def sealed(kind: ObjectKind, answer: Manifest) -> Manifest:
    """An answer that shows an object's metadata only, as readers of the cache get it."""
    return {
        **kind.type_meta,
        "metadata": answer["metadata"],
        "sealed": intact(sighting(kind, answer)),
    }


def intact(seen: Sighting) -> list[str]:
    """Names of the fields of a Secret's data that we wrote and nobody else has touched, in order.

    By who manages which field: so it can be told without reading what is in them.
    """
    if isinstance(seen.body, dict):
        entries = seen.body["metadata"].get(MANAGED_FIELDS) or []
    else:
        entries = orjson.loads(bytes(seen.managed_fields) or b"[]")
    ours: set[str] = set()
    theirs: set[str] = set()
    for entry in entries:
        fields = (entry.get("fieldsV1") or {}).get("f:data") or {}
        mine = (entry.get("manager"), entry.get("operation")) == (labels.MANAGER, "Apply")
        (ours if mine else theirs).update(name.removeprefix("f:") for name in fields if name != ".")
    return sorted(ours - theirs)
