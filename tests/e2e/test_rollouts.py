"""How a new version replaces the old one: all at once, by shares at the gateway, and back again.

No gateway runs here. Where a rollout waits for one, the test writes the status that it would write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.apps import NO_IMAGE, app, change, current, pod_names, ready, replicas_ready, says, up, warns
from tests.e2e.engines import Engines, accept
from tests.e2e.kubectl import Kubectl, Manifest

EXPOSED: dict[str, Any] = {"hosts": ["app.example.dev"], "tls": "None"}


def variable(kubectl: Kubectl) -> str:
    """Where the app tells its variable V."""
    return f"http://app.{kubectl.namespace}:8080/env/V"


def weights(route: Manifest) -> dict[str, int]:
    """The share of each Service that a route sends requests to."""
    if not route:
        return {}
    return {backend["name"]: backend["weight"] for backend in route["spec"]["rules"][0]["backendRefs"]}


def at_weight(kubectl: Kubectl, share: int) -> None:
    """Wait until the new version gets `share` percent, and let the gateway take that up."""
    wanted = {"app": 100 - share, "app-next": share}
    wanted = {name: weight for name, weight in wanted.items() if weight}
    kubectl.until("httproute", "app", lambda route: weights(route) == wanted)
    accept(kubectl, "app")


def exposed(kubectl: Kubectl, **spec: Any) -> None:
    """An app that a gateway serves."""
    kubectl.apply(app(expose=EXPOSED, **spec))
    at_weight(kubectl, 0)
    kubectl.until("capp", "app", ready)


def test_recreate_stops_the_old_version_before_the_new_one_starts(ns: Kubectl) -> None:
    up(ns, app(rollout={"strategy": "Recreate"}))
    with ns.watch("deployment", "app") as states:
        change(ns, "app", env={"V": "2"})
        rolling = [state["status"] for state in _until_rolled(states)]
    assert any(not status.get("availableReplicas") for status in rolling), "nothing ran in between"
    assert all(status.get("replicas", 0) <= 1 for status in rolling), "never two at once"

    change(ns, "app", rollout=None)
    found = ns.until("deployment", "app", lambda live: live["spec"]["strategy"]["type"] == "RollingUpdate")
    assert found["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def _until_rolled(states: Any) -> Any:
    for state in states:
        yield state
        status = state["status"]
        newest = status.get("observedGeneration") == state["metadata"]["generation"] > 1
        if newest and status.get("updatedReplicas") == status.get("availableReplicas") == 1:
            return


def test_rollback_to_a_revision_and_on_again(ns: Kubectl, ask: Callable[..., str]) -> None:
    up(ns, app(env={"V": "1"}))
    change(ns, "app", env={"V": "2"})
    found = ns.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == 2)
    assert [entry["revision"] for entry in found["status"]["revisions"]] == [2, 1]

    change(ns, "app", rollbackTo=1)
    ns.until("capp", "app", lambda found: ready(found) and warns("RolledBack")(found))
    assert ask(variable(ns), "1")

    change(ns, "app", env={"V": "3"})
    ns.until("capp", "app", lambda found: ready(found) and warns("RolledBack")(found))
    assert ask(variable(ns), "1"), "rollbackTo holds"

    change(ns, "app", rollbackTo=None)
    ns.until("capp", "app", lambda found: ready(found) and not warns("RolledBack")(found))
    assert ask(variable(ns), "3")


def test_an_unknown_revision_is_refused_by_name_and_what_runs_goes_on(ns: Kubectl) -> None:
    up(ns, app())
    before = pod_names(ns, "app")
    change(ns, "app", rollbackTo=7, env={"V": "2"})
    ns.until("capp", "app", says("RevisionNotFound", "revision 7", "There are: 1"))
    assert pod_names(ns, "app") == before
    change(ns, "app", rollbackTo=None)
    ns.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == 2)


def test_without_gateway_api_strategies_of_shares_are_refused_by_name(ns: Kubectl, engines: Engines) -> None:
    engines.remove("gateway-api")
    up(ns, app())
    before = pod_names(ns, "app")
    rollout = {"strategy": "BlueGreen"}
    change(ns, "app", expose=EXPOSED, rollout=rollout, env={"V": "2"})
    ns.until("capp", "app", says("EngineMissing", "strategy", "Gateway API"))
    assert pod_names(ns, "app") == before, "it is not rolled in another way than asked for"
    change(ns, "app", rollout=None, expose=None)
    ns.until("capp", "app", lambda found: ready(found) and found["status"]["revision"] == 2)


def test_canary_goes_step_by_step_where_a_gateway_is_played(
    ns: Kubectl, engines: Engines, ask: Callable[..., str]
) -> None:
    engines.install("gateway-api")
    steps = [{"weight": 20, "pause": "2s"}, {"weight": 60, "pause": "2s"}]
    exposed(ns, replicas=2, env={"V": "1"}, rollout={"strategy": "Canary", "steps": steps})
    old = pod_names(ns, "app")

    with ns.watch("httproute", "app") as states:
        change(ns, "app", env={"V": "2"})
        seen: list[dict[str, int]] = []
        for route in states:
            if weights(route) not in seen:
                seen.append(weights(route))
            if len(seen) > 1 and weights(route) == {"app": 100}:
                break
    assert seen[:3] == [{"app": 100}, {"app": 80, "app-next": 20}, {"app": 40, "app-next": 60}]

    accept(ns, "app")
    ns.gone("deployment", "app-next")
    ns.until("capp", "app", replicas_ready(2))
    assert not ns.exists("service", "app-next")
    assert not old & pod_names(ns, "app")
    assert ask(variable(ns), "2")
    assert "rollout" not in ns.get("capp", "app")["status"]


def test_a_failing_canary_gets_no_requests_and_going_back_ends_it(ns: Kubectl, engines: Engines) -> None:
    engines.install("gateway-api")
    steps = [{"weight": 20, "pause": "1s"}]
    exposed(ns, rollout={"strategy": "Canary", "steps": steps})
    before = pod_names(ns, "app")

    change(ns, "app", image=NO_IMAGE)
    found = ns.until("capp", "app", says("ImagePullBackOff", NO_IMAGE, "0 % of the requests"))
    assert found["status"]["rollout"] == {"strategy": "Canary", "step": 0, "weight": 0}
    assert weights(ns.get("httproute", "app")) == {"app": 100}
    assert before < pod_names(ns, "app")

    change(ns, "app", image=app()["spec"]["image"])
    ns.gone("deployment", "app-next")
    ns.until("capp", "app", ready)
    assert pod_names(ns, "app") == before, "no stable pod was touched"


def test_blue_green_switches_everything_at_once_where_a_gateway_is_played(
    ns: Kubectl, engines: Engines, ask: Callable[..., str]
) -> None:
    engines.install("gateway-api")
    exposed(ns, env={"V": "1"}, rollout={"strategy": "BlueGreen"})
    with ns.watch("httproute", "app") as states:
        change(ns, "app", env={"V": "2"})
        seen: list[dict[str, int]] = []
        for route in states:
            if weights(route) not in seen:
                seen.append(weights(route))
            if len(seen) > 1 and weights(route) == {"app": 100}:
                break
    assert seen == [{"app": 100}, {"app-next": 100}]
    ns.gone("deployment", "app-next")
    assert ask(variable(ns), "2")


def test_taking_the_strategy_away_in_the_middle_ends_as_a_rolling_update(
    ns: Kubectl, engines: Engines, ask: Callable[..., str]
) -> None:
    engines.install("gateway-api")
    steps = [{"weight": 20, "pause": "1h"}]
    exposed(ns, env={"V": "1"}, rollout={"strategy": "Canary", "steps": steps})
    change(ns, "app", env={"V": "2"})
    at_weight(ns, 20)
    found = ns.until("capp", "app", lambda found: current(found) and "rollout" in found["status"])
    assert found["status"]["rollout"]["weight"] == 20

    change(ns, "app", rollout=None)
    at_weight(ns, 0)
    ns.gone("deployment", "app-next")
    ns.until("capp", "app", ready)
    assert ask(variable(ns), "2")
