"""Garage: one node, S3 and the admin API on ports of their own; AGPL.

It has no root user: the operator's key is one like others, and the admin API's token is what may do
everything.
"""

from __future__ import annotations

import os

from pileus.local.parts import Part, Probe, Site
from pileus.local.s3.stores import REGION, Store, Wanted

NAME = "garage"
TOKEN = "GARAGE_ADMIN_TOKEN"  # noqa: S105 - its name
"""What the Secret calls the token of the admin API."""


def wanted(site: Site) -> Wanted:
    """HTTP only, and a token besides the key."""
    return Wanted(NAME, users_apart=True, token=TOKEN)


def versions(site: Site) -> dict[str, str]:
    """By part."""
    return {NAME: site.versions[NAME]}


def prepare(site: Site, store: Store) -> None:
    """Its directories, and the configuration with a secret of its own."""
    data = site.layout.data / NAME
    for name in ("meta", "data"):
        (data / name).mkdir(parents=True, exist_ok=True)
    if (data / "garage.toml").exists():
        return
    with os.fdopen(os.open(data / "garage.partial", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(_configuration(site, store))
    (data / "garage.partial").rename(data / "garage.toml")


def parts(site: Site, store: Store, *, listen: str) -> list[Part]:
    """The node, which makes its layout and the operator's key by itself; `listen`: an address."""
    argv = (
        *(site.program(NAME), "-c", str(site.layout.data / NAME / "garage.toml")),
        *("server", "--single-node", "--default-access-key"),
    )
    env = {
        "GARAGE_DEFAULT_ACCESS_KEY": store.access_key,
        "GARAGE_DEFAULT_SECRET_KEY": store.secret_key,
        "GARAGE_ADMIN_TOKEN": store.environment[TOKEN],
        "RUST_LOG": "garage=warn",
    }
    ready = Probe(f"http://127.0.0.1:{store.users_port}/health")
    return [Part(NAME, argv, site.versions[NAME], ready=ready, port=store.port, env=env)]


def finish(site: Site, store: Store) -> list[str]:
    """No command: the operator's key comes with the node."""
    return []


def _configuration(site: Site, store: Store) -> str:
    data, loopback = site.layout.data / NAME, "127.0.0.1"
    listen = loopback if store.host == loopback else "0.0.0.0"  # noqa: S104 - of its own namespace
    return f"""\
metadata_dir = "{data / "meta"}"
data_dir = "{data / "data"}"
db_engine = "lmdb"
replication_factor = 1
rpc_bind_addr = "{loopback}:{store.internal_port}"
rpc_public_addr = "{loopback}:{store.internal_port}"
rpc_secret = "{os.urandom(32).hex()}"

[s3_api]
s3_region = "{REGION}"
api_bind_addr = "{listen}:{store.port}"

[admin]
api_bind_addr = "{listen}:{store.users_port}"
"""
