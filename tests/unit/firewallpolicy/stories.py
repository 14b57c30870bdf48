"""The stories whose objects stand in tests/golden/firewallpolicy: each field and preset, one file a story."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pileus.engine.plan import Manifest, Plan
from pileus.engine.world import World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from tests.unit.firewallpolicy.firewalls import (
    CLUSTER,
    LOCAL_DNS,
    agent,
    dns,
    endpoints,
    front,
    pod,
    policy,
    referred,
    rule,
    world,
)

Spec = dict[str, Any]
WEB = pod("web-1", app="web", ports=[("http", 8080, "TCP")])
WORKER = pod("worker-1", app="worker")
DB = pod("virt-launcher-db", vm="db-1")


@dataclass(frozen=True, slots=True)
class Story:
    """One policy: what it shows, its spec, and what is in the cluster beside the usual."""

    name: str
    reason: str
    spec: Spec
    beside: tuple[Manifest, ...] = ()
    cluster: tuple[Manifest, ...] = CLUSTER
    around: tuple[Manifest, ...] = field(default=(WEB, WORKER, DB))
    target: Manifest | None = None
    """The app or the machine itself, where its spec matters."""

    @property
    def world(self) -> World:
        """Where it is."""
        references = referred(self.target) if self.target else {}
        return world(*self.around, *self.beside, cluster=self.cluster, references=references)

    def plan(self) -> Plan:
        """What it becomes."""
        return FIREWALL_POLICY.compile(policy(self.spec), self.world)


def cilium(name: str, reason: str, /, **spec: Any) -> Story:
    """Where Cilium enforces policies."""
    return Story(name, reason, spec, (agent(),))


HOSTS = {"hosts": ["shop.example.org"]}


def exposed(name: str, reason: str, /, **app: Any) -> Story:
    """Of the exposure of an app."""
    spec = {"target": {"apps": ["web"]}, "presets": [{"name": "Exposed"}]}
    target = {"kind": "ContainerApp", "metadata": {"name": "web"}, "spec": app}
    return Story(name, reason, spec, target=target)


def peers(name: str, reason: str, /, *listed: Spec) -> Story:
    """Of both directions."""
    rules = [
        rule(*listed, name=f"{name}-{direction.lower()}", direction=direction)
        for direction in ("Ingress", "Egress")
    ]
    return Story(name, reason, {"isolate": {"ingress": True, "egress": True}, "rules": rules})


def preset(name: str, reason: str, /, *beside: Manifest, preset: str = "", ports: Any = None) -> Story:
    """One preset alone."""
    entry = {"name": preset or name, **({"ports": ports} if ports else {})}
    return Story(f"preset-{name.lower()}", reason, {"presets": [entry]}, beside)


BOTH = {"ingress": True, "egress": True}
STORIES: tuple[Story, ...] = (
    # whose traffic
    Story("apps", "pods of two apps", {"target": {"apps": ["web", "worker"]}, "isolate": BOTH}),
    Story("vms", "the pod of a machine", {"target": {"vms": ["db-1"]}, "isolate": BOTH}),
    Story(
        "selector",
        "pods by their labels",
        {
            "target": {
                "selector": {
                    "matchLabels": {"tier": "front"},
                    "matchExpressions": [
                        {"key": "team", "operator": "In", "values": ["a", "b"]},
                        {"key": "legacy", "operator": "DoesNotExist"},
                    ],
                }
            },
            "isolate": {"ingress": True},
        },
    ),
    Story("all", "all pods of the namespace", {"target": {"all": True}, "isolate": {"egress": True}}),
    # directions
    Story("isolate-ingress", "nobody reaches it", {"isolate": {"ingress": True}}),
    Story("isolate-egress", "it reaches nobody", {"isolate": {"egress": True}}),
    Story(
        "isolate-one",
        "said not to isolate: SameNamespace is about the other direction alone",
        {"isolate": {"egress": False}, "presets": [{"name": "SameNamespace"}]},
    ),
    # peers
    peers("app", "an app of the namespace", {"app": "worker"}),
    peers("app-elsewhere", "an app of another namespace", {"app": "worker", "namespace": "data"}),
    peers("vm", "a machine", {"vm": "db-1"}),
    peers("labels", "pods by their labels, here", {"selector": {"matchLabels": {"role": "client"}}}),
    peers("everybody-here", "all pods of the namespace", {"selector": {}}),
    peers("namespace", "all pods of a namespace", {"namespace": "data"}),
    peers(
        "namespaces",
        "pods of namespaces by the labels of both",
        {
            "selector": {"matchLabels": {"role": "client"}},
            "namespaceSelector": {"matchLabels": {"team": "data"}},
        },
    ),
    peers("namespaces-all", "pods of every namespace", {"namespaceSelector": {}}),
    peers(
        "cidr",
        "ranges of addresses without some, of both families",
        {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25", "192.0.2.7/32"]},
        {"cidr": "2001:db8:cafe::/48", "except": ["2001:db8:cafe:1::/64"]},
    ),
    peers("any", "everybody: nobody in particular is named", {"any": True}, {"app": "worker"}),
    peers("several", "peers of several ways in one rule", {"app": "worker"}, {"cidr": "192.0.2.0/24"}),
    # ports
    Story(
        "ports",
        "numbers, ranges, names, of each protocol; TCP if none is said",
        {
            "rules": [
                rule(
                    {"app": "worker"},
                    ports=["5432", "443/tcp", "30000-30100/udp", "http", "dns/udp", "9/sctp"],
                )
            ]
        },
    ),
    # presets
    preset("DNS", "to the cluster's DNS"),
    preset(
        "DNS-named",
        "its pods call the port by a name",
        dns(
            ports=[
                {"port": 53, "protocol": "UDP", "targetPort": "dns"},
                {"port": 53, "protocol": "TCP", "targetPort": "dns-tcp"},
                {"port": 9153, "protocol": "TCP", "targetPort": 9153},
            ]
        ),
        preset="DNS",
    ),
    preset("DNS-local", "and to the cache on each node, where there is one", LOCAL_DNS, preset="DNS"),
    preset("KubeAPIServer", "to the API's endpoints, and its Service's address"),
    preset(
        "KubeAPIServer-three",
        "more endpoints, of two families, on other ports",
        endpoints("203.0.113.11", "203.0.113.12"),
        endpoints("2001:db8:1::11", port=443, name="kubernetes-v6"),
        front("10.96.0.1", "2001:db8:96::1"),
        preset="KubeAPIServer",
    ),
    preset("Internet", "to public addresses: none of the cluster's, none that is private", ports=["443"]),
    preset("MetricsScrape", "from Prometheus", ports=["9090/tcp"]),
    preset("IngressGateway", "from the pods of gateways", ports=["http"]),
    exposed(
        "exposed",
        "whom the target's own exposure lets in: the gateway, for its hosts",
        port=8080,
        expose=HOSTS,
    ),
    exposed(
        "exposed-ranges",
        "ranges that may connect to its load balancer, at all its ports",
        ports=[
            {"name": "web", "port": 8080},
            {"name": "quic", "port": 8443, "protocol": "UDP"},
        ],
        expose={"type": "LoadBalancer", "allowFrom": ["203.0.113.0/24", "192.0.2.7/32"]},
    ),
    exposed("exposed-all", "everybody", port=8080, expose={"type": "LoadBalancer"}),
    exposed("exposed-none", "an app without exposure lets nobody in", port=8080),
    Story(
        "exposed-machine",
        "the ports of a machine: at its node and its load balancer, not in the cluster",
        {"target": {"vms": ["db-1"]}, "presets": [{"name": "Exposed"}]},
        target={
            "kind": "CloudVM",
            "metadata": {"name": "db-1"},
            "spec": {
                "expose": [
                    {"name": "ssh", "port": 22, "type": "LoadBalancer", "allowFrom": ["203.0.113.0/24"]},
                    {"name": "pg", "port": 5432, "type": "ClusterIP"},
                    {"name": "dns", "port": 53, "target": 5353, "protocol": "UDP", "type": "NodePort"},
                ]
            },
        },
    ),
    preset("SameNamespace", "from and to all pods of the namespace", ports=["80-90"]),
    Story(
        "presets",
        "presets stand before rules, in their order",
        {
            "presets": [{"name": "DNS"}, {"name": "SameNamespace"}],
            "rules": [rule({"cidr": "192.0.2.0/24"}, name="backup", direction="Egress")],
        },
    ),
    Story(
        "unknown",
        "what a preset means is not known: nothing is changed",
        {"presets": [{"name": "DNS"}], "isolate": {"ingress": True}},
        cluster=tuple(one for one in CLUSTER if one["metadata"]["name"] != "kube-dns"),
    ),
    # modes
    Story("dry-run", "nothing is made", {"mode": "DryRun", "isolate": BOTH}),
    # capabilities
    Story(
        "refused",
        "what nobody here can enforce is refused by name, as a whole",
        {
            "rules": [
                rule({"app": "worker"}, name="from-worker"),
                rule({"fqdn": "*.example.org"}, name="saas", direction="Egress"),
                rule({"any": True}, name="none", action="Deny"),
            ]
        },
        (agent("k8s-app", "calico-node"),),
    ),
    cilium(
        "cilium-fqdn",
        "hosts by their names, which Cilium learns from the answers of DNS",
        presets=[{"name": "DNS"}],
        rules=[
            rule({"fqdn": "api.example.org"}, {"fqdn": "*.example.org"}, direction="Egress", ports=["443"])
        ],
    ),
    cilium(
        "cilium-deny",
        "what is denied is denied whatever allows it; the direction stays open",
        rules=[rule({"cidr": "192.0.2.0/24"}, name="bad", direction="Egress", action="Deny")],
    ),
    cilium(
        "cilium-http",
        "some requests of HTTP",
        rules=[rule({"app": "worker"}, ports=["8080"], http=[{"method": "GET", "path": "/v1/.*"}, {}])],
    ),
    cilium(
        "cilium-icmp",
        "messages of ICMP",
        rules=[rule({"any": True}, name="ping", icmp=[{"type": 8}, {"type": 128, "family": "IPv6"}])],
    ),
    cilium("cilium-log", "what it is about is logged", rules=[rule({"app": "worker"}, log=True)]),
    cilium(
        "cilium-peers",
        "every peer that the standard has too",
        target={"selector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}},
        isolate=BOTH,
        presets=[{"name": "SameNamespace"}, {"name": "KubeAPIServer"}, {"name": "IngressGateway"}],
        rules=[
            rule(
                {"vm": "db-1"},
                {"app": "worker", "namespace": "data"},
                {"namespaceSelector": {}},
                {
                    "selector": {"matchExpressions": [{"key": "role", "operator": "In", "values": ["a"]}]},
                    "namespaceSelector": {
                        "matchLabels": {"team": "data"},
                        "matchExpressions": [{"key": "old", "operator": "DoesNotExist"}],
                    },
                },
                {"cidr": "192.0.2.0/24", "except": ["192.0.2.7/32"]},
                ports=["30000-30100/udp", "http"],
                log=True,
            )
        ],
    ),
    cilium(
        "cilium-ports",
        "more ports than one entry of Cilium's may have",
        presets=[{"name": "Internet", "ports": ["443"]}],
        rules=[rule({"app": "worker"}, log=True, ports=[str(port) for port in range(1000, 1064, 2)])],
    ),
)
