"""The played nodes' decisions: what of them needs no cluster to be judged."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from pileus.local.payload.volume_resizer import size
from pileus.local.vmnode import imports, migrations, pods
from pileus.local.vmnode.api import merged
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.orders import LOST, NAME, Order, lost, order
from pileus.local.vmnode.world import World

Manifest = dict[str, Any]
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def later(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("found", "changes", "result", "why"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, "what is not named stays"),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}, "objects are merged"),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}, "null removes"),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, "lists are replaced"),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}, "nulls leave no trace in what is new"),
        (None, {"a": 1}, {"a": 1}, "nothing was there"),
    ],
)
def test_merge_patches(found: Any, changes: Any, result: Any, why: str) -> None:
    assert merged(found, changes) == result, why


@pytest.mark.parametrize(
    ("data", "expected", "why"),
    [
        (None, Order(), "no ConfigMap, no order"),
        ({"import.other": "hold 1"}, Order(), "an order for another"),
        ({"import.root": "hold 42"}, Order("hold", "42"), "a verb and a number"),
        ({"import.root": "fail got 404 from there"}, Order("fail", "got 404 from there"), "all words"),
        ({"migration.root": "hold"}, Order(), "an order about something else"),
    ],
)
def test_orders(data: Manifest | None, expected: Order, why: str) -> None:
    assert order(data and {"data": data}, "import", "root") == expected, why


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (None, False),
        ({"metadata": {}}, False),
        ({"metadata": {"annotations": {"other": ""}}}, False),
        ({"metadata": {"annotations": {LOST: "true"}}}, True),
    ],
)
def test_a_node_is_lost_while_its_annotation_says_so(node: Manifest | None, expected: bool) -> None:
    assert lost(node) is expected


@pytest.mark.parametrize(
    ("state", "pod", "expected", "why"),
    [
        ({}, "old", False, "it never migrated"),
        ({"sourcePod": "old", "targetPod": "new"}, "old", False, "the migration is not over"),
        ({"sourcePod": "old", "targetPod": "new", "endTimestamp": "x"}, "old", True, "it went from there"),
        ({"sourcePod": "old", "targetPod": "new", "endTimestamp": "x"}, "new", False, "it is there"),
        (
            {"sourcePod": "old", "targetPod": "new", "endTimestamp": "x", "failed": True},
            "new",
            True,
            "it never came",
        ),
        (
            {"sourcePod": "old", "targetPod": "new", "endTimestamp": "x", "failed": True},
            "old",
            False,
            "it stayed",
        ),
        ({"sourcePod": "a", "targetPod": "b", "endTimestamp": "x"}, "c", False, "the next migration's"),
    ],
)
def test_launchers_that_are_left_behind(state: Manifest, pod: str, expected: bool, why: str) -> None:
    machine = {"status": {"migrationState": state}}
    assert pods.left_behind(machine, {"metadata": {"name": pod}}) is expected, why


@pytest.mark.parametrize(
    ("quantity", "expected"), [("1Gi", 2**30), ("500M", 5e8), ("10", 10.0), ("1.5Ki", 1536), ("2Ti", 2**41)]
)
def test_sizes(quantity: str, expected: float) -> None:
    assert size(quantity) == expected


def importer(state: Manifest, **more: Any) -> Manifest:
    status = {"name": "importer", "restartCount": 0, "ready": True, "started": True, "state": state, **more}
    return {
        "metadata": {"namespace": "ns", "name": "importer-root", "labels": {"cdi.kubevirt.io": "importer"}},
        "spec": {
            "nodeName": "vm1",
            "volumes": [{"name": "cdi-data-vol", "persistentVolumeClaim": {"claimName": "prime"}}],
            "containers": [{"env": [{"name": "OWNER_UID", "value": "u-1"}]}],
        },
        "status": {"phase": "Running", "startTime": stamp(START), "containerStatuses": [status]},
    }


def world(pod: Manifest, orders: Manifest) -> World:
    prime = {"metadata": {"ownerReferences": [{"kind": "PersistentVolumeClaim", "name": "root"}]}}
    return World(
        {
            "ConfigMap": {("ns", NAME): {"data": orders}},
            "PersistentVolumeClaim": {("ns", "prime"): prime},
            "Pod vm1": {("ns", "importer-root"): pod},
        }
    )


def test_an_import_goes_on_and_ends() -> None:
    pod = importer({"running": {"startedAt": stamp(START)}})
    known = world(pod, {})
    assert imports.due(known, pod, later(1)) is None
    assert 'ownerUID="u-1"} 50.00' in imports.metrics(known, later(imports.LASTS / 2))
    ended = imports.due(known, pod, later(imports.LASTS))
    assert ended is not None
    assert (ended["phase"], ended["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == (
        "Succeeded",
        0,
    )


def test_an_import_that_is_held_does_not_end() -> None:
    pod = importer({"running": {"startedAt": stamp(START)}})
    known = world(pod, {"import.root": "hold 42"})
    assert imports.due(known, pod, later(3600)) is None
    assert 'ownerUID="u-1"} 42.00' in imports.metrics(known, later(3600))


def test_a_failing_import_ends_waits_and_starts_again_as_kubelet_shows_it() -> None:
    pod = importer({"running": {"startedAt": stamp(START)}})
    known = world(pod, {"import.root": "fail got 404"})
    failed = imports.due(known, pod, later(2))
    assert failed is not None
    assert "phase" not in failed, "the pod itself goes on"
    (status,) = failed["containerStatuses"]
    assert (status["state"]["terminated"]["message"], status["restartCount"]) == ("got 404", 0)

    waiting = imports.due(known, importer(status["state"]), later(4))
    assert waiting is not None
    (status,) = waiting["containerStatuses"]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"

    pod = importer(status["state"], lastState=status["lastState"])
    assert imports.due(known, pod, later(5)) is None, "it backs off"
    again = imports.due(known, pod, later(2 + imports.BACK_OFF))
    assert again is not None
    assert again["containerStatuses"][0]["restartCount"] == 1
    assert "running" in again["containerStatuses"][0]["state"]


@pytest.mark.parametrize(
    ("state", "orders", "written", "why"),
    [
        ({}, {}, None, "nobody asked"),
        ({"migrationUid": "m"}, {}, "targetNodeAddress", "the target prepares"),
        ({"migrationUid": "m", "targetNodeAddress": "x"}, {}, "startTimestamp", "the source starts"),
        (
            {"migrationUid": "m", "targetNodeAddress": "x", "startTimestamp": "x"},
            {},
            "targetNodeDomainReadyTimestamp",
            "the guest is there",
        ),
        (
            {"migrationUid": "m", "targetNodeAddress": "x", "startTimestamp": "x"},
            {"migration.vm": "hold"},
            None,
            "it is held",
        ),
        (
            {"migrationUid": "m", "targetNodeAddress": "x", "startTimestamp": "x"},
            {"migration.vm": "fail no room"},
            "failed",
            "it fails as ordered",
        ),
        (
            {
                "migrationUid": "m",
                "targetNode": "vm2",
                "targetNodeAddress": "x",
                "startTimestamp": "x",
                "targetNodeDomainReadyTimestamp": "x",
            },
            {},
            "completed",
            "it is handed over",
        ),
        ({"migrationUid": "m", "endTimestamp": "x"}, {}, None, "it is over"),
    ],
)
def test_migrations_go_step_by_step(state: Manifest, orders: Manifest, written: str | None, why: str) -> None:
    machine = {
        "metadata": {"namespace": "ns", "name": "vm"},
        "spec": {"domain": {}},
        "status": {"migrationState": state},
    }
    known = World({"ConfigMap": {("ns", NAME): {"data": orders}}})
    changes = migrations.due(known, machine, START)
    fields = set() if changes is None else set(changes["status"]["migrationState"])
    assert (written in fields) if written else not fields, why
