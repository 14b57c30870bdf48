"""What a part of the cluster is: a program, what it waits for, and how one knows that it works.

Descriptions only; `first.py` runs them. They travel to it as JSON, so they hold plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pileus.local.paths import Layout


@dataclass(frozen=True, slots=True)
class Probe:
    """A URL that answers 200 when the part works; certificates where the server asks for them."""

    url: str
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A program that runs as long as the cluster."""

    name: str
    argv: tuple[str, ...]
    version: str
    after: tuple[str, ...] = ()
    ready: Probe | None = None
    socket: str = ""
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    listens: int | None = None
    """A listening socket that the first process has inherited, and the part from it."""

    def as_json(self) -> dict[str, Any]:
        """For the first process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that parts listen on; the API server's is the same inside and outside."""

    api: int
    etcd: int = 2379
    etcd_peer: int = 2380
    controller_manager: int = 10257
    scheduler: int = 10259
    kwok: int = 10247


@dataclass(frozen=True, slots=True)
class Site:
    """Where a cluster's parts find each other."""

    layout: Layout
    ports: Ports
    programs: Mapping[str, Path]
    versions: Mapping[str, str]

    def flags(self, *positional: str, **flags: object) -> tuple[str, ...]:
        """`a_b=1` as `--a-b=1`: how every part of Kubernetes takes its options."""
        named = (f"--{name.replace('_', '-')}={_text(value)}" for name, value in flags.items())
        return (*positional, *named)

    def program(self, name: str) -> str:
        """The path of a built program."""
        return str(self.programs[name])

    def pki(self, name: str) -> str:
        """The path of a certificate or key."""
        return str(self.layout.pki / name)

    def kubeconfig(self, user: str) -> str:
        """The path of a part's own kubeconfig."""
        return str(self.layout.etc / f"{user}.kubeconfig")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) and isinstance(value, Iterable):
        return ",".join(str(item) for item in value)
    return str(value)
