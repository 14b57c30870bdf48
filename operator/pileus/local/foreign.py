"""Custom resource definitions of the projects that Pileus works with, from their own Go modules.

One table pins module and version, so the objects that Pileus compiles are checked by the very schemas
that those projects ship. Only the definitions are installed: their controllers do not run here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pileus.local import engines
from pileus.local.engines import EngineError
from pileus.local.kubectl import Kubectl, KubectlError

_LISTED = 150
"""How often it is asked whether what was installed is listed, until that is given up."""


class ForeignError(Exception):
    """A project's definitions cannot be had; the message names it."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Where a project keeps its definitions: a pinned module and globs below its root."""

    module: str
    files: tuple[str, ...]


FOREIGN: dict[str, Foreign] = {
    # The standard channel, where ListenerSet, TCPRoute and TLSRoute are; without the policy beside the
    # definitions, which guards upgrades.
    "gateway-api": Foreign(
        "sigs.k8s.io/gateway-api@v1.6.3", ("config/crd/standard/gateway.networking.k8s.io_[!v]*.yaml",)
    ),
    "keda": Foreign("github.com/kedacore/keda/v2@v2.21.0", ("config/crd/bases/keda.sh_*.yaml",)),
    "cert-manager": Foreign("github.com/cert-manager/cert-manager@v1.21.2", ("deploy/crds/*.yaml",)),
    # The newest version whose module the Go proxy serves.
    "prometheus-operator": Foreign(
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        (
            "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
        ),
    ),
    "volume-snapshots": Foreign(
        "github.com/kubernetes-csi/external-snapshotter/client/v8@v8.7.0",
        ("config/crd/snapshot.storage.k8s.io_*.yaml",),
    ),
    "cilium": Foreign(
        "github.com/cilium/cilium@v1.20.2",
        ("pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml",),
    ),
    "envoy-gateway": Foreign(
        "github.com/envoyproxy/gateway@v1.9.1", ("charts/gateway-helm/charts/crds/crds/generated/*.yaml",)
    ),
}

BESIDE_KUBEVIRT: dict[str, Foreign] = {
    # Only beside KubeVirt, whose own definitions are printed by a program.
    "multus": Foreign(
        "github.com/k8snetworkplumbingwg/network-attachment-definition-client@v1.7.7",
        ("artifacts/networks-crd.yaml",),
    ),
}


def crds(name: str) -> list[Path]:
    """The files that define a project's kinds, downloaded once. Raises ForeignError."""
    known = FOREIGN | BESIDE_KUBEVIRT
    if name not in known:
        raise ForeignError(f"There are no definitions called {name}; there are {', '.join(sorted(known))}.")
    foreign = known[name]
    root = _module(foreign.module)
    found = sorted(path for pattern in foreign.files for path in root.glob(pattern))
    if not found:
        raise ForeignError(f"{foreign.module} has no definitions at {', '.join(foreign.files)}.")
    return found


@cache
def _module(module: str) -> Path:
    try:
        return engines.module_dir(module)
    except EngineError as error:
        raise ForeignError(str(error)) from error


def install_crds(kubectl: Path, kubeconfig: Path, names: Iterable[str]) -> list[str]:
    """Apply the definitions and wait until the API serves them; the names of what was installed."""
    files = [path for name in names for path in crds(name)]
    if not files:
        return []
    client = Kubectl(kubectl, kubeconfig)
    installed = client.apply_files(files)
    established(client, installed)
    return installed


def established(client: Kubectl, installed: list[str], tries: int = 20) -> None:
    """Until the API serves them, and says so: kubectl finds a kind only by what the API server lists."""
    while True:
        try:
            client.wait("Established", *installed, seconds=60)
            break
        except KubectlError as error:  # a definition that has no conditions at all yet
            tries -= 1
            if "accessor error" not in str(error) or not tries:
                raise
            time.sleep(0.2)
    names = {one.rpartition("/")[2] for one in installed}
    for _ in range(_LISTED):
        if names <= set(client.run("api-resources", "-o=name", allow_failure=True).split()):
            return
        time.sleep(0.2)
    raise KubectlError(f"The API server does not list {', '.join(sorted(names))}, though it serves them.")
