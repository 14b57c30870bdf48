"""Whatever happens to the children, the wanted state comes back or the status says why not."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from pileus.cluster.client import path
from pileus.engine.plan import ObjectKind
from pileus.objects import catalog
from tests.engine.conftest import CRDS
from tests.engine.harness import ALL_PARTS, NAMESPACES, WIDGETS, Kube, Operator, condition
from tests.engine.widget import route_crd

CONFIG_MAP = catalog.CONFIG_MAP
EVENTS = ObjectKind("", "v1", "Event", "events")

DRIFT: list[tuple[str, ObjectKind, dict[str, Any]]] = [
    ("data edited", CONFIG_MAP, {"data": {"text": "edited"}}),
    ("a label of ours edited", CONFIG_MAP, {"metadata": {"labels": {"app.kubernetes.io/part-of": "me"}}}),
    (
        "the label that the cache selects by taken off",
        CONFIG_MAP,
        {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
    ),
    ("our annotation taken off", CONFIG_MAP, {"metadata": {"annotations": {"pileus.dev/applied": None}}}),
    ("a selector edited", catalog.SERVICE, {"spec": {"selector": {"app": "y"}}}),
]


@pytest.mark.parametrize(("why", "kind", "patch"), DRIFT, ids=[row[0] for row in DRIFT])
async def test_drift_is_put_back(
    kube: Kube, operator: Operator, why: str, kind: ObjectKind, patch: dict[str, Any]
) -> None:
    await kube.widget("a", text="x", parts=ALL_PARTS)
    await kube.until_ready("a")
    before = await kube.get(kind, "a")
    assert before is not None
    await kube.merge(kind, "a", patch)

    def restored(live: Any) -> bool:
        return bool(
            live
            and live["metadata"].get("labels") == before["metadata"]["labels"]
            and live["metadata"].get("annotations") == before["metadata"]["annotations"]
            and live.get("data") == before.get("data")
            and live.get("spec") == before.get("spec")
        )

    await kube.until(kind, "a", restored, why)
    await operator.settled()


async def test_fields_of_others_are_left_alone(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=["ConfigMap"])
    await kube.until_ready("a")
    await operator.settled()
    before = operator.writes()
    await kube.merge(CONFIG_MAP, "a", {"data": {"theirs": "1"}, "metadata": {"labels": {"team": "blue"}}})
    await operator.settled()
    assert operator.writes() == before
    live = await kube.get(CONFIG_MAP, "a")
    assert live is not None
    assert live["data"] == {"text": "x", "theirs": "1"}


async def test_a_deleted_child_comes_back(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=ALL_PARTS)
    live = await kube.until_ready("a")
    old = await kube.get(catalog.SERVICE, "a")
    assert old is not None
    await kube.delete(catalog.SERVICE, "a")
    await kube.until(
        catalog.SERVICE,
        "a",
        lambda new: bool(new and new["metadata"]["uid"] != old["metadata"]["uid"]),
        "anew",
    )
    assert condition(live, "Ready")


async def test_a_plan_that_is_made_from_what_it_wrote_is_made_again(kube: Kube, operator: Operator) -> None:
    """The echo of an own write wakes nobody, and no other event need come: no controller is there."""
    await kube.widget("a", climb=5)
    await kube.until(CONFIG_MAP, "a-climb", lambda live: (live or {}).get("data") == {"step": "5"}, "top")
    await operator.settled()
    assert operator.writes() == 6, "five steps and one status"


async def test_what_the_spec_no_longer_has_is_pruned(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=ALL_PARTS)
    await kube.until_ready("a")
    await kube.merge(WIDGETS, "a", {"spec": {"parts": ["ConfigMap"]}})
    await kube.until(catalog.SERVICE, "a", lambda live: live is None, "pruned")
    live = await kube.until_ready("a")
    await operator.settled()
    live = await kube.until_ready("a")
    assert [child["kind"] for child in live["status"]["resources"]] == ["ConfigMap"]
    assert await kube.get(CONFIG_MAP, "a") is not None


async def test_a_strangers_object_is_neither_adopted_nor_changed(kube: Kube, operator: Operator) -> None:
    theirs = await kube.create(CONFIG_MAP, {"metadata": {"name": "a"}, "data": {"mine": "1"}})
    await kube.widget("a", text="x", parts=ALL_PARTS)
    live = await kube.until_ready("a", "NameTaken")
    stalled = condition(live, "Stalled")
    assert stalled is not None
    assert stalled["status"] == "True"
    assert "ConfigMap" in stalled["message"]
    assert "'a'" in stalled["message"]
    unchanged = await kube.get(CONFIG_MAP, "a")
    assert unchanged is not None
    assert unchanged["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    assert await kube.get(catalog.SERVICE, "a") is None, "nothing is made beside it"
    await kube.delete(CONFIG_MAP, "a")
    await kube.merge(WIDGETS, "a", {"metadata": {"annotations": {"pileus.dev/reconcile-at": "now"}}})
    await kube.until_ready("a")


async def test_paused_nothing_is_written_and_it_says_so(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=["ConfigMap"])
    await kube.until_ready("a")
    await kube.merge(WIDGETS, "a", {"metadata": {"annotations": {"pileus.dev/paused": "true"}}})
    await kube.until(
        WIDGETS, "a", lambda live: (condition(live, "Reconciling") or {}).get("reason") == "Paused", "says so"
    )
    await kube.merge(CONFIG_MAP, "a", {"data": {"text": "edited"}})
    await kube.merge(WIDGETS, "a", {"spec": {"text": "y"}})
    await operator.settled()
    live = await kube.get(CONFIG_MAP, "a")
    assert live is not None
    assert live["data"]["text"] == "edited"
    paused = await kube.get(WIDGETS, "a")
    assert paused is not None
    assert paused["status"]["observedGeneration"] < paused["metadata"]["generation"], "not observed yet"
    await kube.merge(WIDGETS, "a", {"metadata": {"annotations": {"pileus.dev/paused": None}}})
    await kube.until(CONFIG_MAP, "a", lambda live: bool(live and live["data"]["text"] == "y"), "resumed")


async def test_an_engine_comes_and_goes(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=["ConfigMap"], route=True)
    live = await kube.until_ready("a", "EngineMissing")
    assert "Gateway API" in (condition(live, "Stalled") or {})["message"]
    assert await kube.get(CONFIG_MAP, "a") is not None, "the rest is made all the same"
    await kube.client.request("create", path(CRDS), method="POST", body=route_crd())
    try:
        await kube.until_ready("a")
        route = await kube.get(catalog.HTTP_ROUTE, "a")
        assert route is not None
        assert route["spec"]["hostnames"] == ["a.example"]
    finally:
        await kube.client.request("delete", path(CRDS, "", route_crd()["metadata"]["name"]), method="DELETE")
    await kube.until_ready("a", "EngineMissing")


async def test_a_named_secret_is_followed_but_never_shown(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=["ConfigMap"], secret="s")
    live = await kube.until_ready("a", "SecretMissing")
    assert condition(live, "Stalled") == {**(condition(live, "Stalled") or {}), "status": "False"}
    await kube.create(catalog.SECRET, {"metadata": {"name": "s"}, "stringData": {"k": "canary-1"}})
    await kube.until_ready("a")
    first = await kube.get(CONFIG_MAP, "a")
    await kube.merge(catalog.SECRET, "s", {"metadata": {"labels": {"x": "y"}}})
    await operator.settled()
    same = await kube.get(CONFIG_MAP, "a")
    assert first == same, "only content counts"
    await kube.merge(catalog.SECRET, "s", {"stringData": {"k": "canary-2"}})

    def moved(live: Any) -> bool:
        mark = "test/s"
        return bool(live and live["metadata"]["annotations"][mark] != first["metadata"]["annotations"][mark])

    assert first is not None
    live = await kube.until(CONFIG_MAP, "a", moved, "the digest follows the content")
    assert "canary" not in str(live)


async def test_a_defect_in_one_resource_stays_in_it(kube: Kube, operator: Operator) -> None:
    await kube.widget("bad", text="x", parts=["ConfigMap"])
    await kube.until_ready("bad")
    await kube.merge(WIDGETS, "bad", {"spec": {"crash": True, "text": "y"}})
    live = await kube.until_ready("bad", "InternalError")
    assert (condition(live, "Stalled") or {})["status"] == "True"
    kept = await kube.get(CONFIG_MAP, "bad")
    assert kept is not None
    assert kept["data"]["text"] == "x", "what runs is left as it is"
    await kube.widget("good", text="x", parts=["ConfigMap"])
    await kube.until_ready("good")
    await kube.merge(WIDGETS, "bad", {"spec": {"crash": False}})
    await kube.until_ready("bad")


async def test_a_spec_that_cannot_be_read_names_the_field(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts="not a list")
    live = await kube.until_ready("a", "InvalidSpec")
    assert "spec.parts" in (condition(live, "Ready") or {})["message"]
    await kube.merge(WIDGETS, "a", {"spec": {"parts": ["ConfigMap"]}})
    await kube.until_ready("a")


async def test_while_being_deleted_it_says_so_and_makes_nothing(kube: Kube, operator: Operator) -> None:
    await kube.create(
        WIDGETS, {"metadata": {"name": "a", "finalizers": ["test/hold"]}, "spec": {"parts": ALL_PARTS}}
    )
    await kube.until_ready("a")
    await kube.delete(WIDGETS, "a")
    await kube.until(
        WIDGETS, "a", lambda live: (condition(live, "Ready") or {}).get("reason") == "Deleting", "says so"
    )
    await kube.delete(catalog.SERVICE, "a")
    await operator.settled()
    assert await kube.get(catalog.SERVICE, "a") is None
    await kube.merge(WIDGETS, "a", {"metadata": {"finalizers": None}})


async def test_a_child_that_hangs_in_deletion_is_told_and_made_anew(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", text="x", parts=["ConfigMap"])
    await kube.until_ready("a")
    await kube.merge(CONFIG_MAP, "a", {"metadata": {"finalizers": ["test/hold"]}})
    await kube.delete(CONFIG_MAP, "a")
    live = await kube.until_ready("a", "Progressing")
    assert "test/hold" in (condition(live, "Ready") or {})["message"]
    await kube.merge(CONFIG_MAP, "a", {"metadata": {"finalizers": None}})
    await kube.until_ready("a")


async def test_labels_that_anybody_can_set_lead_nowhere(kube: Kube, operator: Operator) -> None:
    """Strangers' objects that claim to belong to a kind or to a Widget that there is not."""
    for name, kind in (("a", "Nobody"), ("b", "Widget")):
        marks = {
            "app.kubernetes.io/managed-by": "pileus",
            "pileus.dev/kind": kind,
            "pileus.dev/name": "nobody",
        }
        await kube.create(CONFIG_MAP, {"metadata": {"name": name, "labels": marks}})
    await kube.widget("w", parts=["ConfigMap"])
    await kube.until_ready("w")
    await operator.settled()
    assert operator.metric("pileus_reconcile_total", result="error") == 0
    assert len(await kube.list(CONFIG_MAP)) == 3


