"""Who decides the number of replicas, and that nobody drops below what serves when the decider changes."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.apps import app, change, pods, ready, replicas_ready, says, up
from tests.e2e.engines import Engines, fulfil
from tests.e2e.kubectl import Kubectl

SCALING = "Scaling"


def use(kubectl: Kubectl, name: str, cpu: str) -> None:
    """Let every pod of the app seem to use so much CPU."""
    kubectl("annotate", "namespace", kubectl.namespace, f"metrics.test/cpu={cpu}", "--overwrite")


def counts(kubectl: Kubectl, act: Callable[[], None], end: int) -> list[int]:
    """Every `spec.replicas` that the Deployment `app` had from before `act` until it is `end`."""
    seen: list[int] = []
    with kubectl.watch("deployment", "app") as states:
        seen.append(next(states)["spec"]["replicas"])
        act()
        for state in states:
            assert state, "the Deployment was deleted"
            seen.append(state["spec"]["replicas"])
            if seen[-1] == end:
                return seen
    raise AssertionError(f"the Deployment never got {end} replicas: {seen}")


def test_load_scales_up_and_down(ns: Kubectl) -> None:
    use(ns, "app", "1m")
    scale = {"min": 1, "max": 3, "cpu": 50}
    up(ns, app(resources={"cpu": "100m", "memory": "48Mi"}, scale=scale))
    # The usual five minutes before scaling down would only be waited for; everything else is as it is.
    ns.until("hpa", "app", lambda found: bool(found))
    found = ns.until("capp", "app", says("Scaling", "between 1 and 3", kind=SCALING, status="True"))
    assert ready(found)

    use(ns, "app", "200m")
    ns.until("capp", "app", replicas_ready(3), "the load asks for all three")
    ns.edit("hpa", "app", {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}})
    use(ns, "app", "1m")
    ns.until("capp", "app", replicas_ready(1), "there is no load any more")
    assert len(pods(ns, "app")) == 1


def test_replicas_to_scale_and_back_never_drops_below_what_serves(ns: Kubectl) -> None:
    use(ns, "app", "80m")  # 80 percent of what is reserved: the autoscaler keeps what there is
    up(ns, app(replicas=3, resources={"cpu": "100m", "memory": "48Mi"}))

    def to_scale() -> None:
        change(ns, "app", replicas=None, scale={"min": 2, "max": 5, "cpu": 80})
        active = says("Scaling", kind=SCALING, status="True")
        ns.until("capp", "app", lambda found: active(found) and ready(found))
        use(ns, "app", "130m")  # five are needed for that

    handed_over = counts(ns, to_scale, 5)
    assert min(handed_over) == 3, handed_over
    ns.until("capp", "app", replicas_ready(5), "the count is the autoscaler's")

    def to_replicas() -> None:
        change(ns, "app", replicas=4, scale=None)

    taken_back = counts(ns, to_replicas, 4)
    assert min(taken_back) == 4, taken_back
    ns.gone("hpa", "app")
    ns.until("capp", "app", says("NotRequested", kind=SCALING))


def test_the_disruption_budget_is_there_from_two_replicas_up(ns: Kubectl) -> None:
    up(ns, app(replicas=1))
    assert not ns.exists("pdb", "app")
    change(ns, "app", replicas=2)
    ns.until("capp", "app", replicas_ready(2))
    assert ns.get("pdb", "app")["spec"]["maxUnavailable"] == 1
    change(ns, "app", replicas=1)
    ns.gone("pdb", "app")


def test_an_app_can_rest_at_zero_replicas(ns: Kubectl) -> None:
    up(ns, app(replicas=0))
    assert "0/0" in ns("get", "capp", "app")
    change(ns, "app", replicas=1)
    ns.until("capp", "app", replicas_ready(1))


def test_scale_to_zero_is_refused_by_name_until_keda_appears(ns: Kubectl, engines: Engines) -> None:
    engines.remove("keda")
    up(ns, app())
    change(ns, "app", scale={"min": 0, "max": 3, "cpu": 70})
    found = ns.until("capp", "app", says("EngineMissing", "scale.min: 0", "KEDA", kind=SCALING))
    assert says("EngineMissing", "KEDA")(found)
    assert len(pods(ns, "app")) == 1, "it serves on"

    engines.install("keda")
    found = ns.until("scaledobject", "app", bool)
    assert found["spec"]["minReplicaCount"] == 0
    assert found["spec"]["maxReplicaCount"] == 3
    fulfil(ns, "scaledobject", "app", "Ready")
    ns.until("capp", "app", says("Scaling", "between 0 and 3", kind=SCALING, status="True"))

    change(ns, "app", scale={"min": 1, "max": 3, "cpu": 70})
    ns.gone("scaledobject", "app")
    ns.until("hpa", "app", bool, "the other autoscaler comes when the first has gone")
