"""Where a cluster keeps its files, and where what is built once is cached.

`Layout` names every file of one cluster; nothing else in this package spells a path of the state
directory. The cache lies outside the checkout, so that a second clone does not build again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
ENGINES = CHECKOUT / "tools" / "engines"


def cache_directory() -> Path:
    """Where built programs, downloads and images are kept; PILEUS_CACHE moves it."""
    given = os.environ.get("PILEUS_CACHE")
    return Path(given).absolute() if given else Path.home() / ".cache" / "pileus"


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one cluster below `root`: the kubeconfig in sight, everything else in `cluster/`."""

    root: Path

    @property
    def name(self) -> str:
        """Differs between directories: it names the cluster's control groups."""
        return "pileus-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:10]

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, good from inside and outside."""
        return self.root / "kubeconfig"

    @property
    def lock(self) -> Path:
        """Held by `up` and `down`; outside `state`, which `down` removes."""
        return self.root / ".lock"

    @property
    def state(self) -> Path:
        """Everything that `down` removes."""
        return self.root / "cluster"

    @property
    def record(self) -> Path:
        """What `up` was asked for and how far it came."""
        return self.state / "cluster.json"

    @property
    def spec(self) -> Path:
        """What the first process shall run."""
        return self.state / "spec.json"

    @property
    def progress(self) -> Path:
        """What the first process says about its parts."""
        return self.state / "parts.json"

    @property
    def logs(self) -> Path:
        """One log a part."""
        return self.state / "log"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def etc(self) -> Path:
        """Configuration files and the parts' kubeconfigs."""
        return self.state / "etc"

    @property
    def stores(self) -> Path:
        """Where its object stores are, and the keys of their root users."""
        return self.etc / "stores.json"

    @property
    def data(self) -> Path:
        """What the parts store: etcd, containers, volumes."""
        return self.state / "data"

    @property
    def bin(self) -> Path:
        """Links to the cluster's programs, for PATH."""
        return self.state / "bin"

    @property
    def volumes(self) -> Path:
        """PersistentVolumes, as directories of the node."""
        return self.data / "volumes"
