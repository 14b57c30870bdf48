"""Virtual machines and disks as users of KubeVirt write them, and questions about them."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.kubectl import Kubectl

Manifest = dict[str, Any]
_SUBRESOURCES = "/apis/subresources.kubevirt.io/v1"


def disk(name: str, source: Manifest | None = None, size: str = "1Gi") -> Manifest:
    """A DataVolume; without a source it is imported from somewhere that nobody asks."""
    return {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "metadata": {"name": name},
        "spec": {
            "source": source or {"http": {"url": "https://images.example/disk.qcow2"}},
            "storage": {"resources": {"requests": {"storage": size}}},
        },
    }


def machine(name: str, *, volumes: tuple[str, ...] = (), disks: tuple[str, ...] | None = None) -> Manifest:
    """A VirtualMachine of the DataVolumes `volumes`, whose disks are named alike unless `disks` are given."""
    devices = [{"name": found, "disk": {"bus": "virtio"}} for found in (volumes if disks is None else disks)]
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name},
        "spec": {
            "runStrategy": "Always",
            "template": {
                "spec": {
                    "domain": {
                        "cpu": {"sockets": 1, "cores": 1},
                        "memory": {"guest": "1Gi"},
                        "devices": {"disks": devices, "interfaces": [{"name": "default", "masquerade": {}}]},
                    },
                    "networks": [{"name": "default", "pod": {}}],
                    "volumes": [{"name": found, "dataVolume": {"name": found}} for found in volumes],
                }
            },
        },
    }


def snapshot(name: str, machine: str, **spec: Any) -> Manifest:
    """A VirtualMachineSnapshot."""
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": machine}
    return {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": name},
        "spec": {"source": source, **spec},
    }


def network(name: str) -> Manifest:
    """A network of Multus; nothing reads its configuration here."""
    return {
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name},
        "spec": {"config": json.dumps({"cniVersion": "0.3.1", "type": "bridge", "bridge": name})},
    }


def migrate(kubectl: Kubectl, name: str) -> str:
    """Ask for a migration of a machine; its name."""
    asked = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"generateName": f"{name}-"},
        "spec": {"vmiName": name},
    }
    return kubectl("create", "-f", "-", "-o", "jsonpath={.metadata.name}", given=json.dumps(asked)).strip()


def restore(name: str, of: str, to: str) -> Manifest:
    """A VirtualMachineRestore of a snapshot to a machine."""
    target = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": to}
    return {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": {"name": name},
        "spec": {"target": target, "virtualMachineSnapshotName": of},
    }


def call(kubectl: Kubectl, name: str, verb: str) -> str:
    """PUT a subresource of a running machine; raises `RefusedError`."""
    path = f"{_SUBRESOURCES}/namespaces/{kubectl.namespace}/virtualmachineinstances/{name}/{verb}"
    return kubectl("replace", "--raw", path, "-f", "-", given="{}")


def asked(kubectl: Kubectl, name: str, verb: str) -> Manifest:
    """GET a subresource of a running machine."""
    path = f"{_SUBRESOURCES}/namespaces/{kubectl.namespace}/virtualmachineinstances/{name}/{verb}"
    found: Manifest = json.loads(kubectl("get", "--raw", path))
    return found


def condition(found: Manifest, kind: str) -> Manifest:
    """A condition of an object, or nothing."""
    listed: list[Manifest] = found.get("status", {}).get("conditions", [])
    return next((said for said in listed if said["type"] == kind), {})


def running(found: Manifest) -> bool:
    """Whether a VirtualMachine runs and is ready."""
    status = found.get("status", {})
    return status.get("printableStatus") == "Running" and bool(status.get("ready"))


def stopped(found: Manifest) -> bool:
    """Whether a VirtualMachine is stopped."""
    return found.get("status", {}).get("printableStatus") == "Stopped"


def said(found: Manifest, field: str) -> Any:
    """A field of an object's status; empty where it is not there, or is not yet."""
    return found.get("status", {}).get(field, "")
