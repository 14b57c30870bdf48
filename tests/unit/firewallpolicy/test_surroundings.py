"""What is kept of a cluster: found by labels, gone when it is gone, telling of no more than it touched."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.engine.plan import Manifest, Topic
from pileus.objects import netpol as evaluator
from pileus.objects.fabric import AGENTS, API_SERVER, DNS, FAMILIES, RANGES
from pileus.objects.surroundings import (
    ENFORCEMENT,
    EVERYWHERE,
    NAMESPACES,
    WORKLOADS,
    Enforcement,
    Surroundings,
    isolation_of,
    labelled,
    pods_of,
    policies_of,
    services_of,
)
from tests.unit.firewallpolicy.firewalls import (
    CLUSTER,
    HERE,
    LOCAL_DNS,
    agent,
    around,
    dns,
    endpoints,
    front,
    namespace,
    netpol,
    node,
    pod,
    put,
    service,
    service_range,
)

PODS = {pods_of(HERE), pods_of(EVERYWHERE), WORKLOADS}


def labels(**pairs: str) -> set[Topic]:
    return {labelled(where, key, value) for where in (HERE, EVERYWHERE) for key, value in pairs.items()}


def changed(manifest: Manifest, change: Callable[[Manifest], Any]) -> Manifest:
    found = copy.deepcopy(manifest)
    change(found)
    return found


# what is touched

POD = pod("a", labels={"x": "1", "y": "2"})


def test_a_pod_touches_its_namespace_and_its_labels() -> None:
    found = Surroundings()

    assert put(found, POD) == PODS | labels(x="1", y="2")
    assert put(found, POD) == set(), "the same again is no news"
    assert put(found, POD, gone=True) == PODS | labels(x="1", y="2")
    assert put(found, POD, gone=True) == set()


def test_a_label_that_changes_touches_what_it_was_and_what_it_is() -> None:
    found = around(POD)
    other = pod("a", labels={"x": "3", "y": "2"})

    assert put(found, other) == PODS | labels(x="1", y="2") | labels(x="3")


NO_NEWS: dict[str, Callable[[Manifest], Any]] = {
    "readiness": lambda live: live["status"].update(conditions=[{"type": "Ready", "status": "False"}]),
    "annotations": lambda live: live["metadata"]["annotations"].update(a="b"),
    "a version": lambda live: live["metadata"].update(resourceVersion="7"),
    "the phase": lambda live: live["status"].update(phase="Pending"),
    "an image": lambda live: live["spec"]["containers"][0].update(image="web:2"),
}


@pytest.mark.parametrize("what", NO_NEWS)
def test_what_matters_to_nobody_touches_nothing(what: str) -> None:
    """Pods change many times while they start; policies do not look at that."""
    assert put(around(POD), changed(POD, NO_NEWS[what])) == set()


NEWS: dict[str, Callable[[Manifest], Any]] = {
    "an address": lambda live: live["status"].update(podIPs=[{"ip": "10.244.1.77"}]),
    "its end": lambda live: live["status"].update(phase="Succeeded"),
    "a port": lambda live: live["spec"]["containers"][0].update(ports=[{"containerPort": 1}]),
    "a further network": lambda live: live["metadata"]["annotations"].update(
        {"k8s.v1.cni.cncf.io/networks": "lan"}
    ),
    "the host's network": lambda live: live["spec"].update(hostNetwork=True),
}


@pytest.mark.parametrize("what", NEWS)
def test_what_matters_touches(what: str) -> None:
    assert put(around(POD), changed(POD, NEWS[what])) == PODS | labels(x="1", y="2")


def test_policies_services_and_namespaces_touch_their_own() -> None:
    found = around()
    deny, web = netpol("deny", podSelector={}), service("web", selector={"a": "b"})

    own = {policies_of(HERE), policies_of(EVERYWHERE)}
    wider = netpol("deny", podSelector={}, ingress=[{}])

    assert put(found, deny) == own | {isolation_of(HERE)}
    assert put(found, deny) == set()
    assert put(found, wider) == own, "what it allows does not change whom it isolates"
    assert put(found, deny) == own
    assert put(found, changed(deny, lambda live: live.update(status={}))) == set()
    assert put(found, web) == {services_of(HERE)}
    assert put(found, changed(web, lambda live: live.update(status={}))) == set()
    assert put(found, namespace("x", team="a")) == {NAMESPACES}
    assert put(found, changed(namespace("x", team="a"), lambda live: live.update(status={}))) == set()
    assert put(found, namespace("x", team="b")) == {NAMESPACES}
    assert put(found, namespace("x"), gone=True) == {NAMESPACES}
    assert put(found, deny, gone=True) == own | {isolation_of(HERE)}
    assert put(found, web, gone=True) == {services_of(HERE)}


def test_a_policy_touches_whom_it_may_isolate() -> None:
    found = around()
    one, other = ({"matchLabels": {"app": name}} for name in ("one", "other"))
    own = {policies_of(HERE), policies_of(EVERYWHERE)}
    first, second = (isolation_of(HERE, ("app", name)) for name in ("one", "other"))

    assert put(found, netpol("some", podSelector=one)) == own | {first}
    assert put(found, netpol("some", podSelector=other)) == own | {first, second}, "those of before too"
    assert put(found, netpol("some", podSelector={})) == own | {second, isolation_of(HERE)}


def test_policies_are_known_as_they_come_and_go() -> None:
    found = around(POD, netpol("all", podSelector={}))
    (workload,) = found.select(HERE, {})

    def selecting() -> list[str]:
        return [one.name for one in found.policies(HERE).selecting(workload.pod, "Ingress")]

    assert selecting() == ["all"]
    put(found, netpol("some", podSelector={"matchLabels": {"x": "1"}}))
    assert selecting() == ["all", "some"]
    put(found, netpol("some", podSelector={"matchLabels": {"x": "2"}}))
    assert selecting() == ["all"]
    put(found, netpol("all"), gone=True)
    assert selecting() == []


def test_a_heartbeat_of_a_node_touches_nothing() -> None:
    live = node("n1", "203.0.113.11", pods=("10.244.1.0/24",))
    found = around(live, service_range("10.96.0.0/12"))
    beat = changed(live, lambda one: one["status"].update(conditions=[{"type": "Ready"}]))

    assert put(found, beat) == set()
    assert put(found, node("n1", "203.0.113.12", pods=("10.244.1.0/24",))) == {RANGES}
    assert put(found, live, gone=True) == {RANGES}


def test_ranges() -> None:
    found = around(node("n1", "203.0.113.11", "2001:db8::1", pods=("10.244.1.0/24",)))
    assert put(found, service_range("10.96.0.0/12")) == {RANGES}

    assert found.fabric.ranges() == ("10.244.1.0/24", "10.96.0.0/12", "2001:db8::1/128", "203.0.113.11/32")
    assert put(found, service_range(), gone=True) == {RANGES}
    assert "10.96.0.0/12" not in found.fabric.ranges()


def test_families() -> None:
    """Of pods and Services: those of nodes alone do not matter."""
    found = Surroundings()
    assert found.fabric.families() == {4, 6}, "nobody knows"

    assert FAMILIES in put(found, node("n1", "2001:db8::1", pods=("10.244.1.0/24",)))
    assert found.fabric.families() == {4}
    assert put(found, node("n2", "203.0.113.12", pods=("10.244.2.0/24",))) == {RANGES}
    assert FAMILIES in put(found, service_range("10.96.0.0/12", "2001:db8:96::/112"))
    assert found.fabric.families() == {4, 6}
    assert FAMILIES in put(found, service_range("10.96.0.0/12"))
    assert FAMILIES in put(found, front("10.96.0.1", "2001:db8:96::1"))
    assert FAMILIES in put(found, front(), gone=True)


def test_a_trial_touches_once() -> None:
    found = Surroundings()

    assert found.tried(Enforcement(True, "x")) == {ENFORCEMENT}
    assert found.tried(Enforcement(True, "x")) == set()


# the cluster's own


def test_the_api() -> None:
    found = around(endpoints("203.0.113.11"))
    assert put(found, front("10.96.0.1")) >= {API_SERVER}
    assert put(found, endpoints("203.0.113.11")) == set()
    assert put(found, endpoints("203.0.113.12")) == {API_SERVER}

    assert found.fabric.api_server() == (("10.96.0.1", 443), ("203.0.113.12", 6443))
    assert put(found, endpoints(), gone=True) == {API_SERVER}
    assert found.fabric.api_server() == (), "its Service alone leads nowhere"


def test_somebody_s_slice_of_the_same_name_is_not_the_api() -> None:
    """Anybody can give a slice of his this name and label."""
    found = around(endpoints("203.0.113.11"))
    fake = endpoints("198.51.100.66", namespace=HERE)

    assert put(found, fake) == set()
    assert found.fabric.api_server() == (("203.0.113.11", 6443),)
    assert put(found, fake, gone=True) == set()
    assert found.fabric.api_server() == (("203.0.113.11", 6443),)


def test_dns() -> None:
    found = around()
    assert put(found, dns()) >= {DNS}

    seen = found.fabric.dns()
    assert seen is not None
    assert (seen.namespace, seen.selector, seen.addresses) == ("kube-system", {"k8s-app": "kube-dns"}, ())
    assert seen.ports == (("TCP", 53), ("UDP", 53))
    assert put(found, LOCAL_DNS) >= {DNS}
    assert getattr(found.fabric.dns(), "addresses", None) == ("169.254.20.10",)
    assert put(found, LOCAL_DNS, gone=True) >= {DNS}
    assert put(found, dns(), gone=True) >= {DNS}
    assert found.fabric.dns() is None


FAKES: dict[str, Manifest] = {
    "a Service with its label": service(
        "kube-dns", labels={"k8s-app": "kube-dns"}, selector={"app": "evil"}, ports=[{"port": 53}]
    ),
    "a Service of its name": service("kube-dns", selector={"app": "evil"}, ports=[{"port": 53}]),
    "another of the cluster's Services": service("other", namespace="kube-system", selector={"app": "x"}),
    "one that selects nothing": service("kube-dns", namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    "OpenShift's label elsewhere": service(
        "d", labels={"dns.operator.openshift.io/owning-dns": "default"}, selector={"a": "b"}
    ),
}


@pytest.mark.parametrize("who", FAKES)
def test_dns_is_only_what_an_administrator_made(who: str) -> None:
    assert around(FAKES[who]).fabric.dns() is None


def test_dns_of_openshift() -> None:
    made = service(
        "dns-default",
        namespace="openshift-dns",
        labels={"dns.operator.openshift.io/owning-dns": "default"},
        selector={"dns.operator.openshift.io/daemonset-dns": "default"},
        ports=[{"port": 53, "protocol": "UDP", "targetPort": "dns"}],
    )
    seen = around(made).fabric.dns()

    assert seen is not None
    assert seen.namespace == "openshift-dns"
    assert seen.ports == (("UDP", "dns"), ("UDP", 53))


def test_a_local_cache_elsewhere_is_none() -> None:
    fake = pod("node-local-dns-x", labels={"k8s-app": "node-local-dns"}, host=True)

    assert getattr(around(*CLUSTER, fake).fabric.dns(), "addresses", None) == ()


AGENT: dict[tuple[str, str], str] = {
    ("k8s-app", "cilium"): "Cilium",
    ("k8s-app", "calico-node"): "Calico",
    ("app", "antrea"): "Antrea",
    ("app", "kube-network-policies"): "kube-network-policies",
}


@pytest.mark.parametrize("label", AGENT, ids=lambda label: label[1])
def test_agents(label: tuple[str, str]) -> None:
    found, live = Surroundings(), agent(*label)

    assert AGENTS in put(found, live)
    assert found.fabric.agents() == {AGENT[label]}
    second = changed(live, lambda one: one["metadata"].update(name="second"))
    assert AGENTS not in put(found, second), "one more of them changes nothing"
    assert AGENTS not in put(found, second, gone=True)
    assert AGENTS in put(found, live, gone=True)
    assert found.fabric.agents() == frozenset()


def test_an_agent_counts_while_it_works() -> None:
    found = around(agent())

    assert AGENTS in put(found, agent(ready=False))
    assert found.fabric.agents() == frozenset()
    assert AGENTS in put(found, agent())
    assert AGENTS in put(found, agent(phase="Failed")), "it has ended"


def test_a_pod_that_anybody_can_make_is_no_agent() -> None:
    found = Surroundings()

    assert AGENTS not in put(found, agent(host=False))
    assert found.fabric.agents() == frozenset()


# what is found

KEYS, VALUES = st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=3)
REQUIREMENTS = st.builds(
    lambda key, operator, values: {
        "key": key,
        "operator": operator,
        **({"values": values} if operator in ("In", "NotIn") else {}),
    },
    KEYS,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(VALUES, min_size=1, max_size=2, unique=True),
)
SELECTORS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(REQUIREMENTS, max_size=2)}
)
LIVES = st.lists(
    st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from([HERE, "data"]), LABELS, st.booleans()),
    max_size=12,
)


@given(LIVES, SELECTORS)
def test_select_finds_what_is_there_and_nothing_else(life: list[Any], selector: Manifest) -> None:
    """Whatever came and went: as if one looked at all that is there now."""
    found, there = Surroundings(), dict[tuple[str, str], dict[str, str]]()
    for name, space, own, gone in life:
        put(found, pod(name, namespace=space, labels=own), gone=gone)
        there.pop((space, name), None)
        if not gone:
            there[space, name] = own

    for space in (HERE, "data"):
        wanted = {
            name
            for (where, name), own in there.items()
            if where == space and evaluator.selects(selector, own)
        }
        assert {one.pod.name for one in found.select(space, selector)} == wanted
        assert {one.pod.name for one in found.select(space, {})} == {
            n for where, n in there if where == space
        }


@given(LIVES)
def test_nothing_stays_behind(life: list[Any]) -> None:
    found = Surroundings()
    for name, space, own, gone in life:
        put(found, pod(name, namespace=space, labels=own), gone=gone)
    for name in ("p1", "p2", "p3"):
        for space in (HERE, "data"):
            put(found, pod(name, namespace=space), gone=True)

    assert [found.select(space, {}) for space in (HERE, "data")] == [(), ()]
    for space in found._spaces.values():
        assert (space.pods, space.by_label) == ({}, {})


def test_namespaces_by_name_are_those_that_are_there() -> None:
    found = around(namespace("data", team="data"), namespace("x"))

    assert found.spaces({"matchLabels": {"kubernetes.io/metadata.name": "data"}}) == ("data",)
    assert found.spaces({"matchLabels": {"kubernetes.io/metadata.name": "gone"}}) == ()
    assert found.spaces({"matchLabels": {"kubernetes.io/metadata.name": "data", "team": "x"}}) == ()
    assert set(found.spaces({})) == {"data", "x"}
    assert found.spaces({"matchLabels": {"team": "data"}}) == ("data",)


def test_policies_are_compiled_anew_when_labels_of_namespaces_change() -> None:
    allowed = [{"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}]
    live = (POD, pod("far", namespace="data", ips=("10.244.1.40",)))
    found = around(namespace("data", team="b"), *live, netpol("n", podSelector={}, ingress=allowed))
    near, far = (found.select(space, {})[0].pod for space in (HERE, "data"))
    flow = evaluator.Flow(far, near, 80)

    assert not found.policies(HERE).verdict(flow).allowed
    put(found, namespace("data", team="a"))
    assert found.policies(HERE).verdict(flow).allowed


def test_one_pod_stands_for_all_that_look_alike() -> None:
    first, second = (pod(f"web-{n}", app="web", labels={"pod-template-hash": str(n)}) for n in (1, 2))
    other = pod("web-0", app="web", ports=[("http", 9090, "TCP")])
    found = around(second)

    def names() -> list[str]:
        return sorted(one.pod.name for one in found.workloads(HERE))

    assert WORKLOADS in put(found, first)
    assert names() == ["web-1"], "the first by name, whoever came first"
    assert WORKLOADS in put(found, other), "its port makes it another"
    assert names() == ["web-0", "web-1"]
    assert WORKLOADS not in put(found, second, gone=True)
    assert WORKLOADS not in put(found, second)
    assert WORKLOADS in put(found, first, gone=True)
    assert names() == ["web-0", "web-2"]
    put(found, second, gone=True)
    put(found, other, gone=True)
    assert names() == []
