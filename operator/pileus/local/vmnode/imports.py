"""An importer's part: progress that CDI reads, an end, or an error and another try. Nothing is downloaded.

CDI's controllers make importer pods and judge them; here is what the program in such a pod would do.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

from pileus.local.vmnode.api import Manifest
from pileus.local.vmnode.clock import parsed, stamp
from pileus.local.vmnode.orders import NAME, Order, order
from pileus.local.vmnode.world import World

LASTS = 4.0
"""Seconds that an import seems to take."""
BACK_OFF = 5.0
"""Seconds before a failed importer is started again."""
_METRIC = "kubevirt_cdi_import_progress_total"
_VOLUME = "cdi-data-vol"
"""What CDI calls the volume that is filled; there may be another to work in."""
_WRONG_CONTENT = "checksum mismatch"
"""What CDI looks for in a message: an error for good."""


def is_importer(pod: Manifest) -> bool:
    """Whether CDI made the pod for an import."""
    return (pod["metadata"].get("labels") or {}).get("cdi.kubevirt.io") == "importer"


def due(world: World, pod: Manifest, now: datetime.datetime) -> Manifest | None:
    """The status that an importer comes to, or None while it stays as it is."""
    ordered = _order(world, pod)
    state = pod["status"]["containerStatuses"][0]["state"]
    if "running" not in state:
        return _tried_again(pod, now)
    if ordered.verb == "fail":
        # Its message says so, whatever the container ends with.
        wrong = _WRONG_CONTENT in ordered.words
        return (
            _ended(pod, 0 if wrong else 1, ordered.words, now)
            if _after(state["running"]["startedAt"], now)
            else None
        )
    if ordered.verb != "hold" and _percent(ordered, pod, now) >= 100:
        return _ended(pod, 0, "Import Complete", now)
    return None


def metrics(world: World, now: datetime.datetime) -> str:
    """The progress of all imports, as importers publish it."""
    lines = [f"# TYPE {_METRIC} counter"]
    for pod in _running(world):
        owner = next(e["value"] for e in pod["spec"]["containers"][0]["env"] if e["name"] == "OWNER_UID")
        percent = _percent(_order(world, pod), pod, now)
        lines.append(f'{_METRIC}{{ownerUID="{owner}"}} {min(percent, 99.9):.2f}')
    return "\n".join([*lines, ""])


def _running(world: World) -> Iterator[Manifest]:
    for pod in world.pods():
        if is_importer(pod) and pod["status"].get("phase") == "Running":
            yield pod


def _percent(ordered: Order, pod: Manifest, now: datetime.datetime) -> float:
    if ordered.verb == "hold":
        return float(ordered.words or 0)
    running = pod["status"]["containerStatuses"][0]["state"].get("running")
    return (now - parsed(running["startedAt"])).total_seconds() / LASTS * 100 if running else 0.0


def _order(world: World, pod: Manifest) -> Order:
    namespace = pod["metadata"]["namespace"]
    return order(world.find("ConfigMap", namespace, NAME), "import", _disk(world, pod))


def _disk(world: World, pod: Manifest) -> str:
    """The claim that users know: populators import into another one, which the first one owns."""
    namespace = pod["metadata"]["namespace"]
    volume = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == _VOLUME)
    claim: str = volume["persistentVolumeClaim"]["claimName"]
    found = world.find("PersistentVolumeClaim", namespace, claim)
    owners = (found or {}).get("metadata", {}).get("ownerReferences", [])
    return next((o["name"] for o in owners if o["kind"] == "PersistentVolumeClaim"), claim)


def _ended(pod: Manifest, code: int, words: str, now: datetime.datetime) -> Manifest:
    ended = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        # CDI reads what its importer writes as JSON, and shows anything else as it is.
        "message": words if code else json.dumps({"message": words}),
        "startedAt": pod["status"]["startTime"],
        "finishedAt": stamp(now),
    }
    status = _status(pod, {"terminated": ended})
    return status if code else {**status, "phase": "Succeeded"}


def _tried_again(pod: Manifest, now: datetime.datetime) -> Manifest | None:
    """As kubelet does with a container that failed: it waits a while, then starts."""
    status = pod["status"]["containerStatuses"][0]
    if ended := status["state"].get("terminated"):
        words = f"back-off restarting failed container {status['name']}"
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": words}}
        return (
            _status(pod, waiting, lastState={"terminated": ended})
            if _after(ended["finishedAt"], now)
            else None
        )
    if not _after(status["lastState"]["terminated"]["finishedAt"], now, BACK_OFF):
        return None
    running = {"running": {"startedAt": stamp(now)}}
    return _status(pod, running, ready=True, started=True, restartCount=status["restartCount"] + 1)


def _status(pod: Manifest, state: Manifest, **fields: object) -> Manifest:
    """That of its first container, which imports."""
    first, *others = pod["status"]["containerStatuses"]
    return {
        "containerStatuses": [{**first, "ready": False, "started": False, "state": state, **fields}, *others]
    }


def _after(moment: str, now: datetime.datetime, seconds: float = 1.0) -> bool:
    return (now - parsed(moment)).total_seconds() >= seconds
