"""What apps become: tests/golden/containerapp."""

from __future__ import annotations

import pytest

from pileus.engine.compare import covers
from tests.unit.containerapp.apps import Cluster, app, objects
from tests.unit.containerapp.stories import STORIES, Story
from tests.unit.golden import ROOT, golden, rendered

GOLDEN = ROOT / "containerapp"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    now = rendered(
        Cluster(served=story.served, settings=story.settings).compile(app(story.whole)), story.reason
    )

    assert now == golden(GOLDEN / f"{story.name}.yaml", now)


def test_no_file_without_a_story() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {story.name for story in STORIES}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_applied_once_is_applied(story: Story) -> None:
    """A second pass wants nothing else, whatever the first one left behind."""
    cluster = Cluster(served=story.served, settings=story.settings)
    resource = app(story.whole)
    cluster.settle(resource)

    for (kind, name), desired in objects(cluster.compile(resource)).items():
        live = next(
            o for o in cluster.children.values() if (o["kind"], o["metadata"]["name"]) == (kind, name)
        )
        assert covers(live, desired), f"{kind} {name} would be applied again."


def test_two_replicas_and_a_port_are_four_objects() -> None:
    plan = Cluster().compile(app({"image": "x", "port": 8080, "replicas": 2}))

    expected = ["ServiceAccount", "Service", "Deployment", "PodDisruptionBudget"]
    assert expected == [o["kind"] for o in plan.objects]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_on_and_off_again(story: Story) -> None:
    """A → B → A equals A: nothing of a field stays behind when it is taken back, but kept data."""
    cluster, plain = Cluster(served=story.served, settings=story.settings), app({"image": "x", "port": 1})
    cluster.settle(plain)
    before = {ref: _shape(live) for ref, live in cluster.children.items()}

    cluster.settle(app(story.whole))
    cluster.settle(plain)

    kept = {"PersistentVolumeClaim"}
    assert before == {ref: _shape(o) for ref, o in cluster.children.items() if ref.kind not in kept}


def _shape(live: dict) -> dict:  # type: ignore[type-arg]
    metadata = live["metadata"]
    notes = {k: v for k, v in metadata.get("annotations", {}).items() if k.startswith("pileus.dev/")}
    return {
        **live,
        "metadata": {"name": metadata["name"], "labels": metadata["labels"], "annotations": notes},
        "status": {},
    }
