"""What the stories say a machine becomes is what KubeVirt and CDI take, by their schemas and admission."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.campaign.ground import ROOT
from tests.e2e.kubectl import Kubectl
from tests.e2e.vms.specs import running
from tests.unit.cloudvm.stories import STORIES, Story

pytestmark = pytest.mark.cluster

GOLDEN = ROOT / "tests" / "golden" / "cloudvm"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_object_is_admitted(dry: Kubectl, story: Story) -> None:
    text = (
        (GOLDEN / f"{story.name}.yaml").read_text().replace("namespace: acme", f"namespace: {dry.namespace}")
    )
    objects = [document for document in yaml.safe_load_all(text) if document]
    assert objects or story.name == "unknown", "only what is unknown becomes nothing"
    options = ("--server-side", "--dry-run=server", "--validate=strict")
    for manifest in objects:
        dry("apply", "-f", "-", *options, given=json.dumps(manifest))


def test_the_example_runs(ns: Kubectl) -> None:
    ns("apply", "-f", str(ROOT / "examples" / "07-vm"))
    running(ns, "db")
