"""ContainerApps that the API server takes and that cannot work: the Ready condition says why.

Most causes are real: the scheduler, quotas, limit ranges, missing objects, missing features. What only
a kubelet finds out is played by writing a pod's status as it would: those rows have `kubelet`.
"""

from __future__ import annotations

from typing import Any

from pileus.engine.plan import Manifest
from tests.campaign.subject import Spec, Wrong

WEB: Spec = {"image": "registry.example/app:1", "port": 8080, "replicas": 1}
HOSTS: Spec = {"hosts": ["shop.example.dev"]}
LONG_AGO = "2026-01-01T00:00:00Z"


def _told(
    name: str, reason: str, field: str, remedy: str, spec: Spec, mended: Spec | None = None, **more: Any
) -> Wrong:
    return Wrong(name, {**WEB, **spec}, field, remedy, reason, {**WEB, **(mended or {})}, **more)


def _quota(**hard: str) -> tuple[Manifest, ...]:
    body = {"hard": {key.replace("_", "."): value for key, value in hard.items()}}
    return ({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": body},)


def _limits(**entry: Any) -> tuple[Manifest, ...]:
    limit = {"type": "Container", **entry}
    return (
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "narrow"},
            "spec": {"limits": [limit]},
        },
    )


def _waiting(reason: str, words: str, container: str = "app") -> Manifest:
    return {container: {"state": {"waiting": {"reason": reason, "message": words}}}}


def _running(*, started: bool) -> Manifest:
    return {"app": {"state": {"running": {"startedAt": LONG_AGO}}, "started": started}}


def _crashed(reason: str, code: int) -> Manifest:
    ended = {"reason": reason, "exitCode": code, "startedAt": LONG_AGO, "finishedAt": "2026-01-01T00:00:01Z"}
    return {
        "app": {
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
            "lastState": {"terminated": ended},
        }
    }


def _disk(size: str, **more: Any) -> Spec:
    return {"volumes": [{"name": "data", "path": "/data", "size": size, **more}]}


MISSING = "correct the name in"
NOT_FOUND = "rpc error: code = NotFound desc = failed to pull and unpack image: not found"
PLAIN = (("PILEUS_GATEWAY", "campaign-gateway/plain"),)
NOWHERE = (("PILEUS_GATEWAY", ""), ("PILEUS_INGRESS_CLASS", ""))
NO_ISSUER = (("PILEUS_CLUSTER_ISSUER", ""),)
OPEN: Spec = {"expose": {**HOSTS, "tls": "None"}}

