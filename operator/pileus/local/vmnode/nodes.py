"""The nodes themselves: what a kubelet and a virt-handler report about them, and their heartbeats.

A lost node's heartbeats stop. What the node controller would find out after a minute is written at
once: the node's Ready condition is Unknown, and its pods are not ready (in `pods`). virt-handler's last sign
of life is an hour ago, so KubeVirt places nothing there any more. What then becomes of machines is theirs.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from pileus.local.vmnode.api import Manifest, Write, create, patch
from pileus.local.vmnode.clock import stamp
from pileus.local.vmnode.names import HEARTBEAT, KUBEVIRT, NODES, OURS
from pileus.local.vmnode.orders import lost
from pileus.local.vmnode.world import World

BEAT = datetime.timedelta(seconds=10)
_LONG_AGO = datetime.timedelta(hours=1)
_MODEL = "EPYC-Rome"
_CAPACITY = {
    "cpu": "64",
    "memory": "256Gi",
    "pods": "500",
    "ephemeral-storage": "1Ti",
    "hugepages-1Gi": "16Gi",
    "hugepages-2Mi": "16Gi",
    "devices.kubevirt.io/kvm": "1000",
    "devices.kubevirt.io/tun": "1000",
    "devices.kubevirt.io/vhost-net": "1000",
    "nvidia.com/A10": "4",
}
_LABELS = {
    OURS: "true",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/os": "linux",
    "kubevirt.io/schedulable": "true",
    "cpumanager": "true",
    f"cpu-model.node.kubevirt.io/{_MODEL}": "true",
    f"cpu-model-migration.node.kubevirt.io/{_MODEL}": "true",
    f"host-model-cpu.node.kubevirt.io/{_MODEL}": "true",
    "cpu-vendor.node.kubevirt.io/AMD": "true",
    "machine-type.node.kubevirt.io/q35": "true",
    "node.kubernetes.io/exclude-from-external-load-balancers": "true",
}


def due(world: World, now: datetime.datetime, address: str, handlers: set[str]) -> Iterator[Write]:
    """`handlers`: the nodes whose virt-handler pod is known to be there."""
    for name in NODES:
        node = world.find("Node", "", name)
        if node is None:
            yield create("/api/v1/nodes", _node(name))
            continue
        if name not in handlers:
            yield create(f"/api/v1/namespaces/{KUBEVIRT}/pods", _handler(name))
        yield from _beat(node, now, address)


def lease(name: str, now: datetime.datetime) -> Manifest:
    """A node's lease, renewed now."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }


def _beat(node: Manifest, now: datetime.datetime, address: str) -> Iterator[Write]:
    name, dead = node["metadata"]["name"], lost(node)
    said = (node["metadata"].get("annotations") or {}).get(HEARTBEAT, "")
    ready: Manifest = next((c for c in node["status"].get("conditions", []) if c["type"] == "Ready"), {})
    if dead:
        if ready.get("status") != "Unknown":
            yield patch(
                f"/api/v1/nodes/{name}/status", {"status": _state(node, now, address, ready="Unknown")}
            )
        old = stamp(now - _LONG_AGO)
        if said > stamp(now - _LONG_AGO / 2):
            yield patch(f"/api/v1/nodes/{name}", {"metadata": {"annotations": {HEARTBEAT: old}}})
        return
    if ready.get("status") != "True":
        yield patch(f"/api/v1/nodes/{name}/status", {"status": _state(node, now, address, ready="True")})
    if said < stamp(now - BEAT):
        labels = {"kubevirt.io/schedulable": "true"}
        metadata = {"annotations": {HEARTBEAT: stamp(now)}, "labels": labels}
        yield patch(f"/api/v1/nodes/{name}", {"metadata": metadata})
        yield patch(
            f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}", lease(name, now)
        )


def _node(name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**_LABELS, "kubernetes.io/hostname": name}},
        "spec": {"taints": [{"key": OURS, "value": "true", "effect": "NoSchedule"}]},
    }


def _state(node: Manifest, now: datetime.datetime, address: str, *, ready: str) -> Manifest:
    words = {
        "True": ("KubeletReady", "This node is played; nothing runs on it."),
        "Unknown": ("NodeStatusUnknown", "Kubelet stopped posting node status."),
    }
    reason, message = words[ready]
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": stamp(now),
        "lastTransitionTime": stamp(now),
    }
    return {
        "capacity": _CAPACITY,
        "allocatable": _CAPACITY,
        "conditions": [condition],
        "addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": node["metadata"]["name"]},
        ],
        "nodeInfo": {
            "architecture": "amd64",
            "operatingSystem": "linux",
            "osImage": "none: this node is played",
            "kubeletVersion": "v0.0.0",
            "kernelVersion": "",
            "containerRuntimeVersion": "",
            "kubeProxyVersion": "",
            "machineID": "",
            "systemUUID": "",
            "bootID": "",
        },
    }


def _handler(node: str) -> Manifest:
    """The pod by which virt-api finds the node's virt-handler: its address leads to us."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"virt-handler-{node}",
            "namespace": KUBEVIRT,
            "labels": {"kubevirt.io": "virt-handler"},
        },
        "spec": {
            "nodeName": node,
            "serviceAccountName": "kubevirt-handler",
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "virt-handler", "image": "local.pileus.dev/no-virt-handler"}],
        },
    }
