"""What a cluster consists of: profiles, their parts, and the record of what was asked for.

The one table of which profile runs what. `prepare` writes every file that parts read and returns the
spec for the first process; nothing here starts anything.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import yaml

from pileus.local import controlplane, engines, host, kubevirt, launch, node, s3
from pileus.local.controlplane import NODE as NODE
from pileus.local.kubevirt import parts as kubevirt_parts
from pileus.local.parts import Part, Ports, Site
from pileus.local.paths import Layout

KWOK = "kwok"
_FAKE_NODES = 3
_STAGES = ("node/fast/node-initialize.yaml", "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml")
_POD_STAGES = "pod/fast"


class Profile(StrEnum):
    """How much of a cluster runs."""

    NODE = "node"  # everything; pods really run; needs root
    CONTROL_PLANE = "control-plane"  # the API and its controllers, on loopback
    APISERVER = "apiserver"  # only the API
    KIND = "kind"  # made by kind, in Docker
    EXISTING = "existing"  # whatever KUBECONFIG names

    @property
    def provided(self) -> bool:
        """Whether somebody else runs it."""
        return self in (Profile.KIND, Profile.EXISTING)


@dataclass(frozen=True, slots=True)
class Record:
    """What `up` was asked for, and whether it got there."""

    profile: Profile
    with_: tuple[str, ...]
    port: int
    complete: bool
    versions: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record, or None."""
        try:
            found = json.loads(path.read_text())
        except OSError:
            return None
        return cls(**{**found, "profile": Profile(found["profile"]), "with_": tuple(found["with_"])})

    def write(self, path: Path) -> None:
        """Whole or not at all: a crash leaves the record before."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(dataclasses.asdict(self), indent=1))
        partial.rename(path)

    def changed(self, **fields: Any) -> Record:
        """The same with other fields."""
        return dataclasses.replace(self, **fields)


def choose(asked: Profile | None, lacks: Callable[[], list[str]]) -> tuple[Profile, str]:
    """The profile to run, and a statement of what is only simulated."""
    if asked not in (None, Profile.NODE):
        return asked, ""
    missing = lacks()
    if not missing:
        return Profile.NODE, ""
    words = ", ".join(missing)
    if asked is Profile.NODE:
        raise host.HostError(f"Real pods cannot run here, for want of {words}. Try --profile control-plane.")
    return Profile.CONTROL_PLANE, (
        f"Real pods cannot run here, for want of {words}. The API server and its controllers are real; nodes "
        "and pods are simulated by kwok: pods say Running, but no container, network, log or volume exists."
    )


def programs(profile: Profile, with_: Iterable[str]) -> list[str]:
    """The engines that a cluster runs or people use with it."""
    if profile.provided:
        return ["kubectl", "helm"]
    names = ["etcd", "kube-apiserver", "kubectl"]
    if profile is not Profile.APISERVER:
        names += ["kube-controller-manager", "kube-scheduler"]
    if profile is Profile.NODE:
        names += ["kubelet", "kube-proxy", "netpol", "helm", "coredns", "local-path-provisioner"]
    if kubevirt.NAME in with_:
        names += kubevirt_parts.PROGRAMS
    names += s3.programs(with_)
    return [*names, *([KWOK] if KWOK in with_ else [])]


def site(layout: Layout, profile: Profile, programs: Mapping[str, Path], api_port: int) -> Site:
    """Where parts are: fixed ports in a network of its own, the block's on the host's loopback."""
    versions = {name: engines.version(name) for name in programs}
    if profile is Profile.NODE:
        versions["containerd"] = host.containerd_version()
        return Site(layout, Ports(api_port), programs, versions)
    ports = Ports(*range(api_port, api_port + len(fields(Ports))))
    return Site(layout, ports, programs, versions)


def prepare(
    site: Site, profile: Profile, with_: Iterable[str], *, pause_image: str, listens: int | None
) -> dict[str, Any]:
    """Write what the parts read; the spec for the first process. `listens`: the inherited socket."""
    controlplane.certificates(site)
    real = profile is Profile.NODE
    parts = [controlplane.etcd(site), controlplane.apiserver(site, node=real)]
    if profile is not Profile.APISERVER:
        parts += [controlplane.controller_manager(site), controlplane.scheduler(site)]
    setup: list[list[str]] = []
    if real:
        node.write_configuration(site, pause_image=pause_image)
        setup = node.setup(site)
        # Before the parts that wait for the API server: containerd takes its time meanwhile.
        parts = [
            node.containerd(site),
            *parts,
            node.kubelet(site),
            node.kube_proxy(site),
            node.enforcer(site),
        ]
    if KWOK in with_:
        parts.append(kwok(site))
    if listens is not None:
        parts.insert(0, _forwarder(site, listens))
    return {
        "state": str(site.layout.state),
        "logs": str(site.layout.logs),
        "progress": str(site.layout.progress),
        "setup": setup,
        "parts": [part.as_json() for part in parts],
    }


def added(spec: Mapping[str, Any], parts: Iterable[Part]) -> dict[str, Any]:
    """The spec with these parts too, unless they are in it."""
    listed = {part["name"]: part for part in spec["parts"]}
    for part in parts:
        listed.setdefault(part.name, part.as_json())
    return {**spec, "parts": list(listed.values())}


def fake_nodes(profile: Profile) -> list[dict[str, Any]]:
    """Nodes that kwok keeps Ready; beside a real node, only pods that tolerate it are put there."""
    taint = {"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"fake{number}",
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    "type": "kwok",
                    "kubernetes.io/hostname": f"fake{number}",
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "topology.kubernetes.io/zone": f"zone-{number}",
                },
            },
            "spec": {"taints": [taint] if profile is Profile.NODE else []},
        }
        for number in range(1, _FAKE_NODES + 1)
    ]


def _forwarder(site: Site, listens: int) -> Part:
    argv = (sys.executable, "-I", "-S", str(launch.FORWARD), str(listens), str(site.ports.api))
    return Part("forwarder", argv, "", port=site.ports.api, listens=listens)


def kwok(site: Site) -> Part:
    """What plays the nodes and pods that are fake; writes what it reads."""
    stages = site.layout.etc / "kwok-stages.yaml"
    source = engines.module_dir(f"sigs.k8s.io/kwok@{engines.version(KWOK)}") / "kustomize" / "stage"
    files = [*(source / name for name in _STAGES), *sorted((source / _POD_STAGES).glob("pod-*.yaml"))]
    documents = [doc for file in files for doc in yaml.safe_load_all(file.read_text()) if doc]
    stages.write_text(yaml.safe_dump_all(documents))
    argv = site.flags(
        site.program(KWOK),
        kubeconfig=site.kubeconfig("admin"),
        config=stages,
        manage_all_nodes=False,
        manage_nodes_with_annotation_selector="kwok.x-k8s.io/node=fake",
        node_lease_duration_seconds=40,
        server_address=f"127.0.0.1:{site.ports.kwok}",
    )
    return Part(KWOK, argv, site.versions[KWOK], after=("kube-apiserver",), port=site.ports.kwok)
