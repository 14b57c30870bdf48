"""Who decides the replica count, and how it is handed over without a reset."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.plan import Manifest, ObjectRef
from pileus.objects.catalog import HORIZONTAL_POD_AUTOSCALER, SCALED_OBJECT
from tests.unit.containerapp.apps import BARE, WEB, Cluster, app, objects

HPA = {"scale": {"min": 2, "max": 10, "cpu": 70}}
KEDA = {"scale": {"min": 0, "max": 10, "cpu": 70}}


def sent(cluster: Cluster, spec: dict[str, Any]) -> Manifest:
    return objects(cluster.compile(app({**WEB, **spec})))["Deployment", "shop"]["spec"]


def go(cluster: Cluster, spec: dict[str, Any]) -> None:
    cluster.settle(app({**WEB, **spec}))


def autoscaler_writes(cluster: Cluster, count: int) -> None:
    cluster.deployment()["spec"]["replicas"] = count


def live(cluster: Cluster) -> int:
    count: int = cluster.deployment()["spec"]["replicas"]
    return count


def has(cluster: Cluster, kind: str) -> bool:
    return ObjectRef(kind, "acme", "shop") in cluster.children


@pytest.mark.parametrize(
    ("spec", "expected", "reason"),
    [
        ({}, 1, "one, when nothing is said"),
        ({"replicas": 0}, 0, "none is a number too"),
        ({"replicas": 3}, 3, "as asked"),
        (HPA, None, "an autoscaler decides from the start"),
        (KEDA, None, "so does KEDA"),
    ],
)
def test_a_new_app(spec: dict[str, Any], expected: int | None, reason: str) -> None:
    assert sent(Cluster(), spec).get("replicas") == expected, reason


def test_from_a_number_to_an_autoscaler() -> None:
    cluster = Cluster()
    go(cluster, {"replicas": 5})
    go(cluster, HPA)
    assert live(cluster) == 5, "left out, the field would go back to 1"
    assert sent(cluster, HPA)["replicas"] == 5, "nobody else owns it yet"

    autoscaler_writes(cluster, 7)
    assert "replicas" not in sent(cluster, HPA), "the autoscaler owns it now"
    go(cluster, HPA)
    assert live(cluster) == 7

    autoscaler_writes(cluster, 5)
    assert "replicas" not in sent(cluster, HPA), "also at the number of before"


def test_from_none_to_an_autoscaler() -> None:
    """A HorizontalPodAutoscaler takes none for switched off, and would leave the app there for ever."""
    cluster = Cluster()
    go(cluster, {"replicas": 0})
    go(cluster, HPA)
    assert live(cluster) == HPA["scale"]["min"]
    autoscaler_writes(cluster, 7)
    assert "replicas" not in sent(cluster, HPA)


def test_from_none_to_keda() -> None:
    """KEDA wakes what has none, and may want none."""
    cluster = Cluster()
    go(cluster, {"replicas": 0})
    go(cluster, KEDA)
    assert live(cluster) == 0


def test_from_an_autoscaler_to_a_number() -> None:
    cluster = Cluster()
    go(cluster, HPA)
    autoscaler_writes(cluster, 7)
    go(cluster, {"replicas": 3})
    assert live(cluster) == 3
    assert not has(cluster, HORIZONTAL_POD_AUTOSCALER.id)


def test_there_and_back_and_there() -> None:
    cluster = Cluster()
    for _ in range(3):
        go(cluster, {"replicas": 4})
        assert live(cluster) == 4
        go(cluster, HPA)
        assert live(cluster) == 4
        autoscaler_writes(cluster, 6)
        go(cluster, HPA)
        assert live(cluster) == 6


def test_an_image_changes_before_the_autoscaler_has_acted() -> None:
    cluster = Cluster()
    go(cluster, {"replicas": 5})
    go(cluster, {**HPA, "image": "shop:2"})
    assert live(cluster) == 5


@pytest.mark.parametrize(
    ("before", "after", "gone", "there"),
    [
        (HPA, KEDA, HORIZONTAL_POD_AUTOSCALER.id, SCALED_OBJECT.id),
        (KEDA, HPA, SCALED_OBJECT.id, HORIZONTAL_POD_AUTOSCALER.id),
    ],
    ids=["to KEDA", "from KEDA"],
)
def test_never_two_autoscalers(before: dict[str, Any], after: dict[str, Any], gone: str, there: str) -> None:
    """KEDA refuses a workload that another autoscaler has, and pruning comes after applying."""
    cluster = Cluster()
    go(cluster, before)
    plan = cluster.apply(app({**WEB, **after}))
    assert not has(cluster, gone)
    assert not has(cluster, there)
    assert plan.recheck_after is not None
    cluster.apply(app({**WEB, **after}))
    assert has(cluster, there)


def test_keda_is_missing_then_comes() -> None:
    cluster = Cluster(served=BARE)
    resource = app({**WEB, **KEDA})
    plan = cluster.apply(resource)
    (finding,) = [f for f in plan.findings if f.stalled]
    assert (finding.reason, "scale.min: 0" in finding.message) == ("EngineMissing", True)
    (scaling,) = [c for c in cluster.judge(resource).conditions if c.type == "Scaling"]
    assert (scaling.status, scaling.reason) == ("False", "EngineMissing")
    assert ("Deployment", "shop") in objects(plan), "the rest is applied"

    cluster.served = BARE | {SCALED_OBJECT.id}
    cluster.apply(resource)
    assert has(cluster, SCALED_OBJECT.id)


@pytest.mark.parametrize(
    ("spec", "status", "expected", "reason"),
    [
        ({}, {}, ("False", "NotRequested"), "scale is not set"),
        (HPA, {}, ("Unknown", "ScalingPending"), "no controller has looked at it yet"),
        (
            HPA,
            {
                "conditions": [
                    {"type": "AbleToScale", "status": "True"},
                    {"type": "ScalingActive", "status": "True"},
                ]
            },
            ("True", "Scaling"),
            "it has figures",
        ),
        (
            HPA,
            {
                "conditions": [
                    {"type": "AbleToScale", "status": "True"},
                    {"type": "ScalingActive", "status": "False", "message": "no metrics returned"},
                ]
            },
            ("False", "ScalingInactive"),
            "no figures: told in its words, and the app stays ready",
        ),
        (
            HPA,
            {"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}]},
            ("False", "ScalingInactive"),
            "it cannot scale",
        ),
        (KEDA, {"conditions": [{"type": "Ready", "status": "True"}]}, ("True", "Scaling"), "KEDA is ready"),
        (
            KEDA,
            {"conditions": [{"type": "Ready", "status": "False", "message": "bad trigger"}]},
            ("False", "ScalingInactive"),
            "KEDA is not",
        ),
    ],
)
def test_the_condition(
    spec: dict[str, Any], status: dict[str, Any], expected: tuple[str, str], reason: str
) -> None:
    cluster, resource = Cluster(), app({**WEB, **spec})
    cluster.settle(resource)
    for ref, manifest in cluster.children.items():
        if ref.kind in (HORIZONTAL_POD_AUTOSCALER.id, SCALED_OBJECT.id):
            manifest["status"] = status
    verdict = cluster.judge(resource)
    (scaling,) = [c for c in verdict.conditions if c.type == "Scaling"]
    assert expected == (scaling.status, scaling.reason), reason
    assert verdict.findings == (), "autoscaling trouble does not make a serving app unready"
