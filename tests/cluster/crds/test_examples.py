"""Every example, what it becomes, and each golden object, as the API server with the real CRDs takes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pileus.cli.render import compile_offline
from pileus.engine.world import Settings
from pileus.kinds import KINDS
from pileus.local.kubectl import Kubectl
from pileus.objects.s3 import Feature
from tests.cluster.crds.gateway import ENVOY

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
GOLDEN = sorted(
    file
    for kind in ("containerapp", "firewallpolicy")
    for file in (ROOT / "tests" / "golden" / kind).rglob("*.yaml")
    if "\nkind:" in file.read_text(encoding="utf-8")
)
"""Those that have objects."""
BECOME = [file for file in EXAMPLES if file.parent.name != "07-vm"]
"""Machines become objects of KubeVirt and CDI: tests/e2e/vms shows theirs to these."""
TRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-o=name", "-f=-")
STORE = {
    **yaml.safe_load((ROOT / "examples" / "08-bucket" / "store.yaml").read_text(encoding="utf-8")),
    "status": {"features": [feature.value for feature in Feature]},
}
"""That of the Buckets, as if it could do all that can be asked for."""
BUCKET = {
    **yaml.safe_load((ROOT / "examples" / "08-bucket" / "bucket.yaml").read_text(encoding="utf-8")),
    "status": {"access": [{"name": "app", "secret": "photos-app", "keyId": "AK1"}]},
}
"""That of the app, when its consumer has a key."""
DNS: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
    "spec": {
        "selector": {"k8s-app": "kube-dns"},
        "ports": [{"port": 53, "protocol": name, "targetPort": 53} for name in ("UDP", "TCP")],
    },
}
"""That of the cluster, for FirewallPolicies."""
CLUSTER_WIDE = frozenset(kind.name for kind in KINDS if not kind.namespaced)
SETTINGS = Settings(gateway="infra/public", cluster_issuer="letsencrypt", ingress_class="nginx")
Manifest = dict[str, Any]


def _documents(file: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]


def _moved(manifests: list[Manifest], namespace: str) -> str:
    """As a stream of YAML, in this namespace."""
    return yaml.safe_dump_all(
        m if m["kind"] in CLUSTER_WIDE else {**m, "metadata": {**m["metadata"], "namespace": namespace}}
        for m in manifests
    )


def _compiled(file: Path) -> Iterator[Manifest]:
    kinds = {kind.name: kind for kind in KINDS}
    for document in _documents(file):
        if kind := kinds.get(document["kind"]):
            named = {"uid": "00000000-0000-0000-0000-000000000000", "generation": 1, "namespace": "default"}
            resource = {**document, "metadata": {**named, **document["metadata"]}}
            plan = compile_offline(kind, resource, settings=SETTINGS, shared=[*ENVOY, STORE, BUCKET, DNS])
            assert [finding for finding in plan.findings if finding.stalled] == [], file
            yield from plan.objects


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_example(kubectl: Kubectl, namespace: str, file: Path) -> None:
    kubectl.run(*TRY, given=_moved(_documents(file), namespace))


@pytest.mark.parametrize("file", BECOME, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_an_example_becomes(kubectl_with_engines: Kubectl, namespace: str, file: Path) -> None:
    if objects := list(_compiled(file)):
        kubectl_with_engines.run(*TRY, given=_moved(objects, namespace))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: str(file.relative_to(ROOT)))
def test_golden(kubectl_with_engines: Kubectl, namespace: str, file: Path) -> None:
    kubectl_with_engines.run(*TRY, given=_moved(_documents(file), namespace))
