"""Where each field of a FirewallPolicy takes effect: in one of two policies, or in its status.

Each policy selects pods by a label of its own, since many are in one namespace and warnings tell of others.
"""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Effect, Spec
from tests.campaign.subjects.firewallpolicy_specs import IN

STILL: Spec = {"target": {"selector": {"matchLabels": {"app": "<here>"}}}, "isolate": IN}

BOOKKEEPING: dict[str, str] = {
    "status/resources": "lists the policy that there is",
    "NetworkPolicy/metadata.annotations": "which rule of the spec is which here",
}

NET, CILIUM = "NetworkPolicy", "CiliumNetworkPolicy"
SELECTS = f"{NET}/spec.podSelector"
TYPES = f"{NET}/spec.policyTypes"
COME, GO = f"{NET}/spec.ingress", f"{NET}/spec.egress"
MATCHED, RULES, WARNED = "status/matched", "status/rules", "status/warnings"
SWITCH = (NET, CILIUM)
WORDS = f"{CILIUM}/spec"

LABELS = ("one", "other")
KEYS = ("A", "acme.dev/team")
PORTS = ("80", "443/tcp", "30000-30100/udp", "http", "65535/sctp", "0/tcp", "9-8/tcp", "a" * 16)


def _target(**more: Any) -> Spec:
    return {"target": more}


def _chosen(**requirement: Any) -> Spec:
    return _target(selector={"matchExpressions": [requirement]})


def _rule(**more: Any) -> Spec:
    return {"rules": [{"name": "r", "direction": "Ingress", "peers": [{"app": "worker"}], **more}]}


def _peer(**more: Any) -> Spec:
    return _rule(peers=[more])


def _labelled(field: str, where: tuple[str, ...], theirs: tuple[str, ...] = ()) -> tuple[Effect, ...]:
    """The rows of a selector among a rule's peers, by the field's name; absent with its rule."""
    name = f"rules[].peers[].{field}"
    key = f"{name}.matchExpressions[].key"
    operator = f"{name}.matchExpressions[].operator"
    values = f"{name}.matchExpressions[].values[]"
    always = tuple(
        place for place in where if place != WARNED
    )  # some pod there is, with the label or without

    def one(**requirement: Any) -> Spec:
        return _peer(**{field: {"matchExpressions": [requirement]}})

    return (
        Effect(f"{name}.matchLabels{{}}", where, LABELS, _peer(), without="rules", theirs=theirs),
        Effect(key, where, KEYS, one(operator="Exists"), without="rules", theirs=theirs),
        Effect(operator, always, (), one(key="A"), without="rules", theirs=theirs),
        Effect(operator, always, (), one(key="A", values=["one"]), without="rules", theirs=theirs),
        Effect(values, where, LABELS, one(key="A", operator="In"), without="rules", theirs=theirs),
    )


TARGETS = (
    Effect("target.apps[]", (SELECTS, MATCHED, WARNED), ("web", "nobody"), _target(), without=None),
    Effect("target.vms[]", (SELECTS, MATCHED, WARNED), ("db", "nobody"), _target(), without=None),
    Effect(
        "target.selector.matchLabels{}",
        (SELECTS, MATCHED, WARNED),
        LABELS,
        _target(selector={}),
        without=None,
    ),
    Effect(
        "target.selector.matchExpressions[].key",
        (SELECTS, MATCHED, WARNED),
        KEYS,
        _chosen(operator="Exists"),
        without=None,
    ),
    Effect(
        "target.selector.matchExpressions[].operator",
        (SELECTS, MATCHED),
        context=_chosen(key="A"),
        without=None,
    ),
    Effect(
        "target.selector.matchExpressions[].operator",
        (SELECTS, MATCHED),
        context=_chosen(key="A", values=["one"]),
        without=None,
    ),
    Effect(
        "target.selector.matchExpressions[].values[]",
        (SELECTS, MATCHED, WARNED),
        LABELS,
        _chosen(key="A", operator="In"),
        without=None,
    ),
    Effect("target.all", (SELECTS, MATCHED, WARNED), together=_target()),
)

DIRECTIONS = (
    Effect("isolate.ingress", (TYPES,), context={"isolate": {"egress": True}}),
    Effect("isolate.egress", (TYPES,), context={"isolate": {"ingress": True}}),
)

PRESETS = (
    Effect(
        "presets[].name",
        (TYPES, COME, GO, RULES, WARNED),
        context={**_target(apps=["web"]), "presets": [{}]},
        without="presets",
    ),
    Effect("presets[].ports[]", (COME, GO), PORTS, {"presets": [{"name": "SameNamespace"}]}),
)

AMONG = (COME, RULES, WARNED)
PEERS = (
    Effect("rules[].peers[].app", AMONG, ("web", "nobody"), _peer(), without="rules"),
    Effect("rules[].peers[].vm", AMONG, ("db", "nobody"), _peer(), without="rules"),
    *_labelled("selector", (COME, RULES, WARNED)),
    Effect("rules[].peers[].namespace", AMONG, ("default", "kube-system", "none"), _peer(), without="rules"),
    # How many pods there are in any namespace depends on other tests.
    *_labelled("namespaceSelector", (COME,), (RULES, WARNED)),
    Effect(
        "rules[].peers[].cidr",
        (COME, RULES),
        ("192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"),
        _peer(),
        without="rules",
    ),
    Effect(
        "rules[].peers[].except[]",
        (COME,),
        ("192.0.2.7/32", "192.0.2.128/25", "192.0.3.0/24"),
        _peer(cidr="192.0.2.0/24"),
    ),
    Effect(
        "rules[].peers[].fqdn",
        (*SWITCH, WORDS, RULES),
        ("example.org", "*.example.org", "**.example.org"),
        _rule(direction="Egress", peers=[{}]),
        without="rules",
        theirs=(WARNED,),
    ),
    Effect("rules[].peers[].any", (COME, RULES), context=_peer(), without="rules"),
)

REQUESTS = _rule(ports=["80/tcp"], http=[{}])
FLOWS = (
    Effect(
        "rules[].name",
        (COME, RULES),
        ("r", "a-1"),
        {"rules": [{"direction": "Ingress", "peers": [{"app": "worker"}]}]},
        without="rules",
    ),
    Effect("rules[].direction", (TYPES, COME, GO, WARNED), context=_rule(), without=None),
    Effect("rules[].action", SWITCH, context=_rule()),
    Effect("rules[].ports[]", (COME,), PORTS, _rule()),
    Effect("rules[].http[].method", (*SWITCH, WORDS), context=REQUESTS, without="rules[].http"),
    Effect("rules[].http[].path", (*SWITCH, WORDS), ("/a", "/api/.*"), REQUESTS, without="rules[].http"),
    Effect("rules[].icmp[].family", (WORDS,), context=_rule(icmp=[{"type": 8}])),
    Effect("rules[].icmp[].type", (*SWITCH, WORDS), context=_rule(icmp=[{}]), without="rules[].icmp"),
    Effect("rules[].log", SWITCH, context=_rule()),
    Effect("mode", (NET, "status/plan", "status/summary", RULES), context=_rule()),
)

EFFECTS: tuple[Effect, ...] = (*TARGETS, *DIRECTIONS, *PRESETS, *PEERS, *FLOWS)
