"""MinIO: one process over a directory, its admin API on the same port; archived upstream, and AGPL.

It has a key of its own to encrypt buckets by, made once. It listens where it is told, and opens no console.
"""

from __future__ import annotations

import base64
import os

from pileus.local.parts import Part, Probe, Site
from pileus.local.s3.stores import REGION, Store, Wanted

NAME = "minio"


def wanted(site: Site) -> Wanted:
    """HTTP only."""
    return Wanted(NAME, users_apart=False)


def versions(site: Site) -> dict[str, str]:
    """By part."""
    return {NAME: site.versions[NAME]}


def prepare(site: Site, store: Store) -> None:
    """The directory that it serves, and the key."""
    data = site.layout.data / NAME
    (data / "objects").mkdir(parents=True, exist_ok=True)
    if not (data / "kms").exists():
        with os.fdopen(os.open(data / "kms.partial", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f"pileus:{base64.b64encode(os.urandom(32)).decode()}")
        (data / "kms.partial").rename(data / "kms")


def parts(site: Site, store: Store, *, listen: str) -> list[Part]:
    """The server; `listen`: an address."""
    data = site.layout.data / NAME
    argv = (
        site.program(NAME),
        "server",
        "--quiet",
        "--address",
        f"{listen}:{store.port}",
        str(data / "objects"),
    )
    env = {
        "MINIO_ROOT_USER": store.access_key,
        "MINIO_ROOT_PASSWORD": store.secret_key,
        "MINIO_SITE_REGION": REGION,
        "MINIO_KMS_SECRET_KEY_FILE": str(data / "kms"),
        "MINIO_CONFIG_DIR": str(data / "config"),
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_SCANNER_SPEED": "fastest",  # what is in buckets is counted by it
        "HOME": str(data),
    }
    ready = Probe(f"http://127.0.0.1:{store.port}/minio/health/ready")
    return [Part(NAME, argv, site.versions[NAME], ready=ready, port=store.port, env=env)]


def finish(site: Site, store: Store) -> list[str]:
    """No command: the root user is a setting."""
    return []
