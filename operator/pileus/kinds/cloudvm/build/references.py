"""Whether the Secrets and ConfigMaps are there that a machine reads. Their content is KubeVirt's business."""

from __future__ import annotations

from collections.abc import Iterator

from pileus.engine.plan import Finding
from pileus.engine.world import Reference, World
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects import references


def wanted(spec: CloudVMSpec) -> tuple[Reference, ...]:
    """Everything that is read, each once, in order."""
    return references.each(_named(spec))


def missing(spec: CloudVMSpec, world: World) -> list[Finding]:
    """One finding for each object that is not there."""
    return references.missing(_named(spec), world, VmReason.REFERENCE_MISSING)


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
