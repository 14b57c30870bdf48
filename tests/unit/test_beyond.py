"""Wishes, finalizers and farewells: what a pass does about what a resource is outside of the cluster."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from pileus.engine import labels
from pileus.engine.beyond import Beyond
from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest, ObjectKind, ObjectRef, Plan
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, World
from pileus.kinds.bucket import BUCKET
from pileus.objects.catalog import SECRET
from pileus.objects.s3 import Parting

KEY = ("Bucket", "team", "data")
SECRET_REF = ObjectRef(SECRET.id, "team", "data-app")
RESOURCE = Resource(
    kind="Bucket",
    api_version=BUCKET.api_version,
    namespace="team",
    name="data",
    uid="u1",
    generation=3,
    spec=BUCKET.spec.model_validate({"store": "main"}),
    status={"observedGeneration": 3},
)
HELD = dataclasses.replace(RESOURCE, finalizers=(labels.FINALIZER,))


@dataclass
class Outside:
    """Records what is wished for; `told` is what was seen."""

    told: Any = None
    wishes: list[Any] = field(default_factory=list)
    forgotten: list[tuple[str, str, str]] = field(default_factory=list)
    confirm: Callable[[], Awaitable[bool]] | None = None
    asked: str = ""

    def seen(self, key: tuple[str, str, str], uid: str) -> Any:
        return self.told

    def pending(self, key: tuple[str, str, str], uid: str) -> bool:
        return False

    def want(
        self,
        key: tuple[str, str, str],
        uid: str,
        wish: Any,
        *,
        confirm: Callable[[], Awaitable[bool]],
        asked: str,
    ) -> None:
        self.wishes.append(wish)
        self.confirm, self.asked = confirm, asked

    def unseal(self, key: tuple[str, str, str], sealed: str) -> str | None:
        return None

    def forget(self, key: tuple[str, str, str]) -> None:
        self.forgotten.append(key)


@dataclass
class Cluster:
    """The API server's part: whom it holds, and what it answers to a read."""

    outside: Outside
    live: dict[str, Manifest | None] = field(default_factory=dict)
    held: list[tuple[bool, int]] = field(default_factory=list)

    async def hold(self, kind: Kind, resource: Resource, *, held: bool) -> None:
        self.held.append((held, len(self.outside.wishes)))

    async def anew(self, kind: ObjectKind, ref: ObjectRef) -> Manifest | None:
        return self.live.get(ref.name)


def beyond(kind: Kind = BUCKET, told: Any = None) -> tuple[Beyond, Cluster, Outside]:
    outside = Outside(told)
    cluster = Cluster(outside)
    return Beyond(kind, cluster, cluster, outside), cluster, outside  # type: ignore[arg-type]


async def test_it_is_held_before_anything_is_wished_for() -> None:
    way, cluster, outside = beyond()
    assert await way.want(RESOURCE, Plan(wish="a bucket"), World())
    assert cluster.held == [(True, 0)], "first the finalizer, then the wish"
    assert outside.wishes == ["a bucket"]


async def test_what_is_held_is_not_held_again() -> None:
    way, cluster, outside = beyond()
    await way.want(HELD, Plan(wish="a bucket"), World())
    assert (cluster.held, outside.wishes) == ([], ["a bucket"])


async def test_what_wishes_nothing_is_left_alone() -> None:
    way, cluster, outside = beyond()
    assert await way.want(HELD, Plan(), World()), "its objects are applied"
    assert (cluster.held, outside.wishes, outside.forgotten) == ([], [], [KEY])


@pytest.mark.parametrize(
    ("told", "released"), [(None, False), (Parting(left=3), False), (Parting(done=True), True)]
)
async def test_it_goes_when_its_farewell_has_come_true(told: Any, released: bool) -> None:
    way, cluster, outside = beyond(told=told)
    leaving = dataclasses.replace(HELD, deleting=True)
    world = way.seen(leaving, World())
    assert not await way.want(leaving, Plan(wish="a farewell"), world), "nothing is applied any more"
    assert cluster.held == ([(False, 0)] if released else [])
    assert outside.wishes == ([] if released else ["a farewell"])


async def test_one_that_was_never_held_holds_nothing_up() -> None:
    way, cluster, outside = beyond()
    leaving = dataclasses.replace(RESOURCE, deleting=True)
    assert way.parting(leaving, World()).wish is None
    await way.want(leaving, way.parting(leaving, World()), World())
    assert (cluster.held, outside.wishes) == ([], [])


