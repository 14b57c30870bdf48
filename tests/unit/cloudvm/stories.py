"""The stories whose objects stand in tests/golden/cloudvm: each field on, one file a story."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.cloudvm.vms import BARE, ROOT

Spec = dict[str, Any]
DATA: Spec = {"name": "data", "size": "100Gi", "source": {"blank": True}}


@dataclass(frozen=True, slots=True)
class Story:
    """One machine: what it shows, and its spec beside the one disk."""

    name: str
    reason: str
    spec: Spec = field(default_factory=dict)

    @property
    def whole(self) -> Spec:
        """The spec with its disks."""
        return {**BARE, **self.spec}


def disk(**source: Any) -> Spec:
    return {"disks": [{"name": "root", "size": "20Gi", "source": source}]}


STORIES: tuple[Story, ...] = (
    Story("minimal", "only a disk: one processor, 2Gi, the network of the pods"),
    Story("stopped", "it is there and does not run", {"power": "Stopped"}),
    Story(
        "numbers",
        "sockets and memory that grow while it runs",
        {"size": {"cpu": 2, "memory": "4Gi", "maxCpu": 8, "maxMemory": "16Gi"}},
    ),
    Story("class", "a class decides about processors and memory", {"size": {"class": "u1.medium"}}),
    Story(
        "guest",
        "a preference knows which devices suit the guest",
        {"os": {"preference": "fedora", "architecture": "arm64"}},
    ),
    Story(
        "pinned",
        "processors and memory of the node, passed on",
        {
            "size": {"cpu": 4, "memory": "8Gi"},
            "cpu": {"pinned": True, "numa": True, "hugepages": "1Gi"},
        },
    ),
    Story(
        "disks",
        "several disks, the second to boot from, one that goes with the machine",
        {
            "disks": [
                ROOT,
                {**DATA, "boot": 1, "storageClass": "fast", "accessMode": "ReadWriteMany"},
                {**DATA, "name": "tmp", "retain": "Delete"},
            ]
        },
    ),
    Story(
        "image",
        "an image with checksum, credentials and authority",
        disk(
            image="https://images.example.dev/debian.qcow2",
            checksum=f"sha256:{'0' * 64}",
            credentials="images",
            certificates="images-ca",
        ),
    ),
    Story("copy-volume", "a copy of a claim", disk(volume="golden")),
    Story("copy-snapshot", "a copy of a snapshot of a volume", disk(snapshot="golden-1")),
    Story("copy-disk", "a copy of another machine's disk", disk(disk={"vm": "web", "disk": "root"})),
    Story(
        "networks",
        "the pod network and a named one, with addresses of its own and a given one",
        {
            "networks": [
                {"name": "default"},
                {"name": "lan", "network": "lan-120", "mac": "02:00:00:00:00:01"},
            ]
        },
    ),
    Story(
        "keys", "public keys in cloud-init", {"access": {"sshKeys": ["ssh-ed25519 AAAAC3Nza me@example.dev"]}}
    ),
    Story(
        "told",
        "everything that the guest is told, by the names of Secrets",
        {
            "access": {
                "sshSecret": {"secret": "keys"},
                "userData": {"secret": "init"},
                "networkData": {"secret": "net"},
                "sysprep": {"secret": "win"},
            }
        },
    ),
    Story(
        "devices",
        "devices of the node, a trusted platform module, signed systems only",
        {
            "devices": {
                "gpus": [{"name": "gpu", "class": "nvidia.com/A10"}],
                "host": [{"name": "fpga", "class": "example.dev/fpga"}],
                "tpm": True,
                "secureBoot": True,
            }
        },
    ),
    Story(
        "placed",
        "on some nodes, away from its group if possible, moved when a node is emptied",
        {
            "placement": {
                "nodeSelector": {"zone": "a"},
                "spread": {"group": "web"},
                "evict": "LiveMigrate",
            }
        },
    ),
    Story(
        "spread-hard",
        "never two of a group on one node",
        {"placement": {"spread": {"group": "web", "hard": True}}},
    ),
    Story(
        "exposed",
        "Services for ports of the guest",
        {
            "expose": [
                {"name": "ssh", "port": 22},
                {"name": "dns", "port": 53, "protocol": "UDP", "target": 5353, "type": "LoadBalancer"},
                {
                    "name": "web",
                    "port": 443,
                    "type": "LoadBalancer",
                    "allowFrom": ["203.0.113.0/24", "192.0.2.7/32"],
                },
            ]
        },
    ),
    Story(
        "scheduled",
        "a schedule is remembered with the time since which it holds; nothing is due yet",
        {"snapshots": {"schedules": [{"cron": "0 3 * * *", "keep": 7}], "take": "first"}},
    ),
    Story(
        "tokens",
        "tokens of a new machine ask for nothing",
        {"restart": {"token": "1"}, "migrate": {"token": "1"}},
    ),
    Story("unknown", "a class that does not exist: nothing is written", {"size": {"class": "u9.huge"}}),
)
