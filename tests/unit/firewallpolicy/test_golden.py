"""What policies become: tests/golden/firewallpolicy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from pileus.cli.crds import definition
from pileus.crds.fields import fields
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.kinds.firewallpolicy.model import PRESETS
from tests.unit.firewallpolicy.stories import STORIES, Story
from tests.unit.golden import ROOT, golden, rendered

GOLDEN = ROOT / "firewallpolicy"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    now = rendered(story.plan(), story.reason)

    assert now == golden(GOLDEN / f"{story.name}.yaml", now)


def test_no_file_without_a_story() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {story.name for story in STORIES}


def test_stories_use_every_field() -> None:
    """A field without a golden file is a field that nobody has looked at."""
    schema = definition(FIREWALL_POLICY)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    declared = {field.path for field in fields(schema) if field.path.startswith("spec.")}
    used = {path for story in STORIES for path in _paths(story.spec, "spec")}

    # Selectors are one type, which is used in three places.
    assert {path for path in declared if "elector." not in path} - used == set()
    assert {path.rpartition(".")[2] for path in declared} - {
        path.rpartition(".")[2] for path in used
    } == set()


def test_stories_use_every_preset() -> None:
    used = {preset["name"] for story in STORIES for preset in story.spec.get("presets", ())}

    assert set(PRESETS) == used


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_always_one_object_or_none(story: Story) -> None:
    """No crash between two writes leaves a state that nobody asked for."""
    plan = story.plan()

    assert len(plan.objects) == (0 if plan.findings or story.spec.get("mode") == "DryRun" else 1)
    assert plan.prune == (not plan.findings), "what was enforced stays where nothing can be said"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_same_again(story: Story) -> None:
    """Whatever the order in which a cluster was seen."""
    turned = dataclasses.replace(
        story, beside=story.beside[::-1], cluster=story.cluster[::-1], around=story.around[::-1]
    )

    assert yaml.safe_dump(turned.plan().objects) == yaml.safe_dump(story.plan().objects)


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from _paths(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                yield from _paths(inner, f"{path}[]")
