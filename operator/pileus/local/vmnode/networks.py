"""Multus' part: which networks a launcher is in is said by an annotation, and answered by another.

virt-controller asks, also while a machine runs; then a controller beside Multus attaches and detaches.
virt-handler plugs an interface into the guest once the launcher has it. Nothing is connected to anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pileus.local.vmnode.api import Manifest, Write, patch
from pileus.local.vmnode.orders import lost
from pileus.local.vmnode.pods import path
from pileus.local.vmnode.world import World

_ASKED = "k8s.v1.cni.cncf.io/networks"
_THERE = "k8s.v1.cni.cncf.io/network-status"


def due(world: World) -> Iterator[Write]:
    """Answers to what is asked of running pods."""
    for pod in world.pods():
        annotations = pod["metadata"].get("annotations") or {}
        if _ASKED not in annotations or pod["status"].get("phase") != "Running":
            continue
        answer = json.dumps([_primary(pod), *_attached(annotations[_ASKED])])
        if answer != annotations.get(_THERE) and not lost(world.find("Node", "", pod["spec"]["nodeName"])):
            yield patch(path(pod), {"metadata": {"annotations": {_THERE: answer}}})


def _primary(pod: Manifest) -> Manifest:
    ips = [pod["status"]["podIP"]] if pod["status"].get("podIP") else []
    return {"name": "played", "interface": "eth0", "ips": ips, "default": True, "dns": {}}


def _attached(asked: str) -> Iterator[Manifest]:
    for network in json.loads(asked or "[]"):
        name = f"{network.get('namespace', '')}/{network['name']}".lstrip("/")
        yield {
            "name": name,
            "interface": network.get("interface", ""),
            "mac": network.get("mac", ""),
            "dns": {},
        }
