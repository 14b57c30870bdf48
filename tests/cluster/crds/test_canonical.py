"""The API server stores compiled objects as they are sent: nothing is rewritten, so nothing is sent twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pileus.engine.compare import covers
from pileus.local.kubectl import Kubectl
from pileus.objects.quantities import canonical
from tests.unit.test_amounts import QUANTITIES

GOLDEN = sorted(
    file
    for kind in ("containerapp", "firewallpolicy")
    for file in (Path(__file__).parents[2] / "golden" / kind).rglob("*.yaml")
    if "\nkind:" in file.read_text(encoding="utf-8")
)
"""KubeVirt rewrites much; that it is not fought is shown in tests/e2e/vms, by restarts without writes."""


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_nothing_is_rewritten(kubectl_with_engines: Kubectl, namespace: str, file: Path) -> None:
    sent: list[dict[str, Any]] = [
        {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    ]

    answer = json.loads(
        kubectl_with_engines.run(
            *("apply", "--server-side", "--dry-run=server", "-o=json", "-f=-"), given=yaml.safe_dump_all(sent)
        )
    )

    stored = {(o["kind"], o["metadata"]["name"]): o for o in answer.get("items", [answer])}
    rewritten = [
        f"{manifest['kind']} {manifest['metadata']['name']}"
        for manifest in sent
        if not covers(stored[manifest["kind"], manifest["metadata"]["name"]], manifest)
    ]
    assert rewritten == []


def test_quantities_are_written_like_the_api_server_does(kubectl: Kubectl, namespace: str) -> None:
    """Each in its own ephemeral-storage request, which takes any amount."""
    asked = [text for text, *_ in QUANTITIES]
    containers = [
        {"name": f"c{index}", "image": "x", "resources": {"requests": {"ephemeral-storage": text}}}
        for index, text in enumerate(asked)
    ]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "amounts", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }

    options = ("apply", "--server-side", "--dry-run=server", "-o=json", "-f=-")
    answer = json.loads(kubectl.run(*options, given=json.dumps(deployment)))

    stored = [
        container["resources"]["requests"]["ephemeral-storage"]
        for container in answer["spec"]["template"]["spec"]["containers"]
    ]
    assert stored == [canonical(text) for text in asked]
