"""The stories whose objects stand in tests/golden/containerapp: each field on, one file a story."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pileus.engine.world import Settings
from tests.unit.containerapp.apps import BARE, ENGINES, SETTINGS, WEB

Spec = dict[str, Any]
HOSTS: Spec = {"hosts": ["shop.acme.dev", "www.acme.dev"]}


@dataclass(frozen=True, slots=True)
class Story:
    """One app: what it shows, its spec beside image and port, and the cluster that it lives in."""

    name: str
    reason: str
    spec: Spec = field(default_factory=dict)
    served: frozenset[str] = ENGINES
    settings: Settings = SETTINGS

    @property
    def whole(self) -> Spec:
        """The spec with image and port, unless they are taken away with None."""
        return {key: value for key, value in {**WEB, **self.spec}.items() if value is not None}


def exposed(**more: Any) -> Spec:
    return {"expose": {**HOSTS, **more}}


STORIES: tuple[Story, ...] = (
    Story("minimal", "only an image: no port, so no Service and no check", {"port": None}),
    Story("replicas", "two replicas and a port: exactly four objects", {"replicas": 2}),
    Story("none", "no replicas are a number like another, without a budget", {"replicas": 0}),
    Story("command", "command and args", {"command": ["/app/shop"], "args": ["--port", "8080"]}),
    Story(
        "env", "plain values, sorted; an empty one is left out", {"env": {"LOG": "info", "B": "", "A": "1"}}
    ),
    Story(
        "env-from",
        "a Secret and a ConfigMap, with digests that roll the pods",
        {"envFrom": [{"secret": "shop"}, {"configMap": "shop"}]},
    ),
    Story(
        "ports",
        "several ports: checks go to the first TCP one",
        {
            "port": None,
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "web", "port": 80}],
        },
    ),
    Story(
        "udp",
        "nothing to check on UDP",
        {"port": None, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]},
    ),
    Story(
        "health",
        "HTTP and TCP checks; the startup check has as many tries as fit its time",
        {
            "health": {
                "ready": {"path": "/healthz"},
                "startup": {"path": "/healthz", "within": "5m"},
                "live": {"port": 9000},
            }
        },
    ),
    Story(
        "slow-start",
        "a start that may last longer than Kubernetes waits",
        {"health": {"startup": {"within": "20m"}}},
    ),
    Story("size", "a size by name", {"size": "large"}),
    Story(
        "resources",
        "numbers, in the text that the API server stores",
        {"resources": {"cpu": "0.5", "memory": "1024Mi", "gpu": {"class": "nvidia.com/gpu", "count": 2}}},
    ),
    Story(
        "scale",
        "a HorizontalPodAutoscaler, and no count in the Deployment",
        {"scale": {"min": 2, "max": 10, "cpu": 70, "memory": 80}},
    ),
    Story(
        "scale-keda",
        "from zero by a trigger: KEDA",
        {
            "scale": {
                "min": 0,
                "max": 10,
                "cpu": 70,
                "triggers": [
                    {
                        "type": "cron",
                        "metadata": {
                            "timezone": "UTC",
                            "start": "0 8 * * *",
                            "end": "0 18 * * *",
                            "desiredReplicas": "3",
                        },
                    }
                ],
            }
        },
    ),
    Story(
        "scale-keda-missing",
        "KEDA is not there: the rest is applied all the same",
        {"scale": {"min": 0, "max": 3, "cpu": 70}},
        BARE,
    ),
    Story("recreate", "all down, then all up", {"rollout": {"strategy": "Recreate"}}),
    Story("gateway-tls", "hosts with a certificate of their own", exposed()),
    Story("gateway-secret", "hosts with the user's certificate", exposed(tls="shop-cert", path="/shop")),
    Story("gateway-off", "hosts on the gateway's own listeners", exposed(tls="None")),
    Story(
        "gateway-guarded",
        "an allow-list and a limit for each client, by Envoy Gateway",
        exposed(tls="None", allowFrom=["203.0.113.0/24", "198.51.100.0/24"], rateLimit={"rps": 100}),
    ),
    Story(
        "gateway-total",
        "one limit for all clients",
        exposed(tls="None", rateLimit={"rps": 100, "per": "Total"}),
    ),
    Story(
        "ingress",
        "no Gateway API: ingress-nginx with certificate, allow-list and limit",
        exposed(allowFrom=["203.0.113.0/24"], rateLimit={"rps": 10}),
        BARE | {"Certificate.cert-manager.io"},
    ),
    Story("ingress-off", "no Gateway API, no certificate", exposed(tls="None"), BARE),
    Story("exposed-nowhere", "neither Gateway nor ingress class: no route", exposed(), BARE, Settings()),
    Story(
        "load-balancer",
        "an address of its own",
        {
            "expose": {
                "type": "LoadBalancer",
                "pool": "public-a",
                "allowFrom": ["203.0.113.0/24"],
                "ipFamily": "IPv4",
            }
        },
    ),
    Story(
        "load-balancer-plain",
        "an address of its own, as the cluster gives it",
        {"expose": {"type": "LoadBalancer"}},
    ),
    Story(
        "volumes",
        "every source; the claim outlives the app",
        {
            "volumes": [
                {"name": "cache", "path": "/cache", "ephemeral": "1024Mi"},
                {"name": "data", "path": "/data", "size": "10Gi"},
                {"name": "cfg", "path": "/etc/app", "secret": "shop"},
                {"name": "map", "path": "/etc/map", "configMap": "shop"},
            ]
        },
    ),
    Story(
        "volume-shared",
        "a shared volume that goes with the app, and two replicas",
        {
            "replicas": 2,
            "volumes": [
                {
                    "name": "data",
                    "path": "/data",
                    "size": "1Gi",
                    "accessMode": "ReadWriteMany",
                    "storageClass": "nfs",
                    "retain": "Delete",
                }
            ],
        },
    ),
    Story(
        "init",
        "a migration with the app's environment and volumes",
        {
            "env": {"LOG": "info", "STAGE": "live"},
            "envFrom": [{"secret": "db"}],
            "volumes": [{"name": "tmp", "path": "/tmp", "ephemeral": "64Mi"}],
            "init": [
                {"name": "migrate", "command": ["/app/migrate"], "args": ["up"], "env": {"LOG": "debug"}}
            ],
        },
    ),
    Story(
        "sidecars",
        "sidecars start first, and mount what they name",
        {
            "volumes": [{"name": "tmp", "path": "/tmp", "ephemeral": "64Mi"}],
            "init": [{"name": "prepare", "image": "busybox", "command": ["true"]}],
            "sidecars": [
                {
                    "name": "proxy",
                    "image": "envoy:1",
                    "args": ["-c", "/etc/envoy.yaml"],
                    "env": {"A": "1"},
                    "envFrom": [{"configMap": "proxy"}],
                    "volumes": ["tmp"],
                },
                {"name": "log", "image": "log:1", "command": ["log"], "resources": {"memory": "32Mi"}},
            ],
        },
    ),
    Story("arch", "a processor architecture", {"arch": "arm64"}),
    Story(
        "user",
        "a user for an image that has none, and a private registry",
        {"user": 1000, "pullSecrets": ["registry"]},
    ),
    Story("metrics", "metrics on a port of their own", {"metrics": {"port": 9090}}),
    Story("metrics-same-port", "metrics on the app's port", {"metrics": {"port": 8080, "path": "/stats"}}),
    Story(
        "metrics-unread", "no Prometheus Operator: a warning, no object", {"metrics": {"port": 9090}}, BARE
    ),
    Story(
        "bindings",
        "two Buckets: their Secrets in the environment, and their keys in the template",
        {
            "bindings": [
                {"bucket": "assets"},
                {"bucket": "media", "access": "reader", "prefix": "MEDIA_"},
            ]
        },
    ),
    Story(
        "everything",
        "many fields at once",
        {
            "env": {"LOG": "info"},
            "envFrom": [{"secret": "shop"}],
            "health": {"ready": {"path": "/healthz"}},
            "size": "medium",
            "scale": {"min": 2, "max": 5, "cpu": 60},
            "rollout": {"strategy": "Canary", "steps": [{"weight": 10, "pause": "5m"}]},
            **exposed(rateLimit={"rps": 50}),
            "volumes": [{"name": "tmp", "path": "/tmp", "ephemeral": "64Mi"}],
            "arch": "amd64",
            "metrics": {"port": 9090},
        },
    ),
)
