"""ContainerApp in the campaign."""

from __future__ import annotations

from pileus.engine.plan import Manifest, ObjectKind
from pileus.kinds.containerapp import CONTAINER_APP as KIND
from pileus.local.foreign import FOREIGN
from tests.campaign.subject import Scenario, Spec, Step, Subject
from tests.campaign.subjects.containerapp_deputies import DEPUTIES, NAMELESS
from tests.campaign.subjects.containerapp_edits import EDITS, STRANGERS
from tests.campaign.subjects.containerapp_effects import BOOKKEEPING, EFFECTS, STILL
from tests.campaign.subjects.containerapp_wrong import WRONG

CANARIES = ("canary-s3cr3t-1f0a", "canary-c0nfig-77b2", "canary-p0ll-90c4", "canary-t1s-5e21")

WEB: Spec = {"image": "registry.example/app:1", "port": 8080}
TWO: Spec = {**WEB, "replicas": 2}
HOSTS = {"hosts": ["shop.example.dev"]}
SLICE = {"name": "data", "path": "/data", "size": "1Gi"}


GONE = Step("delete", None)

SCENARIOS = (
    Scenario(
        "life",
        "made, changed, made smaller, deleted: creates, updates, a prune",
        (
            Step("create", {**TWO, "env": {"LOG": "info"}}),
            Step("change", {**TWO, "env": {"LOG": "debug"}}),
            Step("one replica", {**WEB, "env": {"LOG": "debug"}}),
            GONE,
        ),
        smoke=True,
    ),
    Scenario(
        "scaling",
        "who decides the count changes hands: the spec, an autoscaler, KEDA, the spec again",
        (
            Step("fixed", TWO),
            Step("by cpu", {**WEB, "scale": {"min": 2, "max": 4, "cpu": 70}}),
            Step("by KEDA", {**WEB, "scale": {"min": 0, "max": 4, "cpu": 70}}),
            Step("fixed again", TWO),
        ),
    ),
    Scenario(
        "exposed",
        "every object by which requests come in, made and taken away in turn",
        (
            Step("by hosts", {**TWO, "expose": {**HOSTS}}),
            Step(
                "guarded",
                {
                    **TWO,
                    "expose": {
                        **HOSTS,
                        "tls": "None",
                        "allowFrom": ["203.0.113.0/24"],
                        "rateLimit": {"rps": 10},
                    },
                },
            ),
            Step("by address", {**TWO, "expose": {"type": "LoadBalancer", "pool": "a"}}),
            Step("not any more", TWO),
        ),
    ),
    Scenario(
        "data",
        "a claim that stays when its volume goes, and named content",
        (
            Step("with a disk", {**WEB, "volumes": [SLICE], "envFrom": [{"secret": "shop"}]}),
            Step(
                "without",
                {**WEB, "envFrom": [{"secret": "shop"}, {"configMap": "shop"}], "metrics": {"port": 9090}},
            ),
            GONE,
        ),
    ),
    Scenario(
        "canary",
        "two versions beside each other, and back to one",
        (
            Step("first", {**TWO, "expose": {**HOSTS, "tls": "None"}}),
            Step(
                "second",
                {
                    **TWO,
                    "image": "registry.example/app:2",
                    "expose": {**HOSTS, "tls": "None"},
                    "rollout": {"strategy": "Canary", "steps": [{"weight": 50, "pause": "1s"}]},
                },
                rest=2.5,
            ),
        ),
    ),
)

AROUND: tuple[Manifest, ...] = (
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop"},
        "stringData": {"TOKEN": CANARIES[0]},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shop"},
        "data": {"MODE": CANARIES[1]},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "registry"},
        "stringData": {"password": CANARIES[2]},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-cert"},
        "stringData": {"tls.crt": CANARIES[3], "tls.key": CANARIES[3]},
    },
)

EVERYTHING: tuple[Spec, ...] = (
    {
        **TWO,
        "volumes": [SLICE | {"accessMode": "ReadWriteMany", "retain": "Delete"}],
        "expose": {**HOSTS, "tls": "Auto", "allowFrom": ["203.0.113.0/24"], "rateLimit": {"rps": 10}},
        "metrics": {"port": 9090},
        "envFrom": [{"secret": "shop"}, {"configMap": "shop"}],
    },
    {**WEB, "scale": {"min": 2, "max": 4, "cpu": 70}, "expose": {"type": "LoadBalancer"}},
    {**WEB, "scale": {"min": 0, "max": 4, "cpu": 70}},
)
"""Between them they make every kind of child but the Ingress, which comes only without a Gateway."""

