"""What buckets become: tests/golden/bucket."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.compare import covers, stamped
from pileus.kinds.bucket import BUCKET
from pileus.objects.s3 import BucketWish
from tests.unit.bucket.buckets import Cluster, bucket, ref_of
from tests.unit.bucket.stories import STORIES, Story
from tests.unit.golden import ROOT, golden, rendered

GOLDEN = ROOT / "bucket"
LASTING = [story for story in STORIES if not story.leaving and story.name not in ("lacking", "missing")]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    now = rendered(story.plan(), story.reason)

    assert now == golden(GOLDEN / f"{story.name}.yaml", now)


def test_no_file_without_a_story() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {story.name for story in STORIES}


def test_stories_use_every_field() -> None:
    """A field without a golden file is a field that nobody has looked at."""
    used = {field for story in STORIES for field in story.spec}
    assert {str(field.alias) for field in BUCKET.spec.model_fields.values()} == used


@pytest.mark.parametrize("story", LASTING, ids=lambda story: story.name)
def test_applied_once_is_applied(story: Story) -> None:
    """A second pass wants nothing else, whatever the first one left behind."""
    cluster, resource = Cluster(stores=(story.store,), references=story.references), bucket(story.spec)
    wished = cluster.settle(resource).wish

    plan = cluster.compile(resource)

    assert plan.wish == wished
    for desired in plan.objects:
        assert covers(cluster.children[ref_of(desired)], stamped(desired)[0])


@pytest.mark.parametrize("story", LASTING, ids=lambda story: story.name)
def test_on_and_off_again(story: Story) -> None:
    """A → B → A equals A: nothing of a field stays behind when it is taken back."""
    cluster = Cluster(stores=(story.store,))
    before = cluster.settle(bucket()).wish
    state = _shape(cluster)

    cluster.settle(bucket({key: value for key, value in story.spec.items() if key != "bucketName"}))
    plan = cluster.settle(bucket())

    assert isinstance(plan.wish, BucketWish)
    assert plan.wish == before
    assert _shape(cluster) == state


def _shape(cluster: Cluster) -> Any:
    return (cluster.children, cluster.users, cluster.status)
