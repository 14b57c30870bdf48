"""T9: children broken by hand. They heal, or the status says why not and recovers when the blocker goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pileus.cluster.client import path
from pileus.engine.plan import Manifest, ObjectKind
from tests.campaign.conftest import Points
from tests.campaign.ground import QUIET, Ground, message, ready
from tests.campaign.masks import differences
from tests.campaign.test_t04_views import end_of
from tests.engine.harness import NAMESPACES

pytestmark = pytest.mark.asyncio(loop_scope="session")

Break = Callable[[Ground, str, ObjectKind], Awaitable[None]]
HELD = "campaign.pileus.dev/held"
STRANGER = {"note": "a stranger's"}


async def _nothing(ground: Ground, space: str, kind: ObjectKind) -> None:
    return None


async def _delete(ground: Ground, space: str, kind: ObjectKind) -> None:
    await ground.delete(kind, space, ground.subject.child(kind))


async def _edit(ground: Ground, space: str, kind: ObjectKind) -> None:
    await ground.patch(kind, space, ground.subject.child(kind), ground.subject.edits[kind.kind])


async def _unlabel(ground: Ground, space: str, kind: ObjectKind) -> None:
    gone = {"app.kubernetes.io/managed-by": None, "pileus.dev/name": None}
    await ground.patch(kind, space, ground.subject.child(kind), {"metadata": {"labels": gone}})


async def _unstamp(ground: Ground, space: str, kind: ObjectKind) -> None:
    await ground.patch(
        kind,
        space,
        ground.subject.child(kind),
        {"metadata": {"annotations": {"pileus.dev/applied": "forged"}}},
    )


async def _edit_and_keep_the_stamp(ground: Ground, space: str, kind: ObjectKind) -> None:
    await _edit(ground, space, kind)
    await ground.patch(kind, space, ground.subject.child(kind), ground.subject.edits[kind.kind])


HEALS: dict[str, Break] = {
    "deleted": _delete,
    "an owned field is edited": _edit,
    "our labels are taken away": _unlabel,
    "our mark is forged": _unstamp,
    "edited again and again": _edit_and_keep_the_stamp,
}


async def _with_finalizer(ground: Ground, space: str, kind: ObjectKind) -> None:
    await ground.patch(kind, space, ground.subject.child(kind), {"metadata": {"finalizers": [HELD]}})
    await ground.delete(kind, space, ground.subject.child(kind))


async def _without_finalizer(ground: Ground, space: str, kind: ObjectKind) -> None:
    await ground.patch(kind, space, ground.subject.child(kind), {"metadata": {"finalizers": None}})


async def _disowned(ground: Ground, space: str, kind: ObjectKind) -> None:
    await ground.patch(kind, space, ground.subject.child(kind), {"metadata": {"ownerReferences": None}})


async def _owned_by_another(ground: Ground, space: str, kind: ObjectKind) -> None:
    other = await ground.create(CONFIG_MAPS, space, {"metadata": {"name": "other-owner"}})
    owner = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "other-owner",
        "uid": other["metadata"]["uid"],
        "controller": True,
    }
    await ground.patch(kind, space, ground.subject.child(kind), {"metadata": {"ownerReferences": [owner]}})


CONFIG_MAPS = ObjectKind("", "v1", "ConfigMap", "configmaps")

BLOCKED: dict[str, tuple[Break, Break, str, str]] = {
    "deleted, and held by a finalizer": (_with_finalizer, _without_finalizer, "Progressing", HELD),
    "taken from us": (_disowned, _delete, "NameTaken", "not managed by this resource"),
    "owned by another": (_owned_by_another, _delete, "NameTaken", "not managed by this resource"),
}
"""What is done, what undoes it, and in between: the reason and words of the Ready condition."""


@pytest.mark.needs("edits")
async def test_t09_children_broken_by_hand(ground: Ground, points: Points, full: bool) -> None:
    owned = [kind for kind in ground.subject.owned if kind.kind in ground.subject.edits]
    kinds = owned if full or len(owned) < 3 else owned[1:3]
    beds = {kind.kind: ground.subject.bed(kind) for kind in kinds}
    ends = {kind: await end_of(ground, spec) for kind, spec in beds.items()}
    heals = [(name, kind) for name in HEALS for kind in kinds]
    # What outlives its resource is ours by its labels.
    heals += [("taken from us", kind) for kind in kinds if kind.outlives]
    blocked = [
        (name, kind) for name in BLOCKED for kind in kinds if not kind.outlives or name != "taken from us"
    ]
    spaces = await ground.namespaces("broken", len(heals) + len(blocked))
    wanted = {space: ends[kind.kind] for space, (_, kind) in zip(spaces, heals + blocked, strict=True)}
    await asyncio.gather(
        *(
            ground.apply(space, beds[kind.kind])
            for space, (_, kind) in zip(spaces, heals + blocked, strict=True)
        )
    )
    assert not await ground.reach(wanted, history=False)
    healing, blocking = spaces[: len(heals)], spaces[len(heals) :]

    await asyncio.gather(
        *(
            ({**HEALS, "taken from us": _disowned})[name](ground, space, kind)
            for space, (name, kind) in zip(healing, heals, strict=True)
        ),
        *(
            _told(ground, points, space, kind, name)
            for space, (name, kind) in zip(blocking, blocked, strict=True)
        ),
    )
    late = await ground.reach(wanted, history=False)
    for space, (name, kind) in zip(spaces, heals + blocked, strict=True):
        points.check(f"{kind.kind}: {name}, heals", late.get(space))
    await ground.drop(*spaces)


@pytest.mark.needs("loosened")
async def test_t09_what_is_added_by_hand_goes(ground: Ground, points: Points) -> None:
    """Of some children nothing that others add may stay, since it makes them something else."""
    rows = ground.subject.loosened
    kinds = {kind.kind: kind for kind in ground.subject.owned}
    spaces = await ground.namespaces("loosened", len(rows))
    await asyncio.gather(
        *(ground.finished(space, spec) for space, (spec, *_) in zip(spaces, rows, strict=True))
    )
    wanted = await ground.snapshots(spaces, history=False)
    for space, (_, kind, patch) in zip(spaces, rows, strict=True):
        await ground.patch(kinds[kind], space, ground.subject.child(kinds[kind]), patch)
    late = await ground.reach(wanted, history=False)
    for space, (_, kind, patch) in zip(spaces, rows, strict=True):
        points.check(f"{kind}: {patch} goes", late.get(space))
    await ground.drop(*spaces)


async def _told(ground: Ground, points: Points, space: str, kind: ObjectKind, name: str) -> None:
    breaks, mends, reason, words = BLOCKED[name]
    await breaks(ground, space, kind)
    with points.point(f"{kind.kind}: {name}, is told"):
        await ground.until(
            lambda live: ready(live) == reason and words in message(live), space, f"says {reason}: {words}"
        )
    await mends(ground, space, kind)


@pytest.mark.needs("edits")
async def test_t09_strangers_are_left_alone(ground: Ground, points: Points) -> None:
    """What is not ours is never touched, whatever its name and labels; its name is free once it goes."""
    kinds = [kind for kind in ground.subject.owned if kind.kind in ground.subject.edits]
    beds = [ground.subject.bed(kind) for kind in kinds]
    ends = await asyncio.gather(*(end_of(ground, spec) for spec in beds))
    spaces = await ground.namespaces("stranger", len(kinds))
    theirs = {}
    for space, kind in zip(spaces, kinds, strict=True):
        theirs[space] = await _stranger(ground, space, kind, ground.subject.child(kind))
    await asyncio.gather(*(ground.apply(space, spec) for space, spec in zip(spaces, beds, strict=True)))
    for space, kind in zip(spaces, kinds, strict=True):
        with points.point(f"{kind.kind}: a stranger has the name"):
            await ground.until(lambda live: ready(live) == "NameTaken", space, "says NameTaken")
            await ground.settled(space)
            touched = await _touched(ground, kind, space, ground.subject.child(kind), theirs[space])
            assert not touched, touched
        await ground.delete(kind, space, ground.subject.child(kind))
    await asyncio.gather(*(ground.patch(ground.subject.target, space, "app", LOOK_AGAIN) for space in spaces))
    late = await ground.reach(dict(zip(spaces, ends, strict=True)), history=False)
    for space, kind in zip(spaces, kinds, strict=True):
        points.check(f"{kind.kind}: the stranger has gone", late.get(space))
    await ground.drop(*spaces)


@pytest.mark.full
@pytest.mark.needs("later")
@pytest.mark.needs("edits")
async def test_t09_names_are_taken_before(ground: Ground, points: Points) -> None:
    """The same of children that come only with a second spec."""
    await names_taken_before(ground, points)


async def names_taken_before(ground: Ground, points: Points) -> None:
    """A stranger has the name of each child that comes later; it is met, left alone, and goes."""
    kinds = [kind for kind in ground.subject.owned if kind.kind in ground.subject.later]
    spaces = await ground.namespaces("before", len(kinds))
    await asyncio.gather(
        *(_taken_before(ground, points, space, kind) for space, kind in zip(spaces, kinds, strict=True))
    )
    await ground.drop(*spaces)


async def _taken_before(ground: Ground, points: Points, space: str, kind: ObjectKind) -> None:
    first, second = ground.subject.later[kind.kind]
    name, target = ground.subject.child(kind), ground.subject.target
    await ground.finished(space, first)
    before = await _stranger(ground, space, kind, name)
    await ground.settled(space)  # it does what it is for
    await ground.apply(space, second)
    with points.point(f"{kind.kind}: a stranger had the name before"):
        await ground.until(lambda live: ready(live) == "NameTaken", space, "says NameTaken")
        await ground.settled(space)
        touched = await _touched(ground, kind, space, name, before)
        assert not touched, touched
    await ground.delete(kind, space, name)
    await ground.until(lambda live: live is None, space, "gone", kind=kind, name=name)
    await ground.patch(target, space, "app", LOOK_AGAIN)
    with points.point(f"{kind.kind}: the name is free"):
        await ground.until(lambda live: ready(live) == "Ready", space, "Ready")
        await ground.settled(space)
        assert await ground.get(kind, space, name) is not None, "it is not made"


LOOK_AGAIN: Manifest = {"metadata": {"annotations": {"pileus.dev/reconcile-at": "now"}}}


@pytest.mark.full
@pytest.mark.needs("edits")
async def test_t09_marks_of_ours_on_strangers(ground: Ground, points: Points) -> None:
    """Labels are anybody's to set: an object that carries ours, but is not ours, is not pruned."""
    space = await ground.namespace("marked")
    await ground.apply(space, ground.subject.mix[1])
    await ground.until(lambda live: ready(live) == "Ready", space, "Ready")
    for kind in ground.subject.owned:
        if kind.kind not in ground.subject.edits:
            continue
        marks = {
            "app.kubernetes.io/managed-by": "pileus",
            "pileus.dev/kind": ground.subject.kind.name,
            "pileus.dev/name": "app",
        }
        made = await _stranger(ground, space, kind, "marked", marks)
        await ground.patch(ground.subject.target, space, "app", LOOK_AGAIN)
        await asyncio.sleep(QUIET)
        await ground.settled(space)
        points.check(f"{kind.kind}: is left alone", await _touched(ground, kind, space, "marked", made))
    await ground.drop(space)


