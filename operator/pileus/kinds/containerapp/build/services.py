"""The Services of an app: one for each track inside the cluster, and one with an address of its own.

They send to ports by name, so a version that listens on another number is reached while both run.
"""

from __future__ import annotations

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.containerapp.build import containers, names
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reach import Expose
from pileus.objects.catalog import SERVICE
from pileus.objects.metadata import child

POOL = "pileus.dev/pool"
"""Label for pool selectors, such as those of Cilium's CiliumLoadBalancerIPPool."""

METALLB_POOL = "metallb.io/address-pool"


def service(resource: Resource, spec: ContainerAppSpec, track: str) -> Manifest:
    """The Service by which a track is reached inside the cluster."""
    return child(
        resource,
        api_version=SERVICE.api_version,
        kind=SERVICE.kind,
        name=names.of_track(resource, track),
        body={"spec": {"selector": names.selector(resource, track), "ports": _ports(spec)}},
    )


def load_balancer(resource: Resource, spec: ContainerAppSpec, expose: Expose) -> Manifest:
    """The Service that asks the cluster for an outside address."""
    body: Manifest = {
        "type": "LoadBalancer",
        "selector": names.selector(resource, names.STABLE),
        "ports": _ports(spec),
    }
    if expose.allow_from:
        body["loadBalancerSourceRanges"] = sorted(expose.allow_from)
    if expose.ip_family == "DualStack":
        # Not PreferDualStack: on a cluster without both families it would silently give one.
        body["ipFamilyPolicy"] = "RequireDualStack"
    elif expose.ip_family is not None:
        body |= {"ipFamilyPolicy": "SingleStack", "ipFamilies": [expose.ip_family]}
    manifest = child(
        resource,
        api_version=SERVICE.api_version,
        kind=SERVICE.kind,
        name=names.load_balancer(resource),
        body={"spec": body},
        annotations={METALLB_POOL: expose.pool} if expose.pool else None,
        component="load-balancer",
    )
    if expose.pool:
        manifest["metadata"]["labels"][POOL] = expose.pool
    return manifest


def _ports(spec: ContainerAppSpec) -> list[Manifest]:
    return [
        {"name": port.name, "port": port.port, "protocol": port.protocol, "targetPort": port.name}
        for port in containers.ports(spec)
    ]
