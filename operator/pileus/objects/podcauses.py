"""Why pods do not run: the leaf cause, from what kubelet and scheduler wrote into the pods' statuses.

The words are made to stay the same while the trouble stays the same: kubelet alternates between two
names for one failure and counts retries, and every change of a status is a write and an Event. So both
names become one reason, and counts, back-off times and uids are left out. Total on any JSON.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pileus.engine.conditions import Reason
from pileus.engine.plan import Manifest
from pileus.objects.reading import at, condition, items, mapping, number, sentence, text
from pileus.objects.times import elapsed, instant

GRACE = 30.0
"""Seconds that a container may run, or its pod be prepared, before it is news that it is not ready."""

SHORT = 60.0
"""Seconds: a container that was started anew after a shorter run is not trusted for `GRACE`."""


class PodReason(StrEnum):
    """Reasons that pods give. They are API: never renamed."""

    IMAGE_PULL = "ImagePullBackOff"
    INVALID_IMAGE = "InvalidImageName"
    CONFIG_ERROR = "CreateContainerConfigError"
    CONTAINER_ERROR = "CreateContainerError"
    START_ERROR = "StartError"
    OOM_KILLED = "OOMKilled"
    CRASH_LOOP = "CrashLoopBackOff"
    UNSCHEDULABLE = "Unschedulable"
    NOT_PREPARED = "ContainerCreating"
    READINESS_FAILING = "ReadinessFailing"
    STARTUP_FAILING = "StartupFailing"
    POD_SECURITY = "PodSecurityViolation"
    FAILED_CREATE = "FailedCreate"


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """One leaf cause; the smallest by rank and pod name is the one to tell."""

    rank: int
    pod: str
    reason: str
    message: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class Causes:
    """What was found: the cause to tell, and seconds after which time alone may bring one."""

    first: Cause | None = None
    recheck_after: float | None = None


_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull"})
_START = frozenset({"RunContainerError", "StartError", "ContainerCannotRun"})
_ORDER = tuple(PodReason)

# What the scheduler says of preemption and of devices, which no user asked for.
_SCHEDULER_ASIDES = re.compile(r"[.,]?\s*(no new claims to deallocate|preemption:).*$", re.DOTALL)

_REGISTRY_WORDS = (
    (r"not ?found|manifest unknown|does not exist", "the registry does not have it"),
    (r"unauthorized|denied|forbidden|authenticat|no basic auth", "the registry refuses access to it"),
    (r"no such host|timeout|refused|unreachable|dial tcp|lookup", "the registry cannot be reached"),
    (r"no match for platform|no matching manifest", "it is not there for this node's architecture"),
    (r"NeverPull|pull policy", "it is not on the node and may not be pulled"),
)


def find(pods: Iterable[Manifest], now: dt.datetime) -> Causes:
    """The cause to tell among these pods of one version."""
    found: list[Cause] = []
    waits: list[float] = []
    for pod in _living(pods):
        name = text(pod, "metadata", "name")
        found += _of_pod(pod, name)
        if (since := _unprepared(pod)) and (left := GRACE - elapsed(since, now)) > 0:
            waits.append(left)
        elif since:
            words = f"Pod {name!r} does not start, since kubelet is not done with its volumes and network."
            found.append(_cause(PodReason.NOT_PREPARED, name, words))
        for status in _statuses(pod):
            since = text(status, "state", "running", "startedAt")
            if not since or status.get("ready") is not False:
                continue
            left = GRACE - elapsed(since, now)
            if left > 0:
                waits.append(left)
            elif (reason := _unready(status)) is not None:
                found.append(_cause(reason, name, _unready_words(reason, status, name), status))
    return Causes(min(found, default=None), min(waits, default=None))


def refused(words: str) -> tuple[str, str]:
    """Why the API server lets nobody make a pod: a reason, and its words without the pod's passing name."""
    said = re.sub(r'pods "[^"]*" is forbidden: ', "", words).rstrip(". ")
    if "exceeded quota" in said or "failed quota" in said:
        return Reason.QUOTA_EXCEEDED, said
    return (PodReason.POD_SECURITY if "PodSecurity" in said else PodReason.FAILED_CREATE), said


def restless(pods: Iterable[Manifest], now: dt.datetime) -> Causes:
    """Of pods that all seem well: the one that has only just begun again after a run as short as that.

    Without a check that asks, a container counts as ready whenever it runs, also between two crashes.
    """
    found: list[Cause] = []
    waits: list[float] = []
    for pod in _living(pods):
        for status in _statuses(pod):
            left = GRACE - elapsed(text(status, "state", "running", "startedAt"), now)
            last = mapping(status, "lastState", "terminated")
            if left <= 0 or not mapping(status, "state", "running") or not _short(last):
                continue
            found.append(_ended(last, status, pod))
            waits.append(left)
    return Causes(min(found, default=None), max(waits, default=None))


def _living(pods: Iterable[Manifest]) -> Iterator[Manifest]:
    for pod in pods:
        over = text(pod, "status", "phase") in ("Succeeded", "Failed")
        if not over and not text(pod, "metadata", "deletionTimestamp"):
            yield pod


def _cause(reason: str, pod: str, message: str, status: Mapping[str, Any] | None = None) -> Cause:
    return Cause(_rank(reason), pod, reason, message, text(status, "name"))