@pytest.mark.needs("edits")
async def test_t09_replaced_unseen(ground: Ground, points: Points) -> None:
    """A child is deleted and a stranger takes its name while events lag: neither written to nor pruned."""
    kinds = [kind for kind in ground.subject.owned if kind.kind in ground.subject.edits]
    changed, smaller = ground.subject.replaced
    plans = [(kind, spec) for kind in kinds for spec in (changed, smaller)]
    spaces = await ground.namespaces("unseen", len(plans))
    await asyncio.gather(*(ground.apply(space, ground.subject.mix[1]) for space in spaces))
    for space in spaces:
        await ground.until(lambda live: ready(live) == "Ready", space, "Ready")
    await ground.settled(*spaces)
    plurals = {kind.plural for kind in kinds}
    ground.proxy.views.deaf = lambda call: call.target.resource in plurals
    ground.proxy.views.audible.clear()
    theirs = {}
    for space, (kind, _) in zip(spaces, plans, strict=True):
        await ground.delete(kind, space, ground.subject.child(kind))
        await ground.until(
            lambda live: live is None, space, "gone", kind=kind, name=ground.subject.child(kind)
        )
        theirs[space] = await _stranger(ground, space, kind, ground.subject.child(kind))
    await asyncio.gather(*(ground.apply(space, spec) for space, (_, spec) in zip(spaces, plans, strict=True)))
    await asyncio.sleep(2 * QUIET)
    ground.proxy.views.audible.set()
    await ground.settled(*spaces)
    for space, (kind, spec) in zip(spaces, plans, strict=True):
        what = "changed" if spec is changed else "made smaller"
        touched = await _touched(ground, kind, space, ground.subject.child(kind), theirs[space])
        points.check(f"{kind.kind}: replaced unseen, then {what}", touched)
    await ground.drop(*spaces)


