"""What the CRD lets through compiles to objects that the API server takes, and stores as they are sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from pileus.engine.compare import covers
from pileus.local.kubectl import Kubectl, KubectlError
from tests.laws.test_containerapp import specs
from tests.unit.containerapp.apps import Cluster, app

TRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-o=json", "-f=-")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(spec=specs)
def test_admitted_is_applied(kubectl_with_engines: Kubectl, spec: dict[str, Any]) -> None:
    custom = {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "ContainerApp",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": spec,
    }
    try:
        stored = json.loads(kubectl_with_engines.run(*TRY, given=json.dumps(custom)))
    except KubectlError:
        return  # the CRD's rules refuse it, which is their right

    objects = [
        {**o, "metadata": {**o["metadata"], "namespace": "default"}}
        for o in Cluster().compile(app(stored["spec"])).objects
        # This API server has one address family.
        if o.get("spec", {}).get("ipFamilyPolicy") != "RequireDualStack"
        and o.get("spec", {}).get("ipFamilies") != ["IPv6"]
    ]
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    answer = json.loads(kubectl_with_engines.run(*TRY, given=json.dumps(listed)))

    taken = {(o["kind"], o["metadata"]["name"]): o for o in answer.get("items", [answer])}
    rewritten = [o["kind"] for o in objects if not covers(taken[o["kind"], o["metadata"]["name"]], o)]
    assert rewritten == [], spec
