"""What the fields of a ContainerApp do that its pods are made of: images, words, checks, sizes, volumes."""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Effect, Spec

TEMPLATE = "Deployment/spec.template"
POD = f"{TEMPLATE}.spec"
APP = f"{POD}.containers[app]"
DIGESTS = f"{TEMPLATE}.metadata.annotations"
STRATEGY = "Deployment/spec.strategy"
SECURITY = f"{POD}.securityContext"
UNREADY = tuple(f"status/conditions[{kind}]" for kind in ("Ready", "Reconciling", "Stalled"))
CLAIM = "PersistentVolumeClaim"
SIZES = ("250m", 2, "0.5")
MEMORY = ("512Mi", "1G", 1073741824, "1.5Gi")
WORDS = ("/app", "--level=3", "")
GPUS = ("nvidia.com/gpu", "example.dev/gpu")


def _first(name: str) -> str:
    return f"{POD}.initContainers[{name}]"


def _volume(**more: Any) -> Spec:
    return {"volumes": [{"name": "data", "path": "/data", **more}]}


def _prepare(**more: Any) -> Spec:
    return {"init": [{"name": "prepare", **more}]}


def _log(**more: Any) -> Spec:
    return {"sidecars": [{"name": "log", "image": "log:1", **more}]}


SOURCE = (DIGESTS, *UNREADY)
CONTAINER = (
    Effect(
        "image",
        (f"{APP}.image", f"{APP}.imagePullPolicy"),
        ("registry.example/app:2", f"app@sha256:{'a' * 64}", "app", "app:latest", "localhost:5000/app"),
        without=None,
    ),
    Effect(
        "image",
        (f"{APP}.image", f"{_first('prepare')}.image"),
        ("registry.example/app:2", "registry.example/app:3"),
        context=_prepare(),
        without=None,
    ),
    Effect("command[]", (f"{APP}.command",), WORDS),
    Effect("args[]", (f"{APP}.args",), WORDS),
    Effect("env{}", (f"{APP}.env",), ("info", "", "a b\n$(A)")),
    Effect("env{}", (f"{APP}.env", f"{_first('prepare')}.env"), ("info",), context=_prepare(env={"C": "c"})),
    Effect("envFrom[].secret", (f"{APP}.envFrom", *SOURCE), ("shop", "registry", "none"), without="envFrom"),
    Effect("envFrom[].configMap", (f"{APP}.envFrom", *SOURCE), ("shop", "none"), without="envFrom"),
    Effect("user", (f"{SECURITY}.runAsUser",)),
    Effect("pullSecrets[]", (f"{POD}.imagePullSecrets",), ("registry", "other")),
    Effect("size", (f"{APP}.resources",)),
    Effect("resources.cpu", (f"{APP}.resources.requests.cpu",), SIZES),
    Effect(
        "resources.memory",
        (f"{APP}.resources.requests.memory", f"{APP}.resources.limits.memory"),
        MEMORY,
    ),
    Effect("resources.gpu.class", (f"{APP}.resources",), GPUS, without="resources"),
    Effect("resources.gpu.count", (f"{APP}.resources",), context={"resources": {"gpu": {"class": GPUS[0]}}}),
    Effect("arch", (f"{POD}.nodeSelector",)),
)

CHECKS = (
    Effect("health.ready.path", (f"{APP}.readinessProbe",), ("/healthz", "/a?b=c"), without="health"),
    Effect("health.ready.port", (f"{APP}.readinessProbe",), without="health"),
    Effect("health.startup.path", (f"{APP}.startupProbe",), ("/healthz", "/"), without="health"),
    Effect("health.startup.port", (f"{APP}.startupProbe",), without="health"),
    Effect(
        "health.startup.within",
        (f"{APP}.startupProbe", "Deployment/spec.progressDeadlineSeconds"),
        ("1s", "60s", "5m", "1h30m", "24h"),
        without="health",
    ),
    Effect("health.live.path", (f"{APP}.livenessProbe",), ("/live", "/"), without="health"),
    Effect("health.live.port", (f"{APP}.livenessProbe",), without="health"),
)

