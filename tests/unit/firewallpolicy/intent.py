"""Who may reach whom, said anew from docs and API alone: a second opinion on what policies become.

Nothing of the compiler is used, and nothing of NetworkPolicies: a spec is asked about one flow between two
ends that are known by everything. It is slow, and short enough to be believed by reading.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """A pod (namespace is set), or an address outside. ports: of its containers, by name and protocol."""

    ip: str
    namespace: str = ""
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)
    host: bool = False

    @property
    def is_pod(self) -> bool:
        """Whether policies know it as a pod: in the network of its node it is an address."""
        return bool(self.namespace) and not self.host


@dataclass(frozen=True)
class Place:
    """A cluster: labels of namespaces; where the API, DNS, Prometheus and gateways are; ranges of its own.

    exposes: what apps and machines say of their exposure, by kind and name: their specs.
    """

    spaces: Mapping[str, Mapping[str, str]]
    api: frozenset[tuple[str, int]]
    dns_ports: frozenset[tuple[str, Any]]
    dns_cache: str
    own: tuple[str, ...]
    metrics: tuple[str, ...] = ("monitoring",)
    gateways: tuple[str, ...] = ("envoy-gateway-system", "ingress-nginx")
    exposes: Mapping[tuple[str, str], Spec] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """From one end to another."""

    source: End
    target: End
    port: int
    protocol: str


DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")


def passes(spec: Spec, home: str, flow: Flow, place: Place) -> bool:
    """Whether a flow passes when this policy of namespace `home` is the only one there is."""
    if (flow.source.namespace, flow.source.name) == (flow.target.namespace, flow.target.name) != ("", ""):
        return True
    for direction, end in (("Ingress", flow.target), ("Egress", flow.source)):
        guarded = end.is_pod and end.namespace == home and targeted(spec["target"], end)
        if guarded and isolated(spec, direction) and not any(allowing(spec, home, direction, flow, place)):
            return False
    return True


def targeted(target: Spec, pod: End) -> bool:
    """Whether a pod of the policy's namespace is its target."""
    if "apps" in target:
        return of(pod, "ContainerApp") in target["apps"]
    if "vms" in target:
        return of(pod, "CloudVM") in target["vms"]
    return bool(target.get("all")) or chosen(target["selector"], pod.labels)


def isolated(spec: Spec, direction: str) -> bool:
    """As it is said; where nothing is said, when anything is allowed in the direction."""
    said = (spec.get("isolate") or {}).get(direction.lower())
    if said is not None:
        return bool(said)
    way = dict.fromkeys(("MetricsScrape", "IngressGateway", "Exposed"), "Ingress")
    way["SameNamespace"] = direction
    spoken = [way.get(one["name"], "Egress") for one in spec.get("presets", ())]
    return direction in [*spoken, *(rule["direction"] for rule in spec.get("rules", ()))]


def allowing(spec: Spec, home: str, direction: str, flow: Flow, place: Place) -> Iterator[str]:
    """Names of presets and rules that allow a flow."""
    other = flow.source if direction == "Ingress" else flow.target
    for preset in spec.get("presets", ()):
        if preset["name"] == "Exposed":
            if direction == "Ingress" and exposed(spec["target"], other, flow, place):
                yield "Exposed"
        elif meant(preset["name"], home, direction, other, flow, place) and port_of(
            preset.get("ports"), flow
        ):
            yield preset["name"]
    for rule in spec.get("rules", ()):
        about = rule["direction"] == direction and port_of(rule.get("ports"), flow)
        if about and any(peer_is(peer, home, other, place) for peer in rule["peers"]):
            yield rule["name"]


