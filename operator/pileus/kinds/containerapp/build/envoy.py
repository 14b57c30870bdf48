"""What Envoy Gateway adds to the Gateway API: an allow-list of clients and a rate limit.

The rate limit is Envoy's local one, counted by each proxy for itself, since it needs no further parts.
"""

from __future__ import annotations

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build.routes import Gateway
from pileus.kinds.containerapp.reach import Expose, RateLimit
from pileus.objects.catalog import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, SECURITY_POLICY
from pileus.objects.metadata import child

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
EVERYWHERE = ("0.0.0.0/0", "::/0")


def can_filter(world: World, gateway: Gateway) -> bool:
    """True if the Gateway can enforce an allow-list."""
    return gateway.controller == CONTROLLER and SECURITY_POLICY.id in world.served


def can_limit(world: World, gateway: Gateway) -> bool:
    """True if the Gateway can limit rates."""
    return gateway.controller == CONTROLLER and BACKEND_TRAFFIC_POLICY.id in world.served


def allow_list(resource: Resource, wanted: Expose) -> Manifest:
    """Denies every client that is not in one of the ranges."""
    rule = {"action": "Allow", "principal": {"clientCIDRs": sorted(wanted.allow_from)}}
    return child(
        resource,
        api_version=SECURITY_POLICY.api_version,
        kind=SECURITY_POLICY.kind,
        name=resource.name,
        body={
            "spec": {
                "targetRefs": _targets(resource),
                "authorization": {"defaultAction": "Deny", "rules": [rule]},
            }
        },
    )


def rate_limit(resource: Resource, wanted: RateLimit) -> Manifest:
    """Answers 429 beyond the limit."""
    limit = {"requests": wanted.rps, "unit": "Second"}
    if wanted.per == "Client":
        rules: list[Manifest] = [
            {"clientSelectors": [{"sourceCIDR": {"type": "Distinct", "value": cidr}}], "limit": limit}
            for cidr in EVERYWHERE
        ]
    else:
        rules = [{"limit": limit}]
    return child(
        resource,
        api_version=BACKEND_TRAFFIC_POLICY.api_version,
        kind=BACKEND_TRAFFIC_POLICY.kind,
        name=resource.name,
        body={
            "spec": {
                "targetRefs": _targets(resource),
                "rateLimit": {"type": "Local", "local": {"rules": rules}},
            }
        },
    )


def _targets(resource: Resource) -> list[Manifest]:
    return [{"group": HTTP_ROUTE.group, "kind": HTTP_ROUTE.kind, "name": resource.name}]
