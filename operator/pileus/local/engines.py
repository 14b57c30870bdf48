"""The pinned programs of the cluster, built once from Go modules of their own in `tools/engines/`, or crates.

The benchmark's contenders are built here too: a rival from its module, and our operator in Go from `bench/`.

A program's place in the cache is named by everything that decides its content: go.mod, go.sum, sources
beside them, linker flags, Go's release and the architecture. So a cache never goes stale, and two
checkouts share it. One lock: two builds at once would only slow each other down.

It builds what is asked and nothing else. Versions are read from go.mod, never written here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pileus.local import cargo, golang
from pileus.local.cargo import CargoError, Crate
from pileus.local.golang import GoError
from pileus.local.paths import CHECKOUT, cache_directory
from pileus.local.paths import ENGINES as MODULES
from pileus.local.report import Report, Silent

_STRIPPED = "-s -w"


class EngineError(Exception):
    """A program cannot be built; the message ends with the compiler's last words."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A program: the folder of its module, the package to build, the module whose version it carries.

    inside: where the folder is.
    """

    name: str
    folder: str
    package: str
    module: str
    inside: Path = MODULES

    @property
    def source(self) -> Path:
        """The directory of go.mod."""
        return self.inside / self.folder

    @property
    def version(self) -> str:
        """As pinned in go.mod."""
        return _pinned(self.source)[self.module]

    @property
    def linker_flags(self) -> str:
        """Kubernetes' programs learn their version from the linker: kubectl does not work without."""
        if self.folder != "kubernetes":
            return _STRIPPED
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        stamps = {
            "gitVersion": self.version,
            "gitMajor": major,
            "gitMinor": minor,
            "gitTreeState": "clean",
        }
        stamped = (f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps.items())
        return " ".join((_STRIPPED, *stamped))


def _kubernetes(name: str) -> Engine:
    return Engine(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes")


def _kubevirt(name: str, package: str) -> Engine:
    return Engine(name, "kubevirt", package, "kubevirt.io/kubevirt")


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine("etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubelet"),
        _kubernetes("kube-proxy"),
        _kubernetes("kubectl"),
        Engine("coredns", "coredns", "github.com/coredns/coredns", "github.com/coredns/coredns"),
        Engine("netpol", "netpol", "pileus.dev/engines/netpol", "github.com/cloudnativelabs/kube-router"),
        Engine(
            "local-path-provisioner",
            "localpath",
            "github.com/rancher/local-path-provisioner",
            "github.com/rancher/local-path-provisioner",
        ),
        _kubevirt("virt-api", "kubevirt.io/kubevirt/cmd/virt-api"),
        _kubevirt("virt-controller", "kubevirt.io/kubevirt/cmd/virt-controller"),
        _kubevirt("kubevirt-objects", "pileus.dev/engines/kubevirt"),
        Engine("cdi", "cdi", "pileus.dev/engines/cdi", "kubevirt.io/containerized-data-importer"),
        Engine(
            "snapshot-controller",
            "snapshotter",
            "github.com/kubernetes-csi/external-snapshotter/v8/cmd/snapshot-controller",
            "github.com/kubernetes-csi/external-snapshotter/v8",
        ),
        Engine(
            "versitygw",
            "versitygw",
            "github.com/versity/versitygw/cmd/versitygw",
            "github.com/versity/versitygw",
        ),
        Engine("minio", "minio", "github.com/minio/minio", "github.com/minio/minio"),
        Engine("helm", "helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4"),
        Engine("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", "sigs.k8s.io/kwok"),
        Engine(
            "kro", "kro", "github.com/kubernetes-sigs/kro/cmd/controller", "github.com/kubernetes-sigs/kro"
        ),
        Engine(
            "bench-controller",
            "controller",
            "pileus.dev/bench/controller",
            "sigs.k8s.io/controller-runtime",
            inside=CHECKOUT / "bench",
        ),
    )
}


def build(names: Iterable[str], *, report: Report | None = None) -> dict[str, Path]:
    """The programs by name, built now where the cache lacks them. Raises EngineError."""
    report = report or Silent()
    listed = list(dict.fromkeys(names))
    asked = [_engine(name) for name in listed if name not in cargo.CRATES]
    crates = _crates([cargo.CRATES[name] for name in listed if name in cargo.CRATES], report)
    if not asked:
        return crates
    try:
        go = golang.program(report)
        release = golang.version(go)
    except GoError as error:
        raise EngineError(str(error)) from error
    paths = {engine.name: _place(engine, release) / engine.name for engine in asked}
    missing = [engine for engine in asked if not paths[engine.name].exists()]
    if missing:
        with _locked(report):
            folders: dict[Path, list[Engine]] = {}
            for engine in missing:
                if not paths[engine.name].exists():  # another run may have built it meanwhile
                    folders.setdefault(engine.source, []).append(engine)
            for number, engines in enumerate(folders.values(), 1):
                _compile(go, engines, _place(engines[0], release), f"{number} of {len(folders)}", report)
    return paths | crates


