"""Debian packages as a source of files: names in, verified .deb archives and their entries out.

apt itself resolves and verifies, with lists and cache of its own below Pileus' cache directory: root is
not needed, the machine's package state is neither read nor changed, and Ubuntu or a newer Debian gives
the same files, since the suite is fixed. Versions are resolved once and then kept in a lock file in the
cache, so that a later run makes the same image without the network; `refresh` resolves anew.

Nothing is installed and no maintainer script runs. Dependencies are not followed: the lists are explicit.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import urllib.parse
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

from pileus.local.oci import Directory, Entry, File, Symlink

SUITE = "bookworm"
MIRROR = "http://deb.debian.org"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# What a container never reads. Copyright files stay: the licences ask for them.
JUNK = (
    "usr/share/man/*",
    "usr/share/locale/*",
    "usr/share/lintian/*",
    "usr/share/info/*",
    "usr/share/bug/*",
    "usr/share/bash-completion/*",
    "usr/share/applications/*",
    "usr/share/pixmaps/*",
    "usr/share/binfmts/*",
    "usr/lib/*/gconv/*",
    "usr/lib/*/audit/*",
)


class PackageError(Exception):
    """A Debian package cannot be had; the message says why and what to do."""


def architecture() -> str:
    """Debian's (and OCI's) name of this machine's architecture: amd64 or arm64."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = os.uname().machine
    if machine not in names:
        raise PackageError(f"Images are made for amd64 and arm64; this machine is {machine}.")
    return names[machine]


def fetch(names: Sequence[str], cache: Path, *, refresh: bool = False) -> list[Path]:
    """The packages' archives in the order of `names`, from the cache or from the mirror."""
    lock = cache / "locks" / f"{_digest(names)}.json"
    if refresh or not lock.exists():
        resolved = _resolve(names, cache)
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(json.dumps(resolved, indent=1))
    locked: dict[str, dict[str, str]] = json.loads(lock.read_text())
    pool = cache / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    return [_download(pool / f"{found['sha256'][:16]}.deb", **found) for found in locked.values()]


def version(name: str, names: Sequence[str], cache: Path) -> str:
    """The resolved version of one of the packages that `fetch` has got, without its epoch."""
    locked = json.loads((cache / "locks" / f"{_digest(names)}.json").read_text())
    return str(locked[name]["version"]).rpartition(":")[2]


def entries(archive: Path, *, drop: Sequence[str] = ()) -> Iterator[Entry]:
    """The files of one package, without documentation and without what `drop`'s patterns match."""
    argv = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    # Leaving the block closes the pipe, which ends the program for a reader that has seen enough.
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacking:
        assert unpacking.stdout is not None
        yield from _members(unpacking.stdout, drop)
        unpacking.stdout.read()  # the padding after the last file
    if unpacking.returncode != 0:
        raise PackageError(f"{archive} cannot be unpacked; remove it and try again.")


def _members(archive: IO[bytes], drop: Sequence[str]) -> Iterator[Entry]:
    written: dict[str, File] = {}
    with tarfile.open(fileobj=archive, mode="r|") as members:
        for member in members:
            name = member.name.removeprefix("./").rstrip("/")
            if not _wanted(name, drop):
                continue
            mode = member.mode & 0o777  # set-user-id programs have no place in these images
            if member.issym():
                yield Symlink(name, member.linkname)
            elif member.isdir():
                yield Directory(name, member.mode & 0o1777)
            elif member.islnk():
                yield File(name, written[member.linkname.removeprefix("./")].content, mode)
            elif (content := members.extractfile(member)) is not None:
                written[name] = File(name, content.read(), mode)
                yield written[name]


def _wanted(name: str, drop: Sequence[str]) -> bool:
    if name.startswith("usr/share/doc/"):
        return name.endswith("/copyright")
    return name not in ("", ".") and not any(fnmatch(name, pattern) for pattern in (*JUNK, *drop))


def _resolve(names: Sequence[str], cache: Path) -> dict[str, dict[str, str]]:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PackageError(
                f"{tool} is not installed; the images are made from Debian packages and need it."
            )
    if not KEYRING.exists():
        raise PackageError(f"{KEYRING} is missing; install the package debian-archive-keyring.")
    apt = cache / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    mirror = os.environ.get("PILEUS_DEBIAN_MIRROR", MIRROR).rstrip("/")
    (apt / "sources.list").write_text(
        f"deb [signed-by={KEYRING}] {mirror}/debian {SUITE} main\n"
        f"deb [signed-by={KEYRING}] {mirror}/debian-security {SUITE}-security main\n"
    )
    _apt(apt, "update")
    printed = _apt(apt, "download", "--print-uris", *names)
    found: dict[str, dict[str, str]] = {}
    for line in printed.splitlines():
        uri, filename, size, checksum = line.split()
        package, version, _ = urllib.parse.unquote(filename).split("_")
        found[package] = {
            "uri": uri.strip("'"),
            "version": version,
            "size": size,
            "sha256": checksum.removeprefix("SHA256:"),
        }
    if missing := [name for name in names if name not in found]:
        raise PackageError(f"Debian {SUITE} has no package {', '.join(missing)}; correct the list.")
    return {name: found[name] for name in names}


def _apt(apt: Path, *command: str) -> str:
    options = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Architecture": architecture(),
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    argv = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items()), *command]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise PackageError(f"apt-get {command[0]} failed: {' '.join(words)}")
    return done.stdout


def _download(path: Path, *, uri: str, sha256: str, version: str, size: str) -> Path:
    """One archive by the checksum that apt verified; curl-like, so that a locked version needs no lists."""
    if path.exists():
        return path
    partial = path.with_suffix(".partial")
    # apt's own helper honours the machine's proxy settings, checks the digest and needs no lists.
    argv = ["/usr/lib/apt/apt-helper", "-oAPT::Sandbox::User=", "-oAcquire::Retries=3", "download-file"]
    done = subprocess.run(
        [*argv, uri, str(partial), f"SHA256:{sha256}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PackageError(
            f"{uri} (version {version}, {size} bytes) cannot be downloaded: {done.stderr.strip()[-200:]} "
            "If Debian has replaced it by a newer version, run `pileus local image build --refresh`."
        )
    partial.rename(path)
    return path


def _digest(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([SUITE, architecture(), *names]).encode()).hexdigest()[:24]
