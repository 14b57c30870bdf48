"""T16: namespaces, resources, definitions and permissions that go, with the operator there or not."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import yaml

from pileus.cluster.client import path
from pileus.engine.ports import ApiError
from tests.campaign.calls import Call
from tests.campaign.conftest import Points
from tests.campaign.ground import CRDS, QUIET, ROOT, Ground, Snapshot, chart_roles, owners, ready
from tests.campaign.storecalls import STORE
from tests.engine.harness import NAMESPACES

pytestmark = pytest.mark.asyncio(loop_scope="session")

HELD = "campaign.pileus.dev/held"


@pytest.mark.full
@pytest.mark.needs("namespaced")
async def test_t16_a_namespace_is_deleted(ground: Ground, points: Points) -> None:
    """With everything in it, while the operator runs: it ends, and nothing is made in it again."""
    spaces = await ground.namespaces("namespace", len(ground.subject.everything))
    for space, spec in zip(spaces, ground.subject.everything, strict=True):
        await ground.finished(space, spec)
    await ground.drop(*spaces)
    for space, spec in zip(spaces, ground.subject.everything, strict=True):
        with points.point(f"{spec}"):
            await ground.until(lambda live: live is None, "", "ends", kind=NAMESPACES, name=space)


async def test_t16_deleted_while_the_operator_is_down(ground: Ground, points: Points) -> None:
    spaces = await ground.namespaces("down", len(ground.subject.everything))
    for space, spec in zip(spaces, ground.subject.everything, strict=True):
        await ground.finished(space, spec)
    await ground.kill()
    for space in spaces:
        await ground.apply(space, None)
    since = len(ground.proxy.calls)
    await ground.start()
    kept = {space: _kept(ground, await ground.snapshot(space)) for space in spaces}
    late = await ground.reach(kept)
    for space, spec in zip(spaces, ground.subject.everything, strict=True):
        points.check(f"{spec}: all but kept data goes", late.get(space))
        writes = [str(call) for call in ground.proxy.writes(space, since=since) if not _parts(ground, call)]
        points.check(f"{spec}: the operator adds nothing", writes)
    await ground.drop(*spaces)


async def test_t16_held_by_somebody_else(ground: Ground, points: Points) -> None:
    """A finalizer of the user's keeps the resource: it says Deleting, and is not kept alive by us."""
    space = await ground.namespace("held")
    target = ground.subject.target
    await ground.finished(space, ground.subject.mix[1])
    live = await ground.get(target, space) or {}
    ours = live["metadata"].get("finalizers") or []
    await ground.patch(target, space, "app", {"metadata": {"finalizers": [*ours, HELD]}})
    await ground.apply(space, None)
    with points.point("says Deleting"):
        await ground.until(lambda live: ready(live) == "Deleting", space, "says Deleting")
    for kind in ground.subject.owned:
        for live in await ground.list(kind, space):
            if any(owner["kind"] == target.kind for owner in live["metadata"].get("ownerReferences") or ()):
                await ground.delete(kind, space, live["metadata"]["name"])
    await ground.settled(space)
    left = await _left(ground, space)
    points.check("its children are not made again", left)
    await ground.patch(target, space, "app", {"metadata": {"finalizers": None}})
    with points.point("ends"):
        await ground.until(lambda live: live is None, space, "ends")
    await ground.drop(space)


@pytest.mark.needs("protected")
async def test_t16_protected_resources_stay(ground: Ground, points: Points) -> None:
    """Nobody deletes what is protected, nor its namespace; once that is over, both go."""
    spec = ground.subject.protected
    assert spec is not None
    space = await ground.namespace("protected")
    await ground.finished(space, spec)
    words = ""
    try:
        await ground.apply(space, None)
    except ApiError as error:
        words = error.message
    points.check("its deletion is refused", "" if "protect" in words else words or "it was deleted")
    await ground.drop(space)
    await asyncio.sleep(2 * QUIET)
    target = ground.subject.target
    live = await ground.get(target, space) or {"metadata": {"deletionTimestamp": "it is gone"}}
    points.check("it outlasts its namespace's deletion", live["metadata"].get("deletionTimestamp"))
    await ground.patch(target, space, "app", {"spec": {"protect": False}})
    with points.point("both end"):
        await ground.until(lambda live: live is None, "", "ends", kind=NAMESPACES, name=space)


