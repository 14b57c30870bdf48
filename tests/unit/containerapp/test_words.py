"""What a user reads names the field at fault and what helps; each of these once did not."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.plan import Manifest, ObjectRef
from pileus.engine.world import Reference, ReferenceState, Referent
from pileus.objects.catalog import PERSISTENT_VOLUME_CLAIM
from tests.unit.containerapp.apps import WEB, Cluster, app
from tests.unit.containerapp.test_judge import first, pod, rolling

GONE = Referent(ReferenceState.MISSING)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"envFrom": [{"secret": "a"}]}, "envFrom"),
        ({"volumes": [{"name": "a", "path": "/a", "secret": "a"}]}, "volumes"),
        ({"sidecars": [{"name": "s", "image": "s", "envFrom": [{"secret": "a"}]}]}, "sidecars.envFrom"),
        (
            {"envFrom": [{"secret": "a"}], "volumes": [{"name": "a", "path": "/a", "secret": "a"}]},
            "envFrom and volumes",
        ),
    ],
)
def test_what_is_missing_is_told_with_the_fields_that_name_it(spec: dict[str, Any], fields: str) -> None:
    cluster = Cluster(references={Reference("Secret", "a"): GONE})
    (finding,) = cluster.apply(app({**WEB, **spec})).findings
    assert finding.message.endswith(f"create it, or correct the name in {fields}.")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"size": "5Gi"}, "asks for a size of 5Gi"),
        # What "use ReadWriteOnce" would say is refused by the API server: the field cannot change.
        ({"accessMode": "ReadWriteMany"}, "take it out, and add it anew with 'ReadWriteOnce'."),
    ],
)
def test_a_claim_that_cannot_become_what_is_asked_for(more: dict[str, Any], words: str) -> None:
    disk = {"name": "data", "path": "/data", "size": "10Gi"}
    cluster = Cluster()
    cluster.settle(app({**WEB, "volumes": [disk]}))
    assert ObjectRef(PERSISTENT_VOLUME_CLAIM.id, "acme", "shop-data") in cluster.children
    (finding,) = cluster.apply(app({**WEB, "volumes": [{**disk, **more}]})).findings
    assert words in finding.message


def unscheduled(words: str) -> Manifest:
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "message": words}])


def test_an_architecture_that_no_node_has() -> None:
    cluster, resource = rolling()
    cluster.deployment()["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/arch": "arm64"}
    cluster.pods = (
        unscheduled("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
    )
    assert "It asks for arch: arm64; choose another" in first(cluster, resource).message
    cluster.pods = (unscheduled("0/3 nodes are available: 3 Insufficient memory."),)
    assert "arch" not in first(cluster, resource).message, "it is not what keeps the pod from a node"


@pytest.mark.parametrize(
    "words",
    [
        'pods "x" is forbidden: maximum memory usage per Container is 128Mi, but limit is 256Mi',
        'pods "x" is forbidden: minimum memory usage per Pod is 1Gi, but request is 268435456',
        'pods "x" is forbidden: memory max limit to request ratio per Pod is 1, but no request is set',
    ],
)
def test_a_limit_range(words: str) -> None:
    cluster, resource = rolling(
        conditions=[{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}]
    )
    assert "Change size or resources, or have the LimitRange changed." in first(cluster, resource).message
