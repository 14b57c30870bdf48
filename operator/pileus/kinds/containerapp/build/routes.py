"""The objects by which requests for hosts reach the app: HTTPRoute, ListenerSet, Certificate, Ingress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.containerapp.build import containers, names
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.reach import Expose
from pileus.objects.catalog import (
    CERTIFICATE,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    INGRESS,
    LISTENER_SET,
)
from pileus.objects.metadata import child
from pileus.objects.reading import items, number, text

DECIDING = ("Accepted", "ResolvedRefs")
"""Conditions by which a gateway says whether it serves a route."""

_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Gateway:
    """The administrator's Gateway. `live` is None when it does not exist (yet)."""

    namespace: str
    name: str
    live: Manifest | None
    controller: str

    @classmethod
    def find(cls, world: World) -> Gateway:
        """The Gateway that the settings name, with the controller that runs it."""
        namespace, _, name = world.settings.gateway.partition("/")
        live = next(
            (
                gateway
                for gateway in world.shared.get(GATEWAY.id, ())
                if text(gateway, "metadata", "namespace") == namespace
                and text(gateway, "metadata", "name") == name
            ),
            None,
        )
        its_class = text(live, "spec", "gatewayClassName")
        controllers = (
            text(entry, "spec", "controllerName")
            for entry in world.shared.get(GATEWAY_CLASS.id, ())
            if text(entry, "metadata", "name") == its_class
        )
        return cls(namespace, name, live, next(controllers, ""))

    @property
    def display(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def address(self, wanted: Expose, own_listeners: bool) -> tuple[str, str]:
        """Scheme, and port with its colon where it is not the usual one, of the app's first host."""
        if own_listeners:
            return "https", ""
        host = next((host for host in wanted.hosts if not host.startswith("*")), "")
        serving = [
            listener
            for listener in items(self.live, "spec", "listeners")
            if _serves(text(listener, "hostname"), host)
        ]
        for scheme in ("https", "http"):
            for listener in serving:
                if text(listener, "protocol") == scheme.upper():
                    port = number(listener, "port")
                    return scheme, "" if port in (0, _USUAL_PORTS[scheme]) else f":{port}"
        return "http", ""


def http_route(
    resource: Resource,
    spec: ContainerAppSpec,
    gateway: Gateway,
    *,
    weight: int,
    own_listeners: bool,
    annotations: Mapping[str, str],
) -> Manifest:
    """Sends the hosts' requests to the tracks; a track without weight is left out."""
    assert spec.expose is not None
    port = containers.first_tcp(spec)
    backends = [
        {"name": names.of_track(resource, track), "port": port.port if port else 80, "weight": share}
        for track, share in ((names.STABLE, 100 - weight), (names.NEXT, weight))
        if share
    ]
    if own_listeners:
        parent = {"group": LISTENER_SET.group, "kind": LISTENER_SET.kind, "name": resource.name}
    else:
        parent = {
            "group": GATEWAY.group,
            "kind": GATEWAY.kind,
            "name": gateway.name,
            "namespace": gateway.namespace,
        }
    match = {"path": {"type": "PathPrefix", "value": spec.expose.path or "/"}}
    body = {
        "parentRefs": [parent],
        "hostnames": sorted(spec.expose.hosts),
        "rules": [{"matches": [match], "backendRefs": backends}],
    }
    return child(
        resource,
        api_version=HTTP_ROUTE.api_version,
        kind=HTTP_ROUTE.kind,
        name=resource.name,
        body={"spec": body},
        annotations=annotations,
    )


def listener_set(resource: Resource, wanted: Expose, gateway: Gateway, secret: str) -> Manifest:
    """The app's own HTTPS listeners on the Gateway, with the certificate in `secret`."""
    listeners = [
        {
            "name": f"https-{index}",
            "hostname": host,
            "port": 443,
            "protocol": "HTTPS",
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": secret}]},
        }
        for index, host in enumerate(sorted(wanted.hosts))
    ]
    parent = {
        "group": GATEWAY.group,
        "kind": GATEWAY.kind,
        "name": gateway.name,
        "namespace": gateway.namespace,
    }
    return child(
        resource,
        api_version=LISTENER_SET.api_version,
        kind=LISTENER_SET.kind,
        name=resource.name,
        body={"spec": {"parentRef": parent, "listeners": listeners}},
    )


def certificate(resource: Resource, wanted: Expose, issuer: str) -> Manifest:
    """Asks cert-manager for a certificate for the hosts."""
    body = {
        "secretName": names.certificate_secret(resource),
        "dnsNames": sorted(wanted.hosts),
        "issuerRef": {"group": CERTIFICATE.group, "kind": "ClusterIssuer", "name": issuer},
    }
    return child(
        resource,
        api_version=CERTIFICATE.api_version,
        kind=CERTIFICATE.kind,
        name=resource.name,
        body={"spec": body},
    )


def ingress(
    resource: Resource,
    spec: ContainerAppSpec,
    *,
    ingress_class: str,
    tls_secret: str,
    annotations: Mapping[str, str],
) -> Manifest:
    """Sends the hosts' requests to the app where there is no Gateway API."""
    assert spec.expose is not None
    port = containers.first_tcp(spec)
    backend = {"service": {"name": resource.name, "port": {"name": port.name if port else "http"}}}
    path = {"path": spec.expose.path or "/", "pathType": "Prefix", "backend": backend}
    hosts = sorted(spec.expose.hosts)
    body: Manifest = {
        "ingressClassName": ingress_class,
        "rules": [{"host": host, "http": {"paths": [path]}} for host in hosts],
    }
    if tls_secret:
        body["tls"] = [{"hosts": hosts, "secretName": tls_secret}]
    return child(
        resource,
        api_version=INGRESS.api_version,
        kind=INGRESS.kind,
        name=resource.name,
        body={"spec": body},
        annotations=annotations,
    )


def parent_conditions(route: Manifest) -> Iterator[Mapping[str, Any]]:
    """What each parent that the route names now says of it, in its deciding conditions."""
    named = {text(parent, "name") for parent in items(route, "spec", "parentRefs")}
    for parent in items(route, "status", "parents"):
        if text(parent, "parentRef", "name") not in named:
            continue  # a parent of before, which has not left yet
        for condition in items(parent, "conditions"):
            if condition.get("type") in DECIDING:
                yield condition


def _serves(listener_host: str, host: str) -> bool:
    if not listener_host or listener_host == host:
        return True
    return listener_host.startswith("*.") and host.endswith(listener_host[1:])
