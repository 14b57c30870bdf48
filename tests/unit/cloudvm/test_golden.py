"""What machines become: tests/golden/cloudvm."""

from __future__ import annotations

import pytest

from pileus.engine.compare import covers
from tests.unit.cloudvm.stories import STORIES, Story
from tests.unit.cloudvm.vms import Cluster, objects, vm
from tests.unit.golden import ROOT, golden, rendered

GOLDEN = ROOT / "cloudvm"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    now = rendered(Cluster().compile(vm(story.whole)), story.reason)

    assert now == golden(GOLDEN / f"{story.name}.yaml", now)


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
