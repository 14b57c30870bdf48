"""Who the parts of KubeVirt, CDI and snapshots are: client and serving certificates, by the cluster's CA.

virt-api takes a machine's status only from KubeVirt's own ServiceAccounts, so each part has the name of
its ServiceAccount, and with it exactly the rights that KubeVirt's roles give. What is there already is
kept: parts that run have read it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.local import pki
from pileus.local.parts import Site

VIRT_API, VIRT_CONTROLLER, CDI = "virt-api", "virt-controller", "cdi"
CDI_API = "cdi-apiserver"
HANDLER = "virt-handler"
SNAPSHOTS = "snapshot-controller"
_LOOPBACK = ("localhost", "127.0.0.1")
_ACCOUNTS = {
    VIRT_API: "kubevirt:kubevirt-apiserver",
    VIRT_CONTROLLER: "kubevirt:kubevirt-controller",
    HANDLER: "kubevirt:kubevirt-handler",
    CDI: "cdi:cdi-sa",
    CDI_API: "cdi:cdi-apiserver",
    SNAPSHOTS: "kube-system:snapshot-controller",
}


@dataclass(frozen=True, slots=True)
class _Server:
    user: str
    names: tuple[str, ...]


def certificates(site: Site, node_address: str) -> None:
    """Write what is missing. `node_address` is where the played nodes listen."""
    authority = pki.load(site.layout.pki, "ca")
    server = f"https://127.0.0.1:{site.ports.api}"
    for name, account in _ACCOUNTS.items():
        if not (site.layout.etc / f"{name}.kubeconfig").exists():
            authority.issue(name, user=f"system:serviceaccount:{account}")
            pki.kubeconfig(
                site.layout.etc / f"{name}.kubeconfig", server=server, pki=site.layout.pki, user=name
            )
    servers = {
        VIRT_API: _Server("virt-api.kubevirt.svc", ("virt-api.kubevirt.svc", *_LOOPBACK)),
        VIRT_CONTROLLER: _Server("virt-controller.kubevirt.svc", _LOOPBACK),
        CDI_API: _Server("cdi-api.cdi.svc", ("cdi-api.cdi.svc", *_LOOPBACK)),
        # virt-api asks for this very name.
        HANDLER: _Server("kubevirt.io:system:node:virt-handler", (node_address,)),
    }
    for name, made in servers.items():
        if not (site.layout.pki / f"{name}-server.crt").exists():
            authority.issue(f"{name}-server", user=made.user, names=made.names, server=True)
    if not (site.layout.pki / "virt-api-to-handler.crt").exists():
        authority.issue("virt-api-to-handler", user="kubevirt.io:system:client:virt-handler")
