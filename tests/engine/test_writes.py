"""The floor: children plus one status, nothing after a restart, two for a change; and no traces."""

from __future__ import annotations

from pileus.objects import catalog
from tests.engine.harness import ALL_PARTS, WIDGETS, Kube, Operator


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
