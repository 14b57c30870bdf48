"""The revisions of an app: the ReplicaSets that its Deployment made, and the templates in them.

The Deployment controller renumbers a ReplicaSet that it takes up again and keeps the old numbers in an
annotation; both numbers go on naming the same template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.engine.plan import Manifest
from pileus.engine.world import World
from pileus.kinds.containerapp.build.names import APP
from pileus.kinds.containerapp.build.pods import HASH
from pileus.objects.catalog import REPLICA_SET
from pileus.objects.reading import annotation, items, mapping, owners, text

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"


def number(live: Any) -> int:
    """The revision that a Deployment or ReplicaSet is at; 0 if its controller has not said."""
    noted = annotation(live, REVISION)
    return int(noted) if noted.isdigit() else 0


def of(deployment: Manifest | None, world: World) -> tuple[Manifest, ...]:
    """The Deployment's ReplicaSets, newest revision first."""
    uid = text(deployment, "metadata", "uid")
    if not uid:
        return ()
    found = (entry for entry in world.related.get(REPLICA_SET.id, ()) if uid in owners(entry))
    return tuple(sorted(found, key=lambda entry: (-number(entry), text(entry, "metadata", "name"))))


def template(deployment: Manifest | None, world: World, revision: int) -> Manifest | None:
    """The pod template of a revision, ready to be applied, or None if there is no such revision."""
    entries = of(deployment, world)
    for entry in entries:
        if revision and number(entry) == revision:
            return adopted(mapping(entry, "spec", "template"))
    for entry in entries:
        if str(revision) in annotation(entry, HISTORY).split(","):
            return adopted(mapping(entry, "spec", "template"))
    return None


def adopted(template: Mapping[str, Any]) -> Manifest:
    """A live template as one to apply: whole, but for what the Deployment controller adds."""
    body: Manifest = _without_nulls(template)
    metadata = body.get("metadata", {})
    metadata.get("labels", {}).pop(HASH, None)
    metadata.pop("creationTimestamp", None)
    return body


def image(template: Any) -> str:
    """The image of the app's own container."""
    for container in items(template, "spec", "containers"):
        if text(container, "name") == APP:
            return text(container, "image")
    return ""


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(entry) for entry in value]
    return value
