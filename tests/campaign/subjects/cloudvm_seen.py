"""What of a CloudVM's objects two runs have in common: what KubeVirt and CDI write by themselves is left out.

Whole lives are compared but for what is drawn by lot: uids, MAC addresses that are made from them, nodes,
addresses of pods, times. Of a machine that came to its spec on another way only the end is compared: what
KubeVirt remembers of the way (what was plugged in, how much it may grow) is left out too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pileus.engine.compare import digest
from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.cloudvm.build import names
from pileus.objects.reading import at, condition, items
from tests.campaign.masks import UID

OURS = ("pileus.dev/", "cdi.kubevirt.io/storage.deleteAfterCompletion")
"""Annotations that Pileus writes; the others on these objects are KubeVirt's and CDI's notes."""
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
LOTS = (
    (UID, "<uid>"),
    (r"(?<=-)[0-9a-f]{8}\b", "<digest of a uid>"),
    (r"\b02(:[0-9a-f]{2}){5}\b", "<address made of a uid>"),
    (TIME, "<time>"),
    (r"\b10\.245\.\d+\.\d+\b", "<address of a pod>"),
    (r'"vm[12]"', '"<node>"'),
    (r"\b\d{1,2}0%", "<progress>"),
)
"""What differs in the operator's requests from run to run; only the name of a write is made of it."""
PHASES = {"Running": "Running", "Stopped": "Stopped", "Paused": "Paused"}
OVER = ("Succeeded", "Failed")


def settled(live: Manifest) -> bool:
    """Whether nothing is under way any more, as far as the resource says."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    phases: dict[str, set[str]] = {}
    for disk in items(status, "disks"):
        phases.setdefault(disk["name"], set()).add(disk["phase"])
    return (
        status.get("phase") == PHASES[spec.get("power", "Running")]
        and all(phases.get(disk["name"]) == {"Ready"} for disk in items(spec, "disks"))
        and all(snapshot["ready"] for snapshot in items(status, "snapshots"))
        and (at(status, "migration", "phase") or OVER[0]) in OVER
        and not (
            at(spec, "restart", "policy") == "Automatic"
            and condition(live, "RestartRequired").get("status") == "True"
        )
    )


def seen(item: Manifest, history: bool) -> Manifest | None:
    """What of an object is compared."""
    metadata = item["metadata"]
    if item["kind"] == "CloudVM":
        _status(item.get("status") or {})
        return item
    if metadata.get("generateName") == "kubevirt-workload-update-":
        return None  # KubeVirt moves a machine that grows
    if metadata["name"].startswith("prime-"):
        return None  # CDI fills it, and hands its volume over to the claim that is meant
    notes = metadata.get("annotations") or {}
    metadata["annotations"] = {key: _undated(value) for key, value in notes.items() if key.startswith(OURS)}
    match item["kind"]:
        case "VirtualMachine":
            _unlike(at(item, "spec", "template", "spec"), history=history)
        case "VirtualMachineInstance":
            return _running(item, history=history)
        case "PersistentVolumeClaim":
            item.pop("status", None)
            for field in ("dataSource", "dataSourceRef"):  # the job of a populator, which is named by a uid
                item["spec"][field] = {**item["spec"].get(field, {}), "name": ""}
    return item


def _undated(value: str) -> str:
    return re.sub(UID, "<uid>", re.sub(TIME, "<time>", value))


def _status(status: Manifest) -> None:
    status.pop("node", None)
    for address in items(status, "addresses"):
        address.pop("ip", None)
    for snapshot in items(status, "snapshots"):
        snapshot.pop("taken", None)
    for field in ("source", "target"):
        (status.get("migration") or {}).pop(field, None)


def _unlike(body: Any, *, history: bool) -> None:
    """Take the guest's own numbers away, which KubeVirt draws; and what tells of the way."""
    firmware = at(body, "domain", "firmware")
    for field in ("uuid", "serial") if isinstance(firmware, dict) else ():
        firmware.pop(field, None)
    if isinstance(firmware, dict) and not firmware:
        del body["domain"]["firmware"]
    if history:
        return
    for volume in items(body, "volumes"):
        (volume.get("dataVolume") or {}).pop("hotpluggable", None)
    for disk in items(body, "domain", "devices", "disks"):
        (disk.get("disk") or {}).pop("bus", None)


def _running(item: Manifest, *, history: bool) -> Manifest:
    """The machine that runs: what it is made of, whether it runs and whether it is paused."""
    body, metadata = item["spec"], item["metadata"]
    metadata["labels"] = {
        key: value for key, value in metadata.get("labels", {}).items() if "kubevirt.io" not in key
    }
    _unlike(body, history=history)
    status = {"phase": item["status"].get("phase"), "paused": bool(condition(item, "Paused"))}
    if history:
        return {**item, "status": status}
    spec = {
        "sockets": at(body, "domain", "cpu", "sockets"),
        "memory": at(body, "domain", "memory", "guest"),
        "disks": sorted(disk["name"] for disk in items(body, "domain", "devices", "disks")),
        "interfaces": sorted(entry["name"] for entry in items(body, "domain", "devices", "interfaces")),
        "volumes": {
            volume["name"]: at(volume, "dataVolume", "name") or "" for volume in items(body, "volumes")
        },
    }
    return {**item, "spec": spec, "status": status}


def drawn(objects: list[Manifest]) -> dict[str, str]:
    """Texts of one namespace that come from uids, and what stands for them."""
    return dict(_drawn(objects))


def _drawn(objects: list[Manifest]) -> Iterable[tuple[str, str]]:
    resources = [item for item in objects if item["kind"] == "CloudVM"]
    for resource in resources:
        named = [entry["name"] for entry in items(resource, "spec", "networks")] or ["default"]
        for network in named:
            yield _mac(resource, network), f"<own address of {network}>"
    for item in objects:
        uid, name = item["metadata"]["uid"], item["metadata"]["name"]
        if item["kind"] == "VirtualMachineSnapshot":
            for disk in {disk["name"] for resource in resources for disk in items(resource, "spec", "disks")}:
                yield f"-{digest([uid, disk])[:8]}", f"-<from {name}>"
        yield uid, f"<uid of {item['kind']} {name}>"


def _mac(resource: Manifest, network: str) -> str:
    metadata = resource["metadata"]
    return names.mac(
        Resource(
            kind=resource["kind"],
            api_version=resource["apiVersion"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata["generation"],
            spec=None,
        ),
        network,
    )
