"""The parts that the CloudVMs of the campaign are made of."""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Spec

IMAGE: Spec = {"image": "https://images.example/disk.qcow2"}
BLANK: Spec = {"blank": True}
SMALL: Spec = {"cpu": 1, "memory": "1Gi"}
LARGE: Spec = {"cpu": 2, "memory": "2Gi"}
AUTOMATIC: Spec = {"policy": "Automatic"}
PODS: Spec = {"name": "default"}
LAN: Spec = {"name": "lan", "network": "lan-120"}
SSH: Spec = {"name": "ssh", "port": 22}


def disk(name: str = "root", source: Spec | None = None, **more: Any) -> Spec:
    """A disk that goes with its machine, empty unless told otherwise."""
    return {"name": name, "size": "1Gi", "source": source or BLANK, "retain": "Delete", **more}


def vm(**more: Any) -> Spec:
    """A machine of one disk and small numbers; None leaves a field out."""
    whole = {"size": SMALL, "disks": [disk()], **more}
    return {key: value for key, value in whole.items() if value is not None}
