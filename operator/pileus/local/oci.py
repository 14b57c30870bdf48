"""Layers and image archives, written byte by byte the same for the same content.

A layer is a tar of entries sorted by path, with time 0 and owner root, so that its digest says what is
in it and nothing about when or where it was made. An archive holds one image twice described: as an OCI
layout (containerd, Podman) and by Docker's manifest.json; both point at the same blobs.

This module knows tar and JSON only. It must not fetch anything, cache anything or know which images exist.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

EPOCH = "1970-01-01T00:00:00Z"
_OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Directory:
    """An empty directory; parents of files come by themselves with mode 0755."""

    path: str
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class File:
    """A regular file whose content is bytes, or a path on this machine that is read when written."""

    path: str
    content: bytes | Path
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link; the target is kept as given."""

    path: str
    target: str


Entry = Directory | File | Symlink


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's tar on this machine. The digest is of the uncompressed tar: diff id and blob name alike."""

    digest: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How a container of the image starts: OCI's `config` object, nothing more."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = ""
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The object as the OCI image specification spells it; empty fields are absent."""
        document: dict[str, Any] = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "Env": [f"{name}={value}" for name, value in sorted(self.env.items())],
            "User": self.user,
            "WorkingDir": self.workdir,
            "ExposedPorts": {f"{port}/tcp": {} for port in sorted(self.ports)},
            "Labels": dict(sorted(self.labels.items())),
        }
        return {name: value for name, value in document.items() if value}


def tree(root: Path, into: str, *, skip: frozenset[str] = frozenset()) -> Iterator[Entry]:
    """Everything below `root`, placed below `into`.

    `skip` names files or directories that are left out wherever they occur. Of a mode only the
    execute bit survives, since a checkout's other bits depend on the umask of whoever made it.
    """
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in skip)
        here = PurePosixPath(into) / Path(folder).relative_to(root)
        yield Directory(str(here))
        for name in sorted([*files, *(f for f in folders if (Path(folder) / f).is_symlink())]):
            path = Path(folder) / name
            if name in skip:
                continue
            if path.is_symlink():
                yield Symlink(str(here / name), os.readlink(path))
            else:
                yield File(str(here / name), path, 0o755 if os.access(path, os.X_OK) else 0o644)


def write_layer(entries: Iterable[Entry], path: Path) -> Layer:
    """Write the entries as one layer; of two with the same path the later one wins."""
    chosen: dict[str, Entry] = {}
    for entry in entries:
        chosen[_name(entry.path)] = entry
    chosen.pop(".", None)
    for name in list(chosen):
        for parent in list(PurePosixPath(name).parents)[:-1]:
            chosen.setdefault(str(parent), Directory(str(parent)))
    with path.open("wb") as raw:
        hashing = _Hashing(raw)
        with tarfile.open(fileobj=hashing, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(chosen, key=lambda name: name.split("/")):
                _add_entry(archive, name, chosen[name])
    return Layer(digest=hashing.digest(), path=path, size=path.stat().st_size)


def write_image(
    *, ref: str, architecture: str, layers: Iterable[Layer], config: ImageConfig, path: Path
) -> str:
    """Write one image as an archive that `ctr images import`, `podman load` and `docker load` take.

    Returns the digest of its manifest, which is what a registry would call the image.
    """
    layers = list(layers)
    configuration = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": EPOCH,
            "config": config.document(),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
            "history": [{"created": EPOCH, "created_by": "pileus local image"} for _ in layers],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": _descriptor(f"{_OCI}.config.v1+json", configuration),
            "layers": [
                {"mediaType": f"{_OCI}.layer.v1.tar", "digest": f"sha256:{layer.digest}", "size": layer.size}
                for layer in layers
            ],
        }
    )
    # containerd reads the full name from its own annotation; the OCI one is for every other reader.
    named = {"io.containerd.image.name": ref, "org.opencontainers.image.ref.name": ref.rpartition(":")[2]}
    described = _descriptor(f"{_OCI}.manifest.v1+json", manifest) | {"annotations": named}
    index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": [described]}
    docker = [
        {
            "Config": f"blobs/sha256/{_sha256(configuration)}",
            "RepoTags": [ref],
            "Layers": [f"blobs/sha256/{layer.digest}" for layer in layers],
        }
    ]
    small = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(docker),
        f"blobs/sha256/{_sha256(configuration)}": configuration,
        f"blobs/sha256/{_sha256(manifest)}": manifest,
    }
    with tarfile.open(path, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("blobs", "blobs/sha256"):
            _add_entry(archive, name, Directory(name))
        for name, content in small.items():
            _add_entry(archive, name, File(name, content))
        for layer in {layer.digest: layer for layer in layers}.values():
            name = f"blobs/sha256/{layer.digest}"
            _add_entry(archive, name, File(name, layer.path))
    return f"sha256:{_sha256(manifest)}"


def reference(archive: Path) -> tuple[str, str]:
    """The name and the manifest's digest of the image in an archive written here."""
    with tarfile.open(archive) as opened:
        member = opened.extractfile("index.json")
        if member is None:
            raise ValueError(f"{archive} has no index.json, so it was not written by this program.")
        described = json.load(member)["manifests"][0]
    return described["annotations"]["io.containerd.image.name"], described["digest"]


def _add_entry(archive: tarfile.TarFile, name: str, entry: Entry) -> None:
    info = tarfile.TarInfo(name)  # time 0, owner 0:0 without names: what reproducibility needs
    match entry:
        case Directory(mode=mode):
            info.type, info.mode = tarfile.DIRTYPE, mode
            archive.addfile(info)
        case Symlink(target=target):
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(info)
        case File(content=bytes() as content, mode=mode):
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
        case File(content=Path() as source, mode=mode):
            info.size, info.mode = source.stat().st_size, mode
            with source.open("rb") as opened:
                archive.addfile(info, opened)


def _name(path: str) -> str:
    name = PurePosixPath("/", path).relative_to("/")
    if ".." in name.parts:
        raise ValueError(f"{path} leaves the image; give a path without '..'.")
    return str(name)


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{_sha256(content)}", "size": len(content)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


class _Hashing(io.RawIOBase):
    """Passes writes on and hashes them, so that a layer is read only once."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._hash.update(data)
        return self._raw.write(data)

    def tell(self) -> int:
        return self._raw.tell()

    def digest(self) -> str:
        return self._hash.hexdigest()
