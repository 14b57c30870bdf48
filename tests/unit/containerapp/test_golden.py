"""What apps become, as files to read: tests/golden/containerapp, one a story.

PILEUS_GOLDEN=write writes them anew; the difference is to be read like code.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from pileus.engine.compare import covers
from tests.unit.containerapp.apps import Cluster, app, objects
from tests.unit.containerapp.stories import STORIES, Story

GOLDEN = Path(__file__).parents[2] / "golden" / "containerapp"


def rendered(story: Story) -> str:
    plan = Cluster(served=story.served, settings=story.settings).compile(app(story.whole))
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
