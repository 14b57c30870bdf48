"""CloudVMs as users write them, and questions about them."""

from __future__ import annotations

import os
from typing import Any

from tests.e2e.apps import condition, current, ready
from tests.e2e.kubectl import Kubectl, Manifest

IMAGE: Manifest = {"image": "https://images.example/disk.qcow2"}
BLANK: Manifest = {"blank": True}


def disk(name: str = "root", source: Manifest | None = None, **more: Any) -> Manifest:
    """A disk of a machine."""
    return {"name": name, "size": "1Gi", "source": source or IMAGE, **more}


def vm(name: str = "vm", **spec: Any) -> Manifest:
    """A CloudVM of one disk and small numbers, unless told otherwise; None leaves a field out."""
    whole = {"size": {"cpu": 1, "memory": "1Gi"}, "disks": [disk()], **spec}
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "CloudVM",
        "metadata": {"name": name},
        "spec": {field: value for field, value in whole.items() if value is not None},
    }


def fresh(admin: Kubectl, words: str) -> Kubectl:
    """kubectl for a new namespace."""
    kubectl = admin.unused("vms", words)
    kubectl("create", "namespace", kubectl.namespace)
    return kubectl


def phase(found: Manifest, wanted: str) -> bool:
    """Whether it is in a phase, as it is written now."""
    return current(found) and found["status"].get("phase") == wanted


def because(found: Manifest, reason: str, kind: str = "Ready") -> bool:
    """Whether a condition has a reason, for the present spec."""
    return current(found) and condition(found, kind).get("reason") == reason


def running(ns: Kubectl, name: str = "vm") -> Manifest:
    """The machine, once it is Ready in phase Running."""
    return ns.until("cvm", name, lambda found: ready(found) and phase(found, "Running"))


def made(ns: Kubectl, **spec: Any) -> Kubectl:
    """The namespace, with a machine `vm` that runs in it."""
    ns.apply(vm(**spec))
    running(ns)
    return ns


def uid(ns: Kubectl, kind: str = "vmi", name: str = "vm") -> str:
    """Which object it is."""
    return str(ns.get(kind, name)["metadata"]["uid"])


def change(ns: Kubectl, **spec: Any) -> None:
    """Edit the spec of `vm`."""
    ns.edit("cvm", "vm", {"spec": spec})


def wake(ns: Kubectl, name: str = "vm") -> None:
    """Have the operator look at the machine, which waits for a time that came at once."""
    ns("annotate", "cvm", name, f"example.dev/looked-at={os.urandom(4).hex()}", "--overwrite")


def volumes(ns: Kubectl, name: str = "vm") -> dict[str, str]:
    """The DataVolume of each disk of the machine as it is declared."""
    found = ns.get("vm", name)["spec"]["template"]["spec"]["volumes"]
    return {volume["name"]: volume["dataVolume"]["name"] for volume in found if "dataVolume" in volume}
