"""The floor: children plus one status, nothing after a restart, two for a change; and no traces."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

from pileus.objects import catalog
from tests.engine.harness import ALL_PARTS, WIDGETS, Kube, Operator
from tests.engine.widget import KINDS


async def test_a_new_resource_costs_its_children_and_one_status(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=ALL_PARTS)
    await kube.until_ready("a")
    await operator.settled()
    assert operator.writes() == len(ALL_PARTS) + 1


async def test_a_restart_writes_nothing(kube: Kube, operator: Operator) -> None:
    for number in range(5):
        await kube.widget(f"a{number}", text="x", parts=ALL_PARTS)
        await kube.until_ready(f"a{number}")
    await operator.settled()
    await operator.stop()
    await operator.start()
    await operator.until(
        lambda: operator.metric("pileus_reconcile_total", result="unchanged") >= 5, "a pass over each"
    )
    await operator.settled()
    assert operator.writes() == 0
    assert operator.metric("pileus_api_requests_total", verb="create") == 0, "no Event either"


async def test_a_change_costs_the_child_and_the_status(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=ALL_PARTS)
    await kube.until_ready("a")
    await operator.settled()
    before = operator.writes()
    await kube.merge(WIDGETS, "a", {"spec": {"text": "y"}})
    await kube.until_ready("a")
    await operator.settled()
    assert operator.writes() - before == 2
    live = await kube.get(catalog.CONFIG_MAP, "a")
    assert live is not None
    assert live["data"] == {"text": "y"}


async def test_only_what_users_understand_is_left_on_their_object(kube: Kube, operator: Operator) -> None:
    written = await kube.widget("a", text="x", parts=ALL_PARTS)
    live = await kube.until_ready("a")
    assert live["spec"] == written["spec"]
    assert "annotations" not in live["metadata"]
    assert "labels" not in live["metadata"]
    assert "finalizers" not in live["metadata"]
    managers = {entry["manager"]: entry.get("subresource") for entry in live["metadata"]["managedFields"]}
    assert managers.pop("pileus") == "status"
    assert len(managers) == 1, "the user's own"


async def test_killed_at_random_moments_the_end_is_the_same(kube: Kube, apiserver: Path) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    operator = Operator(apiserver, lease_namespace=kube.namespace)
    await operator.start()
    names = [f"w{number}" for number in range(60)]

    async def create() -> None:
        for name in names:
            await kube.widget(name, text=name, parts=ALL_PARTS)

    creating = asyncio.create_task(create())
    for _ in range(6):
        await asyncio.sleep(dice.uniform(0.05, 0.4))
        await operator.kill(signal.SIGKILL)
        await operator.start()
    await creating
    for name in names:
        await kube.until_ready(name)
    await operator.settled()
    for kind, _body in KINDS.values():
        live = {item["metadata"]["name"]: item for item in await kube.list(kind)}
        ours = {name for name, item in live.items() if item["metadata"].get("ownerReferences")}
        assert ours == set(names), f"seed {seed}: {kind.kind}"
        if kind is catalog.CONFIG_MAP:
            assert {name: live[name]["data"]["text"] for name in ours} == {name: name for name in names}
    settled = operator.writes()
    await operator.stop()
    await operator.start()
    await operator.settled()
    assert operator.writes() == 0, (
        f"seed {seed}: a restart after crashes found something to write ({settled})"
    )
    await operator.stop()
