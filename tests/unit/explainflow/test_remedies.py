"""What is said to be missing is missing: written where it is said to go, it lets the flow pass."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy.explain import words
from pileus.kinds.firewallpolicy.explain.remedy import remedy
from pileus.kinds.firewallpolicy.explain.scene import ref
from pileus.objects.netpol import Flow
from tests.unit.explainflow.towns import Town

NAMES = ("app/web", "app/api", "vm/db-1", "pod/bare", "pod/job", "shop/app/till", "203.0.113.7", "internet")
PORTS = ("80", "8080", "53/udp")

peers = st.sampled_from(
    [
        {"app": "web"},
        {"app": "api"},
        {"vm": "db-1"},
        {"app": "till", "namespace": "shop"},
        {"namespace": "shop"},
        {"selector": {"matchLabels": {"role": "job"}}},
        {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]},
        {"cidr": "10.0.0.0/8"},
        {"any": True},
    ]
)
ports = st.lists(st.sampled_from(["80/tcp", "http", "53/udp", "8000-9000/tcp"]), max_size=2, unique=True)


@st.composite
def specs(draw: st.DrawFn, space: str) -> Manifest:
    apps = ["till"] if space == "shop" else ["web", "api"]
    target = draw(
        st.sampled_from(
            [
                {"all": True},
                *({"apps": [app]} for app in apps),
                {"vms": ["db-1"]},
                {"selector": {"matchLabels": {"role": "job"}}},
            ]
        )
    )
    rules = [
        {
            "name": f"rule-{index}",
            "direction": draw(st.sampled_from(["Ingress", "Egress"])),
            "peers": draw(st.lists(peers, min_size=1, max_size=2)),
            **({"ports": found} if (found := draw(ports)) else {}),
        }
        for index in range(draw(st.integers(0, 3)))
    ]
    presets = draw(
        st.sampled_from([[], [{"name": "SameNamespace"}], [{"name": "Internet", "ports": ["443/tcp"]}]])
    )
    return {
        "target": target,
        "isolate": {"ingress": True, "egress": True},
        "rules": rules,
        "presets": presets,
    }


@st.composite
def towns(draw: st.DrawFn) -> Town:
    town = Town().app("web", 2).app("api").vm("db-1", ports=((8080, "http", "TCP"),))
    town.pod("bare").pod("job", labels={"role": "job"}).app("till", namespace="shop")
    for index in range(draw(st.integers(0, 3))):
        space = draw(st.sampled_from(["acme", "acme", "shop"]))
        town.firewall(f"fw-{index}", draw(specs(space)), namespace=space)
    return town


ends = st.sampled_from(NAMES)


@settings(max_examples=150)
@given(towns(), ends, ends, st.sampled_from(PORTS))
def test_what_is_missing_is_what_was_missing(town: Town, source: str, target: str, port: str) -> None:
    if {source, target} <= {"203.0.113.7", "internet"}:
        return
    answer = town.explain(source, f"{target}:{port}")
    _agrees(answer, town)
    for _ in range(6):
        blocked = next(
            (
                (half, group)
                for line in answer.lines
                for group in line.groups
                for half in (group.said.egress, group.said.ingress)
                if half.state == "blocked"
            ),
            None,
        )
        if blocked is None:
            assert answer.verdict == "allowed"
            return
        found = remedy(*blocked, answer.source, answer.target, answer.scene)
        if not found.line:
            assert "pod/bare" in (source, target)
            return
        _write(town, found.namespace, found.firewall, found.place, found.line)
        answer = town.explain(source, f"{target}:{port}")
    raise AssertionError(f"still blocked: {words.text(answer)}")


def _write(town: Town, namespace: str, name: str, place: str, line: str) -> None:
    firewall = next(one for one in town.scene.firewalls if ref(one) == (namespace, name))
    spec = copy.deepcopy(firewall["spec"])
    entries = spec[place.removeprefix("spec.")]
    for entry in yaml.safe_load(line):
        entries[:] = [*(one for one in entries if one["name"] != entry["name"]), entry]
    town.firewall(name, spec, namespace=namespace)


def _agrees(answer: words.Answer, town: Town) -> None:
    """Of every pair of pods the evaluator says the same."""
    for line in answer.lines:
        for group in line.groups:
            for one, other, family in group.pairs:
                if isinstance(one, str) or isinstance(other, str):
                    continue
                flow = Flow(one.pod, other.pod, group.port.number, group.port.protocol, family)
                said: Any = "allowed" if town.scene.compiled.verdict(flow).allowed else "blocked"
                assert group.said.answer == said
