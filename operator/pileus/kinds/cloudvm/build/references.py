"""Whether the Secrets and ConfigMaps are there that a machine reads. Their content is KubeVirt's business."""

from __future__ import annotations

from collections.abc import Iterator

from pileus.engine.plan import Finding
from pileus.engine.world import Reference, ReferenceState, World
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.reasons import VmReason


def wanted(spec: CloudVMSpec) -> tuple[Reference, ...]:
    """Everything that is read, each once, in order."""
    return tuple(sorted({reference for reference, _ in _named(spec)}))


def missing(spec: CloudVMSpec, world: World) -> list[Finding]:
    """One finding for each object that is not there."""
    fields: dict[Reference, dict[str, None]] = {}
    for reference, field in _named(spec):
        fields.setdefault(reference, {})[field] = None
    return [
        Finding(
            VmReason.REFERENCE_MISSING,
            f"{reference.kind} {reference.name!r} does not exist in this namespace; create it, or correct "
            f"the name in {' and '.join(fields[reference])}.",
        )
        for reference in sorted(fields)
        if (referent := world.references.get(reference)) and referent.state is ReferenceState.MISSING
    ]


def _named(spec: CloudVMSpec) -> Iterator[tuple[Reference, str]]:
    """Each reference with the field that names it."""
    if access := spec.access:
        for named, field in (
            (access.ssh_secret, "access.sshSecret"),
            (access.user_data, "access.userData"),
            (access.network_data, "access.networkData"),
            (access.sysprep, "access.sysprep"),
        ):
            if named:
                yield Reference("Secret", named.secret), field
    for disk in spec.disks:
        if disk.source.credentials:
            yield Reference("Secret", disk.source.credentials), f"credentials of disk {disk.name!r}"
        if disk.source.certificates:
            yield Reference("ConfigMap", disk.source.certificates), f"certificates of disk {disk.name!r}"