SECRETIVE: tuple[Spec, ...] = (
    {
        **TWO,
        "envFrom": [{"secret": "shop"}, {"configMap": "shop"}],
        "pullSecrets": ["registry"],
        "volumes": [
            {"name": "secret", "path": "/secret", "secret": "shop"},
            {"name": "config", "path": "/config", "configMap": "shop"},
            {"name": "cert", "path": "/cert", "secret": "shop-cert"},
        ],
        "sidecars": [
            {
                "name": "log",
                "image": "log:1",
                "envFrom": [{"secret": "registry"}, {"configMap": "shop"}],
                "volumes": ["secret"],
            }
        ],
        "init": [{"name": "prepare"}],
        "expose": {**HOSTS, "tls": "shop-cert"},
    },
    {**WEB, "scale": {"min": 1, "max": 2, "cpu": 70}, "envFrom": [{"secret": "shop"}]},
    {
        **TWO,
        "image": "registry.example/app:2",
        "envFrom": [{"secret": "registry"}],
        "pullSecrets": ["registry"],
        "expose": {**HOSTS, "tls": "shop-cert"},
        "rollout": {"strategy": "BlueGreen"},
    },
)
"""All that is named, in every field that can name it."""

MIX: tuple[Spec, ...] = (
    WEB,
    TWO,
    {**TWO, "env": {"LOG": "debug"}},
    {**WEB, "scale": {"min": 2, "max": 4, "cpu": 70}},
    {**TWO, "expose": {**HOSTS, "tls": "None"}},
    {**TWO, "expose": {"type": "LoadBalancer"}, "envFrom": [{"secret": "shop"}]},
    {**WEB, "replicas": 0, "metrics": {"port": 9090}},
)


def _surroundings() -> tuple[Manifest, ...]:
    """What an administrator has installed: two gateways, of which one can filter, and storage."""
    version = "gateway.networking.k8s.io/v1"
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "campaign-gateway"}},
        {
            "apiVersion": version,
            "kind": "GatewayClass",
            "metadata": {"name": "envoy"},
            "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        },
        {
            "apiVersion": version,
            "kind": "Gateway",
            "metadata": {"name": "shared", "namespace": "campaign-gateway"},
            "spec": {"gatewayClassName": "envoy", "listeners": [listener]},
        },
        {
            "apiVersion": version,
            "kind": "GatewayClass",
            "metadata": {"name": "plain"},
            "spec": {"controllerName": "example.dev/plain"},
        },
        {
            "apiVersion": version,
            "kind": "Gateway",
            "metadata": {"name": "plain", "namespace": "campaign-gateway"},
            "spec": {"gatewayClassName": "plain", "listeners": [listener]},
        },
        *(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": name},
                "provisioner": "kubernetes.io/no-provisioner",
                "allowVolumeExpansion": name == "fast",
            }
            for name in ("fast", "slow")
        ),
    )


CONTAINER_APP = Subject(
    kind=KIND,
    target=ObjectKind("pileus.dev", "v1alpha1", "ContainerApp", "containerapps"),
    base=WEB,
    scenarios=SCENARIOS,
    effects=EFFECTS,
    still=STILL,
    bookkeeping=BOOKKEEPING,
    wrong=WRONG,
    deputies=DEPUTIES,
    nameless=NAMELESS,
    edits=EDITS,
    strangers=STRANGERS,
    replaced=({**TWO, "port": 9000, "env": {"LOG": "replaced"}}, {"image": "registry.example/app:1"}),
    everything=EVERYTHING,
    around=AROUND,
    canaries=CANARIES,
    secretive=SECRETIVE,
    crd="crds/pileus.dev_containerapps.yaml",
    mix=MIX,
    pending=frozenset({"ScalingPending"}),
    elsewhere=(({"PILEUS_GATEWAY": ""}, ({**TWO, "expose": {**HOSTS, "tls": "None"}},)),),
    settings={
        "PILEUS_GATEWAY": "campaign-gateway/shared",
        "PILEUS_CLUSTER_ISSUER": "letsencrypt",
        "PILEUS_INGRESS_CLASS": "nginx",
    },
    prepare=_surroundings,
    cluster=("kwok", *FOREIGN),
    bugs=True,
    previous="6097ef20fe6bc911202c5c825b955de0f734ab5b",
)
