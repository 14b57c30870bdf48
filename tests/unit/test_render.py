"""`pileus render`: what is printed, what is said beside it, and when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from pileus.cli.render import render

APP = """
apiVersion: pileus.dev/v1alpha1
kind: ContainerApp
metadata: {name: hello}
spec: {image: "web:1", port: 8080, replicas: 2%s}
"""
EXPOSED = APP % ", expose: {hosts: [a.example.dev], tls: None}"


def run(text: str, *arguments: str) -> Result:
    return CliRunner().invoke(render, ["-", *arguments], input=text)


def test_the_children_are_printed() -> None:
    done = run(APP % "", "--namespace", "shop")

    objects = list(yaml.safe_load_all(done.stdout))
    assert {"Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"} == {o["kind"] for o in objects}
    assert {"shop"} == {o["metadata"]["namespace"] for o in objects}
    assert done.exit_code == 0


def test_what_is_no_resource_of_ours_is_passed_over() -> None:
    done = run(f"{APP % ''}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n")

    assert done.exit_code == 0
    assert "ConfigMap" not in done.stdout


FAILURES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "an engine that the field needs is absent",
        EXPOSED,
        ("--without", "Gateway API"),
        "refused: EngineMissing",
    ),
    (
        "a misspelt engine would silently count as there",
        APP % "",
        ("--without", "KUDA"),
        "'KUDA' is no engine",
    ),
    ("nothing to render", "kind: ConfigMap\napiVersion: v1\n", (), "has no resource of Pileus"),
    ("not YAML", "a: [", (), "is not YAML"),
    ("a field that the models refuse", APP % ", arch: mips", (), "refused: InvalidSpec: spec.arch"),
    ("an object without a name", (APP % "").replace("name: hello", ""), (), "has no metadata.name"),
)


@pytest.mark.parametrize(("reason", "text", "arguments", "words"), FAILURES, ids=[row[0] for row in FAILURES])
def test_failure(reason: str, text: str, arguments: tuple[str, ...], words: str) -> None:
    done = run(text, "--gateway", "infra/public", *arguments)

    assert done.exit_code != 0, reason
    assert words in done.stderr


POLICY = """
apiVersion: pileus.dev/v1alpha1
kind: FirewallPolicy
metadata: {name: guard}
spec: {target: {apps: [web]}, presets: [{name: DNS}]}
"""
RESOLVER = """
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP, targetPort: 53}]}
"""


def test_what_is_around_a_policy_counts(tmp_path: Path) -> None:
    """Without the cluster nobody knows where its DNS is."""
    seen = tmp_path / "seen.yaml"
    seen.write_text(RESOLVER)

    blind = run(POLICY)
    sighted = run(POLICY, "--seen", str(seen))

    assert "note: PresetUnknown" in blind.stderr
    assert list(yaml.safe_load_all(blind.stdout)) == []
    assert [one["kind"] for one in yaml.safe_load_all(sighted.stdout)] == ["NetworkPolicy"]


def test_what_the_cluster_has_counts(tmp_path: Path) -> None:
    """Only a gateway that is seen can be known to filter addresses."""
    limited = APP % ", expose: {hosts: [a.example.dev], tls: None, allowFrom: [192.0.2.0/24]}"
    seen = tmp_path / "seen.yaml"
    seen.write_text(
        """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: infra}
spec: {gatewayClassName: envoy}
"""
    )

    blind = run(limited, "--gateway", "infra/public")
    sighted = run(limited, "--gateway", "infra/public", "--seen", str(seen))

    assert (blind.exit_code, sighted.exit_code) == (1, 0)
    assert "SecurityPolicy" in sighted.stdout
