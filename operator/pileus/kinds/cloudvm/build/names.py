"""The names, labels and annotations of a machine's objects."""

from __future__ import annotations

import hashlib

from pileus.engine.compare import digest
from pileus.engine.labels import INSTANCE, KIND, OWNER_NAME
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef
from pileus.engine.world import Resource, World
from pileus.objects.catalog import VIRTUAL_MACHINE, VIRTUAL_MACHINE_INSTANCE

DISK = "pileus.dev/disk"
"""Label on DataVolumes, and so on their claims: the disk's name in the spec."""

SOURCE = "pileus.dev/source"
"""Annotation on DataVolumes: digest of the source that the disk was filled for."""

RESTORED = "pileus.dev/restored"
"""Annotation on DataVolumes: the snapshot that the disk was restored from."""

SPREAD = "pileus.dev/spread"
"""Label on machines: the group in which they keep away from each other."""

RESTART = "pileus.dev/restart"
"""Annotation on VirtualMachines: the restart token that was seen, and the uid of what ran then."""

MIGRATE = "pileus.dev/migrate"
"""Annotation on VirtualMachines: the migration token that was carried out."""

SNAPSHOT = "pileus.dev/snapshot"
"""Annotation on VirtualMachines: the snapshot that was asked for last, and was made."""

SINCE = "pileus.dev/schedules"
"""Annotation on VirtualMachines: for each snapshot schedule its cron, and since when it holds."""

SCHEDULE = "pileus.dev/schedule"
"""Label on snapshots: the schedule that took them."""

CLOUD_INIT = "cloud-init-drive"
ANSWERS = "answer-file-drive"
"""Volumes with what the guest is told; names longer than any disk's, so that they are none."""


def ref(resource: Resource, kind: ObjectKind, name: str) -> ObjectRef:
    """The reference of one of the machine's objects."""
    return ObjectRef(kind.id, resource.namespace, name)


def selector(resource: Resource) -> dict[str, str]:
    """Selects the pod in which the machine runs."""
    return {INSTANCE: resource.name, KIND: resource.kind, OWNER_NAME: resource.name}


def mac(resource: Resource, network: str) -> str:
    """A locally administered address that no other interface has, and that stays."""
    seed = hashlib.sha256(f"{resource.uid} {network}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *seed[:5]))


def migration(resource: Resource, token: str) -> str:
    """The migration that a token asks for."""
    return f"{resource.name}-{digest(token)[:8]}"


def machine(resource: Resource, world: World) -> Manifest | None:
    """The live VirtualMachine."""
    return world.children.get(ref(resource, VIRTUAL_MACHINE, resource.name))


def instance(resource: Resource, world: World) -> Manifest | None:
    """What runs: the live VirtualMachineInstance."""
    found = world.related.get(VIRTUAL_MACHINE_INSTANCE.id, ())
    return next((live for live in found if live["metadata"]["name"] == resource.name), None)
