"""What is said of a flow, whole: the verdict, by which policy, and the rule that is missing."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from pileus.kinds.firewallpolicy.explain import words
from pileus.kinds.firewallpolicy.explain.scene import CannotAnswer
from tests.unit.explainflow.towns import Town, egress, ingress, rule

PG = rule("pg", "Ingress", {"app": "web"}, ports=("5432/tcp",))
DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}
CNP = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "l7", "namespace": "acme"},
    "spec": {"endpointSelector": {"matchLabels": {"k8s:pileus.dev/name": "web"}}, "ingress": [{}]},
}


def town() -> Town:
    return Town().app("web").vm("db-1").app("api", 2).app("till", namespace="shop")


SAID = {
    "nothing isolates": (
        town(),
        "web db-1:5432",
        0,
        """
        app/web → vm/db-1:5432/tcp: allowed
          Egress of app/web: nothing isolates it.
          Ingress of vm/db-1: nothing isolates it.
        """,
    ),
    "a rule of a FirewallPolicy allows": (
        town().firewall("db", ingress({"vms": ["db-1"]}, PG)),
        "app/web vm/db-1:5432/tcp",
        0,
        """
        app/web → vm/db-1:5432/tcp: allowed
          Egress of app/web: nothing isolates it.
          Ingress of vm/db-1: rule 'pg' of FirewallPolicy 'db' allows it.
        """,
    ),
    "blocked at both ends": (
        town().firewall("db", ingress({"vms": ["db-1"]}, PG)).firewall("web", egress("web")),
        "web db-1:5433",
        1,
        """
        app/web → vm/db-1:5433/tcp: blocked
          Egress of app/web: FirewallPolicy 'web' isolates it, and none of its rules allows this.
            This would allow it, in spec.rules of FirewallPolicy 'web':
              - {name: db-1-5433, direction: Egress, peers: [{vm: db-1}], ports: [5433/tcp]}
          Ingress of vm/db-1: FirewallPolicy 'db' isolates it, and none of its rules allows this.
            This would allow it, in spec.rules of FirewallPolicy 'db':
              - {name: web-5433, direction: Ingress, peers: [{app: web}], ports: [5433/tcp]}
        """,
    ),
    "somebody else's policy blocks": (
        town().policy("deny", DENY_ALL),
        "shop/app/till web",
        1,
        """
        shop/app/till → app/web:8080/tcp: blocked
          Egress of shop/app/till: nothing isolates it.
          Ingress of app/web: NetworkPolicy 'deny' isolates it, and none of its rules allows this.
            It is no FirewallPolicy's: ask whoever made it.
            This would allow it, in spec.rules of a FirewallPolicy with target {apps: [web]}:
              - {name: till-8080, direction: Ingress, peers: [{app: till, namespace: shop}], ports: [8080/tcp]}
        """,  # noqa: E501
    ),
    "somebody else's policy allows": (
        town().policy(
            "open", {"podSelector": {}, "ingress": [{"ports": [{"port": 1}]}, {"ports": [{"port": "http"}]}]}
        ),
        "web api:http",
        0,
        """
        app/web → app/api:8080/tcp: allowed
          Egress of app/web: nothing isolates it.
          Ingress of app/api: rule number 2 of spec.ingress of NetworkPolicy 'open' allows it.
        """,
    ),
    "a preset allows": (
        town().firewall("web", egress("web", presets=[{"name": "Internet", "ports": ["443/tcp"]}])),
        "web internet:443",
        0,
        """
        app/web → the internet:443/tcp: allowed
          Egress of app/web: preset 'Internet' of FirewallPolicy 'web' allows it.
        """,
    ),
    "a preset is missing a port": (
        town().firewall("web", egress("web", presets=[{"name": "Internet", "ports": ["443/tcp"]}])),
        "web internet:80",
        1,
        """
        app/web → the internet:80/tcp: blocked
          Egress of app/web: FirewallPolicy 'web' isolates it, and none of its rules allows this.
            This would allow it, in spec.presets of FirewallPolicy 'web', in place of the entry of that name:
              - {name: Internet, ports: [443/tcp, 80/tcp]}
        """,
    ),
    "an address": (
        town().firewall("web", egress("web")),
        "web [2001:db8::7]:443",
        2,
        None,
    ),
    "pods of an app that differ": (
        town()
        .pod("api-9", labels={"pileus.dev/kind": "ContainerApp", "pileus.dev/name": "api", "track": "next"})
        .policy("next", {"podSelector": {"matchLabels": {"track": "next"}}, "ingress": []}),
        "web api:8080",
        1,
        """
        app/web → app/api:8080/tcp: blocked in part
          to pod/api-0, pod/api-1: allowed
            Egress of app/web: nothing isolates it.
            Ingress of app/api: nothing isolates it.
          to pod/api-9: blocked
            Egress of app/web: nothing isolates it.
            Ingress of app/api: NetworkPolicy 'next' isolates it, and none of its rules allows this.
              It is no FirewallPolicy's: ask whoever made it.
              This would allow it, in spec.rules of a FirewallPolicy with target {apps: [api]}:
                - {name: web-8080, direction: Ingress, peers: [{app: web}], ports: [8080/tcp]}
        """,
    ),
    "families that differ": (
        Town()
        .app("web", ips=("10.244.1.1", "fd00::1"))
        .app("api", ips=("10.244.1.2", "fd00::2"))
        .policy(
            "v4",
            {
                "podSelector": {"matchLabels": {"pileus.dev/name": "api"}},
                "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
            },
        ),
        "web api:8080",
        1,
        """
        app/web → app/api:8080/tcp: blocked in part
          over IPv4: allowed
            Egress of app/web: nothing isolates it.
            Ingress of app/api: rule number 1 of spec.ingress of NetworkPolicy 'v4' allows it.
          over IPv6: blocked
            Egress of app/web: nothing isolates it.
            Ingress of app/api: NetworkPolicy 'v4' isolates it, and none of its rules allows this.
              It is no FirewallPolicy's: ask whoever made it.
              This would allow it, in spec.rules of a FirewallPolicy with target {apps: [api]}:
                - {name: web-8080, direction: Ingress, peers: [{app: web}], ports: [8080/tcp]}
        Note: What allows it names a range of addresses, and the other side is a pod: some enforcers (Cilium) do not match pods by address. Name the pods by app, vm or selector.
        """,  # noqa: E501
    ),
    "a Service, and its own port": (
        town().service(
            "front", {"pileus.dev/name": "api"}, {"name": "web", "port": 80, "targetPort": "http"}
        ),
        "web front:80",
        0,
        """
        app/web → svc/front:80/tcp, port 8080 of its pods: allowed
          Egress of app/web: nothing isolates it.
          Ingress of svc/front: nothing isolates it.
        """,
    ),
    "DNS is a preset": (
        town().dns().firewall("web", egress("web")),
        "web kube-system/dns-0:53/udp",
        1,
        """
        app/web → kube-system/pod/dns-0:53/udp: blocked
          Egress of app/web: FirewallPolicy 'web' isolates it, and none of its rules allows this.
            This would allow it, in spec.presets of FirewallPolicy 'web':
              - {name: DNS}
          Ingress of kube-system/pod/dns-0: nothing isolates it.
        """,
    ),
    "another engine's policy selects an end": (
        town().other(CNP),
        "api web",
        2,
        """
        app/api → app/web:8080/tcp: cannot be answered
          Egress of app/api: nothing isolates it.
          Ingress of app/web: CiliumNetworkPolicy 'l7', which is not evaluated, selects it.
        """,
    ),
    "another engine's policy, of the other direction": (
        town().other(CNP),
        "web db-1:1",
        0,
        """
        app/web → vm/db-1:1/tcp: allowed
          Egress of app/web: nothing isolates it.
          Ingress of vm/db-1: nothing isolates it.
        """,
    ),
    "what one end blocks is blocked, whatever the other says": (
        town().other(CNP).firewall("api", egress("api")),
        "api web:8080",
        1,
        """
        app/api → app/web:8080/tcp: blocked
          Egress of app/api: FirewallPolicy 'api' isolates it, and none of its rules allows this.
            This would allow it, in spec.rules of FirewallPolicy 'api':
              - {name: web-8080, direction: Egress, peers: [{app: web}], ports: [8080/tcp]}
          Ingress of app/web: CiliumNetworkPolicy 'l7', which is not evaluated, selects it.
        """,
    ),
    "a FirewallPolicy that only Cilium can enforce": (
        town().firewall("web", egress("web", rule("saas", "Egress", {"fqdn": "*.example.org"}))),
        "web internet:443",
        2,
        """
        app/web → the internet:443/tcp: cannot be answered
          Egress of app/web: CiliumNetworkPolicy 'web' (of FirewallPolicy 'web'), which is not evaluated, selects it.
        """,  # noqa: E501
    ),
    "a pod in the network of its node": (
        town()
        .pod("agent", hostNetwork=True, ips=("192.168.0.2",), host="192.168.0.2")
        .firewall("web", ingress({"apps": ["web"]})),
        "agent web:8080",
        2,
        """
        pod/agent → app/web:8080/tcp: cannot be answered
          Egress of pod/agent: it is in the network of its node, where no NetworkPolicy isolates it.
          Ingress of app/web: the other side is a node or in the network of one, which enforcers treat differently.
        Note: pod/agent: in the network of the node, so that it is known by the node's address only, and no NetworkPolicy guards it.
        """,  # noqa: E501
    ),
    "the pod's own node": (
        town().firewall("web", ingress({"apps": ["web"]})),
        "192.168.0.1 web:8080",
        0,
        """
        192.168.0.1 → app/web:8080/tcp: allowed
          Ingress of app/web: the node of a pod always reaches it.
        """,
    ),
    "another node": (
        town().nodes("192.168.0.9").firewall("web", ingress({"apps": ["web"]})),
        "192.168.0.9 web:8080",
        2,
        """
        192.168.0.9 → app/web:8080/tcp: cannot be answered
          Ingress of app/web: the other side is a node or in the network of one, which enforcers treat differently.
        """,  # noqa: E501
    ),
    "a policy that would": (
        town().firewall("web", {**egress("web"), "mode": "DryRun"}),
        "web db-1:5432",
        0,
        """
        app/web → vm/db-1:5432/tcp: allowed
          Egress of app/web: nothing isolates it.
          Ingress of vm/db-1: nothing isolates it.
        Note: FirewallPolicy 'web' targets app/web in mode DryRun: enforced, 5432/tcp would be blocked.
        """,
    ),
    "parts of the internet": (
        town().firewall("web", egress("web", rule("far", "Egress", {"cidr": "203.0.113.0/24"}))),
        "web internet:443",
        1,
        """
        app/web → the internet:443/tcp: blocked
          Egress of app/web: FirewallPolicy 'web' isolates it, and none of its rules allows this.
            This would allow it, in spec.presets of FirewallPolicy 'web':
              - {name: Internet, ports: [443/tcp]}
        Note: Parts of the internet differ: 203.0.113.0/24 (allowed). Ask about an address of them.
        """,
    ),
    "nobody enforces": (
        town().firewall(
            "web",
            egress("web"),
            conditions=[{"type": "EnforcementVerified", "status": "False", "message": "A flow passed."}],
        ),
        "web 203.0.113.7:443",
        1,
        """
        app/web → 203.0.113.7:443/tcp: blocked
          Egress of app/web: FirewallPolicy 'web' isolates it, and none of its rules allows this.
            This would allow it, in spec.rules of FirewallPolicy 'web':
              - {name: 203-0-113-7-443, direction: Egress, peers: [{cidr: 203.0.113.7/32}], ports: [443/tcp]}
        Note: NetworkPolicies are not enforced in this cluster, so that everything passes: A flow passed.
        """,
    ),
    "a policy that is not applied yet": (
        town().firewall("web", egress("web", rule("all", "Egress", {"any": True})), observed=0),
        "web db-1:1",
        0,
        """
        app/web → vm/db-1:1/tcp: allowed
          Egress of app/web: rule 'all' of FirewallPolicy 'web' allows it.
          Ingress of vm/db-1: nothing isolates it.
        Note: FirewallPolicy 'web' targets app/web, and its newest change is not applied yet: ask again in a moment.
        """,  # noqa: E501
    ),
    "an app of one pod, and itself": (
        town().firewall("web", ingress({"apps": ["web"]})),
        "web web",
        0,
        """
        app/web → app/web:8080/tcp: allowed
          Egress of app/web: a pod always reaches itself.
          Ingress of app/web: a pod always reaches itself.
        """,
    ),
    "an app, and its other pods": (
        town().firewall("api", ingress({"apps": ["api"]}, presets=[{"name": "SameNamespace"}])),
        "api api",
        0,
        """
        app/api → app/api:8080/tcp: allowed
          Egress of app/api: preset 'SameNamespace' of FirewallPolicy 'api' allows it.
          Ingress of app/api: preset 'SameNamespace' of FirewallPolicy 'api' allows it.
        """,
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said(case: str) -> None:
    found, flow, status, said = SAID[case]
    source, target = flow.split()
    if said is None:
        with pytest.raises(CannotAnswer, match="no family of addresses in common"):
            found.explain(source, target)
        return
    answer = found.explain(source, target)
    assert words.text(answer) == dedent(said).strip()
    assert answer.status == status
    json.dumps(words.data(answer))


def test_every_port_that_is_declared_has_a_line() -> None:
    found = (
        Town()
        .app("web")
        .app("api", ports=((8080, "http", "TCP"), (9090, "metrics", "TCP"), (53, "dns", "UDP")))
    )
    found.firewall(
        "api", ingress({"apps": ["api"]}, rule("http", "Ingress", {"app": "web"}, ports=("http",)))
    )
    answer = found.explain("web", "api")
    assert [(one.port.number, one.port.protocol, one.answer) for one in answer.lines] == [
        (53, "UDP", "blocked"),
        (8080, "TCP", "allowed"),
        (9090, "TCP", "blocked"),
    ]
    assert answer.status == 1


def test_a_guests_ports_are_those_of_its_services() -> None:
    found = (
        Town()
        .app("web")
        .vm("db-1")
        .service("db-1-pg", {"pileus.dev/name": "db-1"}, {"name": "pg", "port": 5000, "targetPort": 5432})
    )
    assert [one.port.number for one in found.explain("web", "db-1").lines] == [5432]
    assert [one.port.number for one in found.explain("web", "db-1:pg").lines] == [5432]


def test_a_headless_service_translates_nothing() -> None:
    found = town().service(
        "api-each", {"pileus.dev/name": "api"}, {"port": 80, "targetPort": 8080}, clusterIP="None"
    )
    assert {
        group.port.number for line in found.explain("web", "api-each:80").lines for group in line.groups
    } == {80}


def test_machines_without_their_labels() -> None:
    found = Town().app("web").vm("db-1", labelled=False).firewall("db", ingress({"vms": ["db-1"]}))
    said = found.says("web", "vm/db-1:5432")
    assert "vm/db-1:5432/tcp: allowed" in said
    assert "does not hold before it is restarted" in said


def test_marks_of_a_firewall_policy_that_is_not_there_are_no_marks() -> None:
    found = town().policy("forged", DENY_ALL)
    forged = {
        **found.scene.policies[0]["metadata"],
        "labels": {"pileus.dev/kind": "FirewallPolicy", "pileus.dev/name": "x"},
    }
    found.scene.policies[0]["metadata"] = forged
    assert "NetworkPolicy 'forged' isolates it" in found.says("web", "api:8080")


def test_nor_are_those_of_a_firewall_policy_that_did_not_make_it() -> None:
    found = town().firewall("db", ingress({"vms": ["db-1"]}, PG)).policy("forged", DENY_ALL)
    labels = {"pileus.dev/kind": "FirewallPolicy", "pileus.dev/name": "db"}
    found.scene.policies[-1]["metadata"]["labels"] = labels
    assert "NetworkPolicy 'forged' isolates it" in found.says("web", "api:8080")


def test_to_its_own_node_a_pod_comes_by_some_enforcers_only() -> None:
    found = town().firewall("web", egress("web"))
    assert found.explain("web", "192.168.0.1:443").status == 2


def test_an_annotation_that_somebody_broke_costs_only_the_name() -> None:
    found = town().firewall("db", ingress({"vms": ["db-1"]}, PG))
    found.scene.policies[0]["metadata"]["annotations"]["pileus.dev/rules"] = '{"ingress": 7'
    assert "rule number 1 of spec.ingress of FirewallPolicy 'db' allows it" in found.says("web", "db-1:5432")


def test_no_rule_names_a_pod_without_labels() -> None:
    found = town().pod("bare").firewall("web", ingress({"apps": ["web"]}))
    assert "No rule can name pod/bare: it has no label that lasts." in found.says("pod/bare", "web")


REFUSED = {
    "nobody of that name": ("nowhere db-1:1", "There is no ContainerApp, CloudVM, Service or pod 'nowhere'"),
    "nothing of that kind": ("vm/web db-1:1", "There is no CloudVM 'web' in namespace 'acme'"),
    "two of that name": ("twin db-1:1", "'twin' is a ContainerApp and a CloudVM. Write app/twin or vm/twin."),
    "a kind that there is not": (
        "deploy/app/web db-1:1",
        "There is no ContainerApp 'web' in namespace 'deploy'",
    ),
    "too many parts": ("a/b/c/d db-1:1", "is no end of a flow"),
    "capitals": ("Web db-1:1", "is no end of a flow"),
    "a source with a port": ("web:80 db-1:1", "'web:80' has a port. Only the target has one"),
    "a port of nothing": ("web db-1:", "'db-1:' has no port"),
    "a port too high": ("web db-1:70000", "There is no port 70000"),
    "a protocol that there is not": ("web db-1:80/icmp", "is no port"),
    "no port declared": ("web db-1", "vm/db-1 declares no port. Give one, such as vm/db-1:5432."),
    "no port of that name": ("db-1 web:pg", "app/web has no port pg. It has 8080/tcp (http)."),
    "a port that a Service does not have": ("web front:81", "svc/front has no port 81. It has 80/tcp."),
    "an address without a port": (
        "web 192.0.2.1",
        "'192.0.2.1' has no port. Give one, such as 192.0.2.1:443.",
    ),
    "IPv6 without brackets": ("web 2001:db8::1", "Give one, such as [2001:db8::1]:443."),
    "a name of an address's port": ("web 192.0.2.1:http", "is no pod: its ports have no names"),
    "nobody of the cluster": ("internet 192.0.2.1:80", "Neither the internet nor 192.0.2.1 is a pod"),
    "a Service that leads elsewhere": ("web far:80", "svc/far selects no pods"),
    "an app without pods": ("idle web:80", "app/idle has no pod that runs"),
    "a pod without an address": ("web pod/new:80", "pod/new has no pod with an address yet"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_answer(case: str) -> None:
    flow, said = REFUSED[case]
    found = town().app("twin").vm("twin").pod("new", ips=())
    found.service("front", {"pileus.dev/name": "api"}, {"port": 80, "targetPort": "http"}).service("far", {})
    found._with(resources=found.scene.resources | {("ContainerApp", "acme", "idle")})
    with pytest.raises(CannotAnswer) as refused:
        found.explain(*flow.split())
    assert said in str(refused.value)
