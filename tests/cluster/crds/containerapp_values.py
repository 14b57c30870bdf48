"""For each rule about a single value of a ContainerApp: one that breaks it, and its neighbour."""

from __future__ import annotations

from tests.cluster.crds.containerapp_rules import Row, Spec, exposed, volume


def hosts(**more: object) -> Spec:
    return exposed(hosts=["a.example.dev"], **more)


def sidecar(**more: object) -> Spec:
    return {"sidecars": [{"name": "y", "image": "i", **more}]}


VARIABLE = "The name of a variable"
MEMORY = "Give whole bytes"
CPU = "Give a number of processors"
GPU = "Give the name that a device plugin offers"

VALUES: tuple[Row, ...] = (
    Row(
        "spec",
        "command, args and env of all containers",
        "etcd would not keep the Deployment",
        {"env": {f"V{number}": "x" * 32_000 for number in range(17)}},
        {"env": {f"V{number}": "x" * 32_000 for number in range(16)}},
    ),
    Row("spec.env", VARIABLE, "the API server refuses it", {"env": {"A=B": "x"}}, {"env": {"A.b-c_1": "x"}}),
    Row(
        "spec.init[].env",
        VARIABLE,
        "the API server refuses it",
        {"init": [{"name": "i", "env": {"1A": "x"}}]},
        {"init": [{"name": "i", "env": {"A1": "x"}}]},
    ),
    Row(
        "spec.sidecars[].env",
        VARIABLE,
        "the API server refuses it",
        sidecar(env={"": "x"}),
        sidecar(env={"A": ""}),
    ),
    Row(
        "spec.ports[].name",
        "A port's name has no '--'",
        "the API server refuses it",
        {"ports": [{"name": "a--b", "port": 80}]},
        {"ports": [{"name": "a-b", "port": 80}]},
    ),
    Row(
        "spec.resources.cpu",
        CPU,
        "a unit of memory",
        {"resources": {"cpu": "1Gi"}},
        {"resources": {"cpu": "1k"}},
    ),
    Row(
        "spec.resources.memory",
        MEMORY,
        "m is a thousandth of a byte",
        {"resources": {"memory": "512m"}},
        {"resources": {"memory": "512M"}},
    ),
    Row(
        "spec.resources.gpu.class",
        GPU,
        "the API server refuses Kubernetes' own",
        {"resources": {"gpu": {"class": "kubernetes.io/gpu"}}},
        {"resources": {"gpu": {"class": "example.dev/gpu"}}},
    ),
    Row(
        "spec.sidecars[].resources.cpu",
        CPU,
        "nothing is no reservation",
        sidecar(resources={"cpu": 0}),
        sidecar(resources={"cpu": "1m"}),
    ),
    Row(
        "spec.sidecars[].resources.memory",
        MEMORY,
        "a limit of nothing is no limit",
        sidecar(resources={"memory": 0}),
        sidecar(resources={"memory": 1048576}),
    ),
    Row(
        "spec.sidecars[].resources.gpu.class",
        GPU,
        "a label's length",
        sidecar(resources={"gpu": {"class": f"a.dev/{'a' * 64}"}}),
        sidecar(resources={"gpu": {"class": f"a.dev/{'a' * 63}"}}),
    ),
    Row(
        "spec.volumes[].path",
        "Write the path without '//'",
        "it would hide the root",
        volume(path="//", secret="s"),
        volume(path="/.data/..a", secret="s"),
    ),
    Row("spec.volumes[].ephemeral", MEMORY, "half a byte", volume(ephemeral="512m"), volume(ephemeral="1Mi")),
    Row("spec.volumes[].size", MEMORY, "a claim of nothing", volume(size="0Gi"), volume(size="1.5Gi")),
    Row(
        "spec.expose.hosts",
        "Give a DNS name",
        "no certificate for an address",
        exposed(hosts=["192.0.2.7"]),
        exposed(hosts=[f"*.{'a' * 63}.dev"]),
    ),
    Row(
        "spec.expose.path",
        "Write the path as a URL has it",
        "the Gateway API refuses it",
        hosts(path="/a/../b"),
        hosts(path="/a/..b/%20c"),
    ),
    Row(
        "spec.expose.tls",
        "Write Auto or None with a capital",
        "it would be taken for a Secret",
        hosts(tls="none"),
        hosts(tls="none-of-ours"),
    ),
    Row(
        "spec.expose.allowFrom",
        "A range begins with its first address",
        "one address or 256",
        hosts(allowFrom=["203.0.113.7/24"]),
        hosts(allowFrom=["203.0.113.7/32", "2001:db8::/32"]),
    ),
)
