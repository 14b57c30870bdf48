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

from pileus.engine.plan import Manifest
from pileus.objects.reading import at, condition, items, mapping, number, text
from pileus.objects.times import elapsed

GRACE = 30.0
"""Seconds that a container may run before it is news that it is not ready."""


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
    READINESS_FAILING = "ReadinessFailing"
    STARTUP_FAILING = "StartupFailing"


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """One leaf cause; the smallest by rank and pod name is the one to tell."""

    rank: int
    pod: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Causes:
    """What was found: the cause to tell, and seconds after which time alone may bring one."""

    first: Cause | None = None
    recheck_after: float | None = None


_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ErrImageNeverPull"})
_START = frozenset({"RunContainerError", "StartError", "ContainerCannotRun"})
_ORDER = tuple(PodReason)

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
    for pod in pods:
        if text(pod, "metadata", "deletionTimestamp") or text(pod, "status", "phase") in (
            "Succeeded",
            "Failed",
        ):
            continue
        name = text(pod, "metadata", "name")
        found += (Cause(_rank(r), name, r, m) for r, m in _of_pod(pod, name))
        for status in _statuses(pod):
            since = text(status, "state", "running", "startedAt")
            if not since or status.get("ready") is not False:
                continue
            left = GRACE - elapsed(since, now)
            if left > 0:
                waits.append(left)
            elif (reason := _unready(status)) is not None:
                found.append(Cause(_rank(reason), name, reason, _unready_words(reason, status, name)))
    return Causes(min(found, default=None), min(waits, default=None))


def _rank(reason: str) -> int:
    return _ORDER.index(PodReason(reason))


def _statuses(pod: Manifest) -> tuple[Mapping[str, Any], ...]:
    return items(pod, "status", "initContainerStatuses") + items(pod, "status", "containerStatuses")


def _of_pod(pod: Manifest, name: str) -> Iterator[tuple[str, str]]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        words = text(scheduled, "message") or "no node fits"
        yield PodReason.UNSCHEDULABLE, f"Pod {name!r} cannot be scheduled: {words.rstrip('. ')}."
    for status in _statuses(pod):
        cause = _waiting(status, name) or _crashed(status, name)
        if cause is not None:
            yield cause


def _waiting(status: Mapping[str, Any], pod: str) -> tuple[str, str] | None:
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
            f"Image {image!r} for {where} cannot be pulled{': ' if why else ''}{why}.",
        )
    if reason == "InvalidImageName":
        return PodReason.INVALID_IMAGE, f"{image!r} for {where} is not the name of an image."
    if reason == "CreateContainerConfigError":
        return PodReason.CONFIG_ERROR, f"The {where} cannot be made: {_steady(words)}."
    if reason in ("CreateContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError"):
        return PodReason.CONTAINER_ERROR, f"The {where} cannot be made: {_steady(words)}."
    if reason in _START:
        return PodReason.START_ERROR, f"The {where} cannot be started: {_steady(words)}."
    return None


def _crashed(status: Mapping[str, Any], pod: str) -> tuple[str, str] | None:
    """Also while it runs again for a moment: it is the same trouble until it is ready or done."""
    if status.get("ready") is True:
        return None
    ended = mapping(status, "state", "terminated") or mapping(status, "lastState", "terminated")
    if not ended or (number(ended, "exitCode") == 0 and not _backing_off(status)):
        return None
    container, code, reason = text(status, "name"), number(ended, "exitCode"), text(ended, "reason")
    where = f"Container {container!r} of pod {pod!r}"
    if reason == "OOMKilled":
        return PodReason.OOM_KILLED, f"{where} was killed, since it used more memory than its limit."
    if reason in _START:
        return PodReason.START_ERROR, f"{where} cannot be started: {_steady(text(ended, 'message'))}."
    said = f" ({_steady(text(ended, 'message'))})" if text(ended, "message") else ""
    return PodReason.CRASH_LOOP, f"{where} ends again and again, with exit code {code}{said}."


def _backing_off(status: Mapping[str, Any]) -> bool:
    return text(status, "state", "waiting", "reason") == "CrashLoopBackOff"


def _unready(status: Mapping[str, Any]) -> str | None:
    if _crashed(status, "") is not None:
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
    return " ".join(words.split()).rstrip(". ") or "kubelet gives no reason"
