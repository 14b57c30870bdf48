"""The processes of KubeVirt, CDI and volume snapshots, and the one that plays the nodes.

All listen on loopback. In a network of their own ports are fixed; elsewhere they are of the cluster's
block, and the played nodes have a loopback address that is their cluster's alone, because importers and
handlers answer on ports that KubeVirt and CDI have fixed.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, fields

from pileus.local.kubevirt.identities import CDI, CDI_API, HANDLER, SNAPSHOTS, VIRT_API, VIRT_CONTROLLER
from pileus.local.parts import Part, Probe, Site
from pileus.local.paths import CHECKOUT
from pileus.local.ports import KUBEVIRT_PORTS

VM_NODE = "vm-node"
HANDLER_PORT = 8186
PROGRAMS = (VIRT_API, VIRT_CONTROLLER, CDI, SNAPSHOTS, "kubevirt-objects")
LAUNCHER_IMAGE = "local.pileus.dev/no-virt-launcher"
"""Nobody pulls it: the node that would is played."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen on loopback."""

    virt_api: int = 8443
    virt_controller: int = 8444
    cdi: int = 8445
    snapshots: int = 8446


def ports(site: Site, *, own_network: bool) -> Ports:
    """Fixed ones in a network of their own, else those of the cluster's block."""
    first = site.ports.api + KUBEVIRT_PORTS
    return Ports() if own_network else Ports(*range(first, first + len(fields(Ports))))


def node_address(site: Site) -> str:
    """The loopback address of this cluster's played nodes."""
    first, second, third = hashlib.sha256(str(site.layout.root).encode()).digest()[:3]
    return f"127.{first or 1}.{second}.{third or 1}"


def parts(site: Site, ports: Ports) -> list[Part]:
    """All of them; they end and start again until their definitions are there."""
    return [
        _virt_api(site, ports),
        _virt_controller(site, ports),
        _cdi(site, ports),
        _snapshots(site, ports),
        _vm_node(site),
    ]


def _virt_api(site: Site, ports: Ports) -> Part:
    argv = site.flags(
        site.program(VIRT_API),
        kubeconfig=site.kubeconfig(VIRT_API),
        listen="127.0.0.1",
        port=ports.virt_api,
        console_server_port=HANDLER_PORT,
        tls_cert_file=site.pki(f"{VIRT_API}-server.crt"),
        tls_key_file=site.pki(f"{VIRT_API}-server.key"),
        handler_cert_file=site.pki("virt-api-to-handler.crt"),
        handler_key_file=site.pki("virt-api-to-handler.key"),
    )
    probe = Probe(f"https://127.0.0.1:{ports.virt_api}/healthz")
    return _part(VIRT_API, argv, site, ports.virt_api, probe)


def _virt_controller(site: Site, ports: Ports) -> Part:
    argv = site.flags(
        site.program(VIRT_CONTROLLER),
        kubeconfig=site.kubeconfig(VIRT_CONTROLLER),
        listen="127.0.0.1",
        port=ports.virt_controller,
        launcher_image=LAUNCHER_IMAGE,
        exporter_image=LAUNCHER_IMAGE,
        prom_cert_file=site.pki(f"{VIRT_CONTROLLER}-server.crt"),
        prom_key_file=site.pki(f"{VIRT_CONTROLLER}-server.key"),
    )
    probe = Probe(f"https://127.0.0.1:{ports.virt_controller}/healthz")
    return _part(VIRT_CONTROLLER, argv, site, ports.virt_controller, probe)


def _cdi(site: Site, ports: Ports) -> Part:
    argv = site.flags(
        *(site.program(CDI), "run"),
        kubeconfig=site.kubeconfig(CDI),
        apiserver_kubeconfig=site.kubeconfig(CDI_API),
        port=ports.cdi,
        tls_cert_file=site.pki(f"{CDI_API}-server.crt"),
        tls_key_file=site.pki(f"{CDI_API}-server.key"),
    )
    return _part(CDI, argv, site, ports.cdi, Probe(f"https://127.0.0.1:{ports.cdi}/healthz"))


def _snapshots(site: Site, ports: Ports) -> Part:
    argv = site.flags(
        site.program(SNAPSHOTS),
        kubeconfig=site.kubeconfig(SNAPSHOTS),
        http_endpoint=f"127.0.0.1:{ports.snapshots}",
        feature_gates="CSIVolumeGroupSnapshot=false",  # it would wait half a minute for their definitions
        kube_api_qps=50,
        kube_api_burst=100,
    )
    probe = Probe(f"http://127.0.0.1:{ports.snapshots}/metrics")
    return _part(SNAPSHOTS, argv, site, ports.snapshots, probe)


def _vm_node(site: Site) -> Part:
    address = node_address(site)
    argv = site.flags(
        *(sys.executable, "-m", "pileus.local.vmnode"),
        kubeconfig=site.kubeconfig("admin"),
        handler_kubeconfig=site.kubeconfig(HANDLER),
        address=address,
        ca=site.pki("ca.crt"),
        certificate=site.pki(f"{HANDLER}-server.crt"),
        key=site.pki(f"{HANDLER}-server.key"),
    )
    probe = Probe(f"https://{address}:8443/healthz")
    env = {"PYTHONPATH": str(CHECKOUT / "operator")}
    return Part(VM_NODE, argv, "", after=("kube-apiserver",), ready=probe, port=HANDLER_PORT, env=env)


def _part(name: str, argv: tuple[str, ...], site: Site, port: int, probe: Probe) -> Part:
    env = {"POD_NAMESPACE": "kubevirt"} if name in (VIRT_API, VIRT_CONTROLLER) else {}
    return Part(name, argv, site.versions[name], after=("kube-apiserver",), ready=probe, port=port, env=env)