PLACES = (f"{POD}.volumes", f"{APP}.volumeMounts")
DISK = (CLAIM, *PLACES, SECURITY, STRATEGY)
FAST: Spec = {"storageClass": "fast"}
VOLUMES = (
    Effect(
        "volumes[].name",
        PLACES,
        ("cache", "tmp-1"),
        {"volumes": [{"path": "/cache", "ephemeral": "1Mi"}]},
        without="volumes",
    ),
    Effect(
        "volumes[].path",
        (f"{APP}.volumeMounts",),
        ("/a", "/var/lib/b c"),
        {"volumes": [{"name": "cache", "ephemeral": "1Mi"}]},
        without=None,
    ),
    Effect("volumes[].ephemeral", PLACES, MEMORY, _volume(), without="volumes"),
    Effect(
        "volumes[].secret", (*PLACES, *SOURCE), ("shop", "registry", "none"), _volume(), without="volumes"
    ),
    Effect("volumes[].configMap", (*PLACES, *SOURCE), ("shop", "none"), _volume(), without="volumes"),
    Effect(
        "volumes[].size",
        (*DISK, f"{CLAIM}/spec.resources"),
        ("1Gi", "1.5Gi", 4294967296),
        _volume(**FAST),
        without="volumes",
        lasting=(CLAIM, "status/resources"),
        one_way="cannot shrink",
    ),
    Effect(
        "volumes[].accessMode",
        DISK,
        context=_volume(size="1Gi"),
        without="volumes",
        alone=True,
        lasting=(CLAIM, "status/resources"),
    ),
    Effect(
        "volumes[].storageClass",
        (CLAIM, *PLACES, SECURITY, STRATEGY),
        ("fast", "slow"),
        _volume(size="1Gi"),
        without="volumes",
        alone=True,
        lasting=(CLAIM, "status/resources"),
    ),
    Effect("volumes[].retain", (f"{CLAIM}/metadata.ownerReferences",), context=_volume(size="1Gi")),
)

INIT = _first("prepare")
LOG = _first("log")
BESIDE = (
    Effect("init[].name", (f"{POD}.initContainers",), ("prepare", "a-1"), {"init": [{}]}, without="init"),
    Effect(
        "init[].image",
        (f"{INIT}.image", f"{INIT}.imagePullPolicy"),
        ("tool:1", "tool"),
        _prepare(),
    ),
    Effect("init[].command[]", (f"{INIT}.command",), WORDS, _prepare()),
    Effect("init[].args[]", (f"{INIT}.args",), WORDS, _prepare()),
    Effect("init[].env{}", (f"{INIT}.env",), ("info", ""), _prepare() | {"env": {"A": "app"}}),
    Effect(
        "sidecars[].name",
        (f"{POD}.initContainers",),
        ("log", "a-1"),
        {"sidecars": [{"image": "log:1"}]},
        without="sidecars",
    ),
    Effect(
        "sidecars[].image",
        (f"{LOG}.image", f"{LOG}.imagePullPolicy"),
        ("log:1", "log"),
        _log(),
        without=None,
    ),
    Effect("sidecars[].command[]", (f"{LOG}.command",), WORDS, _log()),
    Effect("sidecars[].args[]", (f"{LOG}.args",), WORDS, _log()),
    Effect("sidecars[].env{}", (f"{LOG}.env",), ("info", ""), _log()),
    Effect(
        "sidecars[].envFrom[].secret",
        (f"{LOG}.envFrom", *SOURCE),
        ("shop", "registry", "none"),
        _log(),
        without="sidecars[].envFrom",
    ),
    Effect(
        "sidecars[].envFrom[].configMap",
        (f"{LOG}.envFrom", *SOURCE),
        ("shop", "none"),
        _log(),
        without="sidecars[].envFrom",
    ),
    Effect(
        "sidecars[].volumes[]",
        (f"{LOG}.volumeMounts",),
        ("data", "more"),
        _log()
        | {
            "volumes": [
                {"name": "data", "path": "/data", "secret": "shop"},
                {"name": "more", "path": "/more", "ephemeral": "1Mi"},
            ]
        },
    ),
    Effect("sidecars[].size", (f"{LOG}.resources",), context=_log()),
    Effect("sidecars[].resources.cpu", (f"{LOG}.resources",), SIZES, _log()),
    Effect("sidecars[].resources.memory", (f"{LOG}.resources",), MEMORY, _log()),
    Effect(
        "sidecars[].resources.gpu.class", (f"{LOG}.resources",), GPUS, _log(), without="sidecars[].resources"
    ),
    Effect(
        "sidecars[].resources.gpu.count",
        (f"{LOG}.resources",),
        context=_log(resources={"gpu": {"class": GPUS[0]}}),
    ),
)

PODS: tuple[Effect, ...] = (*CONTAINER, *CHECKS, *VOLUMES, *BESIDE)
