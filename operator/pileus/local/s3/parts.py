"""The engines of `--with s3` and its like, and how their processes come to a cluster.

One row an engine; each is a module with the functions of `Engine`. In a network of its own they listen on all
addresses, so that pods reach them, and a forwarder carries the machine's ports inside; elsewhere on loopback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from pileus.local import launch
from pileus.local.controlplane import NODE_ADDRESS
from pileus.local.parts import Part, Site
from pileus.local.ports import STORE_PORTS
from pileus.local.report import Report
from pileus.local.s3 import ADDONS, ceph, garage, minio, stores, versitygw
from pileus.local.s3.stores import Store, Wanted

FORWARDER = "s3-forwarder"
"""Of the add-on `s3`; each has one, named like it."""


class Engine(Protocol):
    """What a module of an engine has."""

    def wanted(self, site: Site) -> Wanted:
        """What its store needs."""

    def versions(self, site: Site) -> Mapping[str, str]:
        """The versions of its parts by their names."""

    def prepare(self, site: Site, store: Store) -> None:
        """Write what its parts read; again changes nothing."""

    def parts(self, site: Site, store: Store, *, listen: str) -> list[Part]:
        """Its processes. `listen`: the address for users' ports."""

    def finish(self, site: Site, store: Store) -> list[str]:
        """A command that is run once its parts work, and changes nothing when it is run again."""


ENGINES: Mapping[str, Engine] = {
    versitygw.NAME: cast("Engine", versitygw),
    ceph.NAME: cast("Engine", ceph),
    minio.NAME: cast("Engine", minio),
    garage.NAME: cast("Engine", garage),
}


def of(addon: str) -> dict[str, Engine]:
    """The engines of an add-on."""
    return {name: ENGINES[name] for name in ADDONS[addon]}


def download(addon: str, report: Report) -> None:
    """Get what is not built; a quick no-op where it is there. Raises ImageError."""
    if ceph.NAME in ADDONS[addon]:
        with report.step("Ceph's programs unpacked"):
            ceph.unpacked()


def decide(site: Site, addon: str, *, own_network: bool) -> dict[str, Store]:
    """The stores of the cluster with those of this add-on, those that are there already as they are."""
    host = NODE_ADDRESS if own_network else "127.0.0.1"
    wanted = [engine.wanted(site) for engine in of(addon).values()]
    return stores.decide(site.layout, wanted, host=host, first=site.ports.api + STORE_PORTS)


def parts(
    site: Site, addon: str, found: Mapping[str, Store], spec: Mapping[str, Any], *, own_network: bool
) -> list[Part]:
    """All processes of an add-on; `spec` is what the first process runs already."""
    listen = "0.0.0.0" if own_network else "127.0.0.1"  # noqa: S104 - of its own namespace
    engines = of(addon).items()
    made = [part for name, engine in engines for part in engine.parts(site, found[name], listen=listen)]
    if own_network:
        inherited = next(part["listens"] for part in spec["parts"] if part.get("listens") is not None)
        made.append(_forwarder(addon, [found[name] for name, _ in engines], inherited))
    return made


def _forwarder(addon: str, found: Iterable[Store], inherited: int) -> Part:
    ports = sorted({port for store in found for port in (store.port, store.users_port)})
    beside = ("--beside", str(inherited), *map(str, ports))
    argv = (sys.executable, "-I", "-S", str(launch.FORWARD), *beside)
    return Part(f"{addon}-forwarder", argv, "", listens=inherited)