TOLD: tuple[Wrong, ...] = (
    # what is not there
    _told(
        "a Secret that is not there",
        "ReferenceMissing",
        "envFrom",
        MISSING,
        {"envFrom": [{"secret": "none"}]},
    ),
    _told(
        "a ConfigMap that is not there",
        "ReferenceMissing",
        "volumes",
        MISSING,
        {"volumes": [{"name": "c", "path": "/c", "configMap": "none"}]},
    ),
    _told(
        "a sidecar's Secret that is not there",
        "ReferenceMissing",
        "sidecars.envFrom",
        MISSING,
        {"sidecars": [{"name": "log", "image": "log:1", "envFrom": [{"secret": "none"}]}]},
    ),
    _told(
        "a storage class that is not there",
        "VolumePending",
        "volumes[].storageClass",
        "name another",
        _disk("1Gi", storageClass="none"),
        slow=True,
    ),
    _told(
        "a Bucket that is not there",
        "BindingMissing",
        "bindings",
        "create it",
        {"bindings": [{"bucket": "a"}]},
    ),
    _told("a revision that is not there", "RevisionNotFound", "rollbackTo", "There are:", {"rollbackTo": 7}),
    # what the nodes do not have
    _told(
        "a GPU that no node has",
        "Unschedulable",
        "resources",
        "have nodes added",
        {"resources": {"gpu": {"class": "example.dev/gpu"}}},
    ),
    _told("an architecture that no node has", "Unschedulable", "arch", "choose another", {"arch": "arm64"}),
    _told(
        "more memory than a node has",
        "Unschedulable",
        "resources",
        "Ask for less",
        {"resources": {"memory": "1Pi"}},
    ),
    # what the namespace does not allow
    _told(
        "more pods than the quota allows",
        "QuotaExceeded",
        "replicas",
        "have the quota raised",
        {"replicas": 2},
        beside=_quota(pods="1"),
    ),
    _told(
        "more memory than the quota allows",
        "QuotaExceeded",
        "size",
        "have the quota raised",
        {"size": "xlarge"},
        beside=_quota(requests_memory="1Gi"),
    ),
    _told(
        "more memory than the LimitRange allows",
        "FailedCreate",
        "size",
        "LimitRange",
        {"size": "large"},
        beside=_limits(max={"memory": "1Gi"}),
    ),
    _told(
        "less memory than the LimitRange asks for",
        "FailedCreate",
        "resources",
        "LimitRange",
        {"resources": {"memory": "16Mi"}},
        beside=_limits(min={"memory": "64Mi"}),
    ),
    # what a claim that was kept cannot become
    _told(
        "a kept claim that would shrink",
        "VolumeShrink",
        "volumes[].size",
        "2Gi or more",
        _disk("1Gi"),
        _disk("2Gi"),
        before={**WEB, **_disk("2Gi")},
    ),
    _told(
        "a kept claim of another mode",
        "VolumeFixed",
        "volumes[].accessMode",
        "another name",
        _disk("2Gi", accessMode="ReadWriteMany"),
        {"volumes": [{"name": "more", "path": "/data", "size": "2Gi", "accessMode": "ReadWriteMany"}]},
        before={**WEB, **_disk("2Gi")},
    ),
    # what the cluster's gateway and engines lack
    _told(
        "an allow-list for a gateway that has none",
        "GatewayLacksFeature",
        "expose.allowFrom",
        "Remove allowFrom",
        {"expose": {**HOSTS, "tls": "None", "allowFrom": ["203.0.113.0/24"]}},
        OPEN,
        settings=PLAIN,
    ),
    _told(
        "hosts without gateway or ingress class",
        "EngineMissing",
        "expose.hosts",
        "chart values",
        OPEN,
        settings=NOWHERE,
    ),
    _told(
        "a canary without a gateway",
        "EngineMissing",
        "rollout.strategy",
        "use strategy: Rolling",
        {**OPEN, "rollout": {"strategy": "BlueGreen"}},
        settings=NOWHERE,
    ),
    _told(
        "a certificate without an issuer",
        "EngineMissing",
        "expose.tls",
        "Set tls: None",
        {"expose": HOSTS},
        OPEN,
        settings=NO_ISSUER,
    ),
    # what only a kubelet finds out: played
    _told(
        "played: an image that the registry does not have",
        "ImagePullBackOff",
        "image",
        "Correct the image's name",
        {"image": "registry.example/app:404"},
        kubelet=_waiting("ErrImagePull", NOT_FOUND),
    ),
    _told(
        "played: a private image without pullSecrets",
        "ImagePullBackOff",
        "pullSecrets",
        "name its Secret",
        {"image": "registry.example/secret:1"},
        {"image": "registry.example/secret:1", "pullSecrets": ["registry"]},
        kubelet=_waiting("ImagePullBackOff", "401 Unauthorized"),
    ),
    _told(
        "played: a sidecar's image that is not there",
        "ImagePullBackOff",
        "sidecars[].image",
        "'log'",
        {"sidecars": [{"name": "log", "image": "log:404"}]},
        kubelet=_waiting("ErrImagePull", NOT_FOUND, "log"),
    ),
    _told(
        "played: no image's name",
        "InvalidImageName",
        "image",
        "Correct the image's name",
        {"image": "Registry/APP"},
        kubelet=_waiting("InvalidImageName", "couldn't parse image name"),
    ),
    _told(
        "played: an image that runs as root",
        "CreateContainerConfigError",
        "user",
        "such as 1000",
        {"image": "root:1"},
        {"image": "root:1", "user": 1000},
        kubelet=_waiting(
            "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"
        ),
    ),
    _told(
        "played: a command that the image does not have",
        "StartError",
        "command",
        "Correct command",
        {"command": ["/nope"]},
        kubelet=_waiting("RunContainerError", 'exec: "/nope": no such file or directory'),
    ),
    _told(
        "played: too little memory",
        "OOMKilled",
        "resources.memory",
        "larger size",
        {"resources": {"memory": "16Mi"}},
        kubelet=_crashed("OOMKilled", 137),
    ),
    _told(
        "played: a port that the app does not listen on",
        "ReadinessFailing",
        "port",
        "health.ready",
        {"port": 81},
        kubelet=_running(started=True),
    ),
    _told(
        "played: a start that takes longer",
        "StartupFailing",
        "health.startup.within",
        "more time",
        {"health": {"startup": {"within": "5s"}}},
        {"health": {"startup": {"within": "5m"}}},
        kubelet=_running(started=False),
    ),
    _told(
        "played: a liveness check that kills",
        "CrashLoopBackOff",
        "health.live",
        "kubectl logs",
        {"health": {"live": {"path": "/live"}}},
        kubelet=_crashed("Error", 137),
    ),
)
