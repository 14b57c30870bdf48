"""The VirtualMachine: sparse, so that what KubeVirt fills in stays KubeVirt's."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.build import names, needs
from pileus.kinds.cloudvm.build.disks import DiskPlan
from pileus.kinds.cloudvm.model import CloudVMSpec
from pileus.kinds.cloudvm.parts import Network
from pileus.objects.catalog import (
    CLUSTER_INSTANCETYPE,
    CLUSTER_PREFERENCE,
    INSTANCETYPE,
    PREFERENCE,
    VIRTUAL_MACHINE,
)
from pileus.objects.metadata import child, labels
from pileus.objects.quantities import canonical
from pileus.objects.reading import items, mapping, text

POD_NETWORK = (Network(name="default"),)
CPU, MEMORY = 1, "2Gi"
"""Size of a machine that asks for none."""

HOST = "kubernetes.io/hostname"


def wanted(resource: Resource, spec: CloudVMSpec, world: World, disks: tuple[DiskPlan, ...]) -> Manifest:
    """The VirtualMachine's spec, but for whether it runs."""
    body: Manifest = {}
    if spec.size and spec.size.class_:
        body["instancetype"] = needs.matcher(
            resource, world, spec.size.class_, INSTANCETYPE, CLUSTER_INSTANCETYPE
        )
    if spec.os and spec.os.preference:
        body["preference"] = needs.matcher(
            resource, world, spec.os.preference, PREFERENCE, CLUSTER_PREFERENCE
        )
    marks = labels(resource)
    if spec.placement and spec.placement.spread:
        marks[names.SPREAD] = spec.placement.spread.group
    body["template"] = {
        "metadata": {"labels": marks},
        "spec": _instance(resource, spec, world, disks),
    }
    return body


def virtual_machine(
    resource: Resource, body: Manifest, *, strategy: str, annotations: dict[str, str]
) -> Manifest:
    """The whole object. body: as `wanted` gives it."""
    return child(
        resource,
        api_version=VIRTUAL_MACHINE.api_version,
        kind=VIRTUAL_MACHINE.kind,
        name=resource.name,
        body={"spec": {"runStrategy": strategy, **body}},
        annotations=annotations,
    )


def _instance(resource: Resource, spec: CloudVMSpec, world: World, disks: tuple[DiskPlan, ...]) -> Manifest:
    interfaces, networks = _networks(resource, spec, world)
    told, drives = _told(spec)
    preferred = bool(spec.os and spec.os.preference)
    hot = _hot(resource, world, disks)
    devices: Manifest = {
        "disks": [*(_disk(plan, preferred=preferred, hot=plan.disk.name in hot) for plan in disks), *drives],
        "interfaces": interfaces,
    }
    domain: Manifest = {"devices": devices}
    _size(spec, domain)
    _firmware(spec, domain)
    body: Manifest = {
        "domain": domain,
        "networks": networks,
        "volumes": [*(_volume(plan, hot=plan.disk.name in hot) for plan in disks), *told],
    }
    if spec.os and spec.os.architecture:
        body["architecture"] = spec.os.architecture
    if spec.access and spec.access.ssh_secret:
        body["accessCredentials"] = [_credential(spec.access.ssh_secret.secret)]
    _place(spec, resource, body)
    return body


def _size(spec: CloudVMSpec, domain: Manifest) -> None:
    if spec.size and spec.size.class_:
        return
    size, how = spec.size, spec.cpu
    processors: Manifest = {"cores": 1, "threads": 1, "sockets": (size.cpu if size else None) or CPU}
    memory: Manifest = {"guest": canonical((size.memory if size else None) or MEMORY)}
    if size and size.max_cpu:
        processors["maxSockets"] = size.max_cpu
    if size and size.max_memory:
        memory["maxGuest"] = canonical(size.max_memory)
    if how and how.pinned:
        processors["dedicatedCpuPlacement"] = True
    if how and how.numa:
        processors["numa"] = {"guestMappingPassthrough": {}}
    if how and how.hugepages:
        memory["hugepages"] = {"pageSize": how.hugepages}
    domain["cpu"], domain["memory"] = processors, memory


def _firmware(spec: CloudVMSpec, domain: Manifest) -> None:
    devices = spec.devices
    if devices is None:
        return
    if devices.gpus:
        domain["devices"]["gpus"] = [{"name": gpu.name, "deviceName": gpu.class_} for gpu in devices.gpus]
    if devices.host:
        domain["devices"]["hostDevices"] = [
            {"name": device.name, "deviceName": device.class_} for device in devices.host
        ]
    if devices.tpm is not None:
        domain["devices"]["tpm"] = {"enabled": devices.tpm, "persistent": devices.tpm}
    if devices.secure_boot is not None:
        domain["firmware"] = {
            "bootloader": {"efi": {"secureBoot": devices.secure_boot, "persistent": devices.secure_boot}}
        }
        if devices.secure_boot:
            domain["features"] = {"smm": {"enabled": True}}


