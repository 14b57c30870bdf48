"""Ceph as small as it goes: one monitor, one OSD on a file, and its S3 gateway with the Admin Ops API.

Debian's programs run from the cache, by their own loader and libraries; nothing is installed. There is no
manager: pools, users, quotas and policies do without. Keys and maps are made before anything runs, so no
process has to ask another for admission, and each may end at any moment: what they keep is on disk.
"""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import struct
import subprocess
import time
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pileus.local import contents, debian, images, pki
from pileus.local.controlplane import NODE_ADDRESS
from pileus.local.parts import Part, Probe, Site
from pileus.local.s3.stores import Store, Wanted

NAME = "ceph"
MONITOR, OSD, GATEWAY = "ceph-mon", "ceph-osd", "ceph-rgw"
ROOT = "root"
_CAPABILITIES = "users=*;buckets=*;metadata=*;usage=*;user-policy=*"
_BLOCK = 8 * 2**30  # bytes that the OSD may grow to; the file is sparse
_CACHE = 32 * 2**20  # bytes of memory for the OSD's cache
_LIBRARIES = "usr/lib/*-linux-gnu"
# Over TLS newer SDKs put a checksum behind each body and leave its length out, which Ceph 16 refuses.
_CLIENTS = {
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}
# Neither run nor loaded here.
_UNUSED = (
    "etc/*",
    "lib/systemd/*",
    "sbin/*",
    "usr/lib/python3/*",
    "usr/sbin/*",
    "usr/bin/ceph-bluestore-tool",
    "usr/bin/ceph-dencoder",
    "usr/bin/ceph-kvstore-tool",
    "usr/bin/ceph-monstore-tool",
    "usr/bin/ceph-objectstore-tool",
    "usr/bin/ceph-osdomap-tool",
    "usr/bin/ceph-syn",
    "usr/bin/cephfs-*",
    "usr/bin/radosgw-es",
    "usr/bin/radosgw-object-expirer",
    "usr/bin/rbd*",
)


class CephError(Exception):
    """A program of Ceph failed; the message holds its last words."""


def packages() -> contents.Packages:
    """The Debian packages that it is made of."""
    return contents.Packages(contents.package_list("ceph"), drop=_UNUSED)


@cache
def unpacked() -> Path:
    """Its programs and libraries on this machine's disk, downloaded once. Raises ImageError."""
    return images.unpacked(packages())


def wanted(site: Site) -> Wanted:
    """HTTPS, by the cluster's authority."""
    return Wanted(NAME, users_apart=False, ca=site.pki("ca.crt"), environment=_CLIENTS)


def versions(site: Site) -> dict[str, str]:
    """By part."""
    unpacked()
    version = debian.version("radosgw", packages().names, images.store_directory())
    return dict.fromkeys((MONITOR, OSD, GATEWAY), version)


def prepare(site: Site, store: Store) -> None:
    """Certificate, configuration, keys, and the empty stores of monitor and OSD. Raises CephError."""
    if not (site.layout.pki / f"{GATEWAY}.crt").exists():
        names = ("localhost", "127.0.0.1", NODE_ADDRESS)
        pki.load(site.layout.pki, "ca").issue(GATEWAY, user=GATEWAY, names=names, server=True)
    data = site.layout.data / NAME
    if (data / "made").exists():
        return
    shutil.rmtree(data, ignore_errors=True)
    (data / "osd").mkdir(parents=True)
    cluster, keys = str(uuid.uuid4()), _keyring()
    _configuration(site).write_text(ini(_settings(data, cluster, store)))
    descriptor = os.open(data / "keyring", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(ini(keys))
    address = f"[v2:127.0.0.1:{store.internal_port}]"
    monitors, devices = data / "monmap", data / "osdmap"
    configured = f"--conf={_configuration(site)}"
    _run("monmaptool", "--create", f"--fsid={cluster}", "--addv", "a", address, str(monitors))
    _run("osdmaptool", configured, "--createsimple", "1", str(devices))
    maps = (f"--monmap={monitors}", f"--osdmap={devices}", f"--keyring={data / 'keyring'}")
    _run("ceph-mon", configured, "--id=a", "--mkfs", *maps)
    # Without the monitor, which does not run yet: its key and its place are known there already.
    _run("ceph-osd", configured, "--id=0", "--mkfs", "--no-mon-config")
    (data / "made").touch()


def parts(site: Site, store: Store, *, listen: str) -> list[Part]:
    """Monitor, OSD and gateway, in this order; `listen`: the gateway's address, the others' is loopback."""
    version = versions(site)[GATEWAY]
    data = site.layout.data / NAME
    configured = ("--foreground", f"--conf={_configuration(site)}")
    frontend = (
        f"--rgw-frontends=beast ssl_endpoint={listen}:{store.port} "
        f"ssl_certificate={site.pki(f'{GATEWAY}.crt')} ssl_private_key={site.pki(f'{GATEWAY}.key')}"
    )
    probe = Probe(f"https://127.0.0.1:{store.port}/", ca=store.ca)
    return [
        Part(
            MONITOR,
            (*_program("ceph-mon"), *configured, "--id=a"),
            version,
            socket=str(data / "mon.a.asok"),
            port=store.internal_port,
        ),
        Part(
            OSD,
            (*_program("ceph-osd"), *configured, "--id=0"),
            version,
            after=(MONITOR,),
            socket=str(data / "osd.0.asok"),
        ),
        Part(
            GATEWAY,
            (*_program("radosgw"), *configured, "--name=client.rgw", frontend),
            version,
            after=(OSD,),
            ready=probe,
            port=store.port,
        ),
    ]


def finish(site: Site, store: Store) -> list[str]:
    """The command that makes the root user or finds it; it runs where the cluster's parts run."""
    admin = (*_program("radosgw-admin"), f"--conf={_configuration(site)}", "--name=client.rgw")
    user = (f"--uid={ROOT}", f"--display-name={ROOT}", f"--caps={_CAPABILITIES}", "--max-buckets=0")
    keys = (f"--access-key={store.access_key}", f"--secret-key={store.secret_key}")
    found = shlex.join((*admin, "user", "info", f"--uid={ROOT}"))
    made = shlex.join((*admin, "user", "create", *user, *keys))
    return ["sh", "-c", f"{found} || {made}"]


def ini(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Ceph's form of configuration files and keyrings."""
    lines = []
    for name, settings in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in settings.items()), ""]
    return "\n".join(lines)


