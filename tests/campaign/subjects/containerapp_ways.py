"""What the fields of a ContainerApp do by which it scales, changes, is reached and is measured."""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Effect, Spec
from tests.campaign.subjects.containerapp_pods import APP

PORTS = (f"{APP}.ports", "Service/spec.ports")
PROBE = f"{APP}.readinessProbe"
SECOND: Spec = {"image": "registry.example/app:2"}
STALLED = tuple(f"status/conditions[{kind}]" for kind in ("Ready", "Reconciling", "Stalled"))

NOTES = "Deployment/metadata.annotations"

SERVED = (
    Effect("port", (*PORTS, PROBE, "Service", "status/internalUrl")),
    Effect(
        "ports[].name",
        (*PORTS, PROBE, "Service", "status/internalUrl"),
        ("web", "a-1"),
        {"port": None, "ports": [{"port": 80}]},
        without="ports",
    ),
    Effect(
        "ports[].port",
        (*PORTS, "status/internalUrl"),
        context={"port": None, "ports": [{"name": "web"}]},
        without=None,
    ),
    Effect(
        "ports[].protocol",
        (*PORTS, PROBE, "status/internalUrl"),
        context={"port": None, "ports": [{"name": "dns", "port": 53}, {"name": "web", "port": 80}]},
    ),
    Effect(
        "metrics.port",
        ("PodMonitor", "PodMonitor/spec.podMetricsEndpoints", f"{APP}.ports"),
        (8080, 9090),
        without="metrics",
    ),
    Effect(
        "metrics.path",
        ("PodMonitor/spec.podMetricsEndpoints",),
        ("/stats", "/a?b=c"),
        {"metrics": {"port": 9090}},
    ),
)

HPA, KEDA = "HorizontalPodAutoscaler", "ScaledObject"
COUNT = ("Deployment/spec.replicas", "status/replicas")
BY_LOAD = "status/conditions[Scaling]"


def _scale(**more: Any) -> Spec:
    return {"replicas": None, "scale": {"max": 3, **more}}


COUNTED = (
    Effect(
        "replicas",
        (*COUNT, "PodDisruptionBudget"),
        (0, 1, 2, 3),
        only=True,
        why="each replica is a pod, and a thousand would prove nothing more",
    ),
    Effect(
        "scale.min",
        (HPA, KEDA, f"{HPA}/spec.minReplicas", BY_LOAD),
        (0, 1, 2),
        _scale(cpu=70),
        only=True,
        why="each replica is a pod",
        theirs=(*COUNT, BY_LOAD),
        slow=True,
    ),
    Effect(
        "scale.max",
        (f"{HPA}/spec.maxReplicas", "PodDisruptionBudget"),
        context=_scale(cpu=70),
        without=None,
        theirs=(*COUNT, BY_LOAD),
        slow=True,
    ),
    Effect(
        "scale.max",
        (HPA, "PodDisruptionBudget", BY_LOAD, *COUNT),
        (3,),
        {"scale": {"min": 2, "cpu": 70}},
        only=True,
        why="from a number to load and back, which the count must survive",
        without="scale",
        together={"replicas": None},
        slow=True,
    ),
    Effect(
        "scale.cpu",
        (f"{HPA}/spec.metrics",),
        context=_scale(memory=80),
        theirs=(*COUNT, BY_LOAD),
        slow=True,
    ),
    Effect(
        "scale.memory",
        (f"{HPA}/spec.metrics",),
        context=_scale(cpu=70),
        theirs=(*COUNT, BY_LOAD),
        slow=True,
    ),
    Effect(
        "scale.triggers[].type",
        (HPA, KEDA, f"{KEDA}/spec.triggers", BY_LOAD),
        ("cron", "prometheus"),
        _scale(cpu=70, triggers=[{"metadata": {"a": "b"}}]),
        without="scale.triggers",
        theirs=(*COUNT, BY_LOAD),
        slow=True,
    ),
    Effect(
        "scale.triggers[].metadata{}",
        (f"{KEDA}/spec.triggers",),
        ("b", ""),
        _scale(triggers=[{"type": "cron"}]),
        without=None,
        theirs=(*COUNT, BY_LOAD),
    ),
)

HOSTS: Spec = {"expose": {"hosts": ["a.example.dev"], "tls": "None"}}
HELD = (
    "HTTPRoute/spec.rules",
    "Deployment",
    "Service",
    "status/rollout",
    *STALLED,
)


