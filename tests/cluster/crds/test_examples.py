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
from tests.cluster.crds.gateway import ENVOY

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))
GOLDEN = sorted((ROOT / "tests" / "golden" / "containerapp").rglob("*.yaml"))
BECOME = [file for file in EXAMPLES if file.parent.name != "07-vm"]
"""Machines become objects of KubeVirt and CDI: tests/e2e/vms shows theirs to these."""
TRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-o=name", "-f=-")
SETTINGS = Settings(gateway="infra/public", cluster_issuer="letsencrypt", ingress_class="nginx")
Manifest = dict[str, Any]


def _documents(file: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]


def _moved(manifests: list[Manifest], namespace: str) -> str:
    """As a stream of YAML, in this namespace."""
    moved = [{**m, "metadata": {**m["metadata"], "namespace": namespace}} for m in manifests]
    return yaml.safe_dump_all(moved)


def _compiled(file: Path) -> Iterator[Manifest]:
    kinds = {kind.name: kind for kind in KINDS}
    for document in _documents(file):
        if kind := kinds.get(document["kind"]):
            named = {"uid": "00000000-0000-0000-0000-000000000000", "generation": 1, "namespace": "default"}
            resource = {**document, "metadata": {**named, **document["metadata"]}}
            plan = compile_offline(kind, resource, settings=SETTINGS, shared=ENVOY)
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
