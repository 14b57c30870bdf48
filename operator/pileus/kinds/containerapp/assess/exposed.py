"""Whether the app is reached from outside: the Exposed condition, and the URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pileus.engine.conditions import Condition, Reason
from pileus.engine.plan import Finding, Manifest, ObjectKind, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp import facts
from pileus.kinds.containerapp.build import containers, names, routes
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects.catalog import (
    BACKEND_TRAFFIC_POLICY,
    CERTIFICATE,
    HTTP_ROUTE,
    INGRESS,
    LISTENER_SET,
    SECURITY_POLICY,
    SERVICE,
)
from pileus.objects.reading import condition, items, mapping, number, text
from pileus.objects.said import Said, lasting

TYPE = "Exposed"


def exposed(resource: Resource, plan: Plan, world: World) -> Said:
    """The condition, the URL, and what is in the way."""
    way = facts.of(plan).way
    if way.way == "none":
        return Said(condition=Condition(TYPE, "False", AppReason.NOT_REQUESTED, "expose is not set."))
    if way.refusal is not None:
        # The finding is the plan's already.
        return Said(condition=Condition(TYPE, "False", way.refusal.reason, way.refusal.message))
    fields: dict[str, object] = {"url": way.url} if way.url else {}
    if way.way == "address":
        return _address(resource, world)
    wanted = _live(resource, plan, world)
    for kind, check in _CHECKS[way.way]:
        live = wanted.get(kind)
        if kind in wanted and (trouble := check(resource, live, world)) is not None:
            finding, wait = trouble
            reason = str(finding.reason)
            return Said(
                (finding,),
                Condition(TYPE, "False", finding.reason, finding.message),
                fields,
                {(kind.kind, resource.name): reason},
                wait,
            )
    where = way.url or ", ".join(resource.spec.expose.hosts)
    told = f"Requests for {where} reach the app."
    return Said((), Condition(TYPE, "True", AppReason.EXPOSED, told), fields)


Trouble = tuple[Finding, float | None]


def _live(resource: Resource, plan: Plan, world: World) -> dict[ObjectKind, Manifest | None]:
    """The exposing objects that the plan asks for, as they are."""
    asked = {(o["apiVersion"], o["kind"]) for o in plan.objects}
    kinds = (SECURITY_POLICY, BACKEND_TRAFFIC_POLICY, CERTIFICATE, LISTENER_SET, HTTP_ROUTE, INGRESS)
    return {
        kind: world.children.get(names.ref(resource, kind, resource.name))
        for kind in kinds
        if (kind.api_version, kind.kind) in asked
    }


def _gateway(resource: Resource, live: Manifest | None, world: World) -> Trouble | None:
    gateway = routes.Gateway.find(world)
    if gateway.live is not None:
        return None
    words = (
        f"Gateway {gateway.display!r}, which the administrator has named for exposed hosts, does not exist. "
        f"Have it created, or the chart value gateway corrected."
    )
    return Finding(AppReason.GATEWAY_MISSING, words, stalled=True), None


def _certificate(resource: Resource, live: Manifest | None, world: World) -> Trouble | None:
    ready = condition(live, "Ready")
    if ready.get("status") == "True":
        return None
    what = f"Certificate {resource.name!r}"
    failed = condition(live, "Issuing")
    if failed.get("status") == "False" and text(failed, "reason") == "Failed":
        words = text(failed, "message").rstrip(". ")
        told = (
            f"{what} could not be issued: {words}. cert-manager tries again; check the hosts' DNS and the "
            "issuer."
        )
        return Finding(AppReason.CERTIFICATE_FAILED, told), None
    words = text(ready, "message").rstrip(". ") or "cert-manager has not taken it up"
    told = f"{what} is not issued yet: {words}. If this lasts, check the hosts' DNS and the ClusterIssuer."
    return lasting(AppReason.CERTIFICATE_PENDING, told, live, world.now)


def _listeners(resource: Resource, live: Manifest | None, world: World) -> Trouble | None:
    what = f"ListenerSet {resource.name!r}"
    own = items(live, "status", "conditions")
    single = (c for entry in items(live, "status", "listeners") for c in items(entry, "conditions"))
    for entry in (*own, *single):
        kind, status = text(entry, "type"), text(entry, "status")
        refused = kind in ("Accepted", "Programmed") and status == "False"
        if refused or (kind == "Conflicted" and status == "True"):
            words = text(entry, "message").rstrip(". ") or text(entry, "reason")
            told = (
                f"{what} is refused by the Gateway: {words}. Choose other hosts, or ask the Gateway's owner."
            )
            return Finding(AppReason.ROUTE_REFUSED, told, stalled=kind != "Programmed"), None
    if not own:
        told = (
            f"{what} is not taken up yet by the Gateway's controller. If this lasts, the controller does "
            "not run."
        )
        return lasting(AppReason.ROUTE_PENDING, told, live, world.now)
    return None


def _policy(resource: Resource, live: Manifest | None, world: World) -> Trouble | None:
    for ancestor in items(live, "status", "ancestors"):
        for entry in items(ancestor, "conditions"):
            if text(entry, "type") == "Accepted" and text(entry, "status") == "False":
                words = text(entry, "message").rstrip(". ")
                kind = text(live, "kind")
                told = f"{kind} {resource.name!r} is refused: {words}. Correct allowFrom or rateLimit."
                return Finding(AppReason.ROUTE_REFUSED, told, stalled=True), None
    return None


def _route(resource: Resource, live: Manifest | None, world: World) -> Trouble | None:
    what = f"HTTPRoute {resource.name!r}"
    said = list(routes.parent_conditions(live or {}))
    generation = number(live, "metadata", "generation")
    if not any(text(entry, "type") == "Accepted" for entry in said):
        told = (
            f"{what} is not taken up yet by a gateway. If this lasts, the Gateway's controller does not run."
        )
        return lasting(AppReason.ROUTE_PENDING, told, live, world.now)
    if any(number(entry, "observedGeneration") < generation for entry in said):
        return Finding(Reason.PROGRESSING, f"{what} has changed; the gateway is taking it up."), None
    for entry in said:
        if text(entry, "status") == "False":
            words = text(entry, "message").rstrip(". ") or text(entry, "reason")
            told = (
                f"{what} is refused by the gateway ({text(entry, 'reason')}): {words}. Correct expose, or "
                "ask the Gateway's owner."
            )
            return Finding(AppReason.ROUTE_REFUSED, told, stalled=text(entry, "type") == "Accepted"), None
    return None


def _ingress(resource: Resource, live: Manifest | None, world: World) -> Trouble | None:
    if _first_address(live):
        return None
    told = (
        f"Ingress {resource.name!r} has no address yet. If this lasts, no controller runs the ingress class "
        f"{world.settings.ingress_class!r}."
    )
    return lasting(AppReason.ROUTE_PENDING, told, live, world.now)


_CHECKS: Mapping[str, tuple[tuple[ObjectKind, Any], ...]] = {
    "gateway": (
        (HTTP_ROUTE, _gateway),
        (SECURITY_POLICY, _policy),
        (BACKEND_TRAFFIC_POLICY, _policy),
        (CERTIFICATE, _certificate),
        (LISTENER_SET, _listeners),
        (HTTP_ROUTE, _route),
    ),
    "ingress": ((CERTIFICATE, _certificate), (INGRESS, _ingress)),
}


def _address(resource: Resource, world: World) -> Said:
    name = names.load_balancer(resource)
    live = world.children.get(names.ref(resource, SERVICE, name))
    address = _first_address(live)
    if not address:
        pool = resource.spec.expose.pool
        source = f" from pool {pool!r}" if pool else ""
        told = (
            f"Service {name!r} has no address yet{source}. If this lasts, no load balancer runs in this "
            "cluster, "
            f"or the pool has none left."
        )
        finding, wait = lasting(AppReason.ADDRESS_PENDING, told, live, world.now)
        return Said(
            (finding,),
            Condition(TYPE, "False", finding.reason, told),
            child_reasons={(SERVICE.kind, name): str(finding.reason)},
            recheck_after=wait,
        )
    port = containers.first_tcp(resource.spec)
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{port.port}/" if port else ""
    told = f"The app is reached at {url or host}."
    return Said((), Condition(TYPE, "True", AppReason.EXPOSED, told), {"url": url} if url else {})


def _first_address(live: Manifest | None) -> str:
    return next(_addresses(live), "")


def _addresses(live: Manifest | None) -> Iterator[str]:
    for entry in items(mapping(live, "status", "loadBalancer"), "ingress"):
        if found := text(entry, "ip") or text(entry, "hostname"):
            yield found
