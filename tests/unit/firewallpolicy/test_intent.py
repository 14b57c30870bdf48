"""What policies become lets pass exactly what their users meant: two readings of a spec, compared by dice."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.engine.plan import Manifest
from pileus.engine.world import Reference, ReferenceState, Referent, World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.objects import netpol as evaluator
from pileus.objects.surroundings import Surroundings
from tests.unit.firewallpolicy import wild
from tests.unit.firewallpolicy.firewalls import (
    HERE,
    LOCAL_DNS,
    SERVED,
    around,
    endpoints,
    front,
    made,
    policy,
    service_range,
)
from tests.unit.firewallpolicy.intent import End, Flow, Place, allowing, passes

API = endpoints("203.0.113.11", "2001:db8:1::11")
FRONT = front("10.96.0.1", "2001:db8:96::1")
SERVICES = service_range("10.96.0.0/12", "2001:db8:96::/112")
OUTSIDE = (
    "198.51.100.7",
    "198.51.100.8",
    "8.8.8.8",
    "203.0.113.11",
    "10.96.0.1",
    "10.96.0.10",
    "192.168.1.1",
    "169.254.20.10",
    "169.254.169.254",
    "100.64.0.1",
    "240.0.0.1",
    "2600::7",
    "2600::8",
    "2a00::1",
    "fe80::1",
    "fd00::1",
    "2001:db8:1::11",
    "2001:db8:96::1",
    "64:ff9b::a00:1",
)
NUMBERS = (53, 80, 90, 443, 450, 6443, 8080, 9999)


@dataclasses.dataclass(frozen=True)
class Scene:
    """A cluster, as the operator sees it and as the second opinion does."""

    found: Surroundings
    place: Place
    ends: tuple[End, ...]

    @property
    def world(self) -> World:
        references = {
            Reference(kind, name): Referent(ReferenceState.PRESENT, manifest={"spec": dict(spec)})
            for (kind, name), spec in self.place.exposes.items()
        }
        return World(survey=self.found, served=SERVED, references=references)

    def flows(self) -> Iterator[Flow]:
        for source in self.ends:
            for target in self.ends:
                if not (source.namespace or target.namespace):
                    continue
                if ipaddress.ip_address(source.ip).version != ipaddress.ip_address(target.ip).version:
                    continue
                for port in NUMBERS:
                    for protocol in ("TCP", "UDP"):
                        yield Flow(source, target, port, protocol)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    pods: list[Manifest] = draw(
        st.lists(
            wild.pods(),
            min_size=1,
            max_size=6,
            unique_by=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]),
        )
    )
    spaces, node, resolver = draw(wild.spaces), draw(wild.nodes), draw(wild.resolvers)
    cache = draw(st.booleans())
    beside = [LOCAL_DNS] if cache else []
    found = around(*spaces, node, SERVICES, FRONT, API, resolver, *beside, *pods)
    outside = draw(st.lists(st.sampled_from(OUTSIDE), min_size=2, max_size=5, unique=True))
    ends = [*(end for live in pods for end in _ends(live)), *map(End, outside)]
    own = [
        f"{one['address']}/{128 if ':' in one['address'] else 32}" for one in node["status"]["addresses"][1:]
    ]
    place = Place(
        spaces={one["metadata"]["name"]: one["metadata"]["labels"] for one in spaces},
        api=frozenset(
            [("203.0.113.11", 6443), ("2001:db8:1::11", 6443), ("10.96.0.1", 443), ("2001:db8:96::1", 443)]
        ),
        dns_ports=frozenset(
            (one["protocol"], port) for one in resolver["spec"]["ports"] for port in (53, one["targetPort"])
        ),
        dns_cache="169.254.20.10" if cache else "",
        own=(*own, *node["spec"]["podCIDRs"], *SERVICES["spec"]["cidrs"]),
        exposes=draw(
            st.fixed_dictionaries(
                {("ContainerApp", "web"): wild.apps, ("CloudVM", "db"): wild.machines},
                optional={("ContainerApp", "api"): wild.apps},
            )
        ),
    )
    return Scene(found, place, tuple(ends))


def _ends(live: Manifest) -> Iterator[End]:
    """A pod, once for each family of its addresses."""
    metadata, spec = live["metadata"], live["spec"]
    ports: dict[tuple[str, str], int] = {}
    for one in spec["containers"][0]["ports"]:
        ports.setdefault((one["name"], one["protocol"]), one["containerPort"])
    for address in live["status"]["podIPs"]:
        yield End(
            address["ip"],
            metadata["namespace"],
            metadata["name"],
            metadata["labels"],
            ports,
            bool(spec.get("hostNetwork")),
        )


def _peer(end: End, scene: Scene) -> evaluator.Peer:
    if not end.namespace:
        return evaluator.Outside(end.ip)
    return next(one.pod for one in scene.found.select(end.namespace, {}) if one.pod.name == end.name)


def _asked(flow: Flow, scene: Scene) -> evaluator.Flow:
    family = ipaddress.ip_address(flow.source.ip).version
    return evaluator.Flow(
        _peer(flow.source, scene), _peer(flow.target, scene), flow.port, flow.protocol, family
    )


def _policies(objects: list[Manifest], scene: Scene) -> evaluator.Policies:
    return evaluator.Policies(objects, scene.place.spaces)


@settings(max_examples=60)
@given(wild.specs, scenes())
def test_what_it_becomes_is_what_was_meant(spec: Manifest, scene: Scene) -> None:
    plan = FIREWALL_POLICY.compile(policy(spec), scene.world)
    assert plan.findings == ()
    policies = _policies(list(plan.objects), scene)
    for flow in scene.flows():
        meant = passes(spec, HERE, flow, scene.place)
        assert policies.verdict(_asked(flow, scene)).allowed == meant, (plan.objects, flow)


@settings(max_examples=60)
@given(wild.presets, scenes())
def test_no_flow_is_of_two_presets(given_presets: list[Manifest], scene: Scene) -> None:
    """What one preset is about the others leave out; so no more is open than one asked for."""
    alone = {
        one["name"]: _policies(
            [made(policy(target={"all": True}, presets=[one], isolate=_both(one["name"])), scene.world)],
            scene,
        )
        for one in given_presets
    }
    for flow in scene.flows():
        asked = _asked(flow, scene)
        for direction, guarded in (("egress", flow.source), ("ingress", flow.target)):
            if guarded.namespace != HERE or guarded.host or flow.source.name == flow.target.name:
                continue
            sides = {name: getattr(policies.verdict(asked), direction) for name, policies in alone.items()}
            assert len([name for name, side in sides.items() if side.allowed_by]) <= 1, (sides, flow)


def _both(preset: str) -> Manifest:
    ingress = preset in ("SameNamespace", "MetricsScrape", "IngressGateway")
    egress = preset in ("SameNamespace", "DNS", "Internet", "KubeAPIServer")
    return {key: True for key, said in (("ingress", ingress), ("egress", egress)) if said}


@settings(max_examples=40)
@given(wild.specs, wild.specs, scenes())
def test_a_change_of_the_spec_is_a_change_of_one_object(
    before: Manifest, after: Manifest, scene: Scene
) -> None:
    """One write, or one deletion: there is no state in between that nobody asked for."""
    first, second = (FIREWALL_POLICY.compile(policy(spec), scene.world) for spec in (before, after))
    names = {(one["kind"], one["metadata"]["name"]) for plan in (first, second) for one in plan.objects}

    assert len(first.objects) <= 1
    assert len(second.objects) <= 1
    assert len(names) <= 1
    assert first.acts == second.acts == ()


@settings(max_examples=30)
@given(wild.specs, scenes())
def test_what_is_allowed_is_allowed_by_the_rule_that_says_so(spec: Manifest, scene: Scene) -> None:
    """The annotation tells which rule an entry of the object is, so a verdict can name it."""
    plan = FIREWALL_POLICY.compile(policy(spec), scene.world)
    for manifest in plan.objects:
        names = json.loads(manifest["metadata"]["annotations"]["pileus.dev/rules"])
        policies = _policies([manifest], scene)
        for flow in scene.flows():
            verdict = policies.verdict(_asked(flow, scene))
            for direction, side in (("Ingress", verdict.ingress), ("Egress", verdict.egress)):
                told = {names[direction.lower()][index] for _, _, index in side.allowed_by}
                if side.isolated_by:
                    assert told == set(allowing(spec, HERE, direction, flow, scene.place)), flow


def test_the_second_opinion_itself() -> None:
    """By hand: a web app that only a worker reaches, and that asks nobody but DNS."""
    spec: dict[str, Any] = {
        "target": {"apps": ["web"]},
        "isolate": {"ingress": True, "egress": True},
        "presets": [{"name": "DNS"}],
        "rules": [
            {"name": "worker", "direction": "Ingress", "peers": [{"app": "worker"}], "ports": ["http"]}
        ],
    }
    own = {"pileus.dev/kind": "ContainerApp"}
    web = End("10.0.0.1", HERE, "web", {**own, "pileus.dev/name": "web"}, {("http", "TCP"): 8080})
    worker = End("10.0.0.2", HERE, "worker", {**own, "pileus.dev/name": "worker"})
    resolver = End("10.0.0.3", "kube-system", "dns", {"k8s-app": "kube-dns"})
    place = Place({HERE: {}, "kube-system": {}}, frozenset(), frozenset({("UDP", 53)}), "", ())
    flows = (
        (worker, web, 8080, "TCP", True),
        (worker, web, 8081, "TCP", False),
        (worker, web, 8080, "UDP", False),
        (resolver, web, 8080, "TCP", False),
        (End("8.8.8.8"), web, 8080, "TCP", False),
        (dataclasses.replace(worker, namespace="data"), web, 8080, "TCP", False),
        (dataclasses.replace(worker, host=True), web, 8080, "TCP", False),
        (web, resolver, 53, "UDP", True),
        (web, resolver, 53, "TCP", False),
        (web, worker, 80, "TCP", False),
        (web, web, 1, "TCP", True),
        (worker, resolver, 1, "TCP", True),
    )
    for source, target, port, protocol, expected in flows:
        assert passes(spec, HERE, Flow(source, target, port, protocol), place) == expected