def _settings(data: Path, cluster: str, store: Store) -> dict[str, dict[str, object]]:
    libraries = next(unpacked().glob(f"{_LIBRARIES}/rados-classes")).parent
    quiet = ("rocksdb", "bluestore", "bluefs", "bdev", "mon", "paxos")
    return {
        "global": {
            "fsid": cluster,
            "mon host": f"v2:127.0.0.1:{store.internal_port}",
            "mon initial members": "a",
            "public addr": "127.0.0.1",
            "cluster addr": "127.0.0.1",
            "ms bind msgr1": "false",
            "ms max backoff": 1,
            # One that starts before the OSD asks again at once, and not after 15 s.
            "objecter tick interval": 1,
            "objecter timeout": 2,
            "keyring": data / "keyring",
            "plugin dir": libraries / "ceph",
            "erasure code dir": libraries / "ceph" / "erasure-code",
            "osd class dir": libraries / "rados-classes",
            "run dir": data,
            "crash dir": data,
            "log to file": "false",
            "log to stderr": "true",
            "log file": "",
            # Its handler may hang where memory is corrupt; a process that ends is started again.
            "fatal signal handlers": "false",
            "mon cluster log to file": "false",
            **{f"debug {name}": "0/0" for name in quiet},
            # One OSD holds everything once.
            "osd crush chooseleaf type": 0,
            "osd pool default size": 1,
            "osd pool default min size": 1,
            "osd pool default pg num": 1,
            "osd pool default pgp num": 1,
            "osd pool default pg autoscale mode": "off",
        },
        "mon": {
            "mon data": data / "mon",
            # Short: the first process starts it in the cluster's directory, and sockets' paths are limited.
            "admin socket": f"data/{NAME}/$name.asok",
            "mon allow pool size one": "true",
            "mon max pg per osd": 1000,
            # A developer's disk is often nearly full.
            "mon data avail crit": 1,
            "mon data avail warn": 2,
            # Nobody else votes: the gateway makes its pools without waiting a second for each.
            "paxos propose interval": 0.05,
            "paxos min wait": 0.02,
        },
        "osd": {
            "osd data": data / "osd",
            "admin socket": f"data/{NAME}/$name.asok",
            "osd objectstore": "bluestore",
            "bluestore block size": _BLOCK,
            "bluestore cache autotune": "false",
            "bluestore cache size": _CACHE,
            "osd op num shards": 1,
            "osd op num threads per shard": 2,
        },
        "client.rgw": {
            "rgw thread pool size": 16,
            # Its cache waits half a minute for a gateway that was killed, before it believes a change.
            "rgw cache enabled": "false",
            "rgw init timeout": 300,
            "rgw override bucket index max shards": 1,
            "rgw dynamic resharding": "false",
            "rgw data log num shards": 1,
            "rgw md log max shards": 1,
            "rgw usage max shards": 1,
            "rgw objexp hints num shards": 1,
            "rgw gc max objs": 1,
            "rgw lc max objs": 1,
            "rgw run sync thread": "false",
        },
    }


def _keyring() -> dict[str, dict[str, object]]:
    """The monitor takes all of them in when its store is made."""
    rights = {
        "mon.": {"mon": "allow *"},
        "client.admin": {"mon": "allow *", "osd": "allow *"},
        "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
        "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
    }
    return {
        name: {"key": _key(), **{f"caps {service}": f'"{words}"' for service, words in allowed.items()}}
        for name, allowed in rights.items()
    }


def _key() -> str:
    """As Ceph writes a key: its kind (AES), when it was made in seconds and nanoseconds, length, bytes."""
    return base64.b64encode(struct.pack("<hiih", 1, int(time.time()), 0, 16) + os.urandom(16)).decode()


def _configuration(site: Site) -> Path:
    return site.layout.etc / "ceph.conf"


def _program(name: str) -> tuple[str, ...]:
    return tuple(contents.by_own_loader(unpacked(), f"usr/bin/{name}", private="ceph"))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run((*_program(program), *arguments), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
        raise CephError(f"{program} failed, and the object store cannot be made: {last[-1000:]}")
