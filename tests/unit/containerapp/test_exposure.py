"""The ways in: which one is taken, what is refused, and what the Exposed condition says of each."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource, Settings
from tests.unit.containerapp.apps import BARE, ENGINES, NOW, SETTINGS, WEB, Cluster, app, gateway, objects

HOSTS = {"hosts": ["shop.acme.dev"]}
OTHER = gateway("example.dev/other")
NGINX_ONLY = Settings(ingress_class="nginx", cluster_issuer="letsencrypt")
OTHER_CLASS = Settings(ingress_class="other")
YOUNG = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


def shop(**expose: Any) -> Resource:
    return app({**WEB, "expose": {**HOSTS, **expose}})


def condition(cluster: Cluster, resource: Resource) -> tuple[str, str]:
    (found,) = [c for c in cluster.judge(resource).conditions if c.type == "Exposed"]
    return found.status, str(found.reason)


@pytest.mark.parametrize(
    ("expose", "cluster", "cause", "reason"),
    [
        (
            {"tls": "Auto"},
            {"served": ENGINES - {"Certificate.cert-manager.io"}},
            "EngineMissing",
            "no cert-manager",
        ),
        ({"tls": "Auto"}, {"settings": Settings(gateway="infra/public")}, "EngineMissing", "no issuer named"),
        (
            {"tls": "shop-cert"},
            {"served": ENGINES - {"ListenerSet.gateway.networking.k8s.io"}},
            "EngineMissing",
            "an older Gateway API has no place for the app's certificate",
        ),
        ({"tls": "None"}, {"served": BARE, "settings": Settings()}, "EngineMissing", "no way in at all"),
        (
            {"tls": "None", "allowFrom": ["192.0.2.0/24"]},
            {"shared": OTHER},
            "GatewayLacksFeature",
            "another gateway knows no allow-list: closed, not open",
        ),
        (
            {"tls": "None", "allowFrom": ["192.0.2.0/24"]},
            {"shared": {}},
            "GatewayLacksFeature",
            "a gateway that is not there knows none either",
        ),
        (
            {"tls": "None", "allowFrom": ["192.0.2.0/24"]},
            {"served": ENGINES - {"SecurityPolicy.gateway.envoyproxy.io"}},
            "GatewayLacksFeature",
            "Envoy Gateway without its policies",
        ),
        (
            {"tls": "None", "allowFrom": ["192.0.2.0/24"]},
            {"served": BARE, "settings": OTHER_CLASS},
            "GatewayLacksFeature",
            "an ingress class of another controller",
        ),
    ],
)
def test_closed_rather_than_open(
    expose: dict[str, Any], cluster: dict[str, Any], cause: str, reason: str
) -> None:
    there = Cluster(**cluster)
    there.settle(shop(tls="None")) if there.settings.gateway and "served" not in cluster else None
    plan = there.apply(shop(**expose))

    assert [f.reason for f in plan.findings if f.stalled] == [cause], reason
    assert not {"HTTPRoute", "Ingress"} & {o["kind"] for o in there.children.values()}, "no route is left"
    assert condition(there, shop(**expose)) == ("False", cause)
    assert ("Deployment", "shop") in objects(plan), "the app itself runs"


@pytest.mark.parametrize(
    ("cluster", "per", "warned", "reason"),
    [
        ({}, "Client", False, "Envoy Gateway limits"),
        ({"shared": OTHER}, "Client", True, "another gateway does not"),
        ({"served": BARE, "settings": NGINX_ONLY}, "Client", False, "ingress-nginx limits each client"),
        ({"served": BARE, "settings": NGINX_ONLY}, "Total", True, "but not all together"),
        ({"served": BARE, "settings": OTHER_CLASS}, "Client", True, "another class does not"),
    ],
)
def test_a_limit_is_a_comfort(cluster: dict[str, Any], per: str, warned: bool, reason: str) -> None:
    plan = Cluster(**cluster).compile(shop(tls="None", rateLimit={"rps": 5, "per": per}))

    assert [w.reason for w in plan.warnings] == (["RateLimitDropped"] if warned else []), reason
    assert {"HTTPRoute", "Ingress"} & {o["kind"] for o in plan.objects}, "exposed all the same"


def test_taking_the_limit_and_list_back_removes_the_policies() -> None:
    cluster = Cluster()
    cluster.settle(shop(tls="None", allowFrom=["192.0.2.0/24"], rateLimit={"rps": 5}))
    cluster.settle(shop(tls="None"))
    assert not {"SecurityPolicy", "BackendTrafficPolicy"} & {o["kind"] for o in cluster.children.values()}


@pytest.mark.parametrize(
    ("expose", "listeners", "expected", "reason"),
    [
        ({"tls": "Auto"}, [], "https://shop.acme.dev/", "a certificate of its own"),
        ({"tls": "None"}, [], "http://shop.acme.dev/", "nothing is known of the gateway"),
        (
            {"tls": "None"},
            [{"protocol": "HTTP", "port": 8080}],
            "http://shop.acme.dev:8080/",
            "an unusual port",
        ),
        (
            {"tls": "None"},
            [{"protocol": "HTTP", "port": 80}, {"protocol": "HTTPS", "port": 443, "hostname": "*.acme.dev"}],
            "https://shop.acme.dev/",
            "the gateway's own certificate fits",
        ),
        (
            {"tls": "None"},
            [{"protocol": "HTTP", "port": 80}, {"protocol": "HTTPS", "port": 443, "hostname": "*.else.dev"}],
            "http://shop.acme.dev/",
            "it does not fit",
        ),
        ({"tls": "None", "path": "/shop"}, [], "http://shop.acme.dev/shop", "with the path"),
        ({"tls": "None", "hosts": ["*.acme.dev"]}, [], None, "a wildcard is no address"),
    ],
)
def test_url(expose: dict[str, Any], listeners: list[Manifest], expected: str | None, reason: str) -> None:
    cluster = Cluster()
    cluster.shared["Gateway.gateway.networking.k8s.io"][0]["spec"]["listeners"] = listeners
    resource = shop(**expose)
    cluster.settle(resource)
    assert expected == cluster.judge(resource).fields.get("url"), reason


def parents(*conditions: Manifest, name: str = "public") -> Manifest:
    return {"status": {"parents": [{"parentRef": {"name": name}, "conditions": list(conditions)}]}}


def said(type_: str, status: str, message: str = "", reason: str = "", generation: int = 9) -> Manifest:
    return {
        "type": type_,
        "status": status,
        "message": message,
        "reason": reason,
        "observedGeneration": generation,
    }


ACCEPTED, RESOLVED = said("Accepted", "True"), said("ResolvedRefs", "True")


@pytest.mark.parametrize(
    ("kind", "live", "expected", "stalled", "reason"),
    [
        ("HTTPRoute", parents(ACCEPTED, RESOLVED), ("True", "Exposed"), False, "the gateway serves it"),
        ("HTTPRoute", {}, ("False", "RoutePending"), False, "no gateway has looked at it for long"),
        (
            "HTTPRoute",
            {"metadata": {"creationTimestamp": YOUNG}},
            ("False", "Progressing"),
            False,
            "it is new",
        ),
        (
            "HTTPRoute",
            parents(said("Accepted", "False", "hostname is taken", "NoMatchingListenerHostname")),
            ("False", "RouteRefused"),
            True,
            "refused, in the gateway's words",
        ),
        (
            "HTTPRoute",
            parents(ACCEPTED, said("ResolvedRefs", "False", "no such service", "BackendNotFound")),
            ("False", "RouteRefused"),
            False,
            "a Service that the gateway has not seen yet",
        ),
        (
            "HTTPRoute",
            parents(said("Accepted", "True", generation=0)),
            ("False", "Progressing"),
            False,
            "an old answer",
        ),
        (
            "HTTPRoute",
            parents(ACCEPTED, name="old"),
            ("False", "RoutePending"),
            False,
            "another gateway's answer",
        ),
        (
            "HTTPRoute",
            {"status": {"parents": "junk"}},
            ("False", "RoutePending"),
            False,
            "no shape is trusted",
        ),
    ],
)
def test_what_the_gateway_says(
    kind: str, live: Manifest, expected: tuple[str, str], stalled: bool, reason: str
) -> None:
    cluster, resource = Cluster(), shop(tls="None")
    cluster.settle(resource)
    _set(cluster, kind, live)

    assert expected == condition(cluster, resource), reason
    assert stalled == any(f.stalled for f in cluster.judge(resource).findings)


@pytest.mark.parametrize(
    ("kind", "live", "expected", "words", "reason"),
    [
        (
            "Certificate",
            {
                "status": {
                    "conditions": [said("Ready", "False", "Issuing certificate as Secret does not exist")]
                }
            },
            "CertificatePending",
            "Issuing certificate",
            "under way for long",
        ),
        (
            "Certificate",
            {"status": {"conditions": [said("Issuing", "False", "order is invalid: DNS problem", "Failed")]}},
            "CertificateFailed",
            "DNS problem",
            "cert-manager says why",
        ),
        (
            "ListenerSet",
            {"status": {"conditions": [said("Accepted", "False", "not allowed by the Gateway")]}},
            "RouteRefused",
            "not allowed",
            "the Gateway takes no listeners from here",
        ),
        (
            "ListenerSet",
            {
                "status": {
                    "conditions": [said("Accepted", "True")],
                    "listeners": [{"conditions": [said("Conflicted", "True", "hostname in use")]}],
                }
            },
            "RouteRefused",
            "hostname in use",
            "another app has the host",
        ),
        ("ListenerSet", {"status": {}}, "RoutePending", "not taken up", "nobody looked at it for long"),
    ],
)
def test_the_leaf_cause_of_hosts_with_a_certificate(
    kind: str, live: Manifest, expected: str, words: str, reason: str
) -> None:
    cluster, resource = Cluster(), shop()
    cluster.settle(resource)
    _set(cluster, "Certificate", {"status": {"conditions": [said("Ready", "True")]}})
    _set(
        cluster,
        "ListenerSet",
        {"status": {"conditions": [said("Accepted", "True"), said("Programmed", "True")]}},
    )
    _set(cluster, "HTTPRoute", parents(ACCEPTED, RESOLVED, name="shop"))
    assert condition(cluster, resource) == ("True", "Exposed")

    _set(cluster, kind, live)
    (finding,) = cluster.judge(resource).findings
    assert (expected, True) == (finding.reason, words in finding.message), reason
    assert cluster.judge(resource).child_reasons == {(kind, "shop"): expected}


def test_a_gateway_that_does_not_exist() -> None:
    cluster = Cluster(shared={})
    cluster.settle(shop(tls="None"))
    (finding,) = cluster.judge(shop(tls="None")).findings
    assert (finding.reason, finding.stalled) == ("GatewayMissing", True)
    assert "infra/public" in finding.message


def test_a_policy_that_is_refused() -> None:
    cluster, resource = Cluster(), shop(tls="None", allowFrom=["192.0.2.0/24"])
    cluster.settle(resource)
    _set(
        cluster,
        "SecurityPolicy",
        {"status": {"ancestors": [{"conditions": [said("Accepted", "False", "bad")]}]}},
    )
    (finding,) = cluster.judge(resource).findings
    assert finding.reason == "RouteRefused"


@pytest.mark.parametrize(
    ("status", "expected", "url", "reason"),
    [
        ({}, ("False", "AddressPending"), None, "nobody gives addresses here"),
        (
            {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}},
            ("True", "Exposed"),
            "http://203.0.113.9:8080/",
            "IPv4",
        ),
        (
            {"loadBalancer": {"ingress": [{"ip": "2001:db8::9"}]}},
            ("True", "Exposed"),
            "http://[2001:db8::9]:8080/",
            "IPv6",
        ),
        (
            {"loadBalancer": {"ingress": [{"hostname": "lb.acme.dev"}]}},
            ("True", "Exposed"),
            "http://lb.acme.dev:8080/",
            "a name",
        ),
    ],
)
def test_an_address_of_its_own(
    status: Manifest, expected: tuple[str, str], url: str | None, reason: str
) -> None:
    cluster, resource = Cluster(), app({**WEB, "expose": {"type": "LoadBalancer", "pool": "public-a"}})
    cluster.settle(resource)
    for manifest in cluster.children.values():
        if manifest["metadata"]["name"] == "shop-lb":
            manifest["status"] = status
    assert expected == condition(cluster, resource), reason
    assert url == cluster.judge(resource).fields.get("url")


def test_an_ingress_waits_for_its_address() -> None:
    cluster, resource = Cluster(served=BARE, settings=SETTINGS), shop(tls="None")
    cluster.settle(resource)
    assert condition(cluster, resource) == ("False", "RoutePending")
    _set(cluster, "Ingress", {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}})
    assert condition(cluster, resource) == ("True", "Exposed")


def test_nothing_asked() -> None:
    cluster = Cluster()
    cluster.settle(app())
    assert condition(cluster, app()) == ("False", "NotRequested")


def _set(cluster: Cluster, kind: str, live: Manifest) -> None:
    for manifest in cluster.children.values():
        if manifest["kind"] == kind:
            manifest["metadata"] |= live.get("metadata", {})
            manifest["status"] = live.get("status", {})
