"""What the golden files do not show: what follows the cluster, what is refused, and what stays meanwhile."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.engine.world import Settings, World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.objects.netpol import NAMESPACE_NAME
from tests.unit.firewallpolicy.firewalls import (
    CLUSTER,
    SERVED,
    agent,
    around,
    compiled,
    dns,
    endpoints,
    front,
    judge,
    made,
    node,
    policy,
    referred,
    rule,
    service_range,
    world,
)


def without(name: str) -> tuple[Manifest, ...]:
    return tuple(one for one in CLUSTER if one["metadata"]["name"] != name)


def blocks(manifest: Manifest) -> list[dict[str, Any]]:
    """All ranges of a NetworkPolicy's egress."""
    rules = manifest["spec"].get("egress", ())
    return [peer["ipBlock"] for one in rules for peer in one["to"] if "ipBlock" in peer]


def test_the_api_is_followed() -> None:
    resource = policy(presets=[{"name": "KubeAPIServer"}])
    before = made(resource, world())
    after = made(resource, world(endpoints("203.0.113.12", "203.0.113.13")))

    assert [one["cidr"] for one in blocks(before)] == ["10.96.0.1/32", "203.0.113.11/32"]
    assert [one["cidr"] for one in blocks(after)] == ["10.96.0.1/32", "203.0.113.12/32", "203.0.113.13/32"]


def test_an_endpoint_that_is_not_ready_is_left_out() -> None:
    found = endpoints("203.0.113.11", "203.0.113.12")
    found["endpoints"][1]["conditions"]["ready"] = False

    listed = blocks(made(policy(presets=[{"name": "KubeAPIServer"}]), world(found)))

    assert "203.0.113.12/32" not in [one["cidr"] for one in listed]


OUT = {
    "a node": "203.0.113.11",
    "a pod": "10.244.1.7",
    "a pod, IPv6": "2001:db8:244:1::7",
    "a Service": "10.96.0.10",
    "a Service, IPv6": "2001:db8:96::a",
    "the API": "198.51.100.6",
    "the API's Service": "10.96.0.1",
    "a private address": "192.168.7.7",
    "the metadata of a cloud": "169.254.169.254",
    "the metadata of a cloud, IPv6": "fd00:ec2::254",
    "itself": "127.0.0.1",
    "a neighbour, IPv6": "fe80::1",
    "carriers' and clusters' own": "100.64.0.1",
    "IPv4 in IPv6": "64:ff9b::10.0.0.1",
}
IN = {"anybody": "8.8.8.8", "anybody, IPv6": "2600::1", "a public neighbour of a node": "203.0.113.12"}


def on_the_internet(address: str) -> bool:
    there = world(endpoints("198.51.100.6"))
    found = ipaddress.ip_address(address)
    return any(
        found in ipaddress.ip_network(one["cidr"])
        and not any(found in ipaddress.ip_network(range_) for range_ in one.get("except", ()))
        for one in blocks(made(policy(presets=[{"name": "Internet"}]), there))
    )


@pytest.mark.parametrize("who", OUT)
def test_the_internet_is_not(who: str) -> None:
    assert not on_the_internet(OUT[who])


@pytest.mark.parametrize("who", IN)
def test_the_internet_is(who: str) -> None:
    assert on_the_internet(IN[who])


def test_addresses_of_a_family_that_the_cluster_lacks_are_left_out() -> None:
    """kube-router stops enforcing anything when it meets one."""
    narrow = tuple(one for one in CLUSTER if one["kind"] not in ("Node", "ServiceCIDR"))
    there = world(
        node("n1", "203.0.113.11", pods=("10.244.1.0/24",)), service_range("10.96.0.0/12"), cluster=narrow
    )
    resource = policy(
        presets=[{"name": "Internet"}],
        rules=[rule({"cidr": "2001:db8:cafe::/48"}, name="six"), rule({"cidr": "192.0.2.0/24"}, name="four")],
    )
    found = made(resource, there)

    assert [one["cidr"] for one in blocks(found)] == ["0.0.0.0/0"]
    assert [one["from"][0]["ipBlock"]["cidr"] for one in found["spec"]["ingress"]] == ["192.0.2.0/24"]
    told = {one["name"]: one.get("reason", "") for one in judge(resource, there).fields["rules"]}
    assert "2001:db8:cafe::/48 matches nothing" in told["six"]
    assert told["four"] == told["Internet"] == ""


