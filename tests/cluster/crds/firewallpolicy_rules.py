"""For each rule of the FirewallPolicy's CRD: a spec that breaks it, and its neighbour that does not."""

from __future__ import annotations

from typing import Any

from tests.cluster.crds.containerapp_rules import Row, Spec

WORKER: Spec = {"app": "worker"}


def rule(*peers: Spec, name: str = "r", direction: str = "Ingress", **more: Any) -> Spec:
    """A spec with one rule."""
    return {"rules": [{"name": name, "direction": direction, "peers": list(peers) or [WORKER], **more}]}


def egress(*peers: Spec, **more: Any) -> Spec:
    return rule(*peers, direction="Egress", **more)


def target(**body: Any) -> Spec:
    return {"target": body}


def preset(name: str, **more: Any) -> Spec:
    return {"presets": [{"name": name, **more}]}


def of_ports(*, place: str) -> tuple[Row, ...]:
    """The rules of ports, which stand in rules and presets."""

    def spec(*ports: str) -> Spec:
        return preset("Internet", ports=list(ports)) if "preset" in place else rule(ports=list(ports))

    return (
        Row(
            place, "A port is a number", "there is none of this number", spec("65536/udp"), spec("65535/udp")
        ),
        Row(place, "A range goes from", "an empty range is a slip", spec("90-80/tcp"), spec("80-90/tcp")),
        Row(place, "The name of a port", "no container can", spec("a" * 16), spec(f"{'a' * 15}/sctp")),
    )


def of_selector(*, place: str) -> tuple[Row, ...]:
    """The rules of selectors, which stand in three places."""

    def spec(selector: Spec) -> Spec:
        if "target" in place:
            return target(selector=selector)
        key = "namespaceSelector" if "namespaceSelector" in place else "selector"
        return rule({key: selector})

    listed = {"key": "a", "operator": "In"}
    return (
        Row(
            f"{place}.matchLabels",
            "A label is a name",
            "the API server refuses it",
            spec({"matchLabels": {"a b": "c"}}),
            spec({"matchLabels": {"acme.dev/a_b": "c"}}),
        ),
        Row(
            f"{place}.matchExpressions",
            "In and NotIn need values",
            "the API server refuses it",
            spec({"matchExpressions": [listed]}),
            spec({"matchExpressions": [{**listed, "values": ["b"]}, {"key": "a", "operator": "Exists"}]}),
        ),
    )


def of_range(*, place: str) -> tuple[Row, ...]:
    """The rules of ranges."""

    def spec(cidr: str) -> Spec:
        return rule({"cidr": "192.0.2.0/24", "except": [cidr]} if "except" in place else {"cidr": cidr})

    return (
        Row(
            place, "Write a range such as", "an address is no range", spec("192.0.2.7"), spec("192.0.2.7/32")
        ),
        Row(place, "A range begins with", "two ways to say one", spec("192.0.2.7/25"), spec("192.0.2.0/25")),
    )


