"""Every field of a ContainerApp that names something, and what all other text in it is.

A field with text is in one of the two tables. `{name}` is where names of another namespace are tried;
no app here has a pod, so that nothing but its names keeps it from being Ready.
"""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Deputy, Spec

WEB: Spec = {"image": "registry.example/app:1", "port": 8080, "replicas": 0}
NAME = "{name}"


def _deputy(field: str, told: str = "Ready", **spec: Any) -> Deputy:
    whole = {key: value for key, value in {**WEB, **spec}.items() if value is not None}
    return Deputy(field, whole, told)


def _volume(**more: Any) -> list[Spec]:
    return [{"name": "data", "path": "/data", **more}]


def _sidecar(**more: Any) -> list[Spec]:
    return [{"name": "log", "image": "log:1", **more}]


MISSING = "ReferenceMissing"

DEPUTIES: tuple[Deputy, ...] = (
    _deputy("envFrom[].secret", MISSING, envFrom=[{"secret": NAME}]),
    _deputy("envFrom[].configMap", MISSING, envFrom=[{"configMap": NAME}]),
    _deputy("sidecars[].envFrom[].secret", MISSING, sidecars=_sidecar(envFrom=[{"secret": NAME}])),
    _deputy("sidecars[].envFrom[].configMap", MISSING, sidecars=_sidecar(envFrom=[{"configMap": NAME}])),
    _deputy("volumes[].secret", MISSING, volumes=_volume(secret=NAME)),
    _deputy("volumes[].configMap", MISSING, volumes=_volume(configMap=NAME)),
    _deputy("bindings[].bucket", "BindingMissing", bindings=[{"bucket": NAME}]),
    # The kubelet looks for it in the pod's namespace.
    _deputy("pullSecrets[]", pullSecrets=[NAME]),
    # The gateway looks for it in the namespace of the ListenerSet, without a ReferenceGrant.
    _deputy("expose.tls", expose={"hosts": ["shop.example.dev"], "tls": NAME}),
    # Becomes the name of a claim of the pod's namespace.
    _deputy("volumes[].name", volumes=[{"name": NAME, "path": "/data", "size": "1Gi"}]),
    # Storage classes have no namespace.
    _deputy("volumes[].storageClass", volumes=_volume(size="1Gi", storageClass=NAME)),
    # Pools are the load balancer's, which may bind them to namespaces.
    _deputy("expose.pool", expose={"type": "LoadBalancer", "pool": NAME}),
    # The route sends to the app's own Service, whatever the host.
    _deputy("expose.hosts[]", expose={"hosts": [NAME], "tls": "None"}),
    # KEDA reads what it finds there with its own rights, in the namespace of the ScaledObject.
    _deputy(
        "scale.triggers[].metadata{}",
        replicas=None,
        scale={"max": 2, "triggers": [{"type": "cron", "metadata": {"secretName": NAME}}]},
    ),
)

NAMELESS: dict[str, str] = {
    "bindings[].access": "a consumer of the Bucket that is named beside it",
    "bindings[].prefix": "how names of variables begin",
    "image": "an image of a registry",
    "init[].image": "an image of a registry",
    "sidecars[].image": "an image of a registry",
    "command[]": "words for the container",
    "args[]": "words for the container",
    "init[].command[]": "words for the container",
    "init[].args[]": "words for the container",
    "sidecars[].command[]": "words for the container",
    "sidecars[].args[]": "words for the container",
    "env{}": "words for the container; `$(NAME)` in them is another variable of the container",
    "init[].env{}": "as env",
    "sidecars[].env{}": "as env",
    "ports[].name": "the app's own port",
    "health.ready.path": "a path in the container",
    "health.startup.path": "a path in the container",
    "health.live.path": "a path in the container",
    "health.startup.within": "a time",
    "metrics.path": "a path in the container",
    "volumes[].path": "a path in the container",
    "expose.path": "a path of the app's own hosts",
    "expose.allowFrom[]": "a range of addresses",
    "resources.cpu": "an amount",
    "resources.memory": "an amount",
    "resources.gpu.class": "a resource of nodes, which have no namespace",
    "sidecars[].resources.cpu": "an amount",
    "sidecars[].resources.memory": "an amount",
    "sidecars[].resources.gpu.class": "a resource of nodes, which have no namespace",
    "volumes[].ephemeral": "an amount",
    "volumes[].size": "an amount",
    "scale.triggers[].type": "a scaler of KEDA",
    "rollout.steps[].pause": "a time",
    "init[].name": "the app's own container",
    "sidecars[].name": "the app's own container",
    "sidecars[].volumes[]": "the app's own volume, which must stand in volumes",
}
