"""versitygw: a gateway before a directory, and its IAM service: the same calls as on AWS.

Buckets, objects and users are files, so both processes can end at any moment. They share a socket without
a file: the gateway changes its directory, and a path from the root may be longer than sockets' may be.
"""

from __future__ import annotations

from pileus.local.parts import Part, Probe, Site
from pileus.local.s3.stores import REGION, Store, Wanted

NAME = "versitygw"
IAM = "versitygw-iam"


def wanted(site: Site) -> Wanted:
    """HTTP only: the one without certificates."""
    return Wanted(NAME, users_apart=True)


def versions(site: Site) -> dict[str, str]:
    """By part."""
    return dict.fromkeys((NAME, IAM), site.versions[NAME])


def prepare(site: Site, store: Store) -> None:
    """The directories that it serves."""
    for name in ("buckets", "versions", "iam"):
        (site.layout.data / NAME / name).mkdir(parents=True, exist_ok=True)


def parts(site: Site, store: Store, *, listen: str) -> list[Part]:
    """The IAM service, and the gateway that asks it about every key; `listen`: an address."""
    data = site.layout.data / NAME
    socket = f"@{site.layout.name}-{IAM}"
    env = {"ROOT_ACCESS_KEY_ID": store.access_key, "ROOT_SECRET_ACCESS_KEY": store.secret_key}
    common = {"health": "/healthz", "region": REGION}
    iam = (
        *site.flags(site.program(NAME), **common, port=f"{listen}:{store.users_port}", quiet=True),
        *site.flags("iam", dir=data / "iam", private_ports=socket),
    )
    gateway = (
        *site.flags(
            site.program(NAME),
            **common,
            port=f"{listen}:{store.port}",
            iam_standalone_endpoint=socket,
            iam_cache_disable=True,  # a key that was taken away is dead at once
        ),
        *site.flags("posix", versioning_dir=data / "versions"),
        str(data / "buckets"),
    )
    version = site.versions[NAME]
    return [
        Part(IAM, iam, version, ready=_healthy(store.users_port), port=store.users_port, env=env),
        Part(NAME, gateway, version, after=(IAM,), ready=_healthy(store.port), port=store.port, env=env),
    ]


def finish(site: Site, store: Store) -> list[str]:
    """No command: the root user is a setting."""
    return []


def _healthy(port: int) -> Probe:
    return Probe(f"http://127.0.0.1:{port}/healthz")
