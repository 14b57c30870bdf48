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
_METRIC = "kubevirt_cdi_import_progress_total"
_WRONG_CONTENT = "checksum mismatch"
"""What CDI looks for in a message: an error for good."""


def is_importer(pod: Manifest) -> bool:
    """Whether CDI made the pod for an import."""
    return (pod["metadata"].get("labels") or {}).get("cdi.kubevirt.io") == "importer"


def due(world: World, pod: Manifest, now: datetime.datetime) -> Manifest | None:
    """The status that a running importer comes to, or None while it works on."""
    ordered = _order(world, pod)
    if ordered.verb == "fail":
        return _failed(pod, ordered.words, now)
    crashed = pod["status"]["containerStatuses"][0].get("lastState", {}).get("terminated")
    if (ordered.verb != "hold" and _percent(ordered, pod, now) >= 100) or crashed:
        return _terminated(pod, 0, json.dumps({"message": "Import Complete"}), now)
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
    return (now - parsed(pod["status"]["startTime"])).total_seconds() / LASTS * 100


def _order(world: World, pod: Manifest) -> Order:
    namespace = pod["metadata"]["namespace"]
    return order(world.find("ConfigMap", namespace, NAME), "import", _disk(world, pod))


def _disk(world: World, pod: Manifest) -> str:
    """The claim that users know: populators import into another one, which the first one owns."""
    namespace = pod["metadata"]["namespace"]
    claims = [
        v["persistentVolumeClaim"]["claimName"]
        for v in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in v
    ]
    found = world.find("PersistentVolumeClaim", namespace, claims[0])
    owners = (found or {}).get("metadata", {}).get("ownerReferences", [])
    owner: str = next((o["name"] for o in owners if o["kind"] == "PersistentVolumeClaim"), claims[0])
    return owner


def _failed(pod: Manifest, words: str, now: datetime.datetime) -> Manifest | None:
    """As kubelet shows it: the container has ended, and waits to be started again."""
    if _WRONG_CONTENT in words:
        return _terminated(pod, 0, json.dumps({"message": words}), now)
    status = pod["status"]["containerStatuses"][0]
    if status["state"].get("waiting"):
        return None
    ended = {"exitCode": 1, "reason": "Error", "message": words, "finishedAt": stamp(now)}
    waiting = {
        "reason": "CrashLoopBackOff",
        "message": f"back-off restarting failed container {status['name']}",
    }
    crashed = {
        **status,
        "ready": False,
        "started": False,
        "restartCount": status["restartCount"] + 1,
        "state": {"running": None, "waiting": waiting},
        "lastState": {"terminated": ended},
    }
    return {"containerStatuses": [crashed]}


def _terminated(pod: Manifest, code: int, message: str, now: datetime.datetime) -> Manifest:
    ended = {"exitCode": code, "reason": "Completed", "message": message, "finishedAt": stamp(now)}
    status = {**pod["status"]["containerStatuses"][0], "ready": False, "started": False}
    return {
        "phase": "Succeeded",
        "containerStatuses": [{**status, "state": {"terminated": ended}}],
    }