async def _touched(
    ground: Ground, kind: ObjectKind, space: str, name: str, before: Manifest | None
) -> list[str]:
    """How an object is other than before; what its engine writes to it in its own time is left out."""
    now = await ground.get(kind, space, name)
    if now is None or before is None:
        return ["it was touched"] if now != before else []
    return differences(_part(ground, now), _part(ground, before))


def _part(ground: Ground, live: Manifest) -> Manifest:
    """Of a kind whose engine writes in its own time: what only somebody like us would write, or did."""
    if not ground.subject.restless:
        return live
    metadata = live["metadata"]
    kept = {key: metadata.get(key) for key in ("uid", "labels", "ownerReferences", "deletionTimestamp")}
    ours = [entry["fieldsV1"] for entry in metadata["managedFields"] if entry["manager"] == "pileus"]
    return {**kept, "spec": live.get("spec"), "written by us": ours}


async def _stranger(
    ground: Ground, space: str, kind: ObjectKind, name: str, marks: dict[str, str] | None = None
) -> Manifest | None:
    """An object of this kind that somebody else made; returned as the API server settled it."""
    body = ground.subject.strangers[kind.kind]
    metadata = {"name": name, "annotations": STRANGER, "labels": marks or {}}
    await ground.create(kind, space, {**body, "metadata": metadata})
    last: Manifest | None = None
    while (now := await ground.get(kind, space, name)) is not None and _part(ground, now) != last:
        last = _part(ground, now)
        await asyncio.sleep(0.3)  # its own controllers have their say first
    assert now is not None, f"{kind.kind} {name!r}, a stranger's, was deleted"
    return now


