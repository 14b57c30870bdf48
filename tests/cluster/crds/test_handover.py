"""Handing the replica count over, on the real API server, since its field ownership decides.

An autoscaler is played by `kubectl scale`, which writes the same scale subresource.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from pileus.engine.compare import covers, stamped
from pileus.engine.plan import ObjectRef
from pileus.engine.world import Resource, World
from pileus.kinds import KINDS
from pileus.local.kubectl import Kubectl
from pileus.objects.catalog import DEPLOYMENT

(KIND,) = (kind for kind in KINDS if kind.name == "ContainerApp")
WEB = {"image": "shop:1", "port": 8080}
SCALE = {"scale": {"min": 1, "max": 10, "cpu": 70}}


@dataclasses.dataclass
class Live:
    """One app's Deployment on the API server, applied as the engine applies it."""

    kubectl: Kubectl
    namespace: str

    def get(self) -> dict[str, Any]:
        live: dict[str, Any] = json.loads(
            self.kubectl.run("get", "deployment/shop", "-n", self.namespace, "-o=json", "--ignore-not-found")
            or "{}"
        )
        return live

    @property
    def replicas(self) -> int:
        count: int = self.get()["spec"]["replicas"]
        return count

    def apply(self, **spec: Any) -> bool:
        """One pass; True if it wrote."""
        live, ref = self.get(), ObjectRef(DEPLOYMENT.id, self.namespace, "shop")
        resource = Resource(
            "ContainerApp",
            "pileus.dev/v1alpha1",
            self.namespace,
            "shop",
            "11111111-2222-3333-4444-555555555555",
            1,
            KIND.spec.model_validate({**WEB, **spec}),
        )
        plan = KIND.compile(resource, World(children={ref: live} if live else {}))
        (desired,) = (o for o in plan.objects if o["kind"] == "Deployment")
        sent, _ = stamped(desired)
        if live and covers(live, sent):
            return False
        options = ("--server-side", "--force-conflicts", "--field-manager=pileus")
        self.kubectl.run("apply", *options, "-f=-", given=json.dumps(sent))
        return True

    def autoscale(self, count: int) -> None:
        self.kubectl.run("scale", "deployment/shop", "-n", self.namespace, f"--replicas={count}")


@pytest.fixture
def live(kubectl: Kubectl, namespace: str) -> Live:
    return Live(kubectl, namespace)


def test_the_count_survives_every_switch(live: Live) -> None:
    live.apply(replicas=5)
    assert live.replicas == 5
    live.apply(**SCALE)
    assert live.replicas == 5, "nobody else owns it: left out, it would be 1"
    live.autoscale(7)
    live.apply(**SCALE)
    assert live.replicas == 7, "the autoscaler owns it, and is not fought"
    live.autoscale(5)
    live.apply(image="shop:2", **SCALE)
    assert live.replicas == 5
    live.apply(replicas=3)
    assert live.replicas == 3
    live.apply(image="shop:3", **SCALE)
    assert live.replicas == 3


def test_a_pass_that_finds_nothing_writes_nothing(live: Live) -> None:
    for spec in ({"replicas": 5}, SCALE, {"rollout": {"strategy": "Recreate"}}, {}):
        live.apply(**spec)
        assert not live.apply(**spec), spec


def test_an_app_that_scales_from_the_start_is_never_told_a_number(live: Live) -> None:
    live.apply(**SCALE)
    live.autoscale(4)
    assert not live.apply(**SCALE), "what the autoscaler writes is no drift"
    assert live.replicas == 4