def test_a_rule_of_nothing_but_such_addresses_isolates_all_the_same() -> None:
    narrow = tuple(one for one in CLUSTER if one["kind"] not in ("Node", "ServiceCIDR"))
    there = world(service_range("10.96.0.0/12"), cluster=narrow)

    found = made(policy(rules=[rule({"cidr": "2001:db8:cafe::/48"})]), there)

    assert found["spec"]["policyTypes"] == ["Ingress"]
    assert found["spec"]["ingress"] == []


def test_denied_addresses_stay_whatever_the_family() -> None:
    narrow = tuple(one for one in CLUSTER if one["kind"] not in ("Node", "ServiceCIDR"))
    there = world(agent(), service_range("10.96.0.0/12"), cluster=narrow)
    denied = rule({"cidr": "2001:db8:cafe::/48"}, action="Deny")

    found = made(policy(rules=[denied]), there)

    assert found["spec"]["ingressDeny"] == [{"fromCIDRSet": [{"cidr": "2001:db8:cafe::/48"}]}]


def test_where_prometheus_and_the_gateways_are_is_the_administrators() -> None:
    settings = Settings(metrics_namespaces=("a", "b"), gateway_namespaces=("c",))
    found = made(
        policy(presets=[{"name": "MetricsScrape"}, {"name": "IngressGateway"}]), world(settings=settings)
    )
    metrics, gateways = (one["from"][0]["namespaceSelector"] for one in found["spec"]["ingress"])

    assert metrics["matchExpressions"][0]["values"] == ["a", "b"]
    assert gateways == {"matchLabels": {"kubernetes.io/metadata.name": "c"}}


EXPOSED: Manifest = {"target": {"apps": ["web"]}, "presets": [{"name": "Exposed"}]}


def exposing(**spec: Any) -> World:
    """A cluster with an app of this spec."""
    app = {"kind": "ContainerApp", "metadata": {"name": "web"}, "spec": spec}
    return world(references=referred(app))


def test_the_gateways_of_an_exposure_are_the_administrators() -> None:
    there = exposing(port=80, expose={"hosts": ["a.example.org"]})
    there = dataclasses.replace(there, settings=Settings(gateway_namespaces=("c",)))
    (entry,) = made(policy(EXPOSED), there)["spec"]["ingress"]

    assert entry == {
        "from": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: "c"}}}],
        "ports": [{"port": "http", "protocol": "TCP"}],
    }


@pytest.mark.parametrize("there", [world(), exposing(port=80), exposing(expose={"hosts": ["a.b"]})])
def test_what_exposes_nothing_lets_nobody_in_and_is_told(there: World) -> None:
    """Not known, not exposed, and without a port: closed, whatever the reason."""
    plan, facts = compiled(policy(EXPOSED), there)

    assert plan.findings == ()
    assert plan.objects[0]["spec"]["policyTypes"] == ["Ingress"]
    assert plan.objects[0]["spec"]["ingress"] == []
    assert "'web' exposes nothing" in facts.remarks["Exposed"]


def test_a_range_of_a_family_that_the_cluster_lacks_opens_nothing() -> None:
    there = exposing(port=80, expose={"type": "LoadBalancer", "allowFrom": ["2001:db8:5::/48"]})
    narrow = tuple(one for one in CLUSTER if one["kind"] not in ("Node", "ServiceCIDR"))
    there = dataclasses.replace(there, survey=around(*narrow, service_range("10.96.0.0/12")))
    plan, facts = compiled(policy(EXPOSED), there)

    assert plan.objects[0]["spec"]["ingress"] == []
    assert "2001:db8:5::/48 matches nothing" in facts.remarks["Exposed"]


NEEDY: dict[str, tuple[str, Manifest]] = {
    "fqdn": ("fqdn", rule({"fqdn": "a.example.org"}, direction="Egress")),
    "deny": ("action: Deny", rule({"any": True}, action="Deny")),
    "http": ("http", rule({"app": "worker"}, ports=["80"], http=[{"method": "GET"}])),
    "icmp": ("icmp", rule({"any": True}, icmp=[{"type": 8}])),
    "log": ("log", rule({"app": "worker"}, log=True)),
}


