"""Our images, made from local files alone: the cluster has no registry to pull from.

`ensure(name)` returns an archive to import, making only what is missing. Layers and archives are cached
by the digest of what goes in; layers are shared, so a changed operator rewrites its own small top layer.
Every image runs as a number above zero unless said otherwise, and needs no writable root file system.

This module says what the images are. How files are found is `contents`, how archives are written is `oci`.
"""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pileus.local import contents, debian, oci
from pileus.local.contents import Engine, Fixed, Operator, Packages, Python, Source, Wheels, package_list
from pileus.local.engines import EngineError
from pileus.local.oci import Directory, Entry, File, ImageConfig, Symlink
from pileus.local.paths import cache_directory

REGISTRY = "local.pileus.dev"
NOBODY = "65532"
_FORMAT = "1"  # raise it when the way of writing changes, so that caches made before are left alone
_KEPT = 2  # archives of one image that stay in the cache: the newest and the one before


class ImageError(Exception):
    """An image cannot be made; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its layers from the bottom up, each from one or more sources, and how it starts."""

    ref: str
    layers: tuple[tuple[Source, ...], ...]
    config: ImageConfig


@dataclass(frozen=True, slots=True)
class BusyBox:
    """Links to BusyBox for each command that this build of it has."""

    packages: Packages

    def key(self, store: Path) -> str:
        """The package's."""
        return contents.digest(["links", self.packages.key(store)])

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """One link a command."""
        program = next(e for e in self.packages.entries(store, work) if e.path == "bin/busybox")
        contents.unpack([program], work)
        listed = subprocess.run(
            [str(work / program.path), "--list"], capture_output=True, text=True, check=True
        )
        yield from (Symlink(f"bin/{name}", "busybox") for name in listed.stdout.split() if name != "busybox")


ACCOUNTS = Fixed(
    (
        File("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/tmp:/bin/sh\n"),
        File("etc/group", b"root:x:0:\nnonroot:x:65532:\n"),
        File("etc/nsswitch.conf", b"hosts: files dns\n"),
        Directory("tmp", 0o1777),
        Directory("var/tmp", 0o1777),
        Directory("root", 0o700),
    )
)
_BUSYBOX = Packages(package_list("busybox"))
SHELL = (_BUSYBOX, BusyBox(_BUSYBOX), ACCOUNTS)
_PYTHON = (Python(), ACCOUNTS)
_TOOLS = Packages(package_list("tools"), drop=("usr/sbin/*",))
_INTERPRETER = f"/{contents.PYTHON}"


def _payload(name: str) -> Fixed:
    return Fixed((File(f"app/{name}", contents.HERE / "payload" / name),))


