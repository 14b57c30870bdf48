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

Text = msgspec.Raw
"""The JSON text of one object, unread."""


class Sighting(NamedTuple):
    """One object at one version.

    owner: uid of its controller; empty without. belongs: the resource that its labels name.
    body: the object itself, as text or parsed.
    """

    ref: ObjectRef
    version: int
    owner: str
    belongs: Belongs | None
    body: Text | Manifest


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


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    resource_version: str = "0"
    labels: _Labels | None = None
    owner_references: list[_Owner] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


read_event = msgspec.json.Decoder(Event).decode
_read = msgspec.json.Decoder(_Object).decode


def sighting(kind: ObjectKind, body: Text | Manifest) -> Sighting:
    """What is seen of an object. Raises `msgspec.MsgspecError` for what is none."""
    if isinstance(body, dict):
        metadata = msgspec.convert(body["metadata"], _Metadata)
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
    version = metadata.resource_version
    return Sighting(ref, int(version) if version.isdigit() else 0, owner, belongs, body)


def parsed(body: Text | Manifest) -> Manifest:
    """The whole object; a fresh value where it was text."""
    if isinstance(body, dict):
        return body
    manifest: Manifest = orjson.loads(memoryview(body))
    return manifest
