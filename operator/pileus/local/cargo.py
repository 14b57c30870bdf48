"""Programs that are Rust crates, pinned here and built by the machine's cargo, since PyPI has none.

Each crate brings its own lock file, to which `--locked` holds. Little is optimized: they are tried, not
measured.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_OPTIMIZED = "1"
"""Little. Without any, Garage takes 0.4 s for each call of its admin API: it hashes the token each time."""


class CargoError(Exception):
    """There is no cargo, or it failed; the message says what to do, or ends with its last words."""


@dataclass(frozen=True, slots=True)
class Crate:
    """A program. features: those of the crate that are built in, and no others."""

    name: str
    version: str
    features: tuple[str, ...]

    def place(self, directory: Path) -> Path:
        """Where it is kept in the cache: named by all that decides its content."""
        parts = (self.name, self.version, *self.features, _OPTIMIZED, _release(), os.uname().machine)
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return directory / f"{self.name}-v{self.version}-{key}"


CRATES = {crate.name: crate for crate in (Crate("garage", "2.5.0", ("bundled-libs", "lmdb")),)}


def program() -> str:
    """The cargo command. Raises CargoError."""
    if found := shutil.which("cargo"):
        return found
    raise CargoError(
        f"{', '.join(CRATES)} is built by cargo, which is not on this machine: install Rust from rustup.rs "
        "and a C compiler, or leave the add-on out."
    )


def install(crate: Crate, place: Path, say: Callable[[str], object]) -> None:
    """Build it into `place`, whole or not at all; a build that was cut short goes on. Raises CargoError."""
    work = place.with_name(f".building-{place.name}")
    argv = [program(), "install", crate.name, "--version", f"={crate.version}", "--locked", "--no-track"]
    argv += ["--no-default-features", "--features", ",".join(crate.features), "--root", str(work)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("RUSTFLAGS", "CARGO_"))},
        "CARGO_HOME": os.environ.get("CARGO_HOME", str(Path.home() / ".cargo")),
        "CARGO_TARGET_DIR": str(work / "target"),
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": _OPTIMIZED,
    }
    start = time.monotonic()
    last: deque[str] = deque(maxlen=15)
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment, cwd="/") as running:
        assert running.stderr is not None
        for line in running.stderr:
            last.append(line.rstrip())
            say(f"{int((time.monotonic() - start) // 60)} min, {line.strip()}")
    if running.returncode != 0:
        raise CargoError(f"cargo cannot build {crate.name} {crate.version}:\n" + "\n".join(last))
    place.mkdir(parents=True, exist_ok=True)
    (work / "bin" / crate.name).rename(place / crate.name)
    shutil.rmtree(work)


@cache
def _release() -> str:
    done = subprocess.run([program(), "--version"], capture_output=True, text=True, check=False, cwd="/")
    return done.stdout.strip()