@pytest.mark.parametrize(
    ("seen", "paused", "generation", "untold"),
    [
        (None, False, 3, True),
        ("something", False, 3, False),
        (None, True, 3, False),
        (None, False, 4, False),
    ],
    ids=["after a start", "it was looked at", "it is paused", "the spec is new"],
)
def test_a_status_stands_until_there_is_news(seen: Any, paused: bool, generation: int, untold: bool) -> None:
    way, _, _ = beyond()
    resource = dataclasses.replace(HELD, generation=generation)
    assert untold == way.untold(resource, Plan(wish="x"), World(outside=seen), paused=paused)


def test_of_what_is_not_held_all_is_told() -> None:
    way, _, _ = beyond()
    assert not way.untold(RESOURCE, Plan(wish="x"), World(), paused=False), "nothing can have been seen"


def _resource(**more: Any) -> Manifest:
    return {"metadata": {"uid": "u1", "generation": 3, **more}}


OWNERS = [{"uid": "u1", "controller": True}]
SAME = {"metadata": {"resourceVersion": "7", "ownerReferences": OWNERS}}
SEEN = {SECRET_REF: SAME}


@pytest.mark.parametrize(
    ("live", "secret", "sure"),
    [
        (_resource(), SAME, True),
        (None, SAME, False),
        (_resource(uid="u2"), SAME, False),
        (_resource(generation=4), SAME, False),
        (_resource(deletionTimestamp="now"), SAME, False),
        (_resource(), {"metadata": {"resourceVersion": "8", "ownerReferences": OWNERS}}, False),
        (_resource(), {"metadata": {"resourceVersion": "7"}}, False),
        (_resource(), None, False),
    ],
    ids=[
        "as it was",
        "gone",
        "another",
        "changed",
        "being deleted",
        "Secret written",
        "Secret taken",
        "Secret gone",
    ],
)
async def test_what_was_of_the_past_takes_nothing_away(
    live: Manifest | None, secret: Manifest | None, sure: bool
) -> None:
    way, cluster, outside = beyond()
    await way.want(HELD, Plan(wish="x", basis=frozenset({SECRET_REF})), World(children=SEEN))
    cluster.live = {"data": live, "data-app": secret}
    assert outside.confirm is not None
    assert await outside.confirm() is sure


async def test_an_absent_secret_must_still_be_absent() -> None:
    way, cluster, outside = beyond()
    await way.want(HELD, Plan(wish="x", basis=frozenset({SECRET_REF})), World())
    cluster.live = {"data": _resource()}
    assert outside.confirm is not None
    assert await outside.confirm()
    cluster.live["data-app"] = {"metadata": {"resourceVersion": "7"}}
    assert await outside.confirm(), "a stranger's was there before, too"
    cluster.live["data-app"] = SAME
    assert not await outside.confirm()


@pytest.mark.parametrize(("version", "sure"), [("7", True), ("8", False), ("", False)])
async def test_another_of_the_same_kind_must_be_as_it_was_seen(version: str, sure: bool) -> None:
    """It is nobody's child: a Bucket into which another one is copied."""
    way, cluster, outside = beyond()
    other = ObjectRef(BUCKET.object_kind.id, "team", "copy")
    seen = Referent(ReferenceState.PRESENT, manifest={"metadata": {"resourceVersion": "7"}})
    await way.want(
        HELD,
        Plan(wish="x", basis=frozenset({other})),
        World(references={Reference("Bucket", "copy"): seen}),
    )
    there = {"metadata": {"resourceVersion": version}} if version else None
    cluster.live = {"data": _resource(), "copy": there}
    assert outside.confirm is not None
    assert await outside.confirm() is sure


async def test_a_wish_that_is_kept_keeps_no_world() -> None:
    """A thousand resources wait for their stores; each world holds all stores and the resource's objects."""

    class Children(dict[ObjectRef, Manifest]):
        """What one can wait for to be gone."""

    way, _, _ = beyond()
    children = Children(SEEN)
    kept = weakref.ref(children)
    await way.want(HELD, Plan(wish="x", basis=frozenset({SECRET_REF})), World(children=children))
    del children
    gc.collect()
    assert kept() is None
