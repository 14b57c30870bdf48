"""Clusters and specs by dice: few names, so that what is drawn often meets."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pileus.engine.plan import Manifest
from tests.unit.firewallpolicy.firewalls import HERE, LOCAL_DNS, agent, dns, namespace, node, pod

SPACES = (HERE, "data", "monitoring", "envoy-gateway-system", "kube-system", "default")
Draw = st.SearchStrategy[Any]

_keys, _values = st.sampled_from(["role", "tier"]), st.sampled_from(["x", "y"])
labels = st.dictionaries(_keys, _values, max_size=2)
requirements = st.builds(
    lambda key, operator, values: {
        "key": key,
        "operator": operator,
        **({"values": values} if operator in ("In", "NotIn") else {}),
    },
    _keys,
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(_values, min_size=1, max_size=2, unique=True),
)
selectors = st.fixed_dictionaries(
    {}, optional={"matchLabels": labels, "matchExpressions": st.lists(requirements, max_size=2)}
)
space_selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(st.just("team"), st.sampled_from(["a", "b"]), max_size=1),
        "matchExpressions": st.lists(
            st.fixed_dictionaries(
                {"key": st.just("team"), "operator": st.sampled_from(["Exists", "DoesNotExist"])}
            ),
            max_size=1,
        ),
    },
)

# Numbers that meet each other, names that are numbers of these.
protocols = st.sampled_from(["", "/tcp", "/udp", "/sctp"])
ports = st.builds(
    lambda port, protocol: f"{port}{protocol}",
    st.sampled_from(["80", "53", "443", "6443", "http", "dns", "50-90", "1-65535", "400-500"]),
    protocols,
)
port_lists = st.lists(ports, min_size=1, max_size=3, unique=True)

BLOCKS = (
    ("0.0.0.0/0", ("10.0.0.0/8", "10.244.1.0/24", "198.51.100.0/24")),
    ("10.244.0.0/16", ("10.244.1.0/24", "10.244.2.3/32")),
    ("198.51.100.0/24", ("198.51.100.7/32",)),
    ("10.244.2.3/32", ()),
    ("::/0", ("2001:db8:244:1::/64", "fc00::/7")),
    ("2001:db8:244::/48", ("2001:db8:244:1::/64", "2001:db8:244:2::3/128")),
    ("2600::/16", ("2600::7/128",)),
)


def _block(drawn: tuple[tuple[str, tuple[str, ...]], list[int]]) -> Manifest:
    (cidr, without), chosen = drawn
    excepted = sorted({without[index % len(without)] for index in chosen}) if without else []
    return {"cidr": cidr, **({"except": excepted} if excepted else {})}


blocks = st.tuples(st.sampled_from(BLOCKS), st.lists(st.integers(0, 2), max_size=2)).map(_block)
_elsewhere = st.fixed_dictionaries(
    {}, optional={"namespace": st.sampled_from(SPACES)}
) | st.fixed_dictionaries({"namespaceSelector": space_selectors})
_who = st.one_of(
    st.sampled_from(["web", "api"]).map(lambda name: {"app": name}),
    st.sampled_from(["db"]).map(lambda name: {"vm": name}),
    selectors.map(lambda found: {"selector": found}),
)
peers = st.one_of(
    st.builds(lambda who, where: {**who, **where}, _who, _elsewhere),
    _elsewhere.filter(bool),
    blocks,
    st.just({"any": True}),
)
directions = st.sampled_from(["Ingress", "Egress"])
_rules = st.lists(
    st.fixed_dictionaries(
        {"direction": directions, "peers": st.lists(peers, min_size=1, max_size=3)},
        optional={"ports": port_lists},
    ),
    max_size=3,
)
PRESETS = ("DNS", "SameNamespace", "Internet", "KubeAPIServer", "MetricsScrape", "IngressGateway")
presets = st.lists(
    st.tuples(st.sampled_from(PRESETS), st.none() | port_lists), max_size=3, unique_by=lambda one: one[0]
).map(
    lambda drawn: [
        {"name": name, **({"ports": given} if given and name not in ("DNS", "KubeAPIServer") else {})}
        for name, given in drawn
    ]
)
targets = st.one_of(
    st.lists(st.sampled_from(["web", "api"]), min_size=1, max_size=2, unique=True).map(
        lambda names: {"apps": names}
    ),
    st.just({"vms": ["db"]}),
    selectors.map(lambda found: {"selector": found}),
    st.just({"all": True}),
)
isolations = st.none() | st.fixed_dictionaries(
    {}, optional={"ingress": st.none() | st.booleans(), "egress": st.none() | st.booleans()}
)
EGRESS = {"DNS", "Internet", "KubeAPIServer"}


def _spec(
    target: Manifest,
    isolate: Manifest | None,
    given: list[Manifest],
    rules: list[Manifest],
    exposed: bool,
) -> Manifest:
    """As the API server admits it: nothing is allowed in a direction that is said to be open."""
    single = len(target.get("apps") or target.get("vms") or ()) == 1
    if exposed and single and all(one["name"] != "IngressGateway" for one in given):
        given = [*given, {"name": "Exposed"}]
    named = [{"name": f"r{index}", **one} for index, one in enumerate(rules)]
    isolate = {key: value for key, value in (isolate or {}).items() if value is not None}
    if any(rule["direction"] == "Ingress" for rule in named) or any(
        one["name"] in ("MetricsScrape", "IngressGateway", "Exposed") for one in given
    ):
        isolate = {key: value for key, value in isolate.items() if key != "ingress" or value}
    if any(rule["direction"] == "Egress" for rule in named) or any(one["name"] in EGRESS for one in given):
        isolate = {key: value for key, value in isolate.items() if key != "egress" or value}
    spec: Manifest = {"target": target, "presets": given, "rules": named}
    return {**spec, **({"isolate": isolate} if isolate else {})}


specs = st.builds(_spec, targets, isolations, presets, _rules, st.booleans())

_allowed = st.lists(
    st.sampled_from(["198.51.100.0/24", "10.244.2.0/24", "203.0.113.11/32", "2600::/16"]),
    min_size=1,
    max_size=2,
    unique=True,
)
_ranges = st.fixed_dictionaries({}, optional={"allowFrom": _allowed})
_app_ports = st.one_of(
    st.just({"port": 8080}),
    st.lists(
        st.builds(
            lambda name, protocol: {"name": name, "port": 80, "protocol": protocol},
            st.sampled_from(["http", "dns"]),
            st.sampled_from(["TCP", "UDP"]),
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda one: one["name"],
    ).map(lambda listed: {"ports": listed}),
)
_app_exposes = st.one_of(
    st.just({}),
    st.just({"expose": {"hosts": ["a.example.org"]}}),
    _ranges.map(lambda ranges: {"expose": {"type": "LoadBalancer", **ranges}}),
)
apps = st.builds(lambda ports, expose: {**ports, **expose}, _app_ports, _app_exposes)
"""Specs of apps, as far as they matter to a firewall."""

_ways = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ClusterIP", "NodePort"]), "port": st.sampled_from([80, 53])}
    ),
    st.builds(
        lambda way, ranges: {**way, **ranges},
        st.fixed_dictionaries(
            {"type": st.just("LoadBalancer"), "port": st.sampled_from([22, 80])},
            optional={"target": st.sampled_from([80, 8080]), "protocol": st.sampled_from(["TCP", "UDP"])},
        ),
        _ranges,
    ),
)
machines = st.lists(_ways, max_size=2).map(lambda ways: {"expose": ways})
"""The same of machines."""

# Addresses are the pods' own: those of a node that pods in its network have belong to several.
_kinds = st.sampled_from([{"app": "web"}, {"app": "api"}, {"vm": "db"}, {}])
_declared = st.lists(
    st.tuples(
        st.sampled_from(["http", "dns"]), st.sampled_from([80, 53, 8080]), st.sampled_from(["TCP", "UDP"])
    ),
    max_size=2,
    unique_by=lambda one: (one[0], one[2]),
)


@st.composite
def pods(draw: st.DrawFn, *, host: bool = True) -> Manifest:
    """Any pod; its address follows from its name and namespace."""
    number, space = draw(st.integers(1, 4)), draw(st.sampled_from(SPACES))
    own = SPACES.index(space) + 1
    ips = draw(
        st.sampled_from(
            [
                [f"10.244.{own}.{number}"],
                [f"10.244.{own}.{number}", f"2001:db8:244:{own}::{number}"],
                [f"2001:db8:244:{own}::{number}"],
            ]
        )
    )
    special = draw(
        st.sampled_from(
            [
                {},
                {},
                {"k8s-app": "kube-dns"},
                {"app.kubernetes.io/name": "prometheus"},
                {"kubernetes.io/metadata.name": "data"},
            ]
        )
    )
    return pod(
        f"p{number}",
        namespace=space,
        ips=["203.0.113.11"] if host and (on_host := draw(st.sampled_from([False] * 5 + [True]))) else ips,
        labels={**draw(labels), **special},
        host=bool(host and on_host),
        ports=draw(_declared),
        **draw(_kinds),
    )


spaces = st.tuples(*(st.sampled_from([{}, {"team": "a"}, {"team": "b"}]) for _ in SPACES)).map(
    lambda drawn: [namespace(name, **own) for name, own in zip(SPACES, drawn, strict=True)]
)
agents = st.lists(
    st.sampled_from(
        [
            agent(),
            agent(ready=False),
            agent(host=False),
            agent("k8s-app", "calico-node"),
            LOCAL_DNS,
        ]
    ),
    max_size=2,
)
nodes = st.sampled_from(
    [
        node("n1", "203.0.113.11", "2001:db8:1::11", pods=("10.244.0.0/16", "2001:db8:244::/48")),
        node("n1", "203.0.113.11"),
    ]
)
resolvers = st.sampled_from(
    [
        dns(),
        dns(ports=[{"port": 53, "protocol": "UDP", "targetPort": "dns"}]),
        dns(ports=[{"port": 53, "protocol": p, "targetPort": 8080} for p in ("UDP", "TCP")]),
    ]
)
