"""Where the files of an image come from: Debian packages, Python wheels, this checkout, built engines.

Each source is a frozen description with two answers: `key`, which changes exactly when its files would,
and `entries`, the files. The key is cheap once the downloads are in the cache, so an unchanged image is
recognised without unpacking anything.

Byte code is made here, by the very Python that the image contains: its files are read-only at run time,
and compiling 2,000 modules at each start costs seconds. Sources must not depend on the machine's Python.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from pileus.local import debian, engines
from pileus.local.debian import PackageError
from pileus.local.oci import Directory, Entry, File, Symlink, tree
from pileus.local.paths import CHECKOUT

HERE = Path(__file__).parent
PYTHON = "usr/bin/python3.11"
OPERATOR = "opt/pileus/app"
LIBRARIES = "opt/pileus/lib"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"

# What makes the dependencies exactly the locked ones; the Containerfile says the same.
EXPORT = ("--frozen", "--no-dev", "--no-emit-project")
INSTALL = ("--only-binary", ":all:", "--no-deps", "--require-hashes")

_PYTHON_JUNK = (
    "usr/share/python3.11/*",
    "usr/lib/python3.11/idlelib/*",
    "usr/lib/python3.11/lib2to3/*",
    "usr/lib/python3.11/pydoc_data/*",
    "usr/lib/python3.11/distutils/*",
    "usr/lib/python3.11/test/*",
    "usr/lib/python3.11/turtledemo/*",
    "usr/lib/python3.11/lib-dynload/_sqlite3*",
    "usr/lib/python3.11/lib-dynload/_dbm*",
    "usr/lib/python3.11/lib-dynload/_curses*",
    "usr/lib/python3.11/lib-dynload/readline*",
    "usr/lib/python3.11/lib-dynload/nis*",
)
# What only installers and developers read.
_NOT_SHIPPED = frozenset({"bin", "tests", "RECORD", "INSTALLER", "REQUESTED", "uv_cache.json", ".lock"})


class Source(Protocol):
    """A part of an image: what identifies it, and its files."""

    def key(self, store: Path) -> str:
        """Text that changes exactly when the files would; `store` is the cache of downloads."""

    def entries(self, store: Path, work: Path) -> Iterable[Entry]:
        """The files; `work` is a directory that stays until they have been read."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Entries known beforehand."""

    files: tuple[Entry, ...]

    def key(self, store: Path) -> str:
        """The entries themselves; files of this machine by their content."""
        return digest(part for entry in self.files for part in _identity(entry))

    def entries(self, store: Path, work: Path) -> Iterable[Entry]:
        """The entries as given."""
        return self.files


@dataclass(frozen=True, slots=True)
class Packages:
    """The files of Debian packages, as unpacked; no maintainer script runs."""

    names: tuple[str, ...]
    drop: tuple[str, ...] = ()

    def key(self, store: Path) -> str:
        """The archives' checksums."""
        return digest([*(path.name for path in debian.fetch(self.names, store)), *self.drop])

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """The files, with the certificates as the one bundle that `update-ca-certificates` would make."""
        bundle: list[bytes] = []
        for archive in debian.fetch(self.names, store):
            for entry in debian.entries(archive, drop=self.drop):
                if not entry.path.startswith("usr/share/ca-certificates/"):
                    yield entry
                elif isinstance(entry, File) and isinstance(entry.content, bytes):
                    bundle.append(entry.content)
        if bundle:
            yield File(CERTIFICATES, b"".join(bundle))

    def unpacked(self, store: Path) -> Path:
        """The same files on this machine's disk; `by_own_loader` runs the programs among them."""
        root = store / "unpacked" / self.key(store)
        if not root.exists():
            with _whole(root) as new:
                unpack(self.entries(store, new), new)
        return root


@dataclass(frozen=True, slots=True)
class Python:
    """Debian's Python 3.11 with the byte code of its standard library."""

    def key(self, store: Path) -> str:
        """The packages and what is left out."""
        return self._packages().key(store)

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """The unpacked packages, compiled, and the usual name `python3`."""
        root = self.unpacked(store)
        yield from tree(root, "/")
        yield Symlink("usr/bin/python3", "python3.11")

    def unpacked(self, store: Path) -> Path:
        """The same files on this machine's disk: an interpreter that runs here."""
        root = store / "python" / self.key(store)
        if not root.exists():
            with _whole(root) as new:
                unpack(self._packages().entries(store, new), new)
                compile_python(new, new, "usr/lib/python3.11")
        return root

    def _packages(self) -> Packages:
        return Packages(package_list("python"), drop=_PYTHON_JUNK)


