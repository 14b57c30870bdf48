"""BlueGreen, Canary, rollbackTo: which version runs and who gets the requests, step by step.

Each test is a story of passes over one cluster; `forget` stands for a crash, since nothing is kept
between passes but the cluster itself.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pileus.engine.plan import ObjectRef
from pileus.engine.world import Resource
from pileus.kinds.containerapp.build.progress import Progress
from pileus.kinds.containerapp.build.revisions import image
from pileus.objects.catalog import DEPLOYMENT, HTTP_ROUTE, SERVICE
from tests.unit.containerapp.apps import BARE, Cluster, app

STEPS = [{"weight": 10, "pause": "5m"}, {"weight": 50, "pause": "10m"}]
CANARY = {"strategy": "Canary", "steps": STEPS}
BLUE_GREEN = {"strategy": "BlueGreen"}


def shop(version: str, rollout: dict[str, Any] | None = None, **more: Any) -> Resource:
    spec = {
        "image": f"shop:{version}",
        "port": 8080,
        "replicas": 4,
        "rollout": CANARY if rollout is None else rollout,
        "expose": {"hosts": ["shop.acme.dev"], "tls": "None"},
    }
    return app({**spec, **more})


def weights(cluster: Cluster) -> dict[str, int]:
    route = cluster.children[ObjectRef(HTTP_ROUTE.id, "acme", "shop")]
    return {entry["name"]: entry["weight"] for entry in route["spec"]["rules"][0]["backendRefs"]}


def images(cluster: Cluster) -> dict[str, str]:
    found = (ref for ref in cluster.children if ref.kind == DEPLOYMENT.id)
    return {ref.name: image(cluster.children[ref]["spec"]["template"]) for ref in found}


def replicas(cluster: Cluster) -> dict[str, int]:
    found = (ref for ref in cluster.children if ref.kind == DEPLOYMENT.id)
    return {ref.name: cluster.children[ref]["spec"]["replicas"] for ref in found}


def later(cluster: Cluster, **time: float) -> None:
    cluster.now += dt.timedelta(**time)


@pytest.fixture
def cluster() -> Cluster:
    """Version 1 is in service, whole."""
    cluster = Cluster()
    cluster.settle(shop("1"))
    assert images(cluster) == {"shop": "shop:1"}
    assert weights(cluster) == {"shop": 100}
    return cluster


def test_a_canary_from_beginning_to_end(cluster: Cluster) -> None:
    two = shop("2")
    cluster.apply(two)
    assert images(cluster) == {"shop": "shop:1", "shop-next": "shop:2"}
    assert replicas(cluster) == {"shop": 4, "shop-next": 1}, "10 % of 4, at least one"
    assert weights(cluster) == {"shop": 100}, "no request before the new version is ready"

    cluster.roll_out()
    assert cluster.apply(two).recheck_after == 300, "the first pause"
    assert weights(cluster) == {"shop": 90, "shop-next": 10}

    later(cluster, minutes=4)
    assert cluster.settle(two).recheck_after == 60, "what is left of the pause"
    assert weights(cluster) == {"shop": 90, "shop-next": 10}

    later(cluster, minutes=1)
    cluster.apply(two)
    assert replicas(cluster) == {"shop": 4, "shop-next": 2}, "room first, requests later"
    assert weights(cluster) == {"shop": 90, "shop-next": 10}
    cluster.roll_out()
    cluster.apply(two)
    assert weights(cluster) == {"shop": 50, "shop-next": 50}

    later(cluster, minutes=10)
    cluster.apply(two)
    assert images(cluster) == {"shop": "shop:2", "shop-next": "shop:2"}, "the stable version takes over"
    assert weights(cluster) == {"shop": 50, "shop-next": 50}, "protected until it is whole"

    cluster.settle(two)
    assert images(cluster) == {"shop": "shop:2"}
    assert weights(cluster) == {"shop": 100}
    assert not any(ref.name == "shop-next" for ref in cluster.children)
    route = cluster.children[ObjectRef(HTTP_ROUTE.id, "acme", "shop")]
    assert "annotations" not in route["metadata"], "nothing is left of the rollout"


def test_what_a_canary_reads_from_live_objects_is_written_over_nothing_newer(cluster: Cluster) -> None:
    assert not cluster.settle(shop("1")).exact, "nothing is derived"
    assert cluster.apply(shop("2")).exact == {
        ObjectRef(DEPLOYMENT.id, "acme", "shop"),
        ObjectRef(HTTP_ROUTE.id, "acme", "shop"),
    }
    cluster.apply(shop("1"))
    assert not cluster.settle(shop("1")).exact, "it has ended"


def test_a_canary_that_is_not_ready_gets_nothing(cluster: Cluster) -> None:
    for _ in range(5):
        cluster.apply(shop("2"))
        later(cluster, hours=1)
    assert weights(cluster) == {"shop": 100}
    assert images(cluster)["shop"] == "shop:1"


def test_a_canary_that_breaks_stays_where_it_is(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.roll_out()
    cluster.apply(shop("2"))
    cluster.deployment("shop-next")["status"]["availableReplicas"] = 0
    for _ in range(5):
        later(cluster, hours=1)
        cluster.apply(shop("2"))
    assert weights(cluster) == {"shop": 90, "shop-next": 10}
    assert images(cluster) == {"shop": "shop:1", "shop-next": "shop:2"}


def test_a_gateway_that_refuses_the_route_holds_the_canary(cluster: Cluster) -> None:
    cluster.children[ObjectRef(HTTP_ROUTE.id, "acme", "shop")]["status"] = {
        "parents": [
            {"parentRef": {"name": "public"}, "conditions": [{"type": "Accepted", "status": "False"}]}
        ]
    }
    cluster.settle(shop("2"))
    assert weights(cluster) == {"shop": 100}


def test_going_back_ends_the_canary_at_once(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.roll_out()
    cluster.apply(shop("2"))
    cluster.apply(shop("1"))
    assert weights(cluster) == {"shop": 100}
    assert images(cluster) == {"shop": "shop:1"}
    assert len(cluster.sets) == 2, "the stable version's pods were never replaced"


def test_a_newer_version_starts_the_canary_again(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.roll_out()
    cluster.apply(shop("2"))
    assert weights(cluster) == {"shop": 90, "shop-next": 10}

    plan = cluster.apply(shop("3"))
    assert weights(cluster) == {"shop": 100}
    assert images(cluster) == {"shop": "shop:1", "shop-next": "shop:3"}
    order = [(o["kind"], o["metadata"]["name"]) for o in plan.objects]
    assert order.index(("HTTPRoute", "shop")) < order.index(("Deployment", "shop-next")), (
        "requests leave before the version changes"
    )


def test_a_change_that_needs_no_pods_is_no_rollout(cluster: Cluster) -> None:
    cluster.apply(shop("1", replicas=6))
    assert images(cluster) == {"shop": "shop:1"}
    assert replicas(cluster) == {"shop": 6}


def test_replicas_change_while_a_canary_runs(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.apply(shop("2", replicas=20))
    assert replicas(cluster) == {"shop": 20, "shop-next": 2}
    assert images(cluster) == {"shop": "shop:1", "shop-next": "shop:2"}


def test_a_drift_of_the_stable_version_is_put_back(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
    cluster.roll_out()
    cluster.apply(shop("2"))
    assert images(cluster)["shop"] == "shop:1"


def test_a_route_that_was_deleted_starts_the_canary_again(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.roll_out()
    cluster.apply(shop("2"))
    del cluster.children[ObjectRef(HTTP_ROUTE.id, "acme", "shop")]
    cluster.apply(shop("2"))
    assert weights(cluster) == {"shop": 90, "shop-next": 10}, (
        "still ready: the first step, with its whole pause"
    )
    later(cluster, minutes=4)
    cluster.settle(shop("2"))
    assert weights(cluster) == {"shop": 90, "shop-next": 10}


def test_switching_to_rolling_ends_the_canary(cluster: Cluster) -> None:
    cluster.apply(shop("2"))
    cluster.roll_out()
    cluster.apply(shop("2"))
    cluster.apply(shop("2", {"strategy": "Rolling"}))
    assert weights(cluster) == {"shop": 100}
    assert images(cluster) == {"shop": "shop:2"}


def test_blue_green_switches_once(cluster: Cluster) -> None:
    two = shop("2", BLUE_GREEN)
    cluster.apply(two)
    assert replicas(cluster) == {"shop": 4, "shop-next": 4}, "full size"
    assert weights(cluster) == {"shop": 100}
    cluster.roll_out()
    cluster.apply(two)
    assert weights(cluster) == {"shop-next": 100}
    assert images(cluster)["shop"] == "shop:1"
    later(cluster, seconds=1)
    cluster.apply(two)
    assert images(cluster)["shop"] == "shop:2"
    assert weights(cluster) == {"shop-next": 100}
    cluster.settle(two)
    assert weights(cluster) == {"shop": 100}
    assert images(cluster) == {"shop": "shop:2"}


def test_an_autoscaler_keeps_room_while_two_versions_run(cluster: Cluster) -> None:
    scaled = {"replicas": None, "scale": {"min": 1, "max": 10, "cpu": 70}}
    one, two = shop("1", BLUE_GREEN, **scaled), shop("2", BLUE_GREEN, **scaled)
    cluster.settle(one)
    cluster.deployment()["spec"]["replicas"] = 7
    cluster.roll_out()
    cluster.apply(two)
    hpa = next(o for ref, o in cluster.children.items() if ref.kind.startswith("Horizontal"))
    assert hpa["spec"]["minReplicas"] == 7, "without requests, it would scale the stable version away"
    assert replicas(cluster)["shop-next"] == 7
    cluster.roll_out()
    cluster.apply(two)
    later(cluster, seconds=1)
    cluster.settle(two)
    hpa = next(o for ref, o in cluster.children.items() if ref.kind.startswith("Horizontal"))
    assert hpa["spec"]["minReplicas"] == 1
    assert images(cluster) == {"shop": "shop:2"}


@pytest.mark.parametrize(
    ("lack", "reason", "cause"),
    [
        ({"served": BARE}, "no Gateway API", "EngineMissing"),
        ({"settings": "none"}, "no Gateway named", "EngineMissing"),
        ({"spec": {"expose": None}}, "no hosts, past the rules of the API server", "InvalidSpec"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_never_rolled_in_another_way(cluster: Cluster, lack: dict[str, Any], reason: str, cause: str) -> None:
    cluster.apply(shop("2"))
    if "served" in lack:
        cluster.served = lack["served"]
    if "settings" in lack:
        from pileus.engine.world import Settings

        cluster.settings = Settings()
    plan = cluster.apply(shop("2", **lack.get("spec", {})))

    assert images(cluster) == {"shop": "shop:1", "shop-next": "shop:2"}, reason
    assert {f.reason for f in plan.findings if f.stalled} == {cause}
    assert ObjectRef(SERVICE.id, "acme", "shop-next") in cluster.children


def test_the_first_version_needs_no_gateway() -> None:
    cluster = Cluster(served=BARE)
    plan = cluster.apply(shop("1"))
    assert images(cluster) == {"shop": "shop:1"}, "there is nothing to protect yet"
    assert [f.reason for f in plan.findings if f.stalled][:1] == ["EngineMissing"]


class TestRollback:
    """rollbackTo names a revision of status.revisions."""

    @pytest.fixture
    def cluster(self) -> Cluster:
        cluster = Cluster()
        for version in ("1", "2", "3"):
            cluster.settle(shop(version, {"strategy": "Rolling"}))
        return cluster

    def test_the_old_template_runs_again(self, cluster: Cluster) -> None:
        back = shop("3", {"strategy": "Rolling"}, rollbackTo=1)
        plan = cluster.settle(back)
        assert images(cluster) == {"shop": "shop:1"}
        assert [w.reason for w in plan.warnings] == ["RolledBack"], "the spec's image waits, and it is said"
        verdict = cluster.judge(back)
        assert [(r["revision"], r["image"], r["active"]) for r in verdict.fields["revisions"]] == [
            (4, "shop:1", True),
            (3, "shop:3", False),
            (2, "shop:2", False),
        ]

    def test_the_number_goes_on_meaning_the_same(self, cluster: Cluster) -> None:
        """The controller renumbers revision 1 to 4; the field still says 1."""
        back = shop("3", {"strategy": "Rolling"}, rollbackTo=1)
        cluster.settle(back)
        again = cluster.settle(back)
        assert images(cluster) == {"shop": "shop:1"}
        assert not [f for f in again.findings if f.stalled]

    def test_removing_the_field_goes_on(self, cluster: Cluster) -> None:
        cluster.settle(shop("3", {"strategy": "Rolling"}, rollbackTo=1))
        cluster.settle(shop("3", {"strategy": "Rolling"}))
        assert images(cluster) == {"shop": "shop:3"}

    def test_a_revision_that_is_not_there(self, cluster: Cluster) -> None:
        plan = cluster.apply(shop("4", {"strategy": "Rolling"}, rollbackTo=9))
        (finding,) = [f for f in plan.findings if f.stalled]
        assert finding.reason == "RevisionNotFound"
        assert "3, 2, 1" in finding.message
        assert images(cluster) == {"shop": "shop:3"}, "what runs is left as it is"

    def test_it_ends_a_canary(self, cluster: Cluster) -> None:
        cluster.apply(shop("4"))
        assert "shop-next" in images(cluster)
        cluster.apply(shop("4", rollbackTo=2))
        assert images(cluster) == {"shop": "shop:2"}, "at once: an emergency takes no steps"

    def test_claims_of_the_old_template_stay(self) -> None:
        cluster = Cluster()
        disk = [{"name": "data", "path": "/data", "size": "1Gi", "retain": "Delete"}]
        cluster.settle(shop("1", {"strategy": "Rolling"}, replicas=1, volumes=disk))
        cluster.settle(shop("2", {"strategy": "Rolling"}, replicas=1, volumes=disk))
        cluster.settle(shop("2", {"strategy": "Rolling"}, replicas=1, rollbackTo=1))
        assert any(ref.name == "shop-data" for ref in cluster.children)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no annotation"),
        ("step=1", "parts are missing"),
        ("template=a step=x since=2026-01-01T00:00:00Z size=1 base=1", "no number"),
        ("template=a step=1 since=yesterday size=1 base=1", "no time: it would wait forever"),
        ("template=a step=-1 since=2026-01-01T00:00:00Z size=1 base=1", "no count"),
        ("template=a step=99999999999 since=2026-01-01T00:00:00Z size=1 base=1", "absurd"),
    ],
)
def test_progress_that_is_none(text: str, reason: str) -> None:
    assert Progress.parse(text) is None, reason


def test_progress_reads_what_it_writes() -> None:
    progress = Progress("abc", 2, "2026-01-01T00:00:00Z", 4, 7)
    assert progress == Progress.parse(progress.text())
