"""The PersistentVolumeClaims of an app's volumes.

A claim outlives its app unless the volume says `retain: Delete`, so a claim may be there that was made
for an earlier spec. What a claim cannot become (smaller, of another class) is refused, and the claim
goes on as it is: asking the API server for it would fail forever.
"""

from __future__ import annotations

from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build import names
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.parts import Volume
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects.catalog import PERSISTENT_VOLUME_CLAIM
from pileus.objects.metadata import child
from pileus.objects.quantities import amount, canonical
from pileus.objects.reading import at, text


def claims(resource: Resource, spec: ContainerAppSpec, world: World) -> tuple[list[Manifest], list[Finding]]:
    """The claims in name order, and what was refused."""
    objects: list[Manifest] = []
    findings: list[Finding] = []
    for volume in sorted((v for v in spec.volumes if v.size), key=lambda v: v.name):
        name = names.claim(resource, volume.name)
        live = world.children.get(names.ref(resource, PERSISTENT_VOLUME_CLAIM, name))
        body, refused = _body(volume, name, live)
        findings += refused
        objects.append(
            child(
                resource,
                api_version=PERSISTENT_VOLUME_CLAIM.api_version,
                kind=PERSISTENT_VOLUME_CLAIM.kind,
                name=name,
                body={"spec": body},
                owned=volume.retain == "Delete",
            )
        )
    return objects, findings


def for_one_node(spec: ContainerAppSpec) -> bool:
    """True if a volume can be mounted on one node only."""
    return any(volume.size and volume.access_mode != "ReadWriteMany" for volume in spec.volumes)


def _body(volume: Volume, name: str, live: Manifest | None) -> tuple[Manifest, list[Finding]]:
    size = canonical(volume.size or "0")
    mode = volume.access_mode or "ReadWriteOnce"
    storage_class = volume.storage_class
    findings: list[Finding] = []
    if live is not None:
        there = text(live, "spec", "resources", "requests", "storage")
        if _greater(there, size):
            findings.append(_shrink(volume.name, name, there, size))
            size = canonical(there)
        modes, its_class = at(live, "spec", "accessModes"), text(live, "spec", "storageClassName")
        if modes and modes != [mode]:
            findings.append(_fixed(volume.name, name, "accessMode", ", ".join(modes)))
            mode = modes[0]
        if storage_class and storage_class != its_class:
            findings.append(_fixed(volume.name, name, "storageClass", its_class))
            storage_class = its_class
    body: Manifest = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    if storage_class:
        body["storageClassName"] = storage_class
    return body, findings


def _greater(there: str, size: str) -> bool:
    try:
        return amount(there) > amount(size)
    except ValueError:  # written by hand, in a form that we do not write
        return False


def _shrink(volume: str, claim: str, there: str, size: str) -> Finding:
    return Finding(
        AppReason.VOLUME_SHRINK,
        f"Volume {volume!r} asks for a size of {size}, but PersistentVolumeClaim {claim!r} has {there} and "
        f"cannot shrink. Ask for {there} or more, or delete the claim if its data may go.",
        stalled=True,
    )


def _fixed(volume: str, claim: str, field: str, there: str) -> Finding:
    return Finding(
        AppReason.VOLUME_FIXED,
        f"Volume {volume!r} asks for another {field}, but PersistentVolumeClaim {claim!r} has {there!r}, "
        f"which cannot change. Give the volume another name; or take it out, and add it anew with {there!r}.",
        stalled=True,
    )
