"""Real S3 servers beside the API server: versitygw and Ceph's gateway, and on request MinIO and Garage.

They run as parts of the cluster, outside of pods, because there is no registry to take their images from.
Pods reach them by the node's address, programs of the machine by the same ports on loopback.

`stores` says where each is and by which keys, `versitygw`, `ceph`, `minio` and `garage` describe their
processes, `objects` what the cluster learns of them. A further engine is one more module, one more row of
`parts.ENGINES` and one of `ADDONS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NAME = "s3"
"""What `--with` calls the two that every test runs on."""

ADDONS: Mapping[str, tuple[str, ...]] = {
    NAME: ("versitygw", "ceph"),
    "s3-minio": ("minio",),
    "s3-garage": ("garage",),
}
"""The engines of each add-on."""

_BUILT = ("versitygw", "minio", "garage")
"""Programs that are built; Ceph comes from Debian."""


def asked(with_: Iterable[str]) -> list[str]:
    """The add-ons among these."""
    names = set(with_)
    return [name for name in ADDONS if name in names]


def programs(with_: Iterable[str]) -> list[str]:
    """What is built for them."""
    return [engine for name in asked(with_) for engine in ADDONS[name] if engine in _BUILT]
