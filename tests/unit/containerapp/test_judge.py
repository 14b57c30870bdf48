"""Leaf causes: what the user reads for each trouble that a pod, a quota or a claim can have."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.conditions import summarize
from pileus.engine.plan import Finding, Manifest, ObjectRef
from pileus.engine.world import Resource
from pileus.objects.catalog import PERSISTENT_VOLUME_CLAIM
from tests.unit.containerapp.apps import LONG_AGO, NOW, WEB, Cluster, app

YOUNG = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
Status = dict[str, Any]


def pod(name: str = "shop-x", version: str = "0", track: str = "stable", **status: Any) -> Manifest:
    labels = {"pileus.dev/track": track, "pod-template-hash": version}
    return {"metadata": {"name": name, "labels": labels}, "status": status}


def container(name: str = "app", *, ready: bool = False, started: bool = True, **state: Any) -> Status:
    return {"name": name, "image": "shop:9", "ready": ready, "started": started, **state}


def waiting(reason: str, message: str = "") -> Status:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(
    reason: str = "Error", code: int = 1, message: str = "", *, started: str = LONG_AGO, finished: str = YOUNG
) -> Status:
    times = {"startedAt": started, "finishedAt": finished}
    return {"terminated": {"reason": reason, "exitCode": code, "message": message, **times}}


def rolling(**status: Any) -> tuple[Cluster, Resource]:
    """Version 2 is being rolled out, one old pod serves."""
    cluster, resource = Cluster(), app({**WEB, "image": "shop:9"})
    cluster.settle(resource)
    live = cluster.deployment()
    live["status"] |= {"availableReplicas": 0, "readyReplicas": 0, "updatedReplicas": 1, **status}
    return cluster, resource


def first(cluster: Cluster, resource: Resource) -> Finding:
    return cluster.judge(resource).findings[0]


@pytest.mark.parametrize(
    ("status", "expected", "words"),
    [
        pytest.param(
            container(**waiting("ErrImagePull", 'failed to resolve "shop:9": not found')),
            "ImagePullBackOff",
            (
                "Image 'shop:9' for container 'app' of pod 'shop-x' cannot be pulled: the registry does "
                "not have it."
            ),
            id="an image that is not there",
        ),
        pytest.param(
            container(
                **waiting("ImagePullBackOff", 'Back-off pulling image "shop:9": ErrImagePull: not found')
            ),
            "ImagePullBackOff",
            (
                "Image 'shop:9' for container 'app' of pod 'shop-x' cannot be pulled: the registry does "
                "not have it."
            ),
            id="the same between two tries, in the same words",
        ),
        pytest.param(
            container(**waiting("ErrImagePull", "401 Unauthorized")),
            "ImagePullBackOff",
            "the registry refuses access to it",
            id="a private registry",
        ),
        pytest.param(
            container(**waiting("ErrImagePull", "dial tcp: lookup ghcr.io: no such host")),
            "ImagePullBackOff",
            "the registry cannot be reached",
            id="no network",
        ),
        pytest.param(
            container(**waiting("InvalidImageName", "couldn't parse")),
            "InvalidImageName",
            "not the name of an image",
            id="no image's name",
        ),
        pytest.param(
            container(**waiting("CreateContainerConfigError", 'secret "shop" not found')),
            "CreateContainerConfigError",
            'secret "shop" not found',
            id="a missing Secret",
        ),
        pytest.param(
            container(
                **waiting(
                    "CreateContainerConfigError",
                    "container has runAsNonRoot and image will run as root "
                    '(pod: "shop-x_acme(1b2c)", container: app)',
                )
            ),
            "CreateContainerConfigError",
            "image will run as root. Set user to a number other than 0 that the image works with",
            id="an image that runs as root; without the pod's uid",
        ),
        pytest.param(
            container(
                **waiting("CrashLoopBackOff", "back-off 40s restarting failed container"),
                lastState=ended(code=3),
            ),
            "CrashLoopBackOff",
            "with exit code 3. Its log says why: kubectl logs shop-x -c app --previous.",
            id="a crash, in the pause",
        ),
        pytest.param(
            container(state={"running": {"startedAt": YOUNG}}, lastState=ended(code=3)),
            "CrashLoopBackOff",
            "Container 'app' of pod 'shop-x' ends again and again, with exit code 3.",
            id="a crash, while it runs again for a moment",
        ),
        pytest.param(
            container(state=ended(code=3)), "CrashLoopBackOff", "with exit code 3", id="a crash, just now"
        ),
        pytest.param(
            container(**waiting("CrashLoopBackOff"), lastState=ended("Completed", 0)),
            "CrashLoopBackOff",
            "with exit code 0",
            id="a program that ends at once is no service",
        ),
        pytest.param(
            container(state=ended("Completed", 0, started=LONG_AGO, finished=LONG_AGO)),
            "CrashLoopBackOff",
            "with exit code 0",
            id="the same, before kubelet begins to wait",
        ),
        pytest.param(
            container(state={"running": {"startedAt": YOUNG}}, lastState=ended("Completed", 0)),
            "Progressing",
            "is being rolled out",
            id="it ended well after a long run, when its node was started anew",
        ),
        pytest.param(
            container(**waiting("CrashLoopBackOff"), lastState=ended("OOMKilled", 137)),
            "OOMKilled",
            "more memory than its limit. Choose a larger size",
            id="too little memory",
        ),
        pytest.param(
            container(
                **waiting("CrashLoopBackOff"),
                lastState=ended("StartError", 128, 'exec: "/app/shop": no such file'),
            ),
            "StartError",
            'exec: "/app/shop": no such file. Correct command',
            id="a command that is not there",
        ),
        pytest.param(
            container(**waiting("RunContainerError", 'exec: "/app/shop": no such file')),
            "StartError",
            'exec: "/app/shop": no such file. Correct command',
            id="the same at the first try",
        ),
        pytest.param(
            container(state={"running": {"startedAt": LONG_AGO}}),
            "ReadinessFailing",
            "its readiness check fails. Correct the app, or port and health.ready.",
            id="it runs, and is not ready for long",
        ),
        pytest.param(
            container(started=False, state={"running": {"startedAt": LONG_AGO}}),
            "StartupFailing",
            "its startup check fails",
            id="it runs, and has not started for long",
        ),
        pytest.param(
            container(state={"running": {"startedAt": YOUNG}}),
            "Progressing",
            "is being rolled out",
            id="it has only just begun",
        ),
        pytest.param(
            container(**waiting("ContainerCreating")), "Progressing", "is being rolled out", id="on its way"
        ),
        pytest.param(
            container(ready=True, state={"running": {}}),
            "Progressing",
            "is being rolled out",
            id="this one is well",
        ),
    ],
)
def test_a_container(status: Status, expected: str, words: str) -> None:
    cluster, resource = rolling()
    cluster.pods = (pod(containerStatuses=[status]),)

    finding = first(cluster, resource)

    assert expected == finding.reason
    assert words in finding.message
    assert not finding.stalled, "Kubernetes still tries"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(
            container(ready=True, state={"running": {"startedAt": YOUNG}}, lastState=ended(started=YOUNG)),
            ["CrashLoopBackOff"],
            id="without a check it counts as ready between two crashes",
        ),
        pytest.param(
            container(ready=True, state={"running": {"startedAt": LONG_AGO}}, lastState=ended(started=YOUNG)),
            [],
            id="it has been running for a while",
        ),
        pytest.param(
            container(ready=True, state={"running": {"startedAt": YOUNG}}, lastState=ended(code=137)),
            [],
            id="one crash after a long run is past when it serves again",
        ),
        pytest.param(container(ready=True, state={"running": {"startedAt": YOUNG}}), [], id="its first run"),
    ],
)
def test_what_runs_only_between_two_crashes_is_not_ready(status: Status, expected: list[str]) -> None:
    cluster, resource = Cluster(), app({**WEB, "image": "shop:9"})
    cluster.settle(resource)
    cluster.pods = (pod(containerStatuses=[status]),)
    verdict = cluster.judge(resource)
    assert [str(finding.reason) for finding in verdict.findings] == expected
    assert (verdict.recheck_after is not None) == bool(expected), "time alone ends it"


def test_a_liveness_check_is_named_where_there_is_one() -> None:
    cluster, resource = rolling()
    template = cluster.deployment()["spec"]["template"]["spec"]
    template["containers"][0]["livenessProbe"] = {"httpGet": {"path": "/live"}}
    crashing = container(**waiting("CrashLoopBackOff"), lastState=ended(code=0))
    cluster.pods = (pod(containerStatuses=[crashing]),)
    assert "health.live" in first(cluster, resource).message


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param(YOUNG, "Progressing", id="it has only just been placed"),
        pytest.param(LONG_AGO, "ContainerCreating", id="kubelet does not get on"),
    ],
)
def test_a_volume_that_is_not_mounted(since: str, expected: str) -> None:
    cluster, resource = rolling()
    unprepared = {"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": since}
    template = cluster.deployment()["spec"]["template"]["spec"]
    template["volumes"] = [{"name": "cfg", "configMap": {"name": "settings"}}]
    waits = container(**waiting("ContainerCreating"))
    cluster.pods = (pod(conditions=[unprepared], containerStatuses=[waits]),)
    finding = first(cluster, resource)
    assert finding.reason == expected
    assert ("ConfigMap 'settings'" in finding.message) == (expected == "ContainerCreating")


def test_an_init_container_is_found_too() -> None:
    cluster, resource = rolling()
    init = container("migrate", **waiting("CrashLoopBackOff"), lastState=ended(code=2))
    cluster.pods = (
        pod(initContainerStatuses=[init], containerStatuses=[container(**waiting("PodInitializing"))]),
    )
    assert "'migrate'" in first(cluster, resource).message


def test_a_finished_init_container_is_no_crash() -> None:
    cluster, resource = rolling()
    init = container("migrate", ready=True, state=ended("Completed", 0))
    cluster.pods = (pod(initContainerStatuses=[init]),)
    assert first(cluster, resource).reason == "Progressing"


def test_the_schedulers_words() -> None:
    cluster, resource = rolling()
    words = (
        "0/3 nodes are available: 3 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes "
        "are available: 3 No preemption victims found for incoming pod."
    )
    cluster.pods = (pod(conditions=[{"type": "PodScheduled", "status": "False", "message": words}]),)
    finding = first(cluster, resource)
    assert finding.reason == "Unschedulable"
    assert "0/3 nodes are available: 3 Insufficient memory. Ask for less" in finding.message


def test_old_pods_are_no_cause() -> None:
    """The broken version is being replaced: its pods' trouble is past, the new pods' is not."""
    cluster, resource = rolling()
    cluster.pods = (
        pod("a-old", "7", containerStatuses=[container(**waiting("ImagePullBackOff", "not found"))]),
    )
    assert first(cluster, resource).reason == "Progressing"


def test_dying_and_dead_pods_are_no_cause() -> None:
    cluster, resource = rolling()
    broken = container(**waiting("ImagePullBackOff", "not found"))
    dying = pod("a", containerStatuses=[broken])
    dying["metadata"]["deletionTimestamp"] = LONG_AGO
    cluster.pods = (dying, pod("b", phase="Failed", reason="Evicted", containerStatuses=[broken]))
    assert first(cluster, resource).reason == "Progressing"


def test_the_same_cause_is_told_whatever_the_order() -> None:
    cluster, resource = rolling()
    pods = tuple(
        pod(name, containerStatuses=[status])
        for name, status in (
            ("c", container(state={"running": {"startedAt": LONG_AGO}})),
            ("b", container(**waiting("ImagePullBackOff", "not found"))),
            ("a", container(**waiting("CrashLoopBackOff"), lastState=ended())),
        )
    )
    told = set()
    for order in (pods, pods[::-1], pods[1:] + pods[:1]):
        cluster.pods = order
        told.add(first(cluster, resource).message)
    assert len(told) == 1
    assert "pod 'b'" in told.pop(), "what keeps it from starting comes before what stops it"


@pytest.mark.parametrize(
    ("words", "expected", "told"),
    [
        (
            'pods "shop-5d4-abcde" is forbidden: exceeded quota: small, requested: limits.memory=256Mi, '
            "used: limits.memory=1Gi, limited: limits.memory=1Gi",
            "QuotaExceeded",
            "exceeded quota: small, requested: limits.memory=256Mi",
        ),
        (
            'pods "shop-5d4-fghij" is forbidden: violates PodSecurity "restricted:latest"',
            "PodSecurityViolation",
            "violates PodSecurity",
        ),
        ('pods "shop-5d4-klmno" is forbidden: no PriorityClass', "FailedCreate", "no PriorityClass"),
    ],
)
def test_pods_that_may_not_be_made(words: str, expected: str, told: str) -> None:
    cluster, resource = rolling(
        conditions=[{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}]
    )
    finding = first(cluster, resource)
    assert expected == finding.reason
    assert told in finding.message
    assert "shop-5d4" not in finding.message, "a new name at each try would be a new status at each try"


OVERDUE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


@pytest.mark.parametrize(
    ("status", "pods", "expected", "stalled", "reason"),
    [
        ({"conditions": [OVERDUE]}, (), "ProgressDeadlineExceeded", True, "no cause is to be seen"),
        (
            {"conditions": [OVERDUE]},
            (pod(containerStatuses=[container(**waiting("ErrImagePull", "not found"))]),),
            "ImagePullBackOff",
            True,
            "the leaf cause, now terminal",
        ),
        (
            {
                "conditions": [
                    OVERDUE,
                    {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"},
                ]
            },
            (),
            "QuotaExceeded",
            False,
            "a quota that is raised lets Kubernetes go on by itself",
        ),
        (
            {"conditions": [OVERDUE], "observedGeneration": 0},
            (),
            "Progressing",
            False,
            "said of an earlier spec",
        ),
    ],
)
def test_no_progress_for_too_long(
    status: Status, pods: tuple[Manifest, ...], expected: str, stalled: bool, reason: str
) -> None:
    cluster, resource = rolling(**status)
    cluster.pods = pods
    finding = first(cluster, resource)
    assert (expected, stalled) == (finding.reason, finding.stalled), reason


def test_a_status_of_an_earlier_spec_counts_for_nothing() -> None:
    cluster, resource = Cluster(), app()
    cluster.settle(resource)
    assert cluster.judge(resource).findings == ()
    cluster.deployment()["metadata"]["generation"] += 1
    assert first(cluster, resource).reason == "Progressing"


def test_no_controllers_no_change() -> None:
    """Children that nobody reports on: the same verdict every time."""
    cluster, resource = Cluster(), app()
    cluster.apply(resource)
    before = cluster.judge(resource)
    cluster.apply(resource)
    assert before == cluster.judge(resource)
    assert before.findings[0].reason == "Progressing"
    assert before.recheck_after is None


@pytest.mark.parametrize(
    ("claim", "expected", "stalled", "reason"),
    [
        ({"status": {"phase": "Pending"}}, "VolumePending", False, "nobody gives volumes"),
        (
            {"status": {"phase": "Pending"}, "metadata": {"creationTimestamp": YOUNG}},
            "Progressing",
            False,
            "it is new",
        ),
        ({"status": {"phase": "Lost"}}, "VolumeLost", True, "the data are gone"),
        ({"status": {"phase": "Bound"}}, "Unschedulable", False, "the volume is not to blame"),
    ],
)
def test_a_claim(claim: Manifest, expected: str, stalled: bool, reason: str) -> None:
    cluster = Cluster()
    resource = app({**WEB, "volumes": [{"name": "data", "path": "/data", "size": "1Gi"}]})
    cluster.settle(resource)
    cluster.deployment()["status"]["availableReplicas"] = 0
    live = cluster.children[ObjectRef(PERSISTENT_VOLUME_CLAIM.id, "acme", "shop-data")]
    live["metadata"] |= claim.get("metadata", {})
    live["status"] = claim["status"]
    cluster.pods = (
        pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "unbound claims"}]),
    )
    finding = first(cluster, resource)
    assert (expected, stalled) == (finding.reason, finding.stalled), reason


def test_status_fields() -> None:
    cluster, resource = Cluster(), app({**WEB, "replicas": 3})
    cluster.settle(resource)
    cluster.deployment()["status"]["readyReplicas"] = 4  # in the middle of a rollout
    fields = cluster.judge(resource).fields
    assert fields["replicas"] == {"ready": 3, "desired": 3, "summary": "3/3"}
    assert fields["revision"] == 1
    assert fields["internalUrl"] == "http://shop.acme.svc.cluster.local:8080/"
    assert "url" not in fields
    assert "rollout" not in fields


def test_a_canary_in_trouble_says_where_it_stands() -> None:
    canary = {
        **WEB,
        "expose": {"hosts": ["shop.acme.dev"], "tls": "None"},
        "rollout": {"strategy": "Canary", "steps": [{"weight": 10, "pause": "5m"}]},
    }
    cluster = Cluster()
    cluster.settle(app(canary))
    two = app({**canary, "image": "shop:2"})
    cluster.apply(two)
    cluster.roll_out()
    cluster.apply(two)
    verdict = cluster.judge(two)
    assert verdict.fields["rollout"] == {"strategy": "Canary", "step": 1, "weight": 10}
    assert "gets 10 % of the requests" in verdict.findings[0].message
    assert verdict.findings[0].reason == "Progressing"

    cluster.deployment("shop-next")["status"]["availableReplicas"] = 0
    crash = container(**waiting("CrashLoopBackOff"), lastState=ended())
    cluster.pods = (pod("n", "1", "next", containerStatuses=[crash]),)
    finding = cluster.judge(two).findings[0]
    assert finding.reason == "CrashLoopBackOff"
    assert finding.message.startswith("Canary: the new version gets 10 % of the requests and no more")
    ready, *_ = summarize(cluster.judge(two).findings)
    assert (ready.status, ready.reason) == ("False", "CrashLoopBackOff")
