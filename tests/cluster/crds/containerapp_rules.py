"""For each rule of the ContainerApp's CRD: a spec that breaks it, and its neighbour that does not.

Rows are found by the place and the message of their rule; a rule without a row fails the test.
`before` is given where the rule is about changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One rule; `words` begin its message."""

    place: str
    words: str
    reason: str
    refused: Spec
    allowed: Spec
    before: Spec | None = None
    names: tuple[str, str] = field(default=("app", "app"))


def volume(**body: Any) -> Spec:
    return {"volumes": [{"name": "data", "path": "/data", **body}]}


def exposed(**body: Any) -> Spec:
    return {"port": 80, "expose": body}


DISK = volume(size="1Gi")
SHARED = volume(size="1Gi", accessMode="ReadWriteMany")
HOSTS: Spec = {"hosts": ["a.example.dev"]}
CANARY: Spec = {"strategy": "Canary", "steps": [{"weight": 10}]}

ROWS: tuple[Row, ...] = (
    Row(
        "spec.bindings",
        "Two bindings give variables of the same names",
        "the second would hide the first",
        {"bindings": [{"bucket": "a"}, {"bucket": "b"}]},
        {"bindings": [{"bucket": "a"}, {"bucket": "b", "prefix": "B_"}]},
    ),
    Row(
        "",
        "The name is too long",
        "children's names and label values have 63 characters",
        {},
        {},
        names=("a" * 46, "a" * 45),
    ),
    Row(
        "",
        "The name must start with a letter",
        "Services take DNS-1035 names only",
        {},
        {},
        names=("1a", "a1"),
    ),
    Row(
        "spec",
        "Give either port or ports",
        "two truths about the ports",
        {"port": 80, "ports": [{"name": "web", "port": 81}]},
        {"ports": [{"name": "web", "port": 81}, {"name": "dns", "port": 81, "protocol": "UDP"}]},
    ),
    Row(
        "spec",
        "Give either replicas or scale",
        "the number would fight the load",
        {"replicas": 2, "scale": {"max": 3, "cpu": 70}},
        {"scale": {"max": 3, "cpu": 70}},
    ),
    Row(
        "spec",
        "Give either size or resources",
        "two truths about CPU and memory",
        {"size": "small", "resources": {"cpu": 1}},
        {"resources": {"cpu": 1, "memory": "64Mi"}},
    ),
    Row(
        "spec",
        "A volume that only one node may mount",
        "the second replica would wait for the disk for ever",
        {**DISK, "replicas": 2},
        {**SHARED, "replicas": 2},
    ),
    Row(
        "spec",
        "BlueGreen and Canary run two versions at once",
        "the new version would wait for the disk for ever",
        {**DISK, **exposed(**HOSTS), "rollout": CANARY},
        {**SHARED, **exposed(**HOSTS), "rollout": CANARY},
    ),
    Row(
        "spec",
        "BlueGreen and Canary move requests",
        "without a route there is nothing to shift",
        {"port": 80, "rollout": {"strategy": "BlueGreen"}},
        {**exposed(**HOSTS), "rollout": {"strategy": "BlueGreen"}},
    ),
    Row(
        "spec",
        "expose.hosts needs a TCP port",
        "HTTP does not go over UDP",
        {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}], "expose": HOSTS},
        exposed(**HOSTS),
    ),
    Row(
        "spec",
        "expose needs a port",
        "a load balancer without a port reaches nothing",
        {"expose": {"type": "LoadBalancer"}},
        exposed(type="LoadBalancer"),
    ),
    Row(
        "spec",
        "A health check needs a TCP port",
        "nobody could be asked",
        {"health": {"ready": {"path": "/"}}},
        {"health": {"ready": {"path": "/", "port": 80}}},
    ),
    Row(
        "spec",
        "Names of init and sidecars must differ",
        "containers of a pod share one namespace of names",
        {"init": [{"name": "x"}], "sidecars": [{"name": "x", "image": "i"}]},
        {"init": [{"name": "x"}], "sidecars": [{"name": "y", "image": "i"}]},
    ),
    Row(
        "spec",
        "A sidecar mounts volumes of the app by name",
        "a name that is nobody's",
        {**DISK, "sidecars": [{"name": "y", "image": "i", "volumes": ["date"]}]},
        {**DISK, "sidecars": [{"name": "y", "image": "i", "volumes": ["data"]}]},
    ),
    Row(
        "spec.envFrom",
        "Give exactly one of secret and configMap",
        "an entry that names two, of which one would be ignored",
        {"envFrom": [{"secret": "a", "configMap": "b"}]},
        {"envFrom": [{"secret": "a"}, {"configMap": "a"}]},
    ),
    Row(
        "spec.sidecars[].envFrom",
        "Give exactly one of secret and configMap",
        "an entry that names nothing",
        {"sidecars": [{"name": "y", "image": "i", "envFrom": [{}]}]},
        {"sidecars": [{"name": "y", "image": "i", "envFrom": [{"secret": "a"}]}]},
    ),
    Row(
        "spec.ports",
        "Each port and protocol may stand only once",
        "a Service cannot have it twice",
        {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]},
        {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80, "protocol": "UDP"}]},
    ),
    Row(
        "spec.health.startup.within",
        "Give a time between 1s and 24h",
        "no app starts in no time",
        {"port": 80, "health": {"startup": {"within": "0s"}}},
        {"port": 80, "health": {"startup": {"within": "1m30s"}}},
    ),
    Row(
        "spec.scale",
        "min must not be greater than max",
        "an empty range",
        {"scale": {"min": 3, "max": 2, "cpu": 70}},
        {"scale": {"min": 2, "max": 2, "cpu": 70}},
    ),
    Row(
        "spec.scale",
        "Say what to scale by",
        "nothing would ever scale it",
        {"scale": {"max": 2}},
        {"scale": {"max": 2, "memory": 80}},
    ),
    Row(
        "spec.rollout",
        "steps go with strategy Canary",
        "steps that a rolling update would ignore",
        {"rollout": {"steps": [{"weight": 10}]}},
        {**exposed(**HOSTS), "rollout": CANARY},
    ),
    Row(
        "spec.expose",
        "Give either hosts, or type: LoadBalancer",
        "two ways in at once",
        exposed(**HOSTS, type="LoadBalancer"),
        exposed(type="LoadBalancer"),
    ),
    Row(
        "spec.expose",
        "path, tls and rateLimit go with hosts",
        "a load balancer would ignore them",
        exposed(type="LoadBalancer", rateLimit={"rps": 1}),
        exposed(**HOSTS, rateLimit={"rps": 1}, path="/x", tls="None"),
    ),
    Row(
        "spec.expose",
        "pool and ipFamily go with type: LoadBalancer",
        "a route has no address of its own",
        exposed(**HOSTS, pool="public"),
        exposed(type="LoadBalancer", pool="public", ipFamily="DualStack"),
    ),
    Row(
        "spec.expose.allowFrom",
        "Write a range such as",
        "one address is a range of one, and must say so",
        exposed(**HOSTS, allowFrom=["203.0.113.7"]),
        exposed(**HOSTS, allowFrom=["203.0.113.7/32", "2001:db8::/32"]),
    ),
    Row(
        "spec.volumes",
        "Each path may stand only once",
        "one would hide the other",
        {"volumes": [{"name": "a", "path": "/x", "secret": "a"}, {"name": "b", "path": "/x", "secret": "b"}]},
        {"volumes": [{"name": "a", "path": "/x", "secret": "a"}, {"name": "b", "path": "/y", "secret": "b"}]},
    ),
    Row(
        "spec.volumes",
        "Give exactly one of ephemeral, size",
        "a volume of nothing",
        volume(),
        volume(configMap="settings"),
    ),
    Row(
        "spec.volumes",
        "accessMode, storageClass and retain go with size",
        "a Secret is on every node",
        volume(secret="a", accessMode="ReadWriteMany"),
        volume(size="1Gi", accessMode="ReadWriteMany", retain="Delete"),
    ),
    Row(
        "spec.volumes",
        "The name of a volume with size",
        "the claim is named after app and volume",
        {"volumes": [{"name": "v" * 18, "path": "/data", "size": "1Gi"}]},
        {"volumes": [{"name": "v" * 18, "path": "/data", "ephemeral": "1Gi"}]},
    ),
    Row(
        "spec.volumes",
        "A volume cannot shrink",
        "no storage can",
        volume(size="512Mi"),
        volume(size="2Gi"),
        before=DISK,
    ),
    Row(
        "spec.volumes",
        "accessMode and storageClass of a volume cannot change",
        "a claim cannot",
        volume(size="1Gi", storageClass="slow"),
        volume(size="1Gi", accessMode="ReadWriteOnce", retain="Delete"),
        before=DISK,
    ),
    Row(
        "spec.sidecars",
        "Give either size or resources",
        "two truths about CPU and memory",
        {"sidecars": [{"name": "y", "image": "i", "size": "nano", "resources": {"cpu": 1}}]},
        {"sidecars": [{"name": "y", "image": "i", "resources": {"cpu": 1}}]},
    ),
)