@pytest.mark.full
@pytest.mark.needs("edits")
async def test_t09_namespace_terminating(ground: Ground, points: Points) -> None:
    """A namespace that cannot end yet: nothing is made in it again and again, and the status says so."""
    space = await ground.namespace("ending")
    await ground.create(CONFIG_MAPS, space, {"metadata": {"name": "held", "finalizers": [HELD]}})
    await ground.apply(space, ground.subject.mix[1])
    await ground.until(lambda live: ready(live) == "Ready", space, "Ready")
    target = ground.subject.target
    await ground.patch(target, space, "app", {"metadata": {"finalizers": [HELD]}})
    await ground.client.request("delete", path(NAMESPACES, "", space), method="DELETE")
    with points.point("is told"):
        await ground.until(lambda live: ready(live) == "Deleting", space, "says Deleting")
    await ground.settled(space)
    since = len(ground.proxy.calls)
    await asyncio.sleep(3)
    points.check("nothing is made there", [str(call) for call in ground.proxy.writes(space, since=since)])
    await ground.patch(target, space, "app", {"metadata": {"finalizers": None}})
    await ground.patch(CONFIG_MAPS, space, "held", {"metadata": {"finalizers": None}})
    with points.point("ends"):
        await ground.until(lambda live: live is None, "", "ends", kind=NAMESPACES, name=space)
