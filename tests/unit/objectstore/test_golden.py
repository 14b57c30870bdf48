"""What stores become: tests/golden/objectstore."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pileus.engine.world import Reference, ReferenceState, Referent
from pileus.kinds.objectstore import OBJECT_STORE
from tests.unit.golden import ROOT, golden, rendered
from tests.unit.objectstore.stores import BARE, Cluster, store

GOLDEN = ROOT / "objectstore"
DENIED = {Reference("Secret", "keys", "pileus-system"): Referent(ReferenceState.NOT_PERMITTED)}


@dataclass(frozen=True, slots=True)
class Story:
    """One store: what it shows, and its spec beside engine, endpoint and keys."""

    name: str
    reason: str
    spec: dict[str, Any] = field(default_factory=dict)
    references: dict[Reference, Referent] | None = None


STORIES: tuple[Story, ...] = (
    Story("versity", "IAM where S3 is, or beside it", {"usersEndpoint": "https://s3.example.dev:7071"}),
    Story(
        "ceph",
        "Ceph's own API of users, an authority of one's own",
        {"engine": "Ceph", "ca": {"configMap": "ceph-ca", "namespace": "rook-ceph"}},
    ),
    Story("aws", "IAM has one place for all regions", {"engine": "AWS", "region": "eu-central-1"}),
    Story(
        "shared",
        "who may use it is Buckets' affair: nothing of it is wished for",
        {
            "default": True,
            "allow": {"namespaceSelector": {"matchLabels": {"team": "media"}}},
            "adopt": [{"bucket": "media-*", "namespace": "acme"}],
        },
    ),
    Story("denied", "its keys may not be read: it is not asked", references=DENIED),
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Story) -> None:
    now = rendered(Cluster(references=story.references).compile(store(**story.spec)), story.reason)

    assert now == golden(GOLDEN / f"{story.name}.yaml", now)


def test_no_file_without_a_story() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {story.name for story in STORIES}


def test_stories_use_every_field() -> None:
    """A field without a golden file is a field that nobody has looked at."""
    used = BARE.keys() | {key for story in STORIES for key in story.spec}
    assert {str(entry.alias) for entry in OBJECT_STORE.spec.model_fields.values()} == used