def _program(name: str, *, port: int) -> ImageConfig:
    """A single Python file of `payload/`, run by nobody with the standard library only."""
    env = {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    return ImageConfig((_INTERPRETER, "-I", f"/app/{name}"), env=env, user=NOBODY, ports=(port,))


# What `Containerfile` says in its own words; a test compares them.
OPERATOR_CONFIG = ImageConfig(
    entrypoint=(_INTERPRETER, "-m", "pileus"),
    cmd=("run",),
    env={
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"/{contents.OPERATOR}:/{contents.LIBRARIES}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SSL_CERT_FILE": f"/{contents.CERTIFICATES}",
    },
    user=f"{NOBODY}:{NOBODY}",
    workdir="/",
    labels={"org.opencontainers.image.title": "pileus", "org.opencontainers.image.licenses": "Apache-2.0"},
)

IMAGES: dict[str, Image] = {
    "pause": Image(
        f"{REGISTRY}/pause:1",
        ((_BUSYBOX, Fixed((Symlink("bin/sh", "busybox"), Symlink("bin/sleep", "busybox")))),),
        ImageConfig(
            ("/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"), user=NOBODY
        ),
    ),
    "busybox": Image(f"{REGISTRY}/busybox:1", (SHELL,), ImageConfig(cmd=("/bin/sh",), env={"PATH": "/bin"})),
    "tools": Image(
        f"{REGISTRY}/tools:1",
        ((_TOOLS, BusyBox(_TOOLS), ACCOUNTS),),
        ImageConfig(cmd=("/bin/sh",), env={"PATH": "/bin:/usr/bin"}, user=NOBODY),
    ),
    "web": Image(f"{REGISTRY}/web:1", (SHELL, _PYTHON, (_payload("web.py"),)), _program("web.py", port=8080)),
    "metrics-api": Image(
        f"{REGISTRY}/metrics-api:1",
        (_PYTHON, (_payload("metrics_api.py"),)),
        _program("metrics_api.py", port=8443),
    ),
    "volume-resizer": Image(
        f"{REGISTRY}/volume-resizer:1",
        (_PYTHON, (_payload("volume_resizer.py"),)),
        _program("volume_resizer.py", port=8080),
    ),
    "coredns": Image(
        f"{REGISTRY}/coredns:1", ((Engine("coredns"), ACCOUNTS),), ImageConfig(("/coredns",), user=NOBODY)
    ),
    "localpath": Image(
        f"{REGISTRY}/localpath:1",
        ((Engine("local-path-provisioner"), ACCOUNTS),),
        ImageConfig(("/local-path-provisioner",), user=NOBODY),
    ),
    "operator": Image(f"{REGISTRY}/operator:dev", (_PYTHON, (Wheels(),), (Operator(),)), OPERATOR_CONFIG),
}


def ensure(name: str, *, refresh: bool = False) -> Path:
    """The archive of one of our images, made now if it is not in the cache.

    `refresh` asks Debian for newer versions of its packages first. Raises ImageError.
    """
    if name not in IMAGES:
        raise ImageError(f"There is no image {name}; there are {', '.join(sorted(IMAGES))}.")
    return build(IMAGES[name], refresh=refresh)


def ref(name: str) -> str:
    """The name under which a pod asks for one of our images."""
    return IMAGES[name].ref


def digest(name: str) -> str:
    """The digest of the image's manifest: changes exactly when its content does."""
    return oci.reference(ensure(name))[1]


def build(image: Image, *, refresh: bool = False) -> Path:
    """The archive of any image, by the same cache."""
    store = store_directory()
    try:
        with _locked(store):
            if refresh:
                for packages in _package_lists(image):
                    debian.fetch(packages.names, store, refresh=True)
            keys = [_layer_key(sources, store) for sources in image.layers]
            key = contents.digest([_FORMAT, image.ref, debian.architecture(), repr(image.config), *keys])
            archive = store / "archives" / f"{_file_name(image.ref)}-{key}.tar"
            if archive.exists():
                archive.touch()  # the age decides which archives go
            else:
                layers = [
                    _layer(key, sources, store) for key, sources in zip(keys, image.layers, strict=True)
                ]
                _write(image, layers, archive)
                _forget(archive)
            return archive
    except (debian.PackageError, EngineError, OSError) as error:
        raise ImageError(f"The image {image.ref} cannot be made. {error}") from error


def unpacked(packages: Packages) -> Path:
    """The packages' files in a directory of the cache: programs that run here. Raises ImageError."""
    store = store_directory()
    try:
        with _locked(store):
            try:
                return packages.unpacked(store)
            except debian.PackageError:  # Debian may have replaced what was resolved once
                debian.fetch(packages.names, store, refresh=True)
                return packages.unpacked(store)
    except (debian.PackageError, OSError) as error:
        raise ImageError(f"{packages.names[0]} and what it needs cannot be unpacked. {error}") from error


def store_directory() -> Path:
    """Where archives, layers and downloads are kept; PILEUS_CACHE moves it."""
    return cache_directory() / "images"


def _write(image: Image, layers: Iterable[oci.Layer], archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial")
    oci.write_image(
        ref=image.ref, architecture=debian.architecture(), layers=layers, config=image.config, path=partial
    )
    partial.rename(archive)


def _layer(key: str, sources: tuple[Source, ...], store: Path) -> oci.Layer:
    path = store / "layers" / f"{key}.tar"
    written = path.with_suffix(".sha256")
    if not written.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="pileus-image-") as work:
            files = (entry for source in sources for entry in source.entries(store, Path(work)))
            layer = oci.write_layer(files, path)
        written.write_text(layer.digest)  # last: its presence says that the tar is whole
    return oci.Layer(written.read_text(), path, path.stat().st_size)


def _layer_key(sources: tuple[Source, ...], store: Path) -> str:
    return contents.digest([_FORMAT, debian.architecture(), *(source.key(store) for source in sources)])


def _package_lists(image: Image) -> Iterator[Packages]:
    for source in (source for sources in image.layers for source in sources):
        if isinstance(source, Packages):
            yield source
        elif isinstance(source, Python | Wheels | Operator):
            yield Packages(package_list("python"))


def _file_name(reference: str) -> str:
    return reference.rpartition("/")[2].replace(":", "-")


def _forget(newest: Path) -> None:
    """Remove older archives of the same image: each change of the operator would leave one more."""
    stem = newest.stem.rpartition("-")[0]
    same = [path for path in newest.parent.glob(f"{stem}-*.tar") if path.stem.rpartition("-")[0] == stem]
    for path in sorted(same, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """One build at a time: two would download and compile the same things."""
    store.mkdir(parents=True, exist_ok=True)
    with (store / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
