"""Whom an app or a machine lets in from outside of the cluster by its own `expose`, as rules of a firewall.

Ports are those of the pods: an app's by name, as its Services send to them, so that a version that listens
on another number is reached while both run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from pileus.engine.plan import Manifest
from pileus.engine.world import Reference, World
from pileus.kinds.firewallpolicy.build.rules import (
    Anybody,
    Block,
    Direction,
    Flows,
    Pods,
    Port,
    Side,
    named_namespaces,
)
from pileus.kinds.firewallpolicy.model import FirewallPolicySpec
from pileus.objects.reading import at, items, mapping, number, text

EXPOSED = "Exposed"


def references(spec: BaseModel) -> tuple[Reference, ...]:
    """Whose `expose` is followed: the API server admits the preset for one app or one machine only."""
    assert isinstance(spec, FirewallPolicySpec)
    if all(one.name != EXPOSED for one in spec.presets):
        return ()
    apps = tuple(Reference("ContainerApp", name) for name in spec.target.apps or ())
    return apps + tuple(Reference("CloudVM", name) for name in spec.target.vms or ())


def flows(spec: FirewallPolicySpec, world: World) -> list[Flows]:
    """A rule for each way in; one without sides where nobody is let in."""
    found: list[Flows] = []
    for reference in references(spec):
        referent = world.references.get(reference)
        live = (referent and referent.manifest) or {}
        found += _of_app(live, world) if reference.kind == "ContainerApp" else _of_machine(live)
    return found or [Flows(EXPOSED, Direction.INGRESS, ())]


def _of_app(live: Manifest, world: World) -> Iterator[Flows]:
    spec = mapping(live, "spec")
    expose = mapping(spec, "expose")
    ports = [Port(text(one, "protocol") or "TCP", text(one, "name")) for one in items(spec, "ports")]
    if spec.get("port"):
        ports = [Port("TCP", "http")]
    requests = [one for one in ports if one.protocol == "TCP"][:1]
    if at(expose, "hosts") and requests:
        gateways = named_namespaces(*world.settings.gateway_namespaces)
        yield Flows(EXPOSED, Direction.INGRESS, (Pods({}, gateways),), tuple(requests))
    elif expose.get("type") and ports:
        yield Flows(EXPOSED, Direction.INGRESS, _ranges(expose), tuple(ports))


def _of_machine(live: Manifest) -> Iterator[Flows]:
    for one in items(live, "spec", "expose"):
        guest = number(one, "target") or number(one, "port")
        if guest and text(one, "type") in ("NodePort", "LoadBalancer"):
            port = Port(text(one, "protocol") or "TCP", guest)
            yield Flows(EXPOSED, Direction.INGRESS, _ranges(one), (port,))


def _ranges(expose: Mapping[str, Any]) -> tuple[Side, ...]:
    allowed = expose.get("allowFrom") or ()
    return tuple(Block(one) for one in sorted(map(str, allowed))) or (Anybody(),)