def _rank(reason: str) -> int:
    return _ORDER.index(PodReason(reason))


def _statuses(pod: Manifest) -> tuple[Mapping[str, Any], ...]:
    return items(pod, "status", "initContainerStatuses") + items(pod, "status", "containerStatuses")


def _of_pod(pod: Manifest, name: str) -> Iterator[Cause]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        words = _SCHEDULER_ASIDES.sub("", text(scheduled, "message")).rstrip(". ") or "no node fits"
        yield _cause(PodReason.UNSCHEDULABLE, name, f"Pod {name!r} cannot be scheduled: {words}.")
    for status in _statuses(pod):
        if (waiting := _waiting(status, name)) is not None:
            yield _cause(*waiting, status)
        elif (crashed := _crashed(status, pod)) is not None:
            yield crashed


def _unprepared(pod: Manifest) -> str:
    """Since when kubelet has been busy with the pod's volumes and network; empty if it is not."""
    prepared = condition(pod, "PodReadyToStartContainers")
    return text(prepared, "lastTransitionTime") if prepared.get("status") == "False" else ""


def _waiting(status: Mapping[str, Any], pod: str) -> tuple[str, str, str] | None:
    container, image = text(status, "name"), text(status, "image")
    reason, words = text(status, "state", "waiting", "reason"), text(status, "state", "waiting", "message")
    where = f"container {container!r} of pod {pod!r}"
    if reason in _PULL:
        why = next(
            (
                say
                for pattern, say in _REGISTRY_WORDS
                if re.search(pattern, f"{reason} {words}", re.IGNORECASE)
            ),
            "",
        )
        return (
            PodReason.IMAGE_PULL,
            pod,
            f"Image {image!r} for {where} cannot be pulled{': ' if why else ''}{why}.",
        )
    if reason == "InvalidImageName":
        return PodReason.INVALID_IMAGE, pod, f"{image!r} for {where} is not the name of an image."
    if reason == "CreateContainerConfigError":
        return PodReason.CONFIG_ERROR, pod, f"The {where} cannot be made: {_steady(words)}."
    if reason in ("CreateContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError"):
        return PodReason.CONTAINER_ERROR, pod, f"The {where} cannot be made: {_steady(words)}."
    if reason in _START:
        return PodReason.START_ERROR, pod, f"The {where} cannot be started: {_steady(words)}."
    return None


def _crashed(status: Mapping[str, Any], pod: Manifest) -> Cause | None:
    """Also while it runs again for a moment: it is the same trouble until it is ready or done."""
    if status.get("ready") is True:
        return None
    ended = mapping(status, "state", "terminated") or mapping(status, "lastState", "terminated")
    if not ended:
        return None
    # An init container may end with 0, and so may any when its node starts anew.
    service = status in items(pod, "status", "containerStatuses") and _short(ended)
    if number(ended, "exitCode") == 0 and not (service or _backing_off(status)):
        return None
    return _ended(ended, status, pod)


def _ended(ended: Mapping[str, Any], status: Mapping[str, Any], pod: Manifest) -> Cause:
    """In the words of how it ended."""
    name, container = text(pod, "metadata", "name"), text(status, "name")
    code, reason = number(ended, "exitCode"), text(ended, "reason")
    where = f"Container {container!r} of pod {name!r}"
    if reason == "OOMKilled":
        words = f"{where} was killed, since it used more memory than its limit."
        return _cause(PodReason.OOM_KILLED, name, words, status)
    if reason in _START:
        words = f"{where} cannot be started: {_steady(text(ended, 'message'))}."
        return _cause(PodReason.START_ERROR, name, words, status)
    said = f" ({_steady(text(ended, 'message'))})" if text(ended, "message") else ""
    words = f"{where} ends again and again, with exit code {code}{said}."
    return _cause(PodReason.CRASH_LOOP, name, words, status)


def _short(ended: Mapping[str, Any]) -> bool:
    """True if the run that ended was a short one."""
    start, end = instant(text(ended, "startedAt")), instant(text(ended, "finishedAt"))
    return start is not None and end is not None and (end - start).total_seconds() < SHORT


def _backing_off(status: Mapping[str, Any]) -> bool:
    return text(status, "state", "waiting", "reason") == "CrashLoopBackOff"


def _unready(status: Mapping[str, Any]) -> str | None:
    if _crashed(status, {}) is not None:
        return None
    return PodReason.STARTUP_FAILING if at(status, "started") is False else PodReason.READINESS_FAILING


def _unready_words(reason: str, status: Mapping[str, Any], pod: str) -> str:
    check = "startup" if reason == PodReason.STARTUP_FAILING else "readiness"
    return f"Container {text(status, 'name')!r} of pod {pod!r} runs, but its {check} check fails."


def _steady(words: str) -> str:
    """Without what changes between two tries: the pod's uid and times."""
    words = re.sub(r"\s*\(pod: \"[^\"]*\", container: [^)]*\)", "", words)
    words = re.sub(r"back-off \S+ restarting failed container.*", "", words)
    words = re.sub(r"\b[0-9a-f]{12,64}\b", "…", words)
    return sentence(words) or "kubelet gives no reason"
