"""What FirewallPolicies meet in the campaign: pods that nobody runs, an enforcer's agent, the cluster's DNS.

There is no kubelet, so the pods' statuses are written as one would write them, and no scheduler is asked.
"""

from __future__ import annotations

from typing import Any

from pileus.engine.plan import Manifest

ACCOUNT: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pods"}}


def _pod(name: str, labels: dict[str, str], *, ip: str, ports: dict[str, int], **spec: Any) -> Manifest:
    declared = [{"name": port, "containerPort": number} for port, number in ports.items()]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "schedulerName": "nobody",
            "serviceAccountName": "pods",
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "registry.example/x:1", "ports": declared}],
            **spec,
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _ours(kind: str, name: str) -> dict[str, str]:
    return {"pileus.dev/kind": kind, "pileus.dev/name": name}


MACHINE = {"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": "db"}
PODS: tuple[Manifest, ...] = (
    _pod("web-1", _ours("ContainerApp", "web"), ip="10.244.7.1", ports={"http": 8080}),
    _pod("worker-1", _ours("ContainerApp", "worker"), ip="10.244.7.2", ports={"queue": 7000}),
    _pod("db-1", {**_ours("CloudVM", "db"), **MACHINE}, ip="10.244.7.3", ports={"pg": 5432}),
    _pod("other", {"A": "one"}, ip="10.244.7.4", ports={"other": 9000}),
)
"""An app, another one, a machine, and somebody else's pod; the same in every namespace."""

BESIDE: tuple[Manifest, ...] = (ACCOUNT, *PODS)

SYSTEM = {"namespace": "kube-system"}
CILIUM = _pod("cilium", {"k8s-app": "cilium"}, ip="192.0.2.201", ports={}, hostNetwork=True)
AGENT: Manifest = {**CILIUM, "metadata": {**CILIUM["metadata"], **SYSTEM}}
DNS: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "kube-dns", "labels": {"k8s-app": "kube-dns"}, **SYSTEM},
    "spec": {
        "selector": {"k8s-app": "kube-dns"},
        "ports": [
            {"name": protocol.lower(), "protocol": protocol, "port": 53, "targetPort": 5353}
            for protocol in ("UDP", "TCP")
        ],
    },
}
API: Manifest = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {
        "name": "campaign",
        "namespace": "default",
        "labels": {"kubernetes.io/service-name": "kubernetes"},
    },
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["192.0.2.100"], "conditions": {"ready": True}}],
    "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
}
"""An API server that listens on loopback alone has no endpoints of its own."""


def prepare() -> tuple[Manifest, ...]:
    """What an administrator has installed."""
    account: Manifest = {**ACCOUNT, "metadata": {**ACCOUNT["metadata"], **SYSTEM}}
    return (account, AGENT, DNS, API)