@pytest.mark.parametrize("need", NEEDY)
def test_what_the_standard_cannot_say_is_refused_by_name(need: str) -> None:
    words, entry = NEEDY[need]
    resource = policy(rules=[{**entry, "name": "special"}, rule({"app": "worker"}, name="plain")])
    plan, facts = compiled(resource, world(agent("app", "kube-network-policies")))

    assert (plan.objects, plan.prune) == ((), False), "nothing is dropped, nothing loosened"
    (finding,) = plan.findings
    assert (str(finding.reason), finding.stalled) == ("CapabilityMissing", True)
    assert "'special'" in finding.message
    assert words in finding.message
    assert "kube-network-policies" in finding.message
    assert facts.refused.keys() == {"special"}


@pytest.mark.parametrize("need", NEEDY)
def test_with_cilium_it_becomes_cilium_s(need: str) -> None:
    resource = policy(rules=[NEEDY[need][1]])
    plan, _ = compiled(resource, world(agent()))

    assert [one["kind"] for one in plan.objects] == ["CiliumNetworkPolicy"]
    assert plan.findings == ()
    assert plan.prune, "the standard's, if there was one, goes"


ABSENT = {
    "the definition is there, but nobody works": world(),
    "an agent that is not ready": world(agent(ready=False)),
    "a pod that anybody labelled so": world(agent(host=False)),
    "the definition is not served": world(agent(), served=SERVED - {"CiliumNetworkPolicy.cilium.io"}),
}


@pytest.mark.parametrize("why", ABSENT)
def test_cilium_is_there_when_it_works_and_is_served(why: str) -> None:
    plan, _ = compiled(policy(rules=[NEEDY["deny"][1]]), ABSENT[why])

    assert [str(one.reason) for one in plan.findings] == ["CapabilityMissing"]


def test_what_the_standard_can_say_stays_the_standard_s_beside_cilium() -> None:
    assert made(policy(rules=[rule({"app": "worker"})]), world(agent()))["kind"] == "NetworkPolicy"


UNKNOWN = {"DNS": "kube-dns", "KubeAPIServer": "kubernetes"}


@pytest.mark.parametrize("preset", UNKNOWN)
def test_a_preset_of_which_nothing_is_known_yet(preset: str) -> None:
    """What was enforced stays, and the resource is not stalled: it may come."""
    there = world(cluster=without(UNKNOWN[preset]))
    resource = policy(presets=[{"name": preset}, {"name": "Internet"}])
    plan, facts = compiled(resource, there)

    assert [(str(one.reason), one.stalled) for one in plan.findings] == [("PresetUnknown", False)]
    assert preset in plan.findings[0].message
    assert (plan.objects, plan.prune, facts.unresolved) == ((), False, (preset,))
    states = {one["name"]: one["state"] for one in judge(resource, there).fields["rules"]}
    assert states == {preset: "Waiting", "Internet": "Waiting"}


def test_the_first_cause_is_what_the_user_has_to_change() -> None:
    plan, _ = compiled(
        policy(presets=[{"name": "DNS"}], rules=[NEEDY["deny"][1]]), world(cluster=without("kube-dns"))
    )

    assert [str(one.reason) for one in plan.findings] == ["CapabilityMissing", "PresetUnknown"]


def test_an_object_without_directions_would_isolate_and_is_not_made() -> None:
    plan, _ = compiled(
        policy(isolate={"ingress": False, "egress": False}, presets=[{"name": "SameNamespace"}]), world()
    )

    assert plan.objects == ()
    assert plan.prune


