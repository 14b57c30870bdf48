"""The chart says what its values ask for, refuses what they cannot mean, and adds nothing to what is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import pileus
from pileus.cli.crds import definition
from pileus.cli.rbac import roles
from pileus.kinds import KINDS
from tests.contract.charts import CHART, Helm, Manifest, RefusedError, find, kinds

VALUES: Manifest = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: Manifest = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def test_lint(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.lint()


def test_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert (chart["version"], chart["appVersion"]) == (pileus.__version__, pileus.__version__)


def differences(values: Any, schema: Manifest, path: str = "values") -> Iterator[str]:
    if not schema.get("description"):
        yield f"{path} has no description"
    if schema.get("type") != "object" or "properties" not in schema:
        return
    if schema.get("additionalProperties") is not False:
        yield f"{path} takes unknown keys"
    named = schema["properties"].keys() - {"global"}
    yield from (f"{path}.{key} is not in values.yaml" for key in named - values.keys())
    yield from (f"{path}.{key} is not in the schema" for key in values.keys() - named)
    for key in named & values.keys():
        yield from differences(values[key], schema["properties"][key], f"{path}.{key}")


def test_values_and_schema_agree() -> None:
    # rollingUpdate is a parameter of one strategy only, so it has no default.
    expected = ["values.strategy.rollingUpdate is not in values.yaml"]

    assert list(differences(VALUES, SCHEMA)) == expected


def test_the_crds_are_the_generated_ones(helm: Helm) -> None:
    rendered = [m for m in helm.template() if m["kind"] == "CustomResourceDefinition"]

    for manifest in rendered:
        assert manifest["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        manifest["metadata"].pop("labels")
    by_name = sorted(KINDS, key=lambda kind: kind.plural)
    assert rendered == [definition(kind) for kind in by_name]


def test_the_rules_are_the_generated_ones(helm: Helm) -> None:
    rendered = helm.template()
    generated = roles()

    assert find(rendered, "ClusterRole")["rules"] == generated["operator"]
    assert find(rendered, "Role", "pileus-leader")["rules"] == generated["leader"]
    for name in ("credentials", "references", "view", "edit"):
        assert find(rendered, "ClusterRole", f"pileus-{name}")["rules"] == generated[name]


def test_the_pod_is_restricted(helm: Helm) -> None:
    """What the restricted Pod Security Standard asks for, and a read-only root beyond it."""
    pod = find(helm.template(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]] == ["emptyDir"]
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}


def test_the_operators_own_objects_are_not_taken_for_its_children(helm: Helm) -> None:
    for manifest in helm.template():
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_selectors_meet_the_pods(helm: Helm) -> None:
    rendered = helm.template({"replicas": 2, "metrics": {"podMonitor": {"enabled": True}}})
    pod = find(rendered, "Deployment")["spec"]["template"]["metadata"]["labels"]

    for selector in (
        find(rendered, "Deployment")["spec"]["selector"]["matchLabels"],
        find(rendered, "Service", "pileus-metrics")["spec"]["selector"],
        find(rendered, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        find(rendered, "PodMonitor")["spec"]["selector"]["matchLabels"],
        find(rendered, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= pod.items()


def environment(manifests: list[Manifest]) -> dict[str, str]:
    (container,) = find(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


SETTINGS = (
    ("gateway", "infra/public", "PILEUS_GATEWAY"),
    ("clusterIssuer", "letsencrypt", "PILEUS_CLUSTER_ISSUER"),
    ("ingressClass", "nginx", "PILEUS_INGRESS_CLASS"),
    ("clusterDomain", "corp.local", "PILEUS_CLUSTER_DOMAIN"),
)


@pytest.mark.parametrize(("value", "text", "variable"), SETTINGS)
def test_settings_reach_the_operator(helm: Helm, value: str, text: str, variable: str) -> None:
    assert environment(helm.template({value: text}))[variable] == text


ABSENT: tuple[tuple[str, Manifest, str], ...] = (
    (
        "crds.enabled: false leaves them to somebody else",
        {"crds": {"enabled": False}},
        "CustomResourceDefinition",
    ),
    ("one replica needs no budget: it would only block drains", {}, "PodDisruptionBudget"),
    ("rbac.create: false", {"rbac": {"create": False}}, "ClusterRole"),
    ("serviceAccount.create: false", {"serviceAccount": {"create": False}}, "ServiceAccount"),
    ("networkPolicy.enabled: false", {"networkPolicy": {"enabled": False}}, "NetworkPolicy"),
    ("metrics.service.enabled: false", {"metrics": {"service": {"enabled": False}}}, "Service"),
    ("a PodMonitor needs the Prometheus Operator", {}, "PodMonitor"),
)


@pytest.mark.parametrize(("reason", "values", "kind"), ABSENT, ids=[row[0] for row in ABSENT])
def test_left_out(helm: Helm, reason: str, values: Manifest, kind: str) -> None:
    assert kind not in kinds(helm.template(values)), reason


PRESENT: tuple[tuple[str, Manifest, str], ...] = (
    ("two replicas have a budget", {"replicas": 2}, "PodDisruptionBudget"),
    ("a PodMonitor when asked for", {"metrics": {"podMonitor": {"enabled": True}}}, "PodMonitor"),
    ("a policy by default", {}, "NetworkPolicy"),
)


@pytest.mark.parametrize(("reason", "values", "kind"), PRESENT, ids=[row[0] for row in PRESENT])
def test_made(helm: Helm, reason: str, values: Manifest, kind: str) -> None:
    assert kind in kinds(helm.template(values)), reason


BOUND: tuple[tuple[str, list[str], list[tuple[str, str]]], ...] = (
    ("nothing is granted by default", [], []),
    ("each namespace gets a binding", ["a", "b"], [("RoleBinding", "a"), ("RoleBinding", "b")]),
    ("a star is one binding for all", ["*", "a"], [("ClusterRoleBinding", "")]),
    ("the release's own may be among them", ["pileus-system"], [("RoleBinding", "pileus-system")]),
)


@pytest.mark.parametrize(("reason", "namespaces", "bound"), BOUND, ids=[row[0] for row in BOUND])
@pytest.mark.parametrize("value", ["credentials", "references"])
def test_what_is_granted_by_namespace(
    helm: Helm, value: str, reason: str, namespaces: list[str], bound: list[tuple[str, str]]
) -> None:
    rendered = helm.template({value: {"namespaces": namespaces}})

    found = [m for m in rendered if "roleRef" in m and m["metadata"]["name"] == f"pileus-{value}"]

    assert [(m["kind"], m["metadata"].get("namespace", "")) for m in found] == bound, reason
    assert {m["roleRef"]["name"] for m in found} <= {f"pileus-{value}"}, reason
    names = [(m["kind"], m["metadata"].get("namespace", ""), m["metadata"]["name"]) for m in rendered]
    assert len(names) == len(set(names)), "no binding twice"


def test_what_object_stores_are_reached_by_is_read_in_the_own_namespace(helm: Helm) -> None:
    binding = find(helm.template(), "RoleBinding", "pileus-stores")

    assert binding["metadata"]["namespace"] == "pileus-system"
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("ClusterRole", "pileus-references")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "pileus", "namespace": "pileus-system"}]


def tcp(*ports: int) -> list[Manifest]:
    return [{"port": port, "protocol": "TCP"} for port in ports]


STORES: tuple[tuple[str, list[Manifest], list[Manifest]], ...] = (
    ("none by default", [], []),
    ("a port anywhere", [{"ports": [443]}], [{"ports": tcp(443)}]),
    (
        "ports at addresses",
        [{"ports": [443, 8080], "cidrs": ["203.0.113.0/24", "2001:db8::/32"]}],
        [
            {
                "ports": tcp(443, 8080),
                "to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}, {"ipBlock": {"cidr": "2001:db8::/32"}}],
            }
        ],
    ),
    (
        "each store by itself",
        [{"ports": [443]}, {"ports": [7070], "cidrs": ["198.51.100.7/32"]}],
        [{"ports": tcp(443)}, {"ports": tcp(7070), "to": [{"ipBlock": {"cidr": "198.51.100.7/32"}}]}],
    ),
)


@pytest.mark.parametrize(("reason", "stores", "rules"), STORES, ids=[row[0] for row in STORES])
def test_object_stores_are_let_through(
    helm: Helm, reason: str, stores: list[Manifest], rules: list[Manifest]
) -> None:
    egress = {"enabled": True, "objectStores": stores}
    policy = find(helm.template({"networkPolicy": {"egress": egress}}), "NetworkPolicy")["spec"]

    assert policy["egress"][0]["ports"][2:] == tcp(443, 6443)
    assert policy["egress"][1:] == rules, reason
    open_to_all = find(
        helm.template({"networkPolicy": {"egress": {"objectStores": stores}}}), "NetworkPolicy"
    )
    assert "egress" not in open_to_all["spec"], "without a limit nothing has to be let through"


IMAGES: tuple[tuple[str, Manifest, str], ...] = (
    ("the chart's version by default", {}, f"ghcr.io/pileus-dev/operator:{pileus.__version__}"),
    ("a tag", {"repository": "local.pileus.dev/operator", "tag": "dev"}, "local.pileus.dev/operator:dev"),
    (
        "a digest wins over a tag",
        {"repository": "r/o", "tag": "dev", "digest": f"sha256:{'0' * 64}"},
        f"r/o@sha256:{'0' * 64}",
    ),
)


@pytest.mark.parametrize(("reason", "image", "expected"), IMAGES, ids=[row[0] for row in IMAGES])
def test_image(helm: Helm, reason: str, image: Manifest, expected: str) -> None:
    (container,) = find(helm.template({"image": image}), "Deployment")["spec"]["template"]["spec"][
        "containers"
    ]

    assert container["image"] == expected, reason


REFUSED: tuple[tuple[str, Manifest, str], ...] = (
    ("a misspelt key must not be ignored", {"replica": 2}, "replica"),
    ("a misspelt key further down neither", {"crds": {"enable": False}}, "enable"),
    ("a Gateway has a namespace", {"gateway": "public"}, "gateway"),
    ("a level that does not exist", {"log": {"level": "loud"}}, "level"),
    ("text where a number stands", {"replicas": "two"}, "replicas"),
    ("a digest that is none", {"image": {"digest": "latest"}}, "digest"),
    ("a namespace that cannot exist", {"references": {"namespaces": ["No_Such"]}}, "references"),
    ("nor there", {"credentials": {"namespaces": ["No_Such"]}}, "credentials"),
    (
        "a store without ports",
        {"networkPolicy": {"egress": {"objectStores": [{"cidrs": ["203.0.113.0/24"]}]}}},
        "ports",
    ),
    (
        "an address that is no range",
        {"networkPolicy": {"egress": {"objectStores": [{"ports": [443], "cidrs": ["203.0.113.7"]}]}}},
        "cidrs",
    ),
)


@pytest.mark.parametrize(("reason", "values", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(helm: Helm, reason: str, values: Manifest, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        helm.template(values)


def test_notes_tell_the_next_step(helm: Helm) -> None:
    notes = helm.notes()

    assert "kubectl apply" in notes
    assert "references.namespaces" in notes
    assert "credentials.namespaces" in notes
    told = helm.notes({"references": {"namespaces": ["*"]}, "credentials": {"namespaces": ["shop"]}})
    assert "references.namespaces" not in told
    assert "credentials.namespaces" not in told
