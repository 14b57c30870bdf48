"""FirewallPolicies that are wrong though each value has the right type; what names something; what does not.

A row's field and remedy must both be in what the user reads; the mended spec must become Ready.
"""

from __future__ import annotations

from typing import Any

from pileus.engine.plan import Manifest
from tests.campaign.subject import Deputy, Spec, Wrong
from tests.campaign.subjects.firewallpolicy_around import AGENT, API, DNS
from tests.campaign.subjects.firewallpolicy_specs import policy, rule

NAME = "{name}"


def _wrong(name: str, field: str, remedy: str, mended: Spec | None = None, **spec: Any) -> Wrong:
    return Wrong(name, policy(**spec), field, remedy, mended=mended or policy())


def _rule(name: str, field: str, remedy: str, /, **more: Any) -> Wrong:
    """One rule is wrong."""
    return Wrong(name, policy(rule(**more)), f"rules[].{field}", remedy, mended=policy(rule()))


def _peer(name: str, field: str, remedy: str, /, **peer: Any) -> Wrong:
    """One peer is wrong."""
    mended = policy(rule("r", "Egress", peers=[{"app": "worker"}]))
    spec = policy(rule("r", "Egress", peers=[peer]))
    return Wrong(name, spec, f"rules[].peers[].{field}", remedy, mended=mended)


def _lacks(name: str, field: str, needs: str, **more: Any) -> Wrong:
    """What the cluster cannot: told, and nothing is enforced by halves."""
    spec = policy(rule(), rule("able", "Egress", **more))
    words = f"{needs}: it needs Cilium. Leave the rule out"
    stood = policy(rule())
    return Wrong(name, spec, field, words, "CapabilityMissing", stood, stood, absent=(AGENT,), stands=True)


def _unknown(name: str, preset: str, absent: Manifest) -> Wrong:
    """A preset that means nothing here."""
    spec, stood = policy(rule(), presets=[{"name": preset}]), policy(rule())
    words = "leave it out"
    return Wrong(name, spec, "presets", words, "PresetUnknown", stood, stood, absent=(absent,), stands=True)


