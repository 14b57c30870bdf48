"""Services for the ports of the guest, one each."""

from __future__ import annotations

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.cloudvm.build import names
from pileus.kinds.cloudvm.care import Exposure
from pileus.objects.catalog import SERVICE
from pileus.objects.metadata import child


def name(resource: Resource, exposure: Exposure) -> str:
    """Name of the Service of a port."""
    return f"{resource.name}-{exposure.name}"


def service(resource: Resource, exposure: Exposure) -> Manifest:
    """The Service of a port."""
    port = {
        "name": exposure.name,
        "port": exposure.port,
        "targetPort": exposure.target or exposure.port,
        "protocol": exposure.protocol,
    }
    spec: Manifest = {"type": exposure.type, "selector": names.selector(resource), "ports": [port]}
    if exposure.allow_from:
        spec["loadBalancerSourceRanges"] = sorted(exposure.allow_from)
    return child(
        resource,
        api_version=SERVICE.api_version,
        kind=SERVICE.kind,
        name=name(resource, exposure),
        body={"spec": spec},
    )