ROWS: tuple[Row, ...] = (
    Row("", "The name is too long", "a label value has 63 characters", {}, {}, names=("a" * 64, "a" * 63)),
    Row("", "The name must start with a letter", "one rule for all", {}, {}, names=("a.b", "a-b")),
    Row(
        "spec",
        "An allowed flow blocks all others of its direction: set isolate.ingress",
        "a NetworkPolicy that allows isolates",
        {"isolate": {"ingress": False}, **rule()},
        {"isolate": {"ingress": False}, **egress()},
    ),
    Row(
        "spec",
        "An allowed flow blocks all others of its direction: set isolate.egress",
        "a NetworkPolicy that allows isolates",
        {"isolate": {"egress": False}, **preset("Internet")},
        {"isolate": {"egress": False}, **preset("IngressGateway")},
    ),
    Row(
        "spec",
        "SameNamespace allows nothing",
        "a field that is accepted and ignored",
        {"isolate": {"ingress": False, "egress": False}, **preset("SameNamespace")},
        {"isolate": {"ingress": False}, **preset("SameNamespace")},
    ),
    Row(
        "spec",
        "The policy says nothing",
        "it would look as if it protected",
        {"isolate": {"ingress": False}},
        {"isolate": {"ingress": False, "egress": True}},
    ),
    Row(
        "spec.target",
        "Give exactly one of apps",
        "two truths about whom it is for",
        target(apps=["web"], all=True),
        target(all=True),
    ),
    *of_selector(place="spec.target.selector"),
    Row(
        "spec.presets",
        "The ports of DNS and KubeAPIServer",
        "they are the cluster's",
        preset("KubeAPIServer", ports=["443"]),
        preset("Internet", ports=["443"]),
    ),
    Row(
        "spec.presets",
        "The ports of Exposed",
        "they are the target's",
        target(apps=["web"]) | preset("Exposed", ports=["443"]),
        target(apps=["web"]) | preset("Exposed"),
    ),
    Row(
        "spec",
        "Exposed follows the expose of one app or one VM",
        "the ports of one would be open at the other",
        target(apps=["web", "api"]) | preset("Exposed"),
        target(vms=["db-1"]) | preset("Exposed"),
    ),
    Row(
        "spec",
        "IngressGateway and Exposed are both",
        "two truths about who comes from outside",
        target(apps=["web"]) | {"presets": [{"name": "Exposed"}, {"name": "IngressGateway"}]},
        target(apps=["web"]) | {"presets": [{"name": "Exposed"}, {"name": "MetricsScrape"}]},
    ),
    *of_ports(place="spec.presets[].ports"),
    Row(
        "spec.rules",
        "Only where the target goes to has a name",
        "whoever comes has an address",
        rule({"fqdn": "a.example.org"}),
        egress({"fqdn": "**.example.org"}),
    ),
    Row(
        "spec.rules",
        "Names of hosts can be allowed only",
        "Cilium has no such field",
        egress({"fqdn": "a.example.org"}, action="Deny"),
        egress({"cidr": "192.0.2.0/24"}, action="Deny"),
    ),
    Row(
        "spec.rules",
        "ICMP has no ports",
        "a port of what",
        rule(icmp=[{"type": 8}], ports=["80"]),
        rule(icmp=[{"type": 8}]),
    ),
    Row(
        "spec.rules",
        "HTTP goes over TCP",
        "requests of what",
        rule(http=[{}], ports=["80/udp"]),
        rule(http=[{}], ports=["80"]),
    ),
    Row(
        "spec.rules",
        "What http names is allowed",
        "an enforcer denies packets, not requests",
        rule(http=[{}], ports=["80"], action="Deny"),
        rule(http=[{}], ports=["80"], action="Allow"),
    ),
    Row(
        "spec.rules[].peers",
        "Give exactly one of app, vm",
        "two truths about who it is",
        rule({"app": "a", "vm": "b"}),
        rule({"namespace": "a"}),
    ),
    Row(
        "spec.rules[].peers",
        "Addresses and names of hosts are in no namespace",
        "it would be ignored",
        rule({"cidr": "192.0.2.0/24", "namespace": "a"}),
        rule({"app": "worker", "namespace": "a"}),
    ),
    Row(
        "spec.rules[].peers",
        "Give one of namespace and namespaceSelector",
        "two truths about where it is",
        rule({"app": "a", "namespace": "a", "namespaceSelector": {}}),
        rule({"app": "a", "namespaceSelector": {}}),
    ),
    Row(
        "spec.rules[].peers",
        "except takes ranges out of cidr",
        "out of what",
        rule({"app": "a", "except": ["192.0.2.0/25"]}),
        rule({"cidr": "192.0.2.0/24", "except": ["192.0.2.0/25"]}),
    ),
    Row(
        "spec.rules[].peers",
        "Every range of except lies within cidr",
        "the API server refuses it",
        rule({"cidr": "192.0.2.0/24", "except": ["192.0.2.0/24"]}),
        rule({"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]}),
    ),
    *of_selector(place="spec.rules[].peers[].selector"),
    *of_selector(place="spec.rules[].peers[].namespaceSelector"),
    *of_range(place="spec.rules[].peers[].cidr"),
    *of_range(place="spec.rules[].peers[].except"),
    *of_ports(place="spec.rules[].ports"),
)

SCHEMA: tuple[tuple[str, Spec, str], ...] = (
    ("it is about somebody", {"target": None}, "spec.target: Required value"),
    ("all is true or absent", target(all=False), "spec.target.all: Unsupported value"),
    ("an app, at least", target(apps=[]), "spec.target.apps: Invalid value"),
    ("each app once", target(apps=["a", "a"]), "Duplicate value"),
    (
        "a preset that nobody knows",
        preset("Everything"),
        'spec.presets[0].name: Unsupported value: "Everything"',
    ),
    ("a preset once", {"presets": [{"name": "DNS"}, {"name": "DNS"}]}, "Duplicate value"),
    ("rules have names of their own", {"rules": [*rule()["rules"], *rule()["rules"]]}, "Duplicate value"),
    (
        "somebody on the other side",
        {"rules": [{"name": "r", "direction": "Ingress", "peers": []}]},
        "spec.rules[0].peers: Invalid value",
    ),
    ("one direction a rule", rule(direction="Both"), 'direction: Unsupported value: "Both"'),
    (
        "no names with capitals, which are those of presets",
        rule(name="DNS"),
        "spec.rules[0].name: Invalid value",
    ),
    ("a protocol that there is", rule(ports=["80/icmp"]), "spec.rules[0].ports[0]: Invalid value"),
    ("a port that no container has", rule(ports=["http-"]), "spec.rules[0].ports[0]: Invalid value"),
    ("nor this one", rule(ports=["a--b"]), "spec.rules[0].ports[0]: Invalid value"),
    ("no ports is not all ports", rule(ports=[]), "spec.rules[0].ports: Invalid value"),
    ("a host, no URL", egress({"fqdn": "https://a.dev"}), "spec.rules[0].peers[0].fqdn: Invalid value"),
    ("not every host there is", egress({"fqdn": "*"}), "spec.rules[0].peers[0].fqdn: Invalid value"),
    ("a path begins", rule(http=[{"path": "v1"}], ports=["80"]), "spec.rules[0].http[0].path: Invalid value"),
    ("a type of ICMP", rule(icmp=[{"type": 256}]), "spec.rules[0].icmp[0].type: Invalid value"),
    ("a mode", {"mode": "Audit"}, 'spec.mode: Unsupported value: "Audit"'),
    (
        "a misspelt field is not ignored",
        {"isolate": {"inbound": True}},
        'unknown field "spec.isolate.inbound"',
    ),
)