def _hosts(**more: Any) -> Spec:
    return {"expose": {**HOSTS["expose"], **more}}


def _canary(*, pause: str | None = None, weight: int | None = None) -> Spec:
    step = {key: value for key, value in (("pause", pause), ("weight", weight)) if value is not None}
    return {**HOSTS, "rollout": {"strategy": "Canary", "steps": [step]}}


CHANGED = (
    Effect("rollout.strategy", ("Deployment/spec.strategy",), context=HOSTS),
    Effect(
        "rollout.strategy",
        (f"{APP}.image",),
        ("Recreate", "BlueGreen"),
        HOSTS,
        only=True,
        why="a Canary needs steps, which are below",
        together=SECOND,
        theirs=("Deployment/spec.strategy",),
    ),
    Effect(
        "rollout.steps[].weight",
        HELD,
        context=_canary(pause="1h"),
        without=None,
        together=SECOND,
        fresh=False,
    ),
    Effect(
        "rollout.steps[].pause",
        (*HELD, f"{APP}.image"),
        ("1h", "0s", "24h"),
        _canary(weight=50),
        without=None,
        together=SECOND,
        fresh=False,
        # The way back from a step of no pause is a step of an hour.
        lasting=(*HELD, f"{APP}.image", f"{NOTES}.pileus.dev/template", "status/resources"),
    ),
    Effect("rollbackTo", ("status/warnings", *STALLED)),
)

EXPOSED = "status/conditions[Exposed]"
ROUTE = "HTTPRoute"
REACHED = (
    Effect(
        "expose.hosts[]",
        (ROUTE, f"{ROUTE}/spec.hostnames", "status/url", EXPOSED),
        ("a.example.dev", "*.example.dev"),
        {"expose": {"tls": "None"}},
        without="expose",
    ),
    Effect("expose.path", (f"{ROUTE}/spec.rules", "status/url", EXPOSED), ("/shop", "/a/%20b"), HOSTS),
    Effect(
        "expose.tls",
        (
            "Certificate",
            "ListenerSet",
            "ListenerSet/spec.listeners",
            f"{ROUTE}/spec.parentRefs",
            "status/url",
            EXPOSED,
        ),
        ("None", "Auto", "shop-cert"),
        {"expose": {"hosts": ["a.example.dev", "b.example.dev"]}},
    ),
    Effect(
        "expose.rateLimit.rps",
        ("BackendTrafficPolicy", "BackendTrafficPolicy/spec.rateLimit"),
        context=HOSTS,
        without="expose.rateLimit",
    ),
    Effect(
        "expose.rateLimit.per",
        ("BackendTrafficPolicy/spec.rateLimit",),
        context=_hosts(rateLimit={"rps": 10}),
    ),
    Effect(
        "expose.allowFrom[]",
        ("SecurityPolicy", "SecurityPolicy/spec.authorization"),
        ("203.0.113.0/24", "2001:db8::/32"),
        HOSTS,
    ),
    Effect(
        "expose.allowFrom[]",
        ("Service/spec.loadBalancerSourceRanges",),
        ("203.0.113.0/24", "198.51.100.7/32"),
        {"expose": {"type": "LoadBalancer"}},
    ),
    Effect("expose.type", ("Service", "status/url", EXPOSED), without="expose"),
    Effect(
        "expose.pool",
        ("Service/metadata.annotations", "Service/metadata.labels"),
        ("a", "B_1.c"),
        {"expose": {"type": "LoadBalancer"}},
    ),
    # This cluster has IPv4 only: a Service that is there stays as it is, a new one is not made.
    Effect("expose.ipFamily", STALLED, context={"expose": {"type": "LoadBalancer"}}, fresh=False),
    # The app goes on without its credentials, but a new one does not start.
    Effect("bindings[].bucket", STALLED, ("assets", "a.b"), without="bindings", fresh=False),
    Effect("bindings[].access", STALLED, ("app", "other"), {"bindings": [{"bucket": "assets"}]}, fresh=False),
    Effect("bindings[].prefix", STALLED, ("A_", "B_"), {"bindings": [{"bucket": "assets"}]}, fresh=False),
)

WAYS: tuple[Effect, ...] = (*SERVED, *COUNTED, *CHANGED, *REACHED)
