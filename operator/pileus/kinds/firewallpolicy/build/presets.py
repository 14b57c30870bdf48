"""What a preset means in this cluster. No flow is of two presets: what one is about, the others leave out.

Whom a preset lets in or out is told by what only administrators decide: namespaces by their names, the
endpoints of the API, the ranges of the cluster. Labels alone are anybody's to set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from pileus.engine.plan import Finding, Topic
from pileus.engine.world import World
from pileus.kinds.firewallpolicy.build import exposed
from pileus.kinds.firewallpolicy.build.rules import (
    Block,
    Direction,
    Flows,
    Pods,
    Port,
    Side,
    named_namespaces,
    ports,
)
from pileus.kinds.firewallpolicy.model import FirewallPolicySpec, Preset
from pileus.kinds.firewallpolicy.reasons import PolicyReason
from pileus.objects import fabric
from pileus.objects.fabric import Dns
from pileus.objects.netpol import alone
from pileus.objects.surroundings import Surroundings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",
    "100.64.0.0/10",  # shared by carriers, and by clusters
    "127.0.0.0/8",
    "169.254.0.0/16",  # link-local: the metadata of clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmarks
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",
    "::1/128",
    "64:ff9b::/96",  # IPv4 behind a translator
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""Addresses that are not of the Internet (IANA's special-purpose registries)."""

PROMETHEUS = {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}

TOPICS: dict[str, tuple[Topic, ...]] = {
    "DNS": (fabric.DNS, fabric.FAMILIES),
    "KubeAPIServer": (fabric.API_SERVER, fabric.FAMILIES),
    "Internet": (fabric.RANGES, fabric.API_SERVER, fabric.FAMILIES),
    "Exposed": (fabric.FAMILIES,),
}
"""What a preset follows."""


def flows(
    preset: Preset, spec: FirewallPolicySpec, world: World, directions: Iterable[Direction]
) -> list[Flows] | Finding:
    """The rules of a preset, or why it cannot be said what it means. directions: for SameNamespace."""
    around: Surroundings = world.survey
    settings = world.settings
    wanted = ports(preset.ports)
    match preset.name:
        case "DNS":
            dns = around.fabric.dns()
            if dns is None:
                return _unknown(preset, "the cluster's DNS was not found (a Service k8s-app=kube-dns)")
            return _dns(dns)
        case "KubeAPIServer":
            found = around.fabric.api_server()
            if not found:
                return _unknown(preset, "the Kubernetes API has no endpoints")
            return _api_server(found)
        case "Internet":
            return [Flows(preset.name, Direction.EGRESS, tuple(_internet(around)), wanted)]
        case "MetricsScrape":
            metrics = named_namespaces(*settings.metrics_namespaces)
            return [Flows(preset.name, Direction.INGRESS, (Pods(PROMETHEUS, metrics),), wanted)]
        case "IngressGateway":
            gateways = named_namespaces(*settings.gateway_namespaces)
            return [Flows(preset.name, Direction.INGRESS, (Pods({}, gateways),), wanted)]
        case exposed.EXPOSED:
            return exposed.flows(spec, world)
    return [Flows(preset.name, direction, (Pods({}),), wanted) for direction in directions]


def _dns(dns: Dns) -> list[Flows]:
    sides: list[Side] = [Pods({"matchLabels": dict(dns.selector)}, named_namespaces(dns.namespace))]
    found = [
        Flows(
            "DNS", Direction.EGRESS, tuple(sides), tuple(Port(protocol, port) for protocol, port in dns.ports)
        )
    ]
    if dns.addresses:
        local = tuple(Block(f"{one}/32") for one in dns.addresses)
        found.append(Flows("DNS", Direction.EGRESS, local, (Port("TCP", 53), Port("UDP", 53))))
    return found


def _api_server(found: Iterable[tuple[str, int]]) -> list[Flows]:
    by_port: dict[int, list[str]] = {}
    for address, port in found:
        by_port.setdefault(port, []).append(address)
    return [
        Flows(
            "KubeAPIServer",
            Direction.EGRESS,
            tuple(Block(alone(address)) for address in sorted(by_port[port])),
            (Port("TCP", port),),
        )
        for port in sorted(by_port)
    ]


def _internet(around: Surroundings) -> Iterable[Block]:
    api = [alone(address) for address, _ in around.fabric.api_server()]
    taken = [ipaddress.ip_network(one, strict=False) for one in (*PRIVATE, *around.fabric.ranges(), *api)]
    for everything in (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")):
        own = [one for one in taken if one.version == everything.version]
        yield Block(str(everything), tuple(map(str, _collapsed(own))))


def _collapsed(found: list[Network]) -> list[Network]:
    """As few ranges as say the same."""
    return list(ipaddress.collapse_addresses(found))  # type: ignore[type-var]


def _unknown(preset: Preset, why: str) -> Finding:
    return Finding(
        PolicyReason.PRESET_UNKNOWN,
        f"Preset {preset.name} of spec.presets cannot be resolved: {why}. It goes on by itself once that is "
        "known; else leave it out, and write a rule instead.",
    )
