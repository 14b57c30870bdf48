"""Every field of a CloudVM that names something, and what all other text in it is.

A field with text is in one of the two tables. `{name}` is where names of another namespace are tried; the
machines are stopped, so that nothing but their names keeps them from being Ready.
"""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Deputy, Spec
from tests.campaign.subjects.cloudvm_specs import IMAGE, PODS, disk, vm

NAME = "{name}"
MISSING = "ReferenceMissing"


def _deputy(field: str, told: str = "Ready", **spec: Any) -> Deputy:
    return Deputy(field, vm(power="Stopped", **spec), told)


def _source(**source: Any) -> dict[str, list[Spec]]:
    return {"disks": [disk(source=source)]}


def _access(field: str) -> Spec:
    return {"access": {field: {"secret": NAME}}}


DEPUTIES: tuple[Deputy, ...] = (
    _deputy("size.class", "ClassNotFound", size={"class": NAME}),
    _deputy("os.preference", "PreferenceNotFound", os={"preference": NAME}),
    _deputy("disks[].storageClass", "StorageClassNotFound", disks=[disk(storageClass=NAME)]),
    _deputy("networks[].network", "NetworkNotFound", networks=[PODS, {"name": "lan", "network": NAME}]),
    # CDI looks for all of these in the DataVolume's own namespace, which Pileus writes beside the names.
    _deputy("disks[].source.volume", "SourceNotFound", **_source(volume=NAME)),
    _deputy("disks[].source.snapshot", "SourceNotFound", **_source(snapshot=NAME)),
    _deputy("disks[].source.disk.vm", "SourceNotFound", **_source(disk={"vm": NAME, "disk": "root"})),
    _deputy("disks[].source.disk.disk", "SourceNotFound", **_source(disk={"vm": "nobody", "disk": NAME})),
    _deputy("disks[].source.credentials", MISSING, **_source(**IMAGE, credentials=NAME)),
    _deputy("disks[].source.certificates", MISSING, **_source(**IMAGE, certificates=NAME)),
    _deputy("access.sshSecret.secret", MISSING, **_access("sshSecret")),
    _deputy("access.userData.secret", MISSING, **_access("userData")),
    _deputy("access.networkData.secret", MISSING, **_access("networkData")),
    _deputy("access.sysprep.secret", MISSING, **_access("sysprep")),
    _deputy("snapshots.restore", "SnapshotNotFound", snapshots={"restore": NAME}),
    # Become parts of names of objects in the machine's own namespace.
    _deputy("disks[].name", disks=[disk(NAME)]),
    _deputy("expose[].name", expose=[{"name": NAME, "port": 22}]),
    _deputy("snapshots.take", snapshots={"take": NAME}),
    # A label on the machine, which others of its namespace are compared by.
    _deputy("placement.spread.group", placement={"spread": {"group": NAME}}),
)

NAMELESS: dict[str, str] = {
    "restart.window.cron": "times",
    "restart.window.lasts": "a time",
    "restart.token": "a text that means nothing",
    "migrate.token": "a text that means nothing",
    "size.memory": "an amount",
    "size.maxMemory": "an amount",
    "disks[].size": "an amount",
    "disks[].source.image": "a URL that CDI's importer fetches in a pod of the machine's own namespace",
    "disks[].source.registry": "an image of a registry, fetched as an image is",
    "disks[].source.checksum": "a digest",
    "networks[].name": "the machine's own interface",
    "networks[].mac": "an address",
    "expose[].allowFrom[]": "a range of addresses",
    "access.sshKeys[]": "public keys",
    "devices.gpus[].name": "the machine's own device",
    "devices.gpus[].class": "a resource of nodes, which have no namespace",
    "devices.host[].name": "the machine's own device",
    "devices.host[].class": "a resource of nodes, which have no namespace",
    "placement.nodeSelector{}": "labels of nodes, which have no namespace",
    "snapshots.schedules[].name": "the machine's own schedule",
    "snapshots.schedules[].cron": "times",
}
