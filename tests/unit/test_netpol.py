"""The evaluator of NetworkPolicies: upstream's cases, its corners, and laws for any policies."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.engine.plan import Manifest
from pileus.objects import netpol
from pileus.objects.netpol import Flow, Outside, Pod, Policies, Side, pairs_of, selects
from tests import netpolicydice as dice
from tests.netpolicies import NAMED, Peers, allow, block, expression, paper, pods, policy, space
from tests.netpolicycases import CASES, Case

PAPER = paper()


def passing(policies: Iterable[Manifest], among: Peers = PAPER) -> set[str]:
    """All flows that pass."""
    evaluator = Policies(among.placed(policies), among.namespaces)
    return {_words(s, t, flow) for s, t, flow in among.flows() if evaluator.verdict(flow).allowed}


def _words(source: str, target: str, flow: Flow) -> str:
    return f"{source} > {target} :{flow.port}/{flow.protocol}"


EVERYTHING = {_words(*flow) for flow in PAPER.flows()}
ITSELF = {words for words in EVERYTHING if words.split()[0] == words.split()[2]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.shows)
def test_upstreams_cases(case: Case) -> None:
    expected = {_words(s, t, flow) for s, t, flow in PAPER.flows() if case.allows(s, t, flow)}
    assert passing(case.policies, PAPER.labelled(case.labels)) == expected


def test_each_line_of_a_case_is_about_something() -> None:
    """A line that changes nothing would claim what nobody tries."""
    for case in CASES:
        for index in range(len(case.expect)):
            rest = [line for i, line in enumerate(case.expect) if i != index]
            without = Case(case.shows, case.policies, rest)
            assert any(case.allows(*flow) != without.allows(*flow) for flow in PAPER.flows()), case.shows


SELECTORS: list[tuple[Any, dict[str, str], bool, str]] = [
    (None, {"a": "1"}, False, "no selector selects nothing"),
    ({}, {}, True, "an empty one everything"),
    ({"matchLabels": {}, "matchExpressions": []}, {"a": "1"}, True, "in whatever way it is empty"),
    ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True, "more labels do not matter"),
    ({"matchLabels": {"a": "1", "b": "3"}}, {"a": "1", "b": "2"}, False, "all have to match"),
    ({"matchLabels": {"a": ""}}, {}, False, "an empty value is not the same as none"),
    ({"matchLabels": {"a": ""}}, {"a": ""}, True, "an empty value is a value"),
    (expression("a", "In", ["1", "2"]), {"a": "2"}, True, "In: one of them"),
    (expression("a", "In", ["1", "2"]), {"a": "12"}, False, "In: a whole value"),
    (expression("a", "In", ["1"]), {}, False, "In: the label has to be there"),
    (expression("a", "NotIn", ["1"]), {"a": "2"}, True, "NotIn: another value"),
    (expression("a", "NotIn", ["1"]), {}, True, "NotIn: also without the label"),
    (expression("a", "NotIn", ["1"]), {"a": "1"}, False, "NotIn: one of them"),
    (expression("a", "Exists"), {"a": ""}, True, "Exists: with any value"),
    (expression("a", "Exists"), {"b": ""}, False, "Exists: not there"),
    (expression("a", "DoesNotExist"), {"b": ""}, True, "DoesNotExist: not there"),
    (expression("a", "DoesNotExist"), {"a": ""}, False, "DoesNotExist: there"),
    (expression("a", "Gt", ["1"]), {"a": "2"}, False, "an operator that there is not selects nothing"),
    ({"matchLabels": {"b": "1"}} | expression("a", "Exists"), {"a": "1"}, False, "labels and expressions"),
    ("nonsense", {"a": "1"}, False, "what is no selector selects nothing"),
]


@pytest.mark.parametrize(
    ("selector", "labels", "wanted", "why"), SELECTORS, ids=[row[3] for row in SELECTORS]
)
def test_selectors(selector: Any, labels: dict[str, str], wanted: bool, why: str) -> None:
    assert netpol.selects(selector, labels) is wanted


A = Pod("x", "a", {"pod": "a"}, ("10.1.0.1", "fd00::1"), NAMED)
B = Pod("x", "b", {"pod": "b"}, ("10.1.0.2", "fd00::2"), NAMED)
NODES = Pod("x", "agent", {"pod": "b"}, ("192.168.77.2",), NAMED, host_network=True)
WORLD = Outside("203.0.113.7")
WORLD6 = Outside("2001:db8::7")


def _raw(**spec: Any) -> Manifest:
    return {"metadata": {"name": "policy", "namespace": "x"}, "spec": spec}


ANY = [{}]
CORNERS: list[tuple[str, Manifest, Flow, bool]] = [
    ("without types a policy is about ingress", _raw(podSelector={}), Flow(B, A, 80), False),
    ("without egress rules and types it is not about egress", _raw(podSelector={}), Flow(A, WORLD, 80), True),
    (
        "without types, egress rules make it about egress",
        _raw(egress=[{"ports": [{"port": 1}]}]),
        Flow(A, WORLD, 80),
        False,
    ),
    ("and about ingress still", _raw(egress=ANY), Flow(WORLD, A, 80), False),
    (
        "types of egress only: its ingress rules let nothing out",
        _raw(policyTypes=["Egress"], ingress=ANY),
        Flow(A, WORLD, 80),
        False,
    ),
    ("types of egress only: others come in", _raw(policyTypes=["Egress"]), Flow(WORLD, A, 80), True),
    (
        "rules of a direction that the types lack allow nothing",
        _raw(policyTypes=["Ingress"], egress=ANY),
        Flow(WORLD, A, 80),
        False,
    ),
    ("no podSelector is an empty one", _raw(ingress=[]), Flow(B, A, 80), False),
    (
        "empty lists of peers and ports are all of them",
        _raw(ingress=[{"from": [], "ports": []}]),
        Flow(B, A, 9),
        True,
    ),
    (
        "the first port of a range",
        policy_ := _raw(ingress=[{"ports": [{"port": 80, "endPort": 90}]}]),
        Flow(B, A, 80),
        True,
    ),
    ("the last port of a range", policy_, Flow(B, A, 90), True),
    ("behind a range", policy_, Flow(B, A, 91), False),
    ("before a range", policy_, Flow(B, A, 79), False),
    (
        "a peer that says nothing is nobody",
        _raw(ingress=[{"from": [{}]}]),
        Flow(B, A, 80),
        False,
    ),
    (
        "a broken range is nobody's",
        _raw(ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["nonsense"]}}]}]),
        Flow(WORLD, A, 80),
        False,
    ),
    (
        "host bits in a range do not matter",
        _raw(ingress=[{"from": [{"ipBlock": {"cidr": "203.0.113.9/24"}}]}]),
        Flow(WORLD, A, 80),
        True,
    ),
    (
        "a range of IPv4 has no IPv6",
        _raw(ingress=[{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]),
        Flow(WORLD6, A, 80, family=6),
        False,
    ),
    (
        "a range of IPv6",
        _raw(ingress=[{"from": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8::8/128"]}}]}]),
        Flow(WORLD6, A, 80, family=6),
        True,
    ),
    (
        "a hole in a range of IPv6",
        _raw(ingress=[{"from": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8::7/128"]}}]}]),
        Flow(WORLD6, A, 80, family=6),
        False,
    ),
    (
        "a range has pods by their address of the flow's family",
        block_ := _raw(ingress=[{"from": [{"ipBlock": {"cidr": "fd00::2/128"}}]}]),
        Flow(B, A, 80, family=6),
        True,
    ),
    ("and not by the other", block_, Flow(B, A, 80), False),
    ("a pod in its host's network is not isolated", _raw(ingress=[]), Flow(A, NODES, 80), True),
    ("nor a peer by its labels", _raw(ingress=[{"from": [{"podSelector": {}}]}]), Flow(NODES, A, 80), False),
    (
        "nor by its namespace",
        _raw(ingress=[{"from": [{"namespaceSelector": {}}]}]),
        Flow(NODES, A, 80),
        False,
    ),
    (
        "but by its host's address",
        _raw(ingress=[{"from": [{"ipBlock": {"cidr": "192.168.77.0/24"}}]}]),
        Flow(NODES, A, 80),
        True,
    ),
    (
        "its ports have no names",
        _raw(policyTypes=["Egress"], egress=[{"ports": [{"port": "serve-80-tcp"}]}]),
        Flow(A, NODES, 80),
        False,
    ),
    ("a pod reaches itself, isolated or not", _raw(policyTypes=["Ingress", "Egress"]), Flow(A, A, 80), True),
    (
        "a policy that is no policy isolates as one without a word",
        {"metadata": {"namespace": "x"}},
        Flow(B, A, 1),
        False,
    ),
]


@pytest.mark.parametrize(
    ("policy", "flow", "allowed"), [row[1:] for row in CORNERS], ids=[row[0] for row in CORNERS]
)
def test_corners(policy: Manifest, flow: Flow, allowed: bool) -> None:
    assert Policies([policy], {"x": {}}).verdict(flow).allowed is allowed


def test_a_verdict_names_policies_and_rules() -> None:
    made = [
        policy("x", "a", name="web", ingress=[allow(ports="9"), allow(pods("b")), allow(ports="80")]),
        policy("x", "a", name="deny", ingress=[]),
        policy("x", "b", name="other", egress=[allow(block("10.1.0.1/32"))]),
        policy("y", "a", name="elsewhere", ingress=[allow()]),
    ]
    verdict = Policies(PAPER.placed(made), PAPER.namespaces).verdict(Flow(B, A, 80))
    assert verdict.ingress == Side((("x", "web"), ("x", "deny")), (("x", "web", 1), ("x", "web", 2)))
    assert verdict.egress == Side((("x", "other"),), (("x", "other", 0),))
    assert verdict.allowed


def test_a_namespace_has_the_label_of_its_name_even_where_it_is_not_known() -> None:
    made = PAPER.placed([policy("x", "a", ingress=[allow(space("y"))])])
    flow = Flow(Pod("y", "new", {}, ("10.1.9.9",)), A, 80)
    assert Policies(made, {}).verdict(flow).allowed
    assert not Policies(made, {}).verdict(Flow(Pod("z", "new", {}), A, 80)).allowed


def test_a_live_pod() -> None:
    ports = [
        {"name": "http", "containerPort": 8080},
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        {"containerPort": 9},
    ]
    live = {
        "metadata": {"namespace": "x", "name": "a", "labels": {"pod": "a"}},
        "spec": {
            "containers": [{"ports": ports}, {"ports": [{"name": "http", "containerPort": 8081}]}],
            "initContainers": [
                {"restartPolicy": "Always", "ports": [{"name": "proxy", "containerPort": 15001}]},
                {"ports": [{"name": "once", "containerPort": 1}]},
            ],
        },
        "status": {"podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}, {"ip": "fd00::1"}]},
    }
    named = {("http", "TCP"): 8080, ("dns", "UDP"): 53, ("proxy", "TCP"): 15001}
    assert netpol.pod(live) == Pod("x", "a", {"pod": "a"}, ("10.1.0.1", "fd00::1"), named)
    on_host = {"metadata": {"name": "a"}, "spec": {"hostNetwork": True}, "status": {"podIP": "192.168.77.2"}}
    assert netpol.pod(on_host) == Pod("", "a", {}, ("192.168.77.2",), {}, host_network=True)
    assert netpol.pod({}) == Pod("", "", {})


def test_flows_are_keys() -> None:
    """Whatever labels their pods have; two that differ in them differ."""
    assert len({Flow(A, B, 80), Flow(A, B, 80), Flow(A, Pod("x", "b", {}, B.ips), 80)}) == 2


# Laws

throws = st.randoms(use_true_random=False)
laws = settings(max_examples=60)


@laws
@given(throws)
def test_a_policy_that_selects_nothing_changes_nothing(random: Random) -> None:
    made = dice.policies(random)
    nobody = {**expression("pod", "Exists"), "matchLabels": {"pod": "nobody"}}
    idle = dice.one(random, "idle")
    idle["spec"]["podSelector"] = nobody
    assert passing([*made, idle]) == passing(made)


@laws
@given(throws)
def test_one_more_rule_never_blocks(random: Random) -> None:
    made = dice.policies(random)
    more = copy.deepcopy(made)
    chosen = random.choice(more)["spec"]
    direction, peers = random.choice([("Ingress", "from"), ("Egress", "to")])
    if direction in chosen["policyTypes"]:
        rule = dice.rule(random)
        chosen[direction.lower()].append({peers if key == "peers" else key: rule[key] for key in rule})
    assert passing(more) >= passing(made)


@laws
@given(throws)
def test_one_more_policy_of_isolated_pods_never_blocks_and_of_open_ones_never_allows(random: Random) -> None:
    made = dice.policies(random)
    extra = dice.one(random, "extra")
    silent = copy.deepcopy(extra)
    for key in ("ingress", "egress"):
        silent["spec"].pop(key, None)
    isolated = passing([*made, silent])
    assert isolated <= passing(made), "a policy without rules only blocks"
    assert passing([*made, silent, extra]) == passing([*made, extra]) >= isolated


@laws
@given(throws)
def test_order_is_of_no_matter(random: Random) -> None:
    made = dice.policies(random)
    mixed = copy.deepcopy(made)
    random.shuffle(mixed)
    for one in mixed:
        for rules, peers in (("ingress", "from"), ("egress", "to")):
            random.shuffle(one["spec"].setdefault(rules, []))
            for rule in one["spec"][rules]:
                for key in (peers, "ports"):
                    random.shuffle(rule.setdefault(key, []))
    assert passing(mixed) == passing(made)


@laws
@given(throws)
def test_a_policy_is_the_union_of_its_rules(random: Random) -> None:
    """One policy with two rules is two policies with one each, and one of both directions one of each."""
    made = dice.policies(random)
    apart: list[Manifest] = []
    for one in made:
        for direction in one["spec"]["policyTypes"]:
            for rules in ([], *([rule] for rule in one["spec"][direction.lower()])):
                spec = {"podSelector": one["spec"]["podSelector"], "policyTypes": [direction]}
                spec[direction.lower()] = rules
                apart.append({**one, "spec": spec})
    assert passing(apart) == passing(made)


@laws
@given(throws)
def test_peers_and_ports_of_a_rule_are_all_their_pairs(random: Random) -> None:
    made = dice.policies(random)
    apart = copy.deepcopy(made)
    for one in apart:
        for rules, key in (("ingress", "from"), ("egress", "to")):
            one["spec"][rules] = [
                {**({key: [peer]} if peer else {}), **({"ports": [port]} if port else {})}
                for rule in one["spec"].get(rules, [])
                for peer in rule.get(key) or [None]
                for port in rule.get("ports") or [None]
            ]
    assert passing(apart) == passing(made)


@laws
@given(throws)
def test_what_a_denied_namespace_lets_pass_its_own_rules_allow(random: Random) -> None:
    """Deny all of it, and the rest is what rules name: a flow passes exactly if each end has one."""
    made = dice.policies(random)
    deny = [policy(space, name="deny", ingress=[], egress=[]) for space in ("x", "y", "z")]
    denied = passing([*made, *deny])
    assert passing(deny) == ITSELF
    evaluator = Policies(PAPER.placed(made), PAPER.namespaces)
    named = set()
    for source, target, flow in PAPER.flows():
        verdict = evaluator.verdict(flow)
        egress = bool(verdict.egress.allowed_by) or isinstance(flow.source, Outside)
        ingress = bool(verdict.ingress.allowed_by) or isinstance(flow.target, Outside)
        if egress and ingress:
            named.add(_words(source, target, flow))
    assert denied == named | ITSELF


@laws
@given(throws)
def test_an_allowance_for_all_opens_everything(random: Random) -> None:
    made = dice.policies(random)
    opened = [policy(space, name="open", ingress=[allow()], egress=[allow()]) for space in ("x", "y", "z")]
    assert passing([*made, *opened]) == EVERYTHING


@laws
@given(throws)
def test_policies_of_a_namespace_are_about_its_pods_only(random: Random) -> None:
    made = [{**one, "metadata": {"name": "policy", "namespace": "x"}} for one in dice.policies(random)]
    blocked = EVERYTHING - passing(made)
    assert all(words.startswith("x/") or " > x/" in words for words in blocked)


@laws
@given(throws)
def test_verdicts_say_why(random: Random) -> None:
    """A side allows exactly if nothing isolates or something allows, and only what isolates allows."""
    evaluator = Policies(PAPER.placed(dice.policies(random)), PAPER.namespaces)
    for _, _, flow in PAPER.flows():
        verdict = evaluator.verdict(flow)
        for side, subject in ((verdict.egress, flow.source), (verdict.ingress, flow.target)):
            assert {one[:2] for one in side.allowed_by} <= set(side.isolated_by)
            assert side.allowed == (not side.isolated_by or bool(side.allowed_by))
            assert all(isinstance(subject, Pod) and ns == subject.namespace for ns, _ in side.isolated_by)


@laws
@given(throws)
def test_policies_that_come_and_go_leave_what_is_there(random: Random) -> None:
    """Found by label, in whatever order they came, they say what all of them say when each is looked at."""
    evaluator, there = Policies([], PAPER.namespaces), dict[str, Any]()
    for made in (*PAPER.placed(dice.policies(random)), *PAPER.placed(dice.policies(random))):
        key = f"{made['metadata']['namespace']}/{made['metadata']['name']}"
        if there.pop(key, None):
            evaluator.remove(made["metadata"]["namespace"], made["metadata"]["name"])
        if random.random() < 0.7:
            there[key] = made
            evaluator.add(made)
    plain = Policies(there.values(), PAPER.namespaces)
    for _, _, flow in PAPER.flows():
        assert evaluator.verdict(flow) == plain.verdict(flow)
        for pod in (one for one in (flow.source, flow.target) if isinstance(one, Pod)):
            by_hand = [
                made["metadata"]["name"]
                for made in there.values()
                if made["metadata"]["namespace"] == pod.namespace
                and not pod.host_network
                and "Ingress" in made["spec"]["policyTypes"]
                and selects(made["spec"]["podSelector"], pod.labels)
            ]
            assert [one.name for one in evaluator.selecting(pod, "Ingress")] == by_hand


@pytest.mark.parametrize(
    ("selector", "pairs"),
    [
        ({}, None),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, None),
        ({"matchLabels": {"a": "1", "b": "2"}}, (("b", "2"),)),
        ({"matchLabels": {"pileus.dev/name": "web", "z": "2"}}, (("pileus.dev/name", "web"),)),
        (
            {
                "matchLabels": {"a": "1"},
                "matchExpressions": [{"key": "b", "operator": "In", "values": ["2", "3"]}],
            },
            (("b", "2"), ("b", "3")),
        ),
    ],
)
def test_what_a_selector_needs(selector: Any, pairs: Any) -> None:
    assert pairs_of(selector) == pairs


@laws
@given(throws)
def test_one_policy_instead_of_another(random: Random) -> None:
    first, *others = PAPER.placed(dice.policies(random))
    (made,) = PAPER.placed([dice.one(random, "made")])
    where = (first["metadata"]["namespace"], first["metadata"]["name"])
    evaluator = Policies([first, *others], PAPER.namespaces)
    pairs = (
        (evaluator.but(*where), Policies(others, PAPER.namespaces)),
        (evaluator.but(*where, made), Policies([*others, made], PAPER.namespaces)),
        (evaluator, Policies([first, *others], PAPER.namespaces)),
    )
    for found, plain in pairs:
        assert all(found.verdict(flow) == plain.verdict(flow) for _, _, flow in PAPER.flows())