async def test_t16_the_definition_goes_and_comes_back(ground: Ground, points: Points) -> None:
    """As when the chart is uninstalled with its CRDs: everything goes, and a new start is a clean one."""
    space = await ground.namespace("crd")
    await ground.finished(space, ground.subject.mix[1])
    await _followed_by_the_collector(ground)
    definition = yaml.safe_load((ROOT / ground.subject.crd).read_text())
    await ground.client.request("delete", path(CRDS, "", definition["metadata"]["name"]), method="DELETE")
    with points.point("everything goes"):
        assert not await ground.reach({space: {}})
    with points.point("the operator sees that it is gone"):
        await _told_404(ground)
    points.check("the operator runs on", "" if ground.operator.running else "it ended")
    while await ground.get(CRDS, "", definition["metadata"]["name"]) is not None:
        await asyncio.sleep(0.1)
    await ground.create(CRDS, "", definition)
    await asyncio.sleep(QUIET)
    with points.point("works again by itself"):
        await _again(ground, space)
    await ground.drop(space)


async def _followed_by_the_collector(ground: Ground) -> None:
    """Wait until somebody beside the operator watches our resources, which is Kubernetes' garbage collector.

    It learns of a new kind within half a minute. Of a kind that comes and goes meanwhile it never knows
    whether an owner is gone, and leaves the children alone.
    """
    target = ground.subject.target

    async def followed() -> bool:
        page = await ground.client.text("/metrics")
        lines = [line for line in page.splitlines() if line.startswith("apiserver_longrunning_requests{")]
        ours = [line for line in lines if f'resource="{target.plural}"' in line and 'verb="WATCH"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in ours) >= 2

    await ground.eventually(followed, "the collector never learns of the kind", pause=0.5)


async def _told_404(ground: Ground) -> None:
    """Wait until a watch on our resources was answered that there is no such kind."""
    target = ground.subject.target

    def told() -> bool:
        return any(
            call.target.resource == target.plural and call.status == 404 for call in ground.proxy.calls
        )

    await ground.eventually(told, "no watch was answered 404")
    await asyncio.sleep(QUIET)


async def _again(ground: Ground, space: str) -> None:
    for _ in range(100):
        with contextlib.suppress(ApiError):  # not served yet
            return await ground.finished(space, ground.subject.mix[1])
        await asyncio.sleep(0.2)
    raise AssertionError("the definition is never served again")


async def test_t16_permissions_go_and_come_back(ground: Ground, points: Points) -> None:
    """The roles are taken away under the running operator: few tries, and all is well once they are back."""
    space = await ground.namespace("roles")
    await ground.finished(space, ground.subject.mix[1])
    if ground.subject.restless:
        await ground.alone(space)  # what ends elsewhere, networks too, is looked at by all
    bindings = [role for role in chart_roles(**ground.subject.chart) if role["kind"] == "ClusterRoleBinding"]
    await ground.forget(bindings)
    since = len(ground.proxy.calls)
    await ground.apply(space, ground.subject.mix[2])
    await asyncio.sleep(4)
    writes = ground.proxy.writes(space, since=since)
    tries = [str(call) for call in writes if call.target.group != STORE]  # what a store has is found out once
    points.check("few tries", tries if len(tries) > 12 else "")
    points.check("it runs on", "" if ground.operator.running else "it ended")
    await ground.ensure(bindings)
    with points.point("recovers"):
        await ground.apply(space, ground.subject.mix[1])
        await ground.finished(space, ground.subject.mix[2])
    await ground.drop(space)


def _parts(ground: Ground, call: Call) -> bool:
    """Whether a write is one by which a resource takes leave of a store: its own, or what goes there."""
    if not ground.subject.kind.outside:
        return False
    ends = call.target.group == STORE and (call.verb == "delete" or "tagging" in call.resource)
    return ends or call.target.resource == ground.subject.target.plural


async def _left(ground: Ground, space: str) -> list[str]:
    """What there is beside the resource; other controllers take their time to end what they made."""
    deadline = asyncio.get_running_loop().time() + ground.deadline
    while True:
        left = [
            name for name in await ground.snapshot(space) if name.split()[0] != ground.subject.target.kind
        ]
        if not left or asyncio.get_running_loop().time() > deadline:
            return left
        await asyncio.sleep(QUIET)


def _kept(ground: Ground, snapshot: Snapshot) -> Snapshot:
    """Data that outlive their resource: they have no owner. And what belongs to them."""
    lasting = {kind.kind for kind in ground.subject.owned if kind.outlives}
    kept = {
        name: item
        for name, item in snapshot.items()
        if name.split()[0] in lasting and not item["metadata"].get("ownerReferences")
    }
    return kept | {
        name: item for name, item in snapshot.items() if (own := owners(item)) and own <= kept.keys()
    }