@dataclass(frozen=True, slots=True)
class Wheels:
    """The locked production dependencies, compiled; sources are never built, hashes are checked."""

    def key(self, store: Path) -> str:
        """The lock's production part and the Python that compiles it."""
        return digest([_locked(), Python().key(store), repr(sorted(_NOT_SHIPPED))])

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """The wheels' files below `LIBRARIES`."""
        platform = f"{os.uname().machine}-manylinux_2_36"  # Debian 12's glibc
        requirements = work / "requirements.txt"
        requirements.write_text(_locked())
        options = ["--python", sys.executable, "--python-version", "3.11", "--python-platform", platform]
        options += ["--link-mode", "copy", "--target", str(work / LIBRARIES), "-r", str(requirements)]
        _uv("pip", "install", "-q", *INSTALL, *options)
        # The generated models of the Kubernetes client are many, large and hardly imported.
        compile_python(Python().unpacked(store), work, LIBRARIES, leave="/models/")
        yield from tree(work / LIBRARIES, LIBRARIES, skip=_NOT_SHIPPED)


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's own sources from this checkout, compiled."""

    def key(self, store: Path) -> str:
        """Every file's name and content."""
        files = [entry for entry in self._sources() if isinstance(entry, File)]
        return digest([Python().key(store), Fixed(tuple(files)).key(store)])

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """The package `pileus` below `OPERATOR`."""
        unpack(self._sources(), work)
        compile_python(Python().unpacked(store), work, OPERATOR)
        yield from tree(work / OPERATOR, OPERATOR)

    def _sources(self) -> Iterator[Entry]:
        return tree(CHECKOUT / "operator" / "pileus", f"{OPERATOR}/pileus", skip=frozenset({"__pycache__"}))


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory of this machine."""

    root: Path
    into: str = "/"

    def key(self, store: Path) -> str:
        """Every file's name and content."""
        return Fixed(tuple(tree(self.root, self.into))).key(store)

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """Everything in it."""
        return tree(self.root, self.into)


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that `pileus.local.engines` builds from its pinned module."""

    name: str

    def key(self, store: Path) -> str:
        """The program's content."""
        return file_digest(self._program())

    def entries(self, store: Path, work: Path) -> Iterator[Entry]:
        """One executable in the root directory."""
        yield File(self.name, self._program(), 0o755)

    def _program(self) -> Path:
        return engines.build([self.name])[self.name]


def package_list(name: str) -> tuple[str, ...]:
    """The Debian packages that a file of `packages/` lists, without its comments."""
    lines = (HERE / "packages" / f"{name}.txt").read_text().splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def unpack(entries: Iterable[Entry], root: Path) -> None:
    """Write entries to a directory; only the execute bit of modes matters there."""
    for entry in entries:
        path = root / entry.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        match entry:
            case Directory():
                path.mkdir(exist_ok=True)
            case Symlink(target=target):
                path.symlink_to(target)
            case File(content=content, mode=mode):
                path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
                path.chmod(0o755 if mode & 0o111 else 0o644)


def by_own_loader(root: Path, program: str, *, private: str = "") -> list[str]:
    """The command that runs a program unpacked in `root` with the C library and the libraries beside it.

    That library's loader is called by name, so neither chroot nor root is needed, and what the machine
    itself has is neither used nor in the way. `private`: a package's own folder below the libraries'.
    """
    shared = [*root.glob("lib/*-linux-gnu"), *root.glob("usr/lib/*-linux-gnu")]
    own = [path / private for path in shared if private and (path / private).exists()]
    loader = next(root.glob("lib/*-linux-gnu/ld-linux-*.so.*"))
    return [str(loader), "--library-path", ":".join(map(str, (*shared, *own))), str(root / program)]


def compile_python(python: Path, root: Path, folder: str, *, leave: str = "") -> None:
    """Add byte code to `root/folder`, by the interpreter unpacked in `python`.

    File names in the byte code are those in the image; fixed hash seeds keep the result the same each time.
    """
    argv = [*by_own_loader(python, PYTHON), "-s", "-m", "compileall"]
    argv += ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/", str(root / folder)]
    if leave:
        argv += ["-x", leave]
    environment = {"PYTHONHOME": str(python / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(
            f"Python files below /{folder} cannot be compiled: {(done.stdout + done.stderr)[-400:]}"
        )


def digest(parts: Iterable[str]) -> str:
    """A short name for a sequence of texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def file_digest(path: Path) -> str:
    """The content's SHA-256."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _whole(root: Path) -> Iterator[Path]:
    """A new directory that becomes `root` once the block has succeeded."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=root.parent, prefix=".new-") as temporary:
        new = Path(temporary) / "root"
        yield new
        new.rename(root)


def _identity(entry: Entry) -> Iterator[str]:
    """What tells entries apart: a file of this machine is its content, not where it lies."""
    if isinstance(entry, File) and isinstance(entry.content, Path):
        yield f"{entry.path} {entry.mode} {file_digest(entry.content)}"
    else:
        yield repr(entry)


@cache
def _locked() -> str:
    if not (CHECKOUT / "uv.lock").exists():
        raise PackageError("The operator's image is made from a checkout of Pileus; uv.lock is not there.")
    exported = _uv(
        "export", "--frozen", "--no-dev", "--no-emit-project", "--no-header", "--no-annotate", "-q"
    )
    return exported


def _uv(*command: str) -> str:
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else "uv"
    try:
        done = subprocess.run([program, *command], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PackageError("uv is not installed; `pip install uv` and try again.") from None
    if done.returncode != 0:
        raise PackageError(f"uv {command[0]} failed: {done.stderr.strip()[-400:]}")
    return done.stdout