def meant(preset: str, home: str, direction: str, other: End, flow: Flow, place: Place) -> bool:
    """Whether a preset is about this other end."""
    if preset == "SameNamespace":
        return other.is_pod and other.namespace == home
    if preset == "MetricsScrape":
        prometheus = other.labels.get("app.kubernetes.io/name") == "prometheus"
        return direction == "Ingress" and other.is_pod and other.namespace in place.metrics and prometheus
    if preset == "IngressGateway":
        return direction == "Ingress" and other.is_pod and other.namespace in place.gateways
    if direction == "Ingress":
        return False
    if preset == "DNS":
        if place.dns_cache and other.ip == place.dns_cache:
            return flow.port == 53 and flow.protocol in ("TCP", "UDP")
        here = other.is_pod and other.namespace == "kube-system" and other.labels.get("k8s-app") == "kube-dns"
        numbers = {
            (protocol, other.ports.get((port, protocol)) if isinstance(port, str) else port)
            for protocol, port in place.dns_ports
        }
        return here and (flow.protocol, flow.port) in numbers
    if preset == "KubeAPIServer":
        return flow.protocol == "TCP" and (other.ip, flow.port) in place.api
    assert preset == "Internet"
    if any(inside(other.ip, one) for one in place.own) or other.ip in {api for api, _ in place.api}:
        return False
    if any(inside(other.ip, one) for one in DOCUMENTATION):
        return True  # these stand for the Internet in tests
    address = ipaddress.ip_address(other.ip)
    return not (
        address.is_private
        or address.is_link_local
        or address.is_loopback
        or address.is_multicast
        or address.is_reserved
        or inside(other.ip, "100.64.0.0/10")
        or inside(other.ip, "64:ff9b::/96")
    )


def exposed(target: Spec, other: End, flow: Flow, place: Place) -> bool:
    """Whether the exposure of the one app or machine that is the target lets an end in."""
    if "vms" in target:
        ways = place.exposes.get(("CloudVM", target["vms"][0]), {}).get("expose", ())
        return any(
            way.get("type") in ("NodePort", "LoadBalancer")
            and (way.get("protocol", "TCP"), way.get("target", way["port"])) == (flow.protocol, flow.port)
            and ranged(way, other)
            for way in ways
        )
    app = place.exposes.get(("ContainerApp", target["apps"][0]), {})
    ports = [{"name": "http"}] if "port" in app else app.get("ports", [])
    named = [(one["name"], one.get("protocol", "TCP")) for one in ports]
    expose = app.get("expose", {})
    if "hosts" in expose:
        named = [one for one in named if one[1] == "TCP"][:1]
        comes = other.is_pod and other.namespace in place.gateways
    else:
        comes = "type" in expose and ranged(expose, other)
    return comes and any(
        protocol == flow.protocol and flow.target.ports.get((name, protocol)) == flow.port
        for name, protocol in named
    )


def ranged(expose: Spec, other: End) -> bool:
    """Whether an end is of the ranges that are let in."""
    return "allowFrom" not in expose or any(inside(other.ip, one) for one in expose["allowFrom"])


def peer_is(peer: Spec, home: str, other: End, place: Place) -> bool:
    """Whether an end is meant by a peer."""
    if peer.get("any"):
        return True
    if "cidr" in peer:
        return inside(other.ip, peer["cidr"]) and not any(
            inside(other.ip, one) for one in peer.get("except", ())
        )
    if not other.is_pod:
        return False
    if "namespaceSelector" in peer:
        if not chosen(peer["namespaceSelector"], place.spaces[other.namespace]):
            return False
    elif other.namespace != peer.get("namespace", home):
        return False
    if "app" in peer:
        return of(other, "ContainerApp") == peer["app"]
    if "vm" in peer:
        return of(other, "CloudVM") == peer["vm"]
    return chosen(peer.get("selector", {}), other.labels)


def port_of(written: list[str] | None, flow: Flow) -> bool:
    """Whether the flow goes to one of these ports; names are those that the target's containers give."""
    if written is None:
        return True
    for one in written:
        number, _, protocol = one.partition("/")
        if (protocol or "tcp").upper() != flow.protocol:
            continue
        if number[0].isdigit():
            first, _, last = number.partition("-")
            if int(first) <= flow.port <= int(last or first):
                return True
        elif flow.target.is_pod and flow.target.ports.get((number, flow.protocol)) == flow.port:
            return True
    return False


def of(pod: End, kind: str) -> str | None:
    """The name of the resource of ours of this kind that a pod is of."""
    return pod.labels.get("pileus.dev/name") if pod.labels.get("pileus.dev/kind") == kind else None


def chosen(selector: Spec, labels: Mapping[str, str]) -> bool:
    """Labels as Kubernetes selects by them."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for one in selector.get("matchExpressions", ()):
        value = labels.get(one["key"])
        holds = {
            "In": value is not None and value in one.get("values", ()),
            "NotIn": value is None or value not in one.get("values", ()),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[one["operator"]]:
            return False
    return True


def inside(ip: str, cidr: str) -> bool:
    """Whether an address is of a range."""
    address, network = ipaddress.ip_address(ip), ipaddress.ip_network(cidr)
    return address.version == network.version and address in network
