"""ContainerApps that the API server refuses although each value has the right type.

What users may get wrong and only the cluster knows is in `containerapp_told.py`. A row's field and
remedy must both be in what the user reads; the mended spec must become Ready.
"""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Spec, Wrong
from tests.campaign.subjects.containerapp_told import TOLD

IMAGE = "registry.example/app:1"
BARE: Spec = {"image": IMAGE}
WEB: Spec = {**BARE, "port": 8080, "replicas": 0}
HOSTS = {"hosts": ["shop.example.dev"], "tls": "None"}


def _wrong(name: str, field: str, remedy: str, spec: Spec, mended: Spec | None = None, **more: Any) -> Wrong:
    """Parts that are wrong and parts that are right, on the smallest app."""
    wrong = {key: value for key, value in {**WEB, **spec}.items() if value is not None}
    return Wrong(name, wrong, field, remedy, mended={**WEB, **(mended or {})}, **more)


def _disk(**more: Any) -> Spec:
    return {"volumes": [{"name": "data", "path": "/data", **more}]}


def _exposed(**more: Any) -> Spec:
    return {"expose": {**HOSTS, **more}}


def _gpu(name: str) -> Spec:
    return {"resources": {"gpu": {"class": name}}}


REFUSED: tuple[Wrong, ...] = (
    _wrong("a name of 46 characters", "metadata.name", "at most 45", {}, resource="a" * 46),
    _wrong("a name that no Service may have", "metadata.name", "start with a letter", {}, resource="1app"),
    _wrong(
        "a spec of 1 MB",
        "env",
        "ConfigMap",
        {"env": {f"V{number}": "x" * 32_000 for number in range(33)}},
        {"env": {"V": "x" * 32_000}},
    ),
    _wrong(
        "env of 80 kB, eight times over by init containers",
        "env",
        "ConfigMap",
        {
            "env": {f"V{number}": "x" * 20_000 for number in range(4)},
            "init": [{"name": f"i{number}"} for number in range(8)],
        },
        {"env": {"V": "x" * 20_000}},
    ),
    _wrong("a variable with a space", "env", "letters, digits", {"env": {"A B": "x"}}, {"env": {"A_B": "x"}}),
    _wrong("a variable with =", "env", "letters, digits", {"env": {"A=B": "x"}}, {"env": {"A": "B=x"}}),
    _wrong("a variable without a name", "env", "letters, digits", {"env": {"": "x"}}, {"env": {"A": "x"}}),
    _wrong(
        "half a byte of memory",
        "resources.memory",
        "512Mi",
        {"resources": {"memory": "512m"}},
        {"resources": {"memory": "512Mi"}},
    ),
    _wrong(
        "memory without a unit",
        "resources.memory",
        "512Mi",
        {"resources": {"memory": 512}},
        {"resources": {"memory": "512Mi"}},
    ),
    _wrong("no memory, which would be no limit", "resources.memory", "1Mi", {"resources": {"memory": 0}}),
    _wrong(
        "CPU in bytes",
        "resources.cpu",
        "such as 500m",
        {"resources": {"cpu": "512Mi"}},
        {"resources": {"cpu": "512m"}},
    ),
    _wrong("a directory of half a byte", "volumes[].ephemeral", "512Mi", _disk(ephemeral="512m")),
    _wrong("a volume of nothing", "volumes[].size", "1Mi", _disk(size="0"), _disk(size="1Mi")),
    _wrong("a GPU of Kubernetes' own", "resources.gpu.class", "device plugin", _gpu("kubernetes.io/gpu")),
    _wrong("a mount at the root", "volumes[].path", "/var/data", _disk(path="//", ephemeral="1Mi")),
    _wrong("a mount beside its path", "volumes[].path", "/var/data", _disk(path="/a/../b", ephemeral="1Mi")),
    _wrong(
        "a mount with a slash at its end", "volumes[].path", "/var/data", _disk(path="/a/", secret="shop")
    ),
    _wrong(
        "two mounts at one path",
        "volumes[].path",
        "only once",
        {"volumes": [{"name": name, "path": "/a", "ephemeral": "1Mi"} for name in ("one", "two")]},
    ),
    _wrong("two sources of a volume", "volumes", "exactly one", _disk(secret="shop", ephemeral="1Mi")),
    _wrong(
        "a class without a size",
        "volumes[].storageClass",
        "go with size",
        _disk(secret="a", storageClass="b"),
    ),
    _wrong(
        "a volume's name that makes a claim's name too long",
        "volumes[].name",
        "at most 17",
        {"volumes": [{"name": "a" * 18, "path": "/data", "size": "1Gi"}]},
        {"volumes": [{"name": "a" * 17, "path": "/data", "size": "1Gi"}]},
    ),
    _wrong(
        "two replicas on a volume for one node",
        "replicas",
        "ReadWriteMany",
        {**_disk(size="1Gi"), "replicas": 2},
        {**_disk(size="1Gi", accessMode="ReadWriteMany"), "replicas": 0},
    ),
    _wrong(
        "a volume that shrinks",
        "volumes[].size",
        "greater one",
        _disk(size="1Gi"),
        _disk(size="2Gi"),
        before={**WEB, **_disk(size="2Gi")},
    ),
    _wrong(
        "a volume of another class",
        "volumes[].storageClass",
        "add a new volume",
        _disk(size="1Gi", storageClass="slow"),
        _disk(size="1Gi", storageClass="fast"),
        before={**WEB, **_disk(size="1Gi", storageClass="fast")},
    ),
    _wrong(
        "two ports of one number",
        "ports",
        "only once",
        {"port": None, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]},
    ),
    _wrong(
        "two ports of one name",
        "ports[].name",
        "Duplicate value",
        {"port": None, "ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]},
    ),
    _wrong(
        "a port's name that Kubernetes refuses",
        "ports[].name",
        "no '--'",
        {"port": None, "ports": [{"name": "a--b", "port": 80}]},
    ),
    _wrong(
        "a port that takes the name of the metrics'",
        "ports[].name",
        "metrics.port",
        {"port": None, "ports": [{"name": "pileus-metrics", "port": 80}], "metrics": {"port": 90}},
    ),
    _wrong("port and ports", "port", "either port or ports", {"ports": [{"name": "a", "port": 80}]}),
    _wrong("a port beyond the last", "port", "less than or equal to 65535", {"port": 65536}),
    _wrong(
        "a check without a port", "health", "give port", {"port": None, "health": {"ready": {"path": "/a"}}}
    ),
    _wrong(
        "a start within no time",
        "health.startup.within",
        "between 1s and 24h",
        {"health": {"startup": {"within": "0s"}}},
    ),
    _wrong(
        "both replicas and scale", "replicas", "either replicas or scale", {"scale": {"max": 2, "cpu": 70}}
    ),
    _wrong(
        "a floor above the ceiling",
        "scale.min",
        "not be greater than max",
        {"replicas": None, "scale": {"min": 3, "max": 2, "cpu": 70}},
    ),
    _wrong("nothing to scale by", "scale", "cpu: 70", {"replicas": None, "scale": {"max": 2}}),
    _wrong(
        "steps of a rollout that has none",
        "rollout.steps",
        "strategy Canary",
        {"rollout": {"strategy": "Rolling", "steps": [{"weight": 10}]}},
    ),
    _wrong(
        "a canary without hosts", "rollout.strategy", "expose.hosts", {"rollout": {"strategy": "BlueGreen"}}
    ),
    _wrong("an address as a host", "expose.hosts[]", "DNS name", _exposed(hosts=["192.0.2.7"])),
    _wrong(
        "a host with a part of 64 characters",
        "expose.hosts[]",
        "63",
        _exposed(hosts=[f"{'a' * 64}.example.dev"]),
    ),
    _wrong(
        "a path with a query", "expose.path", "without query", _exposed(path="/a?b=c"), _exposed(path="/a")
    ),
    _wrong("a path with two slashes", "expose.path", "'//'", _exposed(path="/a//b"), _exposed(path="/a/b")),
    _wrong("tls in small letters", "expose.tls", "capital", _exposed(tls="none"), _exposed(tls="None")),
    _wrong(
        "a range that is none",
        "expose.allowFrom[]",
        "203.0.113.0/24",
        _exposed(allowFrom=["203.0.113.7"]),
        _exposed(allowFrom=["203.0.113.7/32"]),
    ),
    _wrong(
        "a range that begins in its middle",
        "expose.allowFrom[]",
        "first address",
        _exposed(allowFrom=["203.0.113.7/24"]),
        _exposed(allowFrom=["203.0.113.0/24"]),
    ),
    _wrong(
        "a pool for hosts",
        "expose.pool",
        "type: LoadBalancer",
        _exposed(pool="a"),
        {"expose": {"type": "LoadBalancer", "pool": "a"}},
    ),
    _wrong("a sidecar called app", "sidecars", "'app'", {"sidecars": [{"name": "app", "image": IMAGE}]}),
    _wrong(
        "a sidecar that mounts nothing",
        "sidecars[].volumes",
        "spec.volumes",
        {"sidecars": [{"name": "log", "image": IMAGE, "volumes": ["data"]}]},
        {**_disk(ephemeral="1Mi"), "sidecars": [{"name": "log", "image": IMAGE, "volumes": ["data"]}]},
    ),
    _wrong("an image with a space", "image", "should match", {"image": "registry.example/app :1"}),
    _wrong("root", "user", "greater than or equal to 1", {"user": 0}, {"user": 1}),
    _wrong("a field that there is not", "imagePullSecrets", "unknown field", {"imagePullSecrets": ["a"]}),
)

WRONG = (*REFUSED, *TOLD)
