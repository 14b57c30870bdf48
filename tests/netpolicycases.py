"""What upstream's tests of NetworkPolicies expect, written anew, and some that they lack.

Upstream's are in kubernetes/test/e2e/network/netpol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pileus.engine.plan import Manifest
from pileus.objects.netpol import NAMESPACE_NAME, Flow
from tests.netpolicies import NAMES, PROTOCOLS, allow, block, expression, pods, policy, space


@dataclass(frozen=True, slots=True)
class Case:
    """Policies, and which flows they let pass.

    All do but those that `expect` says: `- * > x/a :80/TCP` are blocked, `+ y/* > x/a` are allowed after all;
    the last line that is about a flow counts. A pod always reaches itself.
    """

    shows: str
    policies: Sequence[Manifest]
    expect: Sequence[str] = ()
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def allows(self, source: str, target: str, flow: Flow) -> bool:
        """What is expected of a flow."""
        allowed = True
        for line in self.expect:
            sign, who, whom, port, protocol = _parsed(line)
            if (
                _about(who, source)
                and _about(whom, target)
                and port in ("", str(flow.port))
                and protocol in ("", flow.protocol)
            ):
                allowed = sign == "+"
        return allowed or source == target


def _parsed(line: str) -> tuple[str, str, str, str, str]:
    found = re.fullmatch(r"([+-]) (\S+) > (\S+)(?: :(\d*)/?(\w*))?", line)
    assert found, line
    sign, who, whom, port, protocol = (part or "" for part in found.groups())
    for name in (who, whom):
        assert name == "*" or name.replace("*", "a") in NAMES, line
    return sign, who, whom, port, protocol


def _about(pattern: str, name: str) -> bool:
    return pattern in ("*", name) or (pattern.endswith("/*") and name.startswith(pattern[:-1]))


def _more() -> Iterator[Case]:
    """What comes in the same words for both directions."""
    for protocol in PROTOCOLS:
        yield Case(
            f"a policy for {protocol} allows no other protocol",
            [policy("x", "a", ingress=[allow(ports=f"/{protocol}")])],
            ["- * > x/a", f"+ * > x/a :/{protocol}"],
        )


ONLY_Y_81 = policy("x", "a", name="port-81", ingress=[allow(space("y"), ports="81")])
X_ONLY_80 = policy("x", ingress=[allow(ports="80")])
NOT_X = space("x", operator="NotIn")

CASES: tuple[Case, ...] = (
    Case("no policy blocks nothing", []),
    Case(
        "default deny ingress isolates a namespace from itself, too", [policy("x", ingress=[])], ["- * > x/*"]
    ),
    Case(
        "default deny of both directions",
        [policy("x", ingress=[], egress=[])],
        ["- * > x/*", "- x/* > *"],
    ),
    Case(
        "a podSelector is about the own namespace",
        [policy("x", "a", ingress=[allow(pods("b"))])],
        ["- * > x/a", "+ x/b > x/a"],
    ),
    Case(
        "what one policy denies another allows for a target; all pods are nobody outside",
        [policy("x", name="deny", ingress=[]), policy("x", "a", ingress=[allow(space() | pods())])],
        ["- * > x/*", "+ x/* > x/a", "+ y/* > x/a", "+ z/* > x/a"],
    ),
    Case(
        "an empty namespaceSelector is all namespaces, the own one among them",
        [policy("x", "a", ingress=[allow(space())])],
        ["- out > x/a"],
    ),
    Case(
        "a namespace by its name, without its pods' labels",
        [policy("x", "a", ingress=[allow({"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: "{y}"}}})])],
        ["- * > x/a", "+ y/* > x/a"],
    ),
    Case(
        "a podSelector by expression",
        [policy("x", "a", ingress=[allow({"podSelector": expression("pod", "In", ["b"])})])],
        ["- * > x/a", "+ x/b > x/a"],
    ),
    Case(
        "a namespaceSelector by expression",
        [policy("x", "a", ingress=[allow(space("y"))])],
        ["- * > x/a", "+ y/* > x/a"],
    ),
    Case(
        "two peers: either will do",
        [policy("x", "a", ingress=[allow(NOT_X, pods("b"))])],
        ["- out > x/a", "- x/c > x/a"],
    ),
    Case(
        "both selectors in one peer: the pods in these namespaces",
        [policy("x", "a", ingress=[allow(NOT_X | pods("b"))])],
        ["- * > x/a", "+ y/b > x/a", "+ z/b > x/a"],
    ),
    Case(
        "several pods in several namespaces",
        [policy("x", "a", ingress=[allow(NOT_X | pods("b", "c"))])],
        ["- * > x/a", "+ y/b > x/a", "+ y/c > x/a", "+ z/b > x/a", "+ z/c > x/a"],
    ),
    Case(
        "any of several podSelectors",
        [policy("x", "a", ingress=[allow(pods("b"), pods("c"))])],
        ["- * > x/a", "+ x/b > x/a", "+ x/c > x/a"],
    ),
    Case(
        "one pod of another namespace",
        [policy("x", "a", ingress=[allow(space("y") | pods("a"))])],
        ["- * > x/a", "+ y/a > x/a"],
    ),
    Case(
        "one port, by TCP as nothing is said",
        [ONLY_Y_81],
        ["- * > x/a", "+ y/* > x/a :81/TCP"],
    ),
    Case(
        "policies add up",
        [ONLY_Y_81, policy("x", "a", name="port-80", ingress=[allow(space("y"), ports="80")])],
        ["- * > x/a", "+ y/* > x/a :/TCP"],
    ),
    Case("a rule that says nothing allows everything", [policy("x", ingress=[allow()])]),
    Case(
        "a named port, from anywhere",
        [policy("x", ingress=[allow(ports="serve-81-tcp")])],
        ["- * > x/*", "+ * > x/* :81/TCP"],
    ),
    Case(
        "a named port, from one namespace",
        [policy("x", "a", ingress=[allow(space("y"), ports="serve-80-tcp")])],
        ["- * > x/a", "+ y/* > x/a :80/TCP"],
    ),
    Case(
        "a named port of TCP is none of UDP",
        [policy("x", "a", ingress=[allow(space("y"), ports="serve-80-udp/UDP serve-81-tcp/UDP")])],
        ["- * > x/a", "+ y/* > x/a :80/UDP"],
    ),
    Case(
        "a named port to anywhere is the target's, and outside has no names",
        [policy("x", egress=[allow(ports="serve-80-tcp")])],
        ["- x/* > *", "+ x/* > * :80/TCP", "- x/* > out"],
    ),
    Case(
        "a named port to pods of another namespace",
        [policy("x", egress=[allow(space("y"), ports="serve-80-tcp")])],
        ["- x/* > *", "+ x/* > y/* :80/TCP"],
    ),
    Case(
        "a port's name that nobody has allows nothing",
        [policy("x", "a", ingress=[allow(pods(), ports="nobody")], egress=[])],
        ["- * > x/a", "- x/a > *"],
    ),
    Case(
        "a label that a namespace lacks",
        [policy("x", "a", ingress=[allow({"namespaceSelector": {"matchLabels": {"ns2": "updated"}}})])],
        ["- * > x/a"],
    ),
    Case(
        "a label that a namespace got",
        [policy("x", "a", ingress=[allow({"namespaceSelector": {"matchLabels": {"ns2": "updated"}}})])],
        ["- * > x/a", "+ y/* > x/a"],
        labels={"y": {"ns2": "updated"}},
    ),
    Case(
        "a label that a pod got makes it a peer",
        [
            policy(
                "x", "a", ingress=[allow({"podSelector": {"matchLabels": {"pod": "b", "pod2": "updated"}}})]
            )
        ],
        ["- * > x/a", "+ x/b > x/a"],
        labels={"x/b": {"pod2": "updated"}},
    ),
    Case(
        "of two labels that are asked for a pod has one",
        [
            policy(
                "x", "a", ingress=[allow({"podSelector": {"matchLabels": {"pod": "b", "pod2": "updated"}}})]
            )
        ],
        ["- * > x/a"],
    ),
    Case(
        "all pods of the own namespace, none of others",
        [policy("x", ingress=[allow(pods())])],
        ["- * > x/*", "+ x/* > x/*"],
    ),
    Case(
        "a policy whose pods are not there",
        [policy("x", {"matchLabels": {"target": "isolated"}}, ingress=[])],
    ),
    Case(
        "a label that a pod got isolates it",
        [policy("x", {"matchLabels": {"target": "isolated"}}, ingress=[])],
        ["- * > x/a"],
        labels={"x/a": {"target": "isolated"}},
    ),
    Case("deny egress of one pod; it is still reached", [policy("x", "a", egress=[])], ["- x/a > *"]),
    Case("deny egress of a namespace", [policy("x", egress=[])], ["- x/* > *"]),
    Case(
        "both directions in one policy",
        [policy("x", "a", ingress=[allow(pods("b"))], egress=[allow(ports="80")])],
        ["- * > x/a", "+ x/b > x/a", "- x/a > *", "+ x/a > * :80/TCP"],
    ),
    Case(
        "both ends must allow: what the target allows its source may not send",
        [
            policy("x", "a", egress=[allow(space("y") | pods("a"))]),
            policy("y", "a", name="to-a", ingress=[allow(space("x") | pods("a"))]),
            policy("y", "b", name="to-b", ingress=[allow(space("x") | pods("a"))]),
        ],
        ["- x/a > *", "- * > y/a", "- * > y/b", "+ x/a > y/a"],
    ),
    Case(
        "egress to one pod of another namespace",
        [policy("x", "a", egress=[allow(space("y") | pods("a"))])],
        ["- x/a > *", "+ x/a > y/a"],
    ),
    Case("one port for a namespace", [X_ONLY_80], ["- * > x/*", "+ * > x/* :80/TCP"]),
    Case("an ingress policy that allows all wins", [X_ONLY_80, policy("x", name="all", ingress=[allow()])]),
    Case(
        "an egress policy that allows all wins",
        [policy("x", egress=[allow(ports="80")]), policy("x", name="all", egress=[allow()])],
    ),
    Case(
        "egress to the address of a pod",
        [policy("x", "a", egress=[allow(block("{y/b}/32"))])],
        ["- x/a > *", "+ x/a > y/b"],
    ),
    Case(
        "egress to all addresses but a pod's",
        [policy("x", "a", egress=[allow(block("0.0.0.0/0", "{x/b}/32"))])],
        ["- x/a > x/b"],
    ),
    Case(
        "what one policy excepts another allows",
        [
            policy("x", "a", name="except", egress=[allow(block("0.0.0.0/0", "{x/b}/32"))]),
            policy("x", "a", egress=[allow(block("{x/b}/32"), ports="80")]),
        ],
        ["- x/a > x/b", "+ x/a > x/b :80/TCP"],
    ),
    Case(
        "directions are independent: egress allowed, ingress denied",
        [policy("x", "a", name="out", egress=[allow()]), policy("x", "a", ingress=[])],
        ["- * > x/a"],
    ),
    Case(
        "SCTP is not taken for TCP",
        [policy("x", name="deny", ingress=[]), policy("x", "a", ingress=[allow(ports="81/SCTP")])],
        ["- * > x/*"],
    ),
    Case(
        "SCTP alone isolates all the same",
        [policy("x", "a", ingress=[allow(ports="80/SCTP")])],
        ["- * > x/a"],
    ),
    Case(
        "one port by UDP, for one namespace",
        [policy("x", "a", ingress=[allow(space("y"), ports="81/UDP")])],
        ["- * > x/a", "+ y/* > x/a :81/UDP"],
    ),
    Case(
        "egress to all namespaces but one",
        [policy("x", "a", egress=[allow(space("y", operator="NotIn"))])],
        ["- x/a > y/*", "- x/a > out"],
    ),
    Case(
        "one policy of both ends and both directions: what its ingress allows its egress need not",
        [
            policy("x", ingress=[allow(pods())], egress=[]),
            policy("y", ingress=[], egress=[allow(pods())]),
            policy("z", ingress=[allow(pods("a"))], egress=[allow(pods("b"))]),
        ],
        ["- x/* > *", "- y/* > *", "- z/* > *", "- * > x/*", "- * > y/*", "- * > z/*", "+ z/a > z/b"],
    ),
    Case(
        "ranges of a rule add up: the hole in one is none in another",
        [policy("x", "a", egress=[allow(block("0.0.0.0/0", "{y/b}/32", "{x/b}/32"), block("{y/b}/32"))])],
        ["- x/a > x/b"],
    ),
    Case(
        "a port's name that nobody has adds nothing to those that somebody has, in either direction",
        [
            policy("x", "a", ingress=[allow(space(), ports="nobody"), allow(pods("b"), ports="nobody 81")]),
            policy("y", "a", egress=[allow(space(), ports="nobody"), allow(ports="nobody serve-80-udp")]),
        ],
        ["- * > x/a", "+ x/b > x/a :81/TCP", "- y/a > *"],
    ),
    *_more(),
    Case(
        "an address outside, and nobody else",
        [
            policy(
                "x",
                "a",
                ingress=[allow(block("{out}/32"))],
                egress=[allow(block("{out}/32"), ports="80/UDP")],
            )
        ],
        ["- * > x/a", "+ out > x/a", "- x/a > *", "+ x/a > out :80/UDP"],
    ),
    Case(
        "a range of ports ends with its end",
        [policy("x", "a", ingress=[allow(ports="1-80 81-65535/UDP")])],
        ["- * > x/a", "+ * > x/a :80/TCP", "+ * > x/a :81/UDP"],
    ),
    Case(
        "rules of one policy add up, and peers belong to the ports of their rule",
        [policy("x", "a", ingress=[allow(pods("b"), ports="80"), allow(space("z"), ports="81")])],
        ["- * > x/a", "+ x/b > x/a :80/TCP", "+ z/* > x/a :81/TCP"],
    ),
    Case(
        "who lacks a label is selected by NotIn and by DoesNotExist",
        [
            policy("x", expression("tier", "NotIn", ["web"]), ingress=[]),
            policy("y", expression("tier", "DoesNotExist"), egress=[]),
            policy("z", expression("tier", "Exists"), ingress=[]),
        ],
        ["- * > x/*", "+ * > x/b", "- y/* > *", "+ y/a > *", "- y/a > x/a", "- y/a > x/c", "- * > z/c"],
        labels={"x/b": {"tier": "web"}, "y/a": {"tier": "web"}, "z/c": {"tier": "db"}},
    ),
)