SAYS = [{"key": "a", "operator": "In"}]
REFUSED: tuple[Wrong, ...] = (
    Wrong(
        "a name of 64 characters", policy(), "metadata.name", "at most 63", mended=policy(), resource="a" * 64
    ),
    _wrong("two targets", "target", "exactly one of", target={"apps": ["web"], "all": True}),
    _wrong("nobody", "target", "exactly one of", target={}),
    _wrong("no target", "target", "Required", target=None),
    _wrong("all, but not", "target.all", "supported values", target={"all": False}),
    _wrong("no names of apps", "target.apps", "at least 1", target={"apps": []}),
    _wrong("an app twice", "target.apps", "Duplicate", target={"apps": ["web", "web"]}),
    _wrong("an app elsewhere", "target.apps", "should match", target={"apps": ["other/web"]}),
    _wrong(
        "In without values",
        "target.selector.matchExpressions[].values",
        "In and NotIn need values",
        target={"selector": {"matchExpressions": SAYS}},
    ),
    _wrong(
        "Exists with values",
        "target.selector.matchExpressions[].values",
        "Exists and DoesNotExist have none",
        target={"selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}},
    ),
    _wrong(
        "a label with a space",
        "target.selector.matchLabels",
        "acme.dev/team",
        target={"selector": {"matchLabels": {"a b": "c"}}},
    ),
    _wrong(
        "a label's value with a slash",
        "target.selector.matchLabels",
        "should match",
        target={"selector": {"matchLabels": {"a": "b/c"}}},
    ),
    _wrong("it says nothing", "isolate", "give isolate, presets or rules", isolate=None),
    _wrong("it says nothing, in words", "isolate", "give isolate", isolate={"ingress": False}),
    Wrong(
        "ingress that is allowed and not isolated",
        policy(rule(), isolate={"ingress": False, "egress": True}),
        "isolate.ingress",
        "set isolate.ingress to true",
        mended=policy(rule(), isolate={"ingress": True}),
    ),
    _wrong(
        "egress that is allowed and not isolated",
        "isolate.egress",
        "set isolate.egress to true",
        isolate={"ingress": True, "egress": False},
        presets=[{"name": "DNS"}],
    ),
    _wrong("ports of DNS", "presets[].ports", "leave ports out", presets=[{"name": "DNS", "ports": ["53"]}]),
    _wrong("whose exposure", "presets", "app or one VM", target={"all": True}, presets=[{"name": "Exposed"}]),
    _wrong("a preset twice", "presets", "Duplicate", presets=[{"name": "DNS"}, {"name": "DNS"}]),
    _wrong("a preset that is none", "presets[].name", "supported values", presets=[{"name": "Everything"}]),
    Wrong("two rules of one name", policy(rule(), rule()), "rules", "Duplicate", mended=policy(rule())),
    _rule("a rule with a capital", "name", "should match", name="DNS"),
    _rule("a rule without peers", "peers", "at least 1", peers=[]),
    _rule("a host that comes in", "peers", "fqdn is for direction Egress", peers=[{"fqdn": "a.example.org"}]),
    _rule("ICMP with ports", "icmp", "write two rules", ports=["80"], icmp=[{"type": 8}]),
    _rule("HTTP without ports", "ports", "give the ports", http=[{"method": "GET"}]),
    _rule("HTTP over UDP", "ports", "over TCP", ports=["80/udp"], http=[{"method": "GET"}]),
    _rule("HTTP that is denied", "action", "leave action out", action="Deny", ports=["80"], http=[{}]),
    _rule("a path without a slash", "http[].path", "should match", ports=["80"], http=[{"path": "a"}]),
    _rule("a type of ICMP beyond the last", "icmp[].type", "less than or equal to 255", icmp=[{"type": 256}]),
    _rule("a port beyond the last", "ports", "between 1 and 65535", ports=["65536/tcp"]),
    _rule("port 0", "ports", "between 1 and 65535", ports=["0"]),
    _rule("a range upside down", "ports", "from the lower port", ports=["90-80/tcp"]),
    _rule("a port's name of 16 characters", "ports", "at most 15", ports=["a" * 16]),
    _rule("a protocol that has no ports", "ports", "should match", ports=["80/icmp"]),
    _peer("two peers in one", "peers", "exactly one of app", app="web", any=True),
    _peer("a peer that is nobody", "peers", "exactly one of app", **{"except": ["192.0.2.7/32"]}),
    _peer("addresses of a namespace", "peers", "leave namespace out", cidr="192.0.2.0/24", namespace="a"),
    _peer("a namespace twice", "namespaceSelector", "Give one of", namespace="a", namespaceSelector={}),
    _peer("an exception from pods", "except", "give cidr", app="web", **{"except": ["192.0.2.7/32"]}),
    _peer(
        "an exception elsewhere",
        "except",
        "lies within cidr",
        cidr="192.0.2.0/24",
        **{"except": ["10.0.0.0/8"]},
    ),
    _peer(
        "an exception of everything",
        "except",
        "is smaller",
        cidr="192.0.2.0/24",
        **{"except": ["192.0.2.0/24"]},
    ),
    _peer("an address that is no range", "cidr", "203.0.113.0/24", cidr="192.0.2.7"),
    _peer("a range that begins in its middle", "cidr", "first address", cidr="192.0.2.7/24"),
    _peer("a host with a slash", "fqdn", "should match", fqdn="example.org/a"),
    _peer("everything as a host", "fqdn", "should match", fqdn="*.*"),
    _peer("a namespace with a dot", "namespace", "should match", namespace="a.b"),
    _wrong("a field that is none", "ingress", "unknown field", ingress=[]),
)

TOLD: tuple[Wrong, ...] = (
    _lacks("hosts, for an enforcer that cannot", "rules[].peers[].fqdn", "fqdn", peers=[{"fqdn": "a.b"}]),
    _lacks("denial, for an enforcer that cannot", "rules[].action", "action: Deny", action="Deny"),
    _lacks("requests, for an enforcer that cannot", "rules[].http", "http", ports=["80"], http=[{}]),
    _lacks("echoes, for an enforcer that cannot", "rules[].icmp", "icmp", icmp=[{"type": 8}]),
    _lacks("logs, for an enforcer that cannot", "rules[].log", "log", log=True),
    _unknown("DNS that is nowhere", "DNS", DNS),
    _unknown("an API without endpoints", "KubeAPIServer", API),
)

WRONG = (*REFUSED, *TOLD)


def _deputy(field: str, *rules: Spec, **more: Any) -> Deputy:
    return Deputy(field, policy(*rules, **more))


def _by(**peer: Any) -> Spec:
    return rule(peers=[peer])


def _labelled(**requirement: Any) -> Spec:
    return {"selector": {"matchExpressions": [requirement]}}


# Whatever they name: the policy is of its own namespace and selects pods there. Whom it lets in or out is
# what those pods' owner says of them; of what is elsewhere it says nothing.
DEPUTIES: tuple[Deputy, ...] = (
    _deputy("target.apps[]", target={"apps": [NAME]}),
    _deputy("target.vms[]", target={"vms": [NAME]}),
    _deputy("target.selector.matchLabels{}", target={"selector": {"matchLabels": {"app": NAME}}}),
    _deputy(
        "target.selector.matchExpressions[].values[]",
        target=_labelled(key="app", operator="In", values=[NAME]),
    ),
    _deputy("rules[].peers[].app", _by(app=NAME)),
    _deputy("rules[].peers[].vm", _by(vm=NAME)),
    _deputy("rules[].peers[].selector.matchLabels{}", _by(selector={"matchLabels": {"app": NAME}})),
    _deputy(
        "rules[].peers[].selector.matchExpressions[].values[]",
        _by(**_labelled(key="app", operator="In", values=[NAME])),
    ),
    _deputy("rules[].peers[].namespace", _by(app="web", namespace=NAME)),
    _deputy(
        "rules[].peers[].namespaceSelector.matchLabels{}",
        _by(app="web", namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": NAME}}),
    ),
    _deputy(
        "rules[].peers[].namespaceSelector.matchExpressions[].values[]",
        _by(
            namespaceSelector={
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [NAME]}
                ]
            }
        ),
    ),
    _deputy("rules[].peers[].fqdn", rule("r", "Egress", peers=[{"fqdn": NAME}])),
)

NAMELESS: dict[str, str] = {
    "target.selector.matchExpressions[].key": "a label of pods of its own namespace",
    "rules[].peers[].selector.matchExpressions[].key": "a label of pods",
    "rules[].peers[].namespaceSelector.matchExpressions[].key": "a label of namespaces",
    "rules[].name": "the policy's own rule",
    "rules[].peers[].cidr": "a range of addresses",
    "rules[].peers[].except[]": "a range of addresses",
    "rules[].ports[]": "ports",
    "presets[].ports[]": "ports",
    "rules[].http[].path": "a path of requests",
}
