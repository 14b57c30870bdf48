"""Where each object store of a cluster is, and the keys of its root user.

Decided once and kept with the cluster's configuration: ports and keys stay when `up` runs again. The file is
its owner's alone, since the keys may do everything. It starts nothing and asks nobody.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pileus.local.paths import Layout

REGION = "us-east-1"
_LETTERS = string.ascii_uppercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Store:
    """One engine as its administrator sees it. Ports are the same inside and outside."""

    engine: str
    host: str
    """By which pods and whatever else runs inside reach it; an address."""
    port: int
    users_port: int
    """Where users are managed: an IAM API, for Ceph also the Admin Ops API."""
    internal_port: int
    """Where its own processes meet."""
    access_key: str
    secret_key: str = field(repr=False)
    ca: str = ""
    """A file with the authority of its certificate; empty where it speaks HTTP."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What its clients must be told besides, as variables that SDKs read, and its administrators' token."""

    @property
    def endpoint(self) -> str:
        """The S3 API, for pods."""
        return self._url(self.host, self.port)

    @property
    def users(self) -> str:
        """The API of users and keys, for pods."""
        return self._url(self.host, self.users_port)

    @property
    def outside(self) -> str:
        """The S3 API, for programs on the machine."""
        return self._url("127.0.0.1", self.port)

    @property
    def users_outside(self) -> str:
        """The API of users and keys, for programs on the machine."""
        return self._url("127.0.0.1", self.users_port)

    def _url(self, host: str, port: int) -> str:
        return f"{'https' if self.ca else 'http'}://{host}:{port}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an engine's store needs. `ca` and `environment`: as in Store.

    `token`: the variable of a token by which users are managed, where it is not the root user's key.
    """

    engine: str
    users_apart: bool
    """Whether users have a port of their own."""
    ca: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    token: str = ""


def read(layout: Layout) -> dict[str, Store]:
    """The stores of a cluster by engine; none where it has none."""
    try:
        found = json.loads(layout.stores.read_text())
    except FileNotFoundError:
        return {}
    return {name: Store(**fields) for name, fields in found.items()}


def decide(layout: Layout, wanted: Iterable[Wanted], *, host: str, first: int) -> dict[str, Store]:
    """The stores that are known, and new ones for what is wanted besides; their ports begin at `first`."""
    known = read(layout)
    for one in [one for one in wanted if one.engine not in known]:
        port, users, internal = range(first + 3 * len(known), first + 3 * len(known) + 3)
        known[one.engine] = Store(
            engine=one.engine,
            host=host,
            port=port,
            users_port=users if one.users_apart else port,
            internal_port=internal,
            access_key="".join(secrets.choice(_LETTERS) for _ in range(20)),
            secret_key=_secret(),
            ca=one.ca,
            environment={**one.environment, **({one.token: _secret()} if one.token else {})},
        )
    _write(layout, known)
    return known


def _secret() -> str:
    return "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40))


def _write(layout: Layout, stores: Mapping[str, Store]) -> None:
    partial = layout.stores.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({name: dataclasses.asdict(store) for name, store in stores.items()}, file, indent=1)
    partial.rename(layout.stores)
