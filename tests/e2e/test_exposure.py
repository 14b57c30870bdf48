"""The ways in from outside: hosts at a gateway, an own address, and what is refused for safety.

No gateway, no cert-manager and no load balancer runs here: their definitions are real, and where an app
waits for them the test writes the status that they would write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.apps import app, change, ready, says, tells, up, warns
from tests.e2e.conftest import fresh
from tests.e2e.engines import Engines, accept, fulfil
from tests.e2e.kubectl import Kubectl
from tests.e2e.operator import GATEWAY, Operator

EXPOSED = "Exposed"
PLAIN = {"hosts": ["app.example.dev"], "tls": "None"}


@pytest.fixture(scope="module", autouse=True)
def balanced(admin: Kubectl, operator: Operator) -> Iterator[Kubectl]:
    """An app that waits for an address. It is looked at last: only after a while is that news."""
    kubectl = fresh(admin, "exposure")
    kubectl.apply(app(expose={"type": "LoadBalancer", "pool": "public-a"}))
    yield kubectl
    admin.delete("namespace", kubectl.namespace)


def test_hosts_are_refused_by_name_until_gateway_api_appears_and_again_when_it_goes(
    ns: Kubectl, engines: Engines
) -> None:
    engines.remove("gateway-api")
    ns.apply(app(expose=PLAIN))
    ns.until("capp", "app", says("EngineMissing", "expose.hosts", "Gateway API", kind=EXPOSED))
    ns.until("deployment", "app", lambda live: bool(live["status"].get("availableReplicas")), "it runs")

    engines.install("gateway-api")
    route = ns.until("httproute", "app", bool)
    assert route["spec"]["hostnames"] == ["app.example.dev"]
    [parent] = route["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == (GATEWAY, "shared")
    accept(ns, "app")
    found = ns.until("capp", "app", ready)
    assert found["status"]["url"] == "http://app.example.dev/"
    assert "http://app.example.dev/" in ns("get", "capp", "app")

    engines.remove("gateway-api")
    ns.until("capp", "app", says("EngineMissing", kind=EXPOSED))
    change(ns, "app", expose=None)
    found = ns.until("capp", "app", ready)
    assert "url" not in found["status"]


def test_a_route_follows_hosts_and_path_and_goes_with_expose(ns: Kubectl, engines: Engines) -> None:
    engines.install("gateway-api")
    ns.apply(app(expose={**PLAIN, "path": "/shop"}))
    ns.until("httproute", "app", bool)
    ns.until("capp", "app", tells("HTTPRoute 'app'", "not taken up yet", kind=EXPOSED), "nobody serves it")
    accept(ns, "app")
    found = ns.until("capp", "app", ready)
    assert found["status"]["url"] == "http://app.example.dev/shop"

    change(ns, "app", expose={"hosts": ["b.example.dev", "a.example.dev"], "path": None})
    route = ns.until("httproute", "app", lambda live: len(live["spec"]["hostnames"]) == 2)
    assert route["spec"]["rules"][0]["matches"][0]["path"]["value"] == "/"

    change(ns, "app", expose=None)
    ns.gone("httproute", "app")
    ns.until("capp", "app", says("NotRequested", kind=EXPOSED))


def test_a_refusal_of_the_gateway_is_told_in_its_words(ns: Kubectl, engines: Engines) -> None:
    engines.install("gateway-api")
    ns.apply(app(expose=PLAIN))
    ns.until("httproute", "app", bool)
    accept(ns, "app", refusal=("NotAllowedByListeners", "No listener takes app.example.dev"))
    ns.until("capp", "app", says("RouteRefused", "No listener takes app.example.dev"))
    accept(ns, "app")
    ns.until("capp", "app", ready)


def test_tls_auto_is_a_certificate_and_own_listeners_where_controllers_are_played(
    ns: Kubectl, engines: Engines
) -> None:
    engines.install("gateway-api")
    engines.remove("cert-manager")
    ns.apply(app(expose={"hosts": ["app.example.dev"]}))
    ns.until("capp", "app", says("EngineMissing", "cert-manager", kind=EXPOSED))
    assert not ns.exists("httproute", "app"), "never without the certificate that was asked for"

    engines.install("cert-manager")
    certificate = ns.until("certificate", "app", bool)
    assert certificate["spec"]["issuerRef"]["name"] == "letsencrypt"
    assert certificate["spec"]["dnsNames"] == ["app.example.dev"]
    [listener] = ns.until("listenerset", "app", bool)["spec"]["listeners"]
    assert (listener["hostname"], listener["protocol"]) == ("app.example.dev", "HTTPS")
    assert listener["tls"]["certificateRefs"][0]["name"] == certificate["spec"]["secretName"]

    fulfil(ns, "certificate", "app", "Ready")
    fulfil(ns, "listenerset", "app", "Accepted", "Programmed")
    accept(ns, "app")
    found = ns.until("capp", "app", ready)
    assert found["status"]["url"] == "https://app.example.dev/"

    change(ns, "app", expose={"tls": "None"})
    ns.gone("certificate", "app")
    ns.gone("listenerset", "app")


def test_an_allow_list_fails_closed_without_envoy_gateway(ns: Kubectl, engines: Engines) -> None:
    engines.install("gateway-api", "envoy-gateway")
    ns.apply(app(expose={**PLAIN, "allowFrom": ["203.0.113.0/24"]}))
    ns.until("capp", "app", says("GatewayLacksFeature", "allowFrom", "not exposed at all", kind=EXPOSED))
    assert not ns.exists("httproute", "app")

    engines.envoy()
    policy = ns.until("securitypolicy", "app", bool)
    assert policy["spec"]["authorization"]["defaultAction"] == "Deny"
    ns.until("httproute", "app", bool)

    engines.install("gateway-api")
    ns.gone("httproute", "app")
    ns.until("capp", "app", says("GatewayLacksFeature", kind=EXPOSED), "the gateway lost what it needs")


def test_a_rate_limit_fails_open_with_a_warning(ns: Kubectl, engines: Engines) -> None:
    engines.install("gateway-api", "envoy-gateway")
    ns.apply(app(expose={**PLAIN, "rateLimit": {"rps": 10}}))
    ns.until("httproute", "app", bool)
    ns.until("capp", "app", warns("RateLimitDropped"))
    engines.envoy()
    ns.until("backendtrafficpolicy", "app", bool)
    ns.until("capp", "app", lambda found: not warns("RateLimitDropped")(found))
    change(ns, "app", expose={"rateLimit": None})
    ns.gone("backendtrafficpolicy", "app")


def test_metrics_are_told_to_be_unread_until_the_prometheus_operator_appears(
    ns: Kubectl, engines: Engines
) -> None:
    engines.remove("prometheus-operator")
    up(ns, app(metrics={"port": 8080, "path": "/healthz"}))
    ns.until("capp", "app", warns("MetricsNotRead"))
    engines.install("prometheus-operator")
    [endpoint] = ns.until("podmonitor", "app", bool)["spec"]["podMetricsEndpoints"]
    assert endpoint["path"] == "/healthz"
    ns.until("capp", "app", lambda found: ready(found) and not warns("MetricsNotRead")(found))
    change(ns, "app", metrics=None)
    ns.gone("podmonitor", "app")


def test_an_own_address_is_told_to_be_pending_until_a_load_balancer_is_played(
    balanced: Kubectl, ask: Callable[..., str]
) -> None:
    balanced.until("capp", "app", says("AddressPending", "'app-lb'", "'public-a'", kind=EXPOSED))
    status = {"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}}
    balanced.edit("service", "app-lb", {"status": status}, "--subresource=status")
    found = balanced.until("capp", "app", ready)
    assert found["status"]["url"] == "http://198.51.100.7:8080/"
    # Through its node port, since nobody routes the address itself.
    live = balanced.get("service", "app-lb")
    node = balanced.list("nodes")[0]["status"]["addresses"][0]["address"]
    assert ask(f"http://{node}:{live['spec']['ports'][0]['nodePort']}").startswith("Hello")

    change(balanced, "app", expose=None)
    balanced.gone("service", "app-lb")
