"""What machines become, as files to read: tests/golden/cloudvm, one a story.

PILEUS_GOLDEN=write writes them anew; the difference is to be read like code.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from pileus.engine.compare import covers
from tests.unit.cloudvm.stories import STORIES, Story
from tests.unit.cloudvm.vms import Cluster, objects, vm

GOLDEN = Path(__file__).parents[2] / "golden" / "cloudvm"


def rendered(story: Story) -> str:
    plan = Cluster().compile(vm(story.whole))
    said = [f"# {finding.reason}: {finding.message}\n" for finding in (*plan.findings, *plan.warnings)]
    text = yaml.safe_dump_all(plan.objects, sort_keys=False, width=110)
    return f"# {story.reason}\n{''.join(said)}{text}"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    file = GOLDEN / f"{story.name}.yaml"
    if os.environ.get("PILEUS_GOLDEN") == "write":
        file.write_text(rendered(story), encoding="utf-8")

    assert rendered(story) == file.read_text(encoding="utf-8")


def test_no_file_without_a_story() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {story.name for story in STORIES}


@pytest.mark.parametrize(
    "story", [story for story in STORIES if story.name != "unknown"], ids=lambda story: story.name
)
def test_applied_once_is_applied(story: Story) -> None:
    """A second pass wants nothing else, whatever the first one left behind."""
    cluster = Cluster()
    resource = vm(story.whole)
    cluster.settle(resource)

    for (kind, name), desired in objects(cluster.compile(resource)).items():
        live = next(
            o for o in cluster.children.values() if (o["kind"], o["metadata"]["name"]) == (kind, name)
        )
        assert covers(live, desired), f"{kind} {name} would be applied again."
