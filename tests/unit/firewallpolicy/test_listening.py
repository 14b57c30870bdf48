"""Whatever changes what a policy becomes or says is heard by it; what cannot is not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.engine.plan import Manifest, Topic
from pileus.engine.world import World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.objects.catalog import POD
from pileus.objects.surroundings import Surroundings
from tests.unit.firewallpolicy import wild
from tests.unit.firewallpolicy.firewalls import (
    CLUSTER,
    SERVED,
    agent,
    around,
    endpoints,
    front,
    namespace,
    netpol,
    node,
    pod,
    policy,
    put,
    rule,
    service,
    service_range,
)


def told(resource: Any, found: Surroundings) -> tuple[Any, frozenset[Topic]]:
    """All that a policy becomes and says, and what it listens to."""
    there = World(survey=found, served=SERVED)
    plan = FIREWALL_POLICY.compile(resource, there)
    verdict = FIREWALL_POLICY.judge(resource, plan, there)
    return (plan.objects, plan.findings, plan.warnings, plan.prune, verdict), plan.listens


needy = st.sampled_from(
    [
        {},
        {},
        {"log": True},
        {"action": "Deny"},
    ]
)
all_specs = st.builds(
    lambda spec, more, dry: {
        **spec,
        "rules": [{**one, **more} for one in spec["rules"]],
        **({"mode": "DryRun"} if dry else {}),
    },
    wild.specs,
    needy,
    st.booleans(),
)
lives = st.lists(
    st.tuples(st.one_of(wild.pods(), wild.agents.map(lambda a: a[0] if a else agent())), st.booleans()),
    min_size=1,
    max_size=8,
)


@settings(max_examples=80)
@given(all_specs, lives)
def test_what_a_pod_changes_is_heard(spec: Manifest, life: list[tuple[Manifest, bool]]) -> None:
    """Comes, goes, is labelled, gets an address, becomes an agent: a policy that cares is told."""
    found, resource = around(*CLUSTER), policy(spec)
    before, listens = told(resource, found)
    for live, gone in life:
        touched = put(found, live, gone=gone)
        after, hears = told(resource, found)
        if after != before:
            assert touched & listens, f"{live['metadata']}: nobody told the policy"
        before, listens = after, hears


others = st.sampled_from(
    [
        endpoints("203.0.113.12"),
        endpoints("203.0.113.11", "2001:db8:1::11"),
        front("10.96.0.1", "2001:db8:96::1"),
        front("10.96.0.2"),
        node("n1", "203.0.113.11"),
        node("n2", "203.0.113.12", pods=("10.244.2.0/24",)),
        service_range("10.96.0.0/12"),
        service_range("10.96.0.0/12", "2001:db8:96::/112"),
        namespace("data", team="a"),
        namespace("data", team="b"),
        namespace("late", team="a"),
        service("web", type="LoadBalancer", selector={"role": "x"}),
        service("web", type="ClusterIP", selector={"role": "x"}),
        netpol("other", podSelector={}, policyTypes=["Ingress", "Egress"]),
        CLUSTER[-1],
    ]
)


@settings(max_examples=80)
@given(
    all_specs,
    st.lists(wild.pods(), max_size=4),
    st.lists(st.tuples(others, st.booleans()), min_size=1, max_size=6),
)
def test_what_anything_else_changes_is_heard(
    spec: Manifest, pods: list[Manifest], life: list[tuple[Manifest, bool]]
) -> None:
    """Nodes, ranges, the API, DNS, namespaces, Services, the policies of others."""
    found, resource = around(*CLUSTER, *pods), policy(spec)
    before, listens = told(resource, found)
    for live, gone in life:
        touched = put(found, live, gone=gone)
        after, hears = told(resource, found)
        if after != before:
            assert touched & listens, f"{live['kind']} {live['metadata']['name']}: nobody told the policy"
        before, listens = after, hears


UNHEARD: dict[str, tuple[Manifest, Manifest]] = {
    "a stranger's pod of the namespace": ({"isolate": {"ingress": True}}, pod("x", labels={"a": "b"})),
    "another app's pod": ({"rules": [rule({"app": "worker"})]}, pod("api-1", app="api")),
    "a pod like a peer in another namespace": (
        {"rules": [rule({"app": "worker"})]},
        pod("worker-1", app="worker", namespace="data"),
    ),
    "a pod of a namespace whose gateways may come": (
        {"presets": [{"name": "IngressGateway"}, {"name": "MetricsScrape"}]},
        pod("x", namespace="envoy-gateway-system"),
    ),
    "a neighbour, with SameNamespace": ({"presets": [{"name": "SameNamespace"}]}, pod("x")),
    "a pod of DNS": (
        {"presets": [{"name": "DNS"}]},
        pod("coredns-1", namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    ),
    "a node": ({"presets": [{"name": "MetricsScrape"}]}, node("n2", "203.0.113.12")),
    "a Service": ({"rules": [rule({"app": "worker"})]}, service("web", selector={"a": "b"})),
    "a policy's rules": (
        {"rules": [rule({"app": "worker"})]},
        netpol("deny", podSelector={}, policyTypes=["Ingress"], ingress=[{}]),
    ),
    "a policy of other pods": (
        {"rules": [rule({"app": "worker"})]},
        netpol("other", podSelector={"matchLabels": {"app": "other"}}),
    ),
    "a policy, when it is said what is meant": ({"isolate": {"ingress": True}}, netpol("other")),
    "the API": ({"presets": [{"name": "DNS"}]}, endpoints("203.0.113.12")),
}


@pytest.mark.parametrize("what", UNHEARD)
def test_what_cannot_matter_wakes_nobody(what: str) -> None:
    spec, live = UNHEARD[what]
    deny = netpol("deny", podSelector={}, policyTypes=["Ingress"])
    found = around(*CLUSTER, pod("web-1", app="web"), deny)
    before, listens = told(policy(spec), found)
    touched = put(found, live)

    assert touched
    assert not touched & listens
    assert told(policy(spec), found) == (before, listens)


def test_a_dry_run_hears_of_every_workload_and_of_no_second_pod_of_one() -> None:
    dry = policy(isolate={"ingress": True}, mode="DryRun")
    first = pod("job-1", labels={"job": "x", "job-name": "x-1"}, namespace="other")
    second = pod("job-2", labels={"job": "x", "job-name": "x-2"}, namespace="other")
    found = around(*CLUSTER)

    assert put(found, first) & told(dry, found)[1]
    before, listens = told(dry, found)
    assert not put(found, second) & listens
    assert told(dry, found)[0] == before
    assert put(found, first, gone=True) & listens, "the other one stands for both now"


def test_all_that_is_kept_is_of_declared_kinds() -> None:
    assert FIREWALL_POLICY.surveyed is not None
    assert POD in FIREWALL_POLICY.surveyed.kinds
    made = FIREWALL_POLICY.surveyed.make()
    for kind in FIREWALL_POLICY.surveyed.kinds:
        assert made.put(kind.id, "x", "y", None) == set(), "what was never there touches nothing when it goes"


def test_listening_does_not_depend_on_the_mood() -> None:
    """The topics are a function of the spec and the cluster, not of what was there before."""
    found = around(*CLUSTER)
    resource = policy(rules=[rule({"namespaceSelector": {}})])

    assert told(resource, found) == told(dataclasses.replace(resource, generation=7), found)
