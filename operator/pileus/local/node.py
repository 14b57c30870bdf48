"""The node: its namespaces, containerd, kubelet, kube-proxy, and the enforcer of NetworkPolicies.

The namespaces are the machine: own network, mounts, processes. What containerd, kubelet and CNI plugins
write at fixed paths is covered by mounts that nobody outside sees. Nothing in here reaches the network
of the host; the default route leads nowhere and is there because kubelet and kube-proxy want one.

containerd and runc are Debian's. Control groups are the one thing that outlives namespaces: each
cluster has its own root group, which `down` removes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pileus.local.controlplane import DNS_ADDRESS, DOMAIN, NODE, NODE_ADDRESS, POD_RANGE, SERVICE_RANGE
from pileus.local.parts import Part, Probe, Site

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CNI_PLUGINS = "/usr/lib/cni"
_POD_RANGE_HERE = "10.244.0.0/24"
_RUN = "/run"
# Fixed paths at which kubelet and plugins write → where that goes.
_COVERED = {"/var/lib/kubelet": "kubelet", "/var/lib/cni": "cni", "/var/log": "varlog"}

# The death of the first process ends everything in the namespaces, and unshare's death ends it.
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc")


def setup(site: Site) -> list[list[str]]:
    """What the first process does in the new namespaces before any part starts."""
    covered = {target: site.layout.data / name for target, name in _COVERED.items()}
    for directory in (*covered.values(), site.layout.volumes):
        directory.mkdir(parents=True, exist_ok=True)
    commands = [
        ["mount", "--make-rshared", "/"],
        # Also hides systemd's presence, which runc and kubelet would act upon.
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", _RUN],
    ]
    for target, source in covered.items():
        commands += [["mkdir", "-p", target], ["mount", "--bind", str(source), target]]
    lines = [
        f"hostname {NODE}",
        "ip link set lo up",
        "ip link add node0 type bridge",
        f"ip addr add {NODE_ADDRESS}/24 dev node0",
        "ip link set node0 up",
        "ip route add default via 192.168.77.1 dev node0",
        "echo 1 >/proc/sys/net/ipv4/ip_forward",
        # Pods of one node talk over a bridge; policies see that traffic only with this.
        "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null || true",
    ]
    return [*commands, *(["sh", "-ec", line] for line in lines)]


def covering(directory: Path) -> str:
    """The mount of the node that would hide this directory from its own parts, or nothing."""
    return next((target for target in (_RUN, *_COVERED) if directory.is_relative_to(target)), "")


def write_configuration(site: Site, *, pause_image: str) -> None:
    """The parts' configuration files."""
    etc = site.layout.etc
    _write(etc / "cni" / "10-pileus.conflist", json.dumps(_cni(site), indent=1))
    _write(etc / "containerd.toml", toml(_containerd(site, pause_image)))
    _write(etc / "resolv.conf", f"nameserver {DNS_ADDRESS}\n")
    _write(etc / "kubelet.yaml", yaml.safe_dump(_kubelet(site)))
    _write(etc / "kube-proxy.yaml", yaml.safe_dump(_kube_proxy(site)))


def containerd(site: Site) -> Part:
    """Debian's containerd with everything it stores inside the cluster's directory."""
    argv = ("containerd", "--config", str(site.layout.etc / "containerd.toml"))
    return Part("containerd", argv, site.versions["containerd"], socket=CONTAINERD_SOCKET)


def kubelet(site: Site) -> Part:
    """Runs the pods."""
    argv = site.flags(
        site.program("kubelet"),
        config=site.layout.etc / "kubelet.yaml",
        kubeconfig=site.kubeconfig("kubelet"),
        hostname_override=NODE,
        node_ip=NODE_ADDRESS,
        v=1,
    )
    probe = Probe("http://127.0.0.1:10248/healthz")
    after = ("kube-apiserver", "containerd")
    return Part("kubelet", argv, site.versions["kubelet"], after=after, ready=probe, port=10250)


def kube_proxy(site: Site) -> Part:
    """Routes Services."""
    argv = site.flags(site.program("kube-proxy"), config=site.layout.etc / "kube-proxy.yaml", v=1)
    probe = Probe("http://127.0.0.1:10256/livez")
    after = ("kubelet",)
    return Part("kube-proxy", argv, site.versions["kube-proxy"], after=after, ready=probe, port=10256)


def enforcer(site: Site) -> Part:
    """Turns NetworkPolicies into rules of iptables."""
    argv = site.flags(
        site.program("netpol"),
        kubeconfig=site.kubeconfig("admin"),
        node=NODE,
        service_cidr=SERVICE_RANGE,
    )
    return Part("netpol", argv, site.versions["netpol"], after=("kubelet",))


def _cni(site: Site) -> dict[str, Any]:
    return {
        "cniVersion": "0.4.0",
        "name": "pileus",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": _POD_RANGE_HERE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _containerd(site: Site, pause_image: str) -> dict[str, Any]:
    runc = {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": False}}
    return {
        "version": 2,
        "root": str(site.layout.data / "containerd"),
        "state": "/run/containerd",
        "grpc": {"address": CONTAINERD_SOCKET},
        "plugins": {
            "io.containerd.grpc.v1.cri": {
                "sandbox_image": pause_image,
                "enable_selinux": False,
                # Without CAP_SYS_RESOURCE, as in many containers, no score may be lowered.
                "restrict_oom_score_adj": True,
                "containerd": {
                    "snapshotter": "overlayfs",
                    "default_runtime_name": "runc",
                    "runtimes": {"runc": runc},
                },
                "cni": {"bin_dir": CNI_PLUGINS, "conf_dir": str(site.layout.etc / "cni")},
            }
        },
    }


def _kubelet(site: Site) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": site.pki("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": site.pki("kubelet-server.crt"),
        "tlsPrivateKeyFile": site.pki("kubelet-server.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{site.layout.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": ["pods"],
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": DOMAIN,
        "resolvConf": str(site.layout.etc / "resolv.conf"),
        "volumePluginDir": str(site.layout.data / "volume-plugins"),
        # A developer's disk is often nearly full, and images cannot be pulled again.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "4s",
    }


def _kube_proxy(site: Site) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        # Tables of its own, so that it and the enforcer, which uses iptables, never meet.
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "clientConnection": {"kubeconfig": site.kubeconfig("proxy")},
        "hostnameOverride": NODE,
        "bindAddress": "0.0.0.0",  # noqa: S104 - of its own namespace
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0},
        "nodePortAddresses": ["primary"],
    }


def toml(table: Mapping[str, Any]) -> str:
    """A TOML document; tables are written inline below the top level."""
    return "".join(f"{json.dumps(key)} = {_toml_value(value)}\n" for key, value in table.items())


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(key)} = {_toml_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
