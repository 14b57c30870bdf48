"""The operator as a process beside the cluster, with the roles of its chart and no others."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pileus.kinds import KINDS
from pileus.local import LocalCluster, debian
from pileus.local import kubectl as local
from pileus.local.foreign import established
from pileus.local.images import store_directory
from pileus.local.oci import File
from tests.campaign.ground import ROOT, SYSTEM, chart_roles
from tests.e2e.kubectl import Kubectl
from tests.engine.harness import Operator

TROUBLE = re.compile(r"forbidden|cannot \w+ resource|Traceback|defect", re.IGNORECASE)
LIBRARY = "libfaketimeMT.so.1"


@contextmanager
def control_plane(variable: str, directory: Path, with_: tuple[str, ...]) -> Iterator[LocalCluster]:
    """A control plane in a directory, which ends with the block.

    variable: of the environment, which names the directory of one that is used, and left running, instead.
    """
    given = os.environ.get(variable)
    found = LocalCluster(Path(given) if given else directory, profile="control-plane", with_=with_)
    try:
        yield found.up()
    finally:
        if not given:
            found.down()


def defined(cluster: LocalCluster) -> Kubectl:
    """kubectl for the whole cluster, in which the operator's definitions are served and listed."""
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds"))
    names = [f"crd/{kind.plural}.{kind.group}" for kind in KINDS]
    established(local.Kubectl(cluster.kubectl, cluster.kubeconfig), names)
    return kubectl


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day as the operator reads it.

    libfaketime puts it on. That changes what the operator reads, not what it waits for, so a test that has
    moved the clock wakes the operator. Certificates and tokens are good for long enough.
    """

    file: Path

    def show(self, moment: dt.datetime) -> None:
        """It is this time now, and goes on from there."""
        self._write(moment - dt.datetime.now(dt.UTC))

    def true(self) -> None:
        """It reads what everybody reads."""
        self._write(dt.timedelta())

    def _write(self, ahead: dt.timedelta) -> None:
        partial = self.file.with_suffix(".partial")
        partial.write_text(f"{ahead.total_seconds():+.0f}\n")
        partial.rename(self.file)


@dataclass
class OperatorBeside:
    """One process, started and stopped by tests that are not asynchronous themselves."""

    admin: Kubectl
    directory: Path
    values: dict[str, Any] = field(default_factory=dict)
    loop: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __post_init__(self) -> None:
        self.clock = Clock(self.directory / "clock")
        self._log = self.directory / "operator.log"

    def begin(self) -> None:
        """Install its roles, and start it with a token of its ServiceAccount and a clock of its own."""
        self.clock.true()
        self._process = Operator(
            self._login(),
            lease_namespace=SYSTEM,
            whole=True,
            environment={
                "LD_PRELOAD": str(_faketime(self.directory)),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock.file),
                "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1",
            },
            log=self._log,
        )
        self.loop.run(self._process.start())

    def end(self) -> None:
        """End it as Kubernetes does; what its log complains of fails."""
        self.loop.run(self._process.stop())
        self.loop.close()
        told = [line for line in self._log.read_text().splitlines() if TROUBLE.search(line)]
        assert not told, told[:5]

    def log(self) -> str:
        """All that it has logged."""
        return self._log.read_text()

    def page(self) -> str:
        """Its metrics."""
        return self._process.page()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.loop.run(self._process.kill())

    def start(self) -> None:
        """Start it anew after `kill`."""
        self.loop.run(self._process.start())

    def restart(self) -> None:
        """Stop it and start it anew; its counts begin at nothing."""
        self.loop.run(self._process.stop())
        self.loop.run(self._process.start())

    def settled(self) -> float:
        """Wait until nothing is queued or written for a while; its writes since its start."""
        self.loop.run(self._process.settled())
        return self._process.writes()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that carry these labels."""
        return self._process.metric(name, **labels)

    def _login(self) -> Path:
        """The kubeconfig of its ServiceAccount."""
        if not self.admin.exists("namespace", SYSTEM):
            self.admin("create", "namespace", SYSTEM)
        system = self.admin.within(SYSTEM)
        system.apply(*chart_roles(**self.values))
        token = system("create", "token", "pileus", "--duration=24h").strip()
        view = json.loads(self.admin("config", "view", "--minify", "--raw", "-o", "json"))
        view["users"] = [{"name": "operator", "user": {"token": token}}]
        view["contexts"][0]["context"]["user"] = "operator"
        file = self.directory / "kubeconfig"
        file.write_text(json.dumps(view))
        return file


def _faketime(directory: Path) -> Path:
    """Debian's libfaketime, unpacked there."""
    (archive,) = debian.fetch(["libfaketime"], store_directory())
    for entry in debian.entries(archive):
        if (
            isinstance(entry, File)
            and isinstance(entry.content, bytes)
            and entry.path.endswith(f"/{LIBRARY}")
        ):
            (directory / LIBRARY).write_bytes(entry.content)
            return directory / LIBRARY
    raise AssertionError(f"{archive} has no {LIBRARY}")
