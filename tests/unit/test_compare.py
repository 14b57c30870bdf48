"""`covers` decides whether a write is left out: each row is a way in which it could be wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.engine import labels
from pileus.engine.compare import covers, digest, restrict, stamped

ROWS = [
    ("equal", {"a": 1}, {"a": 1}, True),
    ("others' fields beside ours are theirs", {"a": 1, "b": 2}, {"a": 1}, True),
    ("a changed leaf is drift", {"a": 2}, {"a": 1}, False),
    ("a removed leaf is drift", {}, {"a": 1}, False),
    ("true is not 1", {"a": True}, {"a": 1}, False),
    ("a plain list is one value", {"args": ["x", "y"]}, {"args": ["x"]}, False),
    ("a plain list is ordered", {"args": ["y", "x"]}, {"args": ["x", "y"]}, False),
    (
        "an injected container is its injector's",
        {"containers": [{"name": "app", "image": "i", "tty": False}, {"name": "mesh"}]},
        {"containers": [{"name": "app", "image": "i"}]},
        True,
    ),
    (
        "a container of ours that was edited is drift",
        {"containers": [{"name": "app", "image": "other"}]},
        {"containers": [{"name": "app", "image": "i"}]},
        False,
    ),
    (
        "a port's defaulted protocol is not drift",
        {"ports": [{"containerPort": 80, "protocol": "TCP"}]},
        {"ports": [{"containerPort": 80}]},
        True,
    ),
    (
        "two protocols on one port are two ports",
        {"ports": [{"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]},
        {"ports": [{"port": 53, "protocol": "UDP"}]},
        True,
    ),
    (
        "a port opened by hand in a network policy is drift: the list is atomic",
        {"ingress": [{"ports": [{"port": 80, "protocol": "TCP"}, {"port": 22, "protocol": "TCP"}]}]},
        {"ingress": [{"ports": [{"port": 80, "protocol": "TCP"}]}]},
        False,
    ),
    (
        "a selector added by hand to a peer in a network policy is drift: all namespaces are meant then",
        {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}}]}]},
        {"ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]},
        False,
    ),
    (
        "a rule added by hand where there is none is drift",
        {"ingress": [{}]},
        {"ingress": []},
        False,
    ),
    ("no rules are not stored", {"policyTypes": ["Ingress"]}, {"ingress": []}, True),
    ("no rules are not any", {}, {"ingress": [{}]}, False),
    (
        "a label added by hand to whom a network policy selects is drift: others are open then",
        {"podSelector": {"matchLabels": {"a": "b"}}},
        {"podSelector": {}},
        False,
    ),
    (
        "an envFrom entry added by hand is drift: the list is atomic",
        {"envFrom": [{"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]},
        {"envFrom": [{"secretRef": {"name": "a"}}]},
        False,
    ),
    (
        "a second owner is not drift",
        {"ownerReferences": [{"uid": "1", "controller": True}, {"uid": "2"}]},
        {"ownerReferences": [{"uid": "1", "controller": True}]},
        True,
    ),
]


@pytest.mark.parametrize(("why", "live", "desired", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_covers(why: str, live: Any, desired: Any, expected: bool) -> None:
    assert covers(live, desired) is expected, why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "env", "ports", "name"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_everything_covers_itself(value: Any) -> None:
    assert covers(copy.deepcopy(value), value)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_a_digest_ignores_the_order_of_keys(value: dict[str, Any]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


def test_the_stamp_is_not_part_of_what_it_digests() -> None:
    desired = {"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"x": "y"}}}
    sent, mark = stamped(desired)
    assert sent["metadata"]["annotations"] == {"x": "y", labels.APPLIED: mark}
    assert stamped(desired)[1] == mark
    assert "pileus.dev/applied" not in desired["metadata"]["annotations"]


def test_restrict_keeps_only_the_places_that_are_ours() -> None:
    live = {"spec": {"env": [{"name": "A", "value": "1"}, {"name": "B"}], "other": 1}}
    assert restrict(live, {"spec": {"env": [{"name": "A", "value": "0"}]}}) == {
        "spec": {"env": [{"name": "A", "value": "1"}]}
    }