SAID: tuple[tuple[Manifest, list[str], str], ...] = (
    ({"isolate": {"ingress": True}}, ["Ingress"], "said"),
    ({"isolate": {"egress": True}}, ["Egress"], "said"),
    ({"isolate": {"ingress": True, "egress": True}}, ["Ingress", "Egress"], "said"),
    ({"presets": [{"name": "Internet"}]}, ["Egress"], "of what presets speak"),
    ({"presets": [{"name": "MetricsScrape"}]}, ["Ingress"], "of what presets speak"),
    ({"presets": [{"name": "SameNamespace"}]}, ["Ingress", "Egress"], "both"),
    ({"isolate": {"ingress": False}, "presets": [{"name": "SameNamespace"}]}, ["Egress"], "the other"),
    ({"rules": [rule({"any": True})]}, ["Ingress"], "of what rules speak"),
    ({"isolate": {"egress": True}, "rules": [rule({"any": True})]}, ["Ingress", "Egress"], "each by itself"),
    ({"isolate": {"egress": False}, "rules": [rule({"any": True})]}, ["Ingress"], "said"),
)


@pytest.mark.parametrize(("spec", "directions", "why"), SAID)
def test_directions(spec: Manifest, directions: list[str], why: str) -> None:
    assert made(policy(spec), world())["spec"]["policyTypes"] == directions, why


def test_what_is_denied_isolates_nothing() -> None:
    found = made(policy(rules=[rule({"any": True}, action="Deny")]), world(agent()))["spec"]

    assert found["enableDefaultDeny"] == {"ingress": False, "egress": False}
    assert "ingress" not in found
    assert found["ingressDeny"] == [{"fromEntities": ["all"]}]


def test_cilium_isolates_where_nothing_is_allowed() -> None:
    """A direction without a rule is unsaid for Cilium; an empty rule allows nothing."""
    spec = {"isolate": {"ingress": True}, "rules": [rule({"any": True}, action="Deny", direction="Egress")]}
    found = made(policy(spec), world(agent()))["spec"]

    assert found["ingress"] == [{}]
    assert found["enableDefaultDeny"] == {"ingress": True, "egress": False}


def test_cilium_sees_the_answers_of_dns_only_where_names_are_allowed() -> None:
    presets = [{"name": "DNS"}]
    seen = made(policy(presets=presets, rules=[NEEDY["fqdn"][1]]), world(agent()))
    unseen = made(policy(presets=presets, rules=[NEEDY["deny"][1]]), world(agent()))

    assert "rules" in seen["spec"]["egress"][0]["toPorts"][0]
    assert "rules" not in unseen["spec"]["egress"][0]["toPorts"][0]


def test_a_dry_run_makes_nothing_and_takes_what_was_enforced_away() -> None:
    plan, facts = compiled(policy(mode="DryRun", isolate={"ingress": True}), world())

    assert (plan.objects, plan.prune) == ((), True)
    assert facts.standard is not None


def test_ports_of_dns_are_those_of_its_service_and_of_its_pods() -> None:
    """Some enforcers look at a flow before its Service's address is exchanged, some after."""
    ports = [{"port": 53, "protocol": "UDP", "targetPort": 1053}]
    found = made(policy(presets=[{"name": "DNS"}]), world(dns(ports=ports), cluster=without("kube-dns")))

    listed = found["spec"]["egress"][0]["ports"]
    assert sorted(one["port"] for one in listed) == [53, 1053]


def test_two_families_of_the_api() -> None:
    there = world(front("10.96.0.1", "2001:db8:96::1"), endpoints("203.0.113.11", "2001:db8:1::11"))
    found = {one["cidr"] for one in blocks(made(policy(presets=[{"name": "KubeAPIServer"}]), there))}

    assert found == {"10.96.0.1/32", "2001:db8:96::1/128", "203.0.113.11/32", "2001:db8:1::11/128"}


def test_the_names_of_rules_stand_on_the_object() -> None:
    found = made(policy(presets=[{"name": "DNS"}], rules=[rule({"any": True}, name="in")]), world())

    told = found["metadata"]["annotations"]["pileus.dev/rules"]
    assert told == '{"ingress":["in"],"egress":["DNS"]}'


def test_it_is_owned() -> None:
    found = made(policy(isolate={"ingress": True}), world())
    (owner,) = found["metadata"]["ownerReferences"]

    assert (owner["kind"], owner["controller"]) == ("FirewallPolicy", True)
    assert {f"{one.kind}" for one in FIREWALL_POLICY.children} == {"NetworkPolicy", "CiliumNetworkPolicy"}