def _disk(plan: DiskPlan, *, preferred: bool, hot: bool) -> Manifest:
    target: Manifest = {}
    if hot:
        target["bus"] = "scsi"
    elif not preferred:  # else the preference says which bus suits the guest
        target["bus"] = "virtio"
    entry: Manifest = {"name": plan.disk.name, "disk": target}
    if plan.disk.boot:
        entry["bootOrder"] = plan.disk.boot
    return entry


def _volume(plan: DiskPlan, *, hot: bool) -> Manifest:
    source: Manifest = {"name": plan.volume}
    if hot:
        source["hotpluggable"] = True
    return {"name": plan.disk.name, "dataVolume": source}


def _hot(resource: Resource, world: World, disks: tuple[DiskPlan, ...]) -> frozenset[str]:
    """Disks that come while the machine runs, and those that came so: they can also go."""
    machine, running = names.machine(resource, world), names.instance(resource, world)
    volumes = items(machine, "spec", "template", "spec", "volumes")
    there = {text(volume, "name") for volume in volumes}
    hot = {
        text(volume, "name")
        for volume in volumes
        if mapping(volume, "dataVolume").get("hotpluggable") is True
    }
    if machine is not None and running is not None:
        hot |= {plan.disk.name for plan in disks if plan.disk.name not in there and not plan.disk.boot}
    return frozenset(hot)


def _networks(resource: Resource, spec: CloudVMSpec, world: World) -> tuple[list[Manifest], list[Manifest]]:
    wanted = spec.networks or POD_NETWORK
    interfaces: list[Manifest] = []
    networks: list[Manifest] = []
    for network in wanted:
        mac = names.mac(resource, network.name) if network.mac == "auto" else network.mac
        kind = "bridge" if network.network else "masquerade"
        interfaces.append({"name": network.name, kind: {}, "macAddress": mac})
        source = {"multus": {"networkName": network.network}} if network.network else {"pod": {}}
        networks.append({"name": network.name, **source})
    for interface, network_ in _leaving(resource, world, {network.name for network in wanted}):
        interfaces.append(interface)
        networks.append(network_)
    return interfaces, networks


def _leaving(resource: Resource, world: World, wanted: set[str]) -> Iterator[tuple[Manifest, Manifest]]:
    """Interfaces that must be shown as absent, until the running machine has let go of them."""
    machine, running = names.machine(resource, world), names.instance(resource, world)
    held = {text(entry, "name") for entry in items(running, "spec", "domain", "devices", "interfaces")}
    networks = {
        text(entry, "name"): entry for entry in items(machine, "spec", "template", "spec", "networks")
    }
    for interface in items(machine, "spec", "template", "spec", "domain", "devices", "interfaces"):
        name = text(interface, "name")
        gone = name in wanted or name not in held or name not in networks
        if gone or "bridge" not in interface:
            continue
        known = {key: interface[key] for key in ("name", "bridge", "macAddress") if key in interface}
        yield {**known, "state": "absent"}, dict(networks[name])


def _told(spec: CloudVMSpec) -> tuple[list[Manifest], list[Manifest]]:
    """Volumes with what the guest is told, and the drives that they are in."""
    access = spec.access
    volumes: list[Manifest] = []
    drives: list[Manifest] = []
    if access is None:
        return volumes, drives
    if access.ssh_keys or access.user_data or access.network_data or access.ssh_secret:
        data: Manifest = {}
        if access.user_data:
            data["secretRef"] = {"name": access.user_data.secret}
        else:
            data["userData"] = _user_data(access.ssh_keys)
        if access.network_data:
            data["networkDataSecretRef"] = {"name": access.network_data.secret}
        volumes.append({"name": names.CLOUD_INIT, "cloudInitNoCloud": data})
        drives.append({"name": names.CLOUD_INIT, "disk": {"bus": "virtio"}})
    if access.sysprep:
        volumes.append({"name": names.ANSWERS, "sysprep": {"secret": {"name": access.sysprep.secret}}})
        drives.append({"name": names.ANSWERS, "cdrom": {"bus": "sata"}})
    return volumes, drives


def _user_data(keys: tuple[str, ...]) -> str:
    content = {"ssh_authorized_keys": list(keys)} if keys else {}
    return f"#cloud-config\n{json.dumps(content)}\n"


def _credential(secret: str) -> Manifest:
    return {
        "sshPublicKey": {"source": {"secret": {"secretName": secret}}, "propagationMethod": {"noCloud": {}}}
    }


def _place(spec: CloudVMSpec, resource: Resource, body: Manifest) -> None:
    placement = spec.placement
    if placement is None:
        return
    if placement.node_selector:
        body["nodeSelector"] = dict(placement.node_selector)
    if placement.evict:
        body["evictionStrategy"] = placement.evict
    if placement.spread:
        term = {
            "labelSelector": {"matchLabels": {names.SPREAD: placement.spread.group}},
            "topologyKey": HOST,
        }
        body["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
            if placement.spread.hard
            else {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]
            }
        }
