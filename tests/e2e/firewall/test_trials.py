"""What the evaluator says of policies is what the cluster does: thousands of flows are really tried."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from pileus.engine.plan import Manifest
from pileus.objects.netpol import Flow, Policies
from tests import netpolicydice as dice
from tests.e2e.firewall.corners import CORNERS, in_corner
from tests.e2e.firewall.flows import Field
from tests.netpolicies import Peers, allow, block, pods, policy
from tests.netpolicycases import CASES, Case

SEED = 8
ROUNDS = {"smoke": 15, "full": 100}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.shows)
def test_upstreams_cases(field: Field, case: Case) -> None:
    peers = field.peers.labelled(case.labels)
    policies = peers.placed(case.policies)
    field.label(case.labels)
    try:
        field.enforce(policies)
        expected = {flow: case.allows(source, target, flow) for source, target, flow in peers.flows()}
        _agree(field, policies, {flow: it for flow, it in expected.items() if not in_corner(flow, policies)})
    finally:
        field.label({short: dict.fromkeys(labels) for short, labels in case.labels.items()})


def test_any_policies(field: Field, pytestconfig: pytest.Config) -> None:
    """Round after round of random policies, all flows in each; a seed gives the same policies again."""
    given = pytestconfig.getoption("--seed")
    seed = SEED if given is None else given
    tried = blocked = 0
    for number in range(ROUNDS[pytestconfig.getoption("--campaign")]):
        policies = field.peers.placed(dice.policies(Random(f"{seed} {number}"), most=5))
        field.enforce(policies)
        expected = _verdicts(field.peers, policies)
        clear = {flow: it for flow, it in expected.items() if not in_corner(flow, policies)}
        _agree(field, policies, clear, f"seed {seed}, round {number}")
        tried, blocked = tried + len(clear), blocked + sum(not it for it in clear.values())
    print(f"{tried} flows agree, {blocked} of them are blocked")
    assert tried / 20 < blocked < tried * 19 / 20, "policies that block nothing, or everything, show nothing"


def test_a_wrong_expectation_is_seen(field: Field) -> None:
    """The field does not say of everything that it agrees."""
    policies = field.peers.placed([policy("x", "a", ingress=[allow(pods("b"), ports="80")])])
    field.enforce(policies)
    right = _verdicts(field.peers, policies)
    wrong = {flow: not it for flow, it in right.items() if flow.target == field.peers.by_name["x/a"]}
    assert field.disagreements(wrong, patience=0) == {flow: right[flow] for flow in wrong}


LAID: Mapping[str, Sequence[Manifest]] = {
    "name_in_a_block": [policy("x", "a", egress=[allow(block("{y/b}/32"), ports="serve-80-tcp")])],
}


@pytest.mark.parametrize("name", CORNERS)
def test_corners(field: Field, name: str) -> None:
    """Each corner is one: there the enforcer differs from upstream, and nowhere else."""
    policies = field.peers.placed(LAID[name])
    field.enforce(policies)
    expected = _verdicts(field.peers, policies)
    seen = field.try_flows(expected)
    assert any(seen[flow] != it for flow, it in expected.items() if CORNERS[name](flow, policies))
    _agree(field, policies, {flow: it for flow, it in expected.items() if not CORNERS[name](flow, policies)})


def _verdicts(peers: Peers, policies: Sequence[Manifest]) -> dict[Flow, bool]:
    evaluator = Policies(policies, peers.namespaces)
    return {flow: evaluator.verdict(flow).allowed for _, _, flow in peers.flows()}


def _agree(
    field: Field, policies: Sequence[Manifest], expected: Mapping[Flow, bool], where: str = ""
) -> None:
    found = field.disagreements(expected)
    lines = [f"{field.story(flow)} {'passes' if it else 'is blocked'}" for flow, it in found.items()]
    assert not found, "\n".join((where, *lines, *(json.dumps(one) for one in policies)))
