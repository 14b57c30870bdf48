"""What a machine needs by name: classes, preferences, storage classes, networks.

KubeVirt takes a machine of an unknown class, and leaves it stopped without a word; so names are looked up
here, and nothing is written for a machine of which a name is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest, ObjectKind
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import (
    CLUSTER_INSTANCETYPE,
    CLUSTER_PREFERENCE,
    INSTANCETYPE,
    MULTUS,
    NETWORK_ATTACHMENT,
    PREFERENCE,
    STORAGE_CLASS,
)
from pileus.objects.reading import text


def unmet(resource: Resource, spec: CloudVMSpec, world: World) -> tuple[Finding, ...]:
    """A finding for each name that stands for nothing."""
    return tuple(_unmet(resource, spec, world))


def matcher(resource: Resource, world: World, name: str, local: ObjectKind, wide: ObjectKind) -> Manifest:
    """How a VirtualMachine names a class or a preference: the namespace's own goes first."""
    found = _there(resource, world, local, name)
    return {"name": name, "kind": local.kind if found else wide.kind}


def _unmet(resource: Resource, spec: CloudVMSpec, world: World) -> Iterator[Finding]:
    if spec.size and (name := spec.size.class_):
        yield from _either(
            resource,
            world,
            name,
            (INSTANCETYPE, CLUSTER_INSTANCETYPE),
            VmReason.CLASS_NOT_FOUND,
            "size.class",
        )
    if spec.os and (name := spec.os.preference):
        yield from _either(
            resource,
            world,
            name,
            (PREFERENCE, CLUSTER_PREFERENCE),
            VmReason.PREFERENCE_NOT_FOUND,
            "os.preference",
        )
    for disk in spec.disks:
        if disk.storage_class and not _there(resource, world, STORAGE_CLASS, disk.storage_class):
            yield _unknown(
                disk.storage_class,
                VmReason.STORAGE_CLASS_NOT_FOUND,
                f"StorageClass {disk.storage_class!r}, which disk {disk.name!r} names,",
                "storageClass",
                _offered(resource, world, STORAGE_CLASS),
            )
    named = [network for network in spec.networks if network.network]
    if named and NETWORK_ATTACHMENT.id not in world.served:
        yield Finding(
            Reason.ENGINE_MISSING,
            f"Interface {named[0].name!r} names a network, which needs {MULTUS}; this cluster does not have "
            "it. It goes on by itself once that is installed.",
            stalled=True,
        )
        return
    for network in named:
        if not _there(resource, world, NETWORK_ATTACHMENT, network.network or ""):
            yield _unknown(
                network.network or "",
                VmReason.NETWORK_NOT_FOUND,
                f"NetworkAttachmentDefinition {network.network!r}, which interface {network.name!r} names,",
                "network",
                _offered(resource, world, NETWORK_ATTACHMENT),
            )


def _either(
    resource: Resource,
    world: World,
    name: str,
    kinds: tuple[ObjectKind, ObjectKind],
    reason: VmReason,
    field: str,
) -> Iterator[Finding]:
    if not any(kind.id in world.served for kind in kinds):
        return  # the engine is missing, which is told when its object is written
    if not any(_there(resource, world, kind, name) for kind in kinds):
        offered = [known for kind in kinds for known in _offered(resource, world, kind)]
        local, wide = (kind.kind for kind in kinds)
        yield _unknown(name, reason, f"{local} or {wide} {name!r}", field, offered)


def _there(resource: Resource, world: World, kind: ObjectKind, name: str) -> bool:
    return name in _offered(resource, world, kind)


def _offered(resource: Resource, world: World, kind: ObjectKind) -> list[str]:
    found = world.shared.get(kind.id, ())
    near = (o for o in found if not kind.namespaced or text(o, "metadata", "namespace") == resource.namespace)
    return sorted(text(live, "metadata", "name") for live in near)


_SHOWN = 6


def _unknown(name: str, reason: VmReason, what: str, field: str, offered: list[str]) -> Finding:
    alike = get_close_matches(name, offered, _SHOWN, 0.6) or offered[:_SHOWN]
    there = f"there are {', '.join(sorted(alike))}" if offered else "there is none"
    more = " and others" if len(offered) > len(alike) else ""
    return Finding(
        reason, f"{what} does not exist; {there}{more}. Correct {field}, or have it made.", stalled=True
    )