async def test_events_tell_what_happened_once(kube: Kube, operator: Operator) -> None:
    await kube.create(CONFIG_MAP, {"metadata": {"name": "a"}})
    await kube.widget("a", parts=["ConfigMap"])
    await kube.until_ready("a", "NameTaken")
    await operator.settled()
    events = [(event["type"], event["reason"]) for event in await kube.list(EVENTS)]
    assert events == [("Warning", "NameTaken")]


async def test_a_namespace_that_is_being_deleted_is_told(kube: Kube, operator: Operator) -> None:
    await kube.widget("a", parts=["ConfigMap"])
    await kube.until_ready("a")
    await kube.client.request("delete", path(NAMESPACES, "", kube.namespace), method="DELETE")
    await kube.delete(CONFIG_MAP, "a")
    await kube.until_ready("a", "NamespaceTerminating")


async def test_a_standby_takes_over_and_a_sleeper_does_not_write(kube: Kube, apiserver: Path) -> None:
    first, second = (
        Operator(apiserver, identity=name, lease_namespace=kube.namespace) for name in ("first", "second")
    )
    await first.start()
    await first.until(lambda: first.metric("pileus_leading") == 1, "the first leads")
    await second.start()
    try:
        await kube.widget("a", text="x", parts=["ConfigMap"])
        await kube.until_ready("a")
        assert second.writes() == 0
        first.send(signal.SIGSTOP)
        await second.until(lambda: second.metric("pileus_leading") == 1, "the second takes over")
        await kube.merge(WIDGETS, "a", {"spec": {"text": "y"}})
        await kube.until(
            CONFIG_MAP, "a", lambda live: bool(live and live["data"]["text"] == "y"), "second writes"
        )
        await kube.until_ready("a")
        first.send(signal.SIGCONT)
        await first.until(lambda: first.metric("pileus_leading") == 0, "the first knows that it slept")
        before = first.writes()
        await kube.merge(WIDGETS, "a", {"spec": {"text": "z"}})
        await kube.until(
            CONFIG_MAP, "a", lambda live: bool(live and live["data"]["text"] == "z"), "second writes"
        )
        assert first.writes() == before
        await second.stop()  # hands the lease back
        await first.until(lambda: first.metric("pileus_leading") == 1, "the first leads again")
        await asyncio.sleep(0)
    finally:
        await first.kill()
        await second.kill()