SCHEMA: tuple[tuple[str, Spec, str], ...] = (
    ("image is all that is required", {"image": None}, "spec.image: Required value"),
    ("an image has no spaces", {"image": "a b"}, "spec.image: Invalid value"),
    ("a port is a port", {"port": 65536}, "spec.port: Invalid value"),
    ("replicas have an end", {"replicas": 1001}, "spec.replicas: Invalid value"),
    ("a size that nobody knows", {"size": "huge"}, 'spec.size: Unsupported value: "huge"'),
    ("a misspelt field is not ignored", {"replica": 2}, 'unknown field "spec.replica"'),
    ("nor one further down", {"health": {"alive": {}}}, 'unknown field "spec.health.alive"'),
    ("a quantity is one", {"resources": {"memory": "lots"}}, "spec.resources.memory: Invalid value"),
    ("a host is no URL", exposed(hosts=["https://a.dev"]), "spec.expose.hosts[0]: Invalid value"),
    ("names in a list are told apart", {"init": [{"name": "a"}, {"name": "a"}]}, "Duplicate value"),
    ("a binding names a bucket", {"bindings": [{}]}, "spec.bindings[0].bucket: Required value"),
    ("an env value is text", {"env": {"A": 1}}, "spec.env.A: Invalid value"),
)