def version(name: str) -> str:
    """The pinned version of a program."""
    if name in cargo.CRATES:
        return f"v{cargo.CRATES[name].version}"
    return _engine(name).version


def _crates(asked: Sequence[Crate], report: Report) -> dict[str, Path]:
    """Programs that are no Go modules. Raises EngineError."""
    built = {}
    for crate in asked:
        try:
            place = crate.place(cache_directory() / "engines")
            if not (place / crate.name).exists():
                _install(crate, place, report)
        except CargoError as error:
            raise EngineError(str(error)) from error
        built[crate.name] = place / crate.name
    return built


def _install(crate: Crate, place: Path, report: Report) -> None:
    title = f"Building {crate.name} {crate.version} by cargo"
    with _locked(report):
        if (place / crate.name).exists():  # another run may have built it meanwhile
            return
        report.line(f"{title}: half an hour on one core. Kept in {place.parent} afterwards.")

        def say(words: str) -> None:
            report.progress(f"{title}: {words}")

        with report.step(f"{crate.name} {crate.version} built"):
            cargo.install(crate, place, say)


def module_dir(module: str, *, report: Report | None = None) -> Path:
    """The unpacked source of a Go module such as `sigs.k8s.io/gateway-api@v1.6.3`. Raises EngineError."""
    try:
        go = golang.program(report or Silent())
    except GoError as error:
        raise EngineError(str(error)) from error
    argv = [str(go), "mod", "download", "-json", module]
    with tempfile.TemporaryDirectory() as outside:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, cwd=outside, env=golang.environment()
        )
    answer = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "Dir" not in answer:
        reason = answer.get("Error") or done.stderr.strip()[-300:]
        raise EngineError(f"The Go module {module} cannot be downloaded: {reason}")
    return Path(answer["Dir"])


def _engine(name: str) -> Engine:
    if name not in ENGINES:
        raise EngineError(f"There is no engine {name}; there are {', '.join(sorted(ENGINES))}.")
    return ENGINES[name]


@cache
def _pinned(source: Path) -> dict[str, str]:
    path = source / "go.mod"
    if not path.exists():
        raise EngineError(f"{path} is missing: the local cluster is built from a checkout of the project.")
    found = re.findall(r"^\s*(?:require\s+)?([\w./-]+\.[\w./-]+) (v\S+)", path.read_text(), re.MULTILINE)
    return dict(found)


@cache
def _sources(source: Path) -> str:
    kept = (*source.glob("go.*"), *source.glob("*.go"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(kept))).hexdigest()


def _place(engine: Engine, release: str) -> Path:
    parts = (_sources(engine.source), engine.linker_flags, release, os.uname().machine)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return cache_directory() / "engines" / f"{engine.folder}-{engine.version}-{key}"


class _locked:  # noqa: N801 - reads as a statement
    """One build at a time on this machine."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __enter__(self) -> None:
        path = cache_directory() / "engines" / ".lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._report.line("Waiting for another build of the engines on this machine.")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _compile(go: Path, engines: Sequence[Engine], place: Path, count: str, report: Report) -> None:
    names = ", ".join(engine.name for engine in engines)
    title = f"Building {engines[0].folder} {engines[0].version} ({count})"
    report.line(f"{title}: {names}. Kept in {place.parent} afterwards.")
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".building-") as work:
        packages = [engine.package for engine in engines]
        flags = ["-mod=readonly", "-trimpath", "-v", "-ldflags", engines[0].linker_flags]
        argv = [str(go), "build", *flags, "-o", f"{work}/", *packages]
        with report.step(f"{engines[0].folder} {engines[0].version} built"):
            _run_go(argv, engines[0].source, title, report)
        for engine in engines:
            # Two major versions of a module end in /v3: Go names the program after the part before.
            built = Path(work) / _program_name(engine.package)
            built.rename(place / engine.name)


def _program_name(package: str) -> str:
    *_, parent, last = package.split("/")
    return parent if re.fullmatch(r"v\d+", last) else last


def _run_go(argv: Sequence[str], folder: Path, title: str, report: Report) -> None:
    start = time.monotonic()
    last: deque[str] = deque(maxlen=15)
    compiled = 0
    with subprocess.Popen(
        argv, cwd=folder, stderr=subprocess.PIPE, text=True, env=golang.environment()
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            last.append(line.rstrip())
            downloading = line.startswith("go: downloading")
            compiled += not downloading
            doing = line.strip().removeprefix("go: ") if downloading else f"{compiled} packages compiled"
            report.progress(f"{title}: {_minutes(time.monotonic() - start)}, {doing}")
    if running.returncode != 0:
        raise EngineError(f"{title} failed in {folder}:\n" + "\n".join(last))


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)} min {int(seconds % 60):02} s"
