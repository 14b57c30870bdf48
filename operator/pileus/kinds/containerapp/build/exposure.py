"""How an app is reached from outside: which way is open in this cluster, and what was refused.

Hosts go to the Gateway API where the administrator named a Gateway, else to Ingress where a class was
named. What protects the app fails closed: where an allow-list or a certificate cannot be had, there is
no route at all. What only helps, the rate limit, fails open with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build import envoy, names, nginx, routes, services
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reach import Expose
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects.catalog import CERT_MANAGER, CERTIFICATE, GATEWAY_API, HTTP_ROUTE, LISTENER_SET
from pileus.objects.reading import text

NO_TLS = "None"
AUTO = "Auto"


@dataclass(frozen=True, slots=True)
class Exposure:
    """What `expose` became. `way` is none, gateway, ingress, address or refused."""

    way: str = "none"
    objects: tuple[Manifest, ...] = ()
    refusal: Finding | None = None
    warnings: tuple[Finding, ...] = ()
    url: str = ""


def cannot_share(resource: Resource, spec: ContainerAppSpec, world: World) -> Finding | None:
    """Why requests cannot be shared out between versions, or None."""
    if spec.expose is None or not spec.expose.hosts:
        return Finding(
            Reason.INVALID_SPEC,
            f"The rollout strategy of {resource.kind} {resource.name!r} moves requests at the gateway: give "
            f"expose.hosts, or use strategy: Rolling.",
            stalled=True,
        )
    what = f"The rollout strategy of {resource.kind} {resource.name!r} needs the {GATEWAY_API}"
    if HTTP_ROUTE.id not in world.served:
        return _engine_missing(f"{what}, which this cluster does not have; use strategy: Rolling.")
    if not world.settings.gateway:
        return _engine_missing(
            f"{what} with a Gateway, and the administrator has named none (chart value gateway); "
            f"use strategy: Rolling."
        )
    return expose(resource, spec, world, weight=0, annotations={}).refusal


def expose(
    resource: Resource, spec: ContainerAppSpec, world: World, *, weight: int, annotations: dict[str, str]
) -> Exposure:
    """The objects that expose the app; `weight` percent of the requests go to the next version."""
    wanted = spec.expose
    if wanted is None:
        return Exposure()
    if wanted.type is not None:
        return Exposure("address", (services.load_balancer(resource, spec, wanted),))
    if HTTP_ROUTE.id in world.served and world.settings.gateway:
        return _by_gateway(resource, spec, wanted, world, weight, annotations)
    if world.settings.ingress_class:
        return _by_ingress(resource, spec, wanted, world)
    return _refused(
        _engine_missing(
            f"expose.hosts of {resource.kind} {resource.name!r} needs the {GATEWAY_API} and a Gateway, "
            "or an ingress "
            f"class; the administrator has named neither (chart values gateway and ingressClass)."
        )
    )


def tls_mode(wanted: Expose) -> str:
    """`Auto`, `None` or the name of a Secret."""
    return wanted.tls or AUTO


def _by_gateway(
    resource: Resource,
    spec: ContainerAppSpec,
    wanted: Expose,
    world: World,
    weight: int,
    annotations: dict[str, str],
) -> Exposure:
    if refusal := _tls_refusal(resource, wanted, world, listeners=True):
        return _refused(refusal)
    gateway = routes.Gateway.find(world)
    objects: list[Manifest] = []
    warnings: list[Finding] = []
    if wanted.allow_from:
        if not envoy.can_filter(world, gateway):
            return _refused(_no_allow_list(resource, f"The Gateway {gateway.display!r}"))
        objects.append(envoy.allow_list(resource, wanted))
    if wanted.rate_limit is not None:
        if envoy.can_limit(world, gateway):
            objects.append(envoy.rate_limit(resource, wanted.rate_limit))
        else:
            warnings.append(_no_rate_limit(f"the Gateway {gateway.display!r} cannot do it"))
    tls = tls_mode(wanted)
    if tls != NO_TLS:
        secret = names.certificate_secret(resource) if tls == AUTO else tls
        if tls == AUTO:
            objects.append(routes.certificate(resource, wanted, world.settings.cluster_issuer))
        objects.append(routes.listener_set(resource, wanted, gateway, secret))
    objects.append(
        routes.http_route(
            resource, spec, gateway, weight=weight, own_listeners=tls != NO_TLS, annotations=annotations
        )
    )
    return Exposure(
        "gateway", tuple(objects), None, tuple(warnings), _url(wanted, gateway.address(wanted, tls != NO_TLS))
    )


def _by_ingress(resource: Resource, spec: ContainerAppSpec, wanted: Expose, world: World) -> Exposure:
    if refusal := _tls_refusal(resource, wanted, world, listeners=False):
        return _refused(refusal)
    ingress_class = world.settings.ingress_class
    is_nginx = nginx.serves(world, ingress_class)
    if wanted.allow_from and not is_nginx:
        return _refused(_no_allow_list(resource, f"The ingress class {ingress_class!r}"))
    warnings: list[Finding] = []
    if wanted.rate_limit is not None:
        if not is_nginx:
            warnings.append(_no_rate_limit(f"the ingress class {ingress_class!r} cannot do it"))
        elif wanted.rate_limit.per != "Client":
            warnings.append(_no_rate_limit("ingress-nginx limits per client only"))
    tls = tls_mode(wanted)
    secret = "" if tls == NO_TLS else names.certificate_secret(resource) if tls == AUTO else tls
    objects: list[Manifest] = []
    if tls == AUTO:
        objects.append(routes.certificate(resource, wanted, world.settings.cluster_issuer))
    annotations = nginx.notes(wanted) if is_nginx else {}
    objects.append(
        routes.ingress(
            resource, spec, ingress_class=ingress_class, tls_secret=secret, annotations=annotations
        )
    )
    return Exposure(
        "ingress", tuple(objects), None, tuple(warnings), _url(wanted, ("https" if secret else "http", ""))
    )


def _tls_refusal(resource: Resource, wanted: Expose, world: World, *, listeners: bool) -> Finding | None:
    tls = tls_mode(wanted)
    if tls == NO_TLS:
        return None
    field = f"expose.tls of {resource.kind} {resource.name!r}"
    instead = "Set tls: None if the gateway has a certificate for the hosts, or none is needed."
    if tls == AUTO and CERTIFICATE.id not in world.served:
        return _engine_missing(
            f"{field} needs {CERT_MANAGER} for a certificate, which this cluster does not have. {instead}"
        )
    if tls == AUTO and not world.settings.cluster_issuer:
        return _engine_missing(
            f"{field} needs a ClusterIssuer of {CERT_MANAGER}, and the administrator has named none "
            f"(chart value clusterIssuer). {instead}"
        )
    if listeners and LISTENER_SET.id not in world.served:
        return _engine_missing(
            f"{field} needs the ListenerSet of the {GATEWAY_API} 1.5 or later, which this cluster does "
            "not have. "
            f"{instead}"
        )
    return None


def _url(wanted: Expose, address: tuple[str, str]) -> str:
    scheme, port = address
    host = next((host for host in wanted.hosts if not host.startswith("*")), "")
    return f"{scheme}://{host}{port}{wanted.path or '/'}" if host else ""


def _refused(finding: Finding) -> Exposure:
    return Exposure("refused", refusal=finding)


def _engine_missing(message: str) -> Finding:
    return Finding(Reason.ENGINE_MISSING, message, stalled=True)


def _no_allow_list(resource: Resource, what: str) -> Finding:
    return Finding(
        AppReason.GATEWAY_LACKS_FEATURE,
        f"{what} cannot enforce expose.allowFrom, so {resource.kind} {resource.name!r} is not exposed "
        "at all. "
        f"Remove allowFrom, use type: LoadBalancer, or have Envoy Gateway or ingress-nginx installed.",
        stalled=True,
    )


def _no_rate_limit(why: str) -> Finding:
    return Finding(
        AppReason.RATE_LIMIT_DROPPED,
        f"expose.rateLimit is not in force: {why}. The app is exposed without a limit.",
    )


def refused_route(live: Manifest | None) -> bool:
    """True if a gateway has refused the live HTTPRoute, or something that it names."""
    return live is not None and any(
        text(condition, "status") == "False" for condition in routes.parent_conditions(live)
    )
