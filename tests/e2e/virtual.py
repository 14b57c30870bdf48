"""Machines end to end: KubeVirt's and CDI's controllers on played nodes, and the operator as its own process.

The operator has the token of the chart's ServiceAccount, so the rights that users give it. Its clock is the
test's: libfaketime puts it on. That changes what the operator reads of the time of day, not what it waits
for, so a test that has moved the clock wakes the operator. Certificates and tokens are good for long enough.

PILEUS_TEST_VIRTUAL names the directory of a cluster that is used, and left running, instead of an own one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pileus.local import LocalCluster, debian
from pileus.local.images import store_directory
from pileus.local.oci import File
from tests.contract.charts import Helm
from tests.e2e.kubectl import Kubectl, Manifest
from tests.engine.harness import Operator
from tests.programs import program

SYSTEM = "pileus-system"
CRDS = Path(__file__).parents[2] / "crds"
ROLES = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
TROUBLE = re.compile(r"forbidden|cannot \w+ resource|Traceback|defect", re.IGNORECASE)
LIBRARY = "libfaketimeMT.so.1"


@pytest.fixture(scope="session")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A control plane with KubeVirt; nodes for machines are played."""
    given = os.environ.get("PILEUS_TEST_VIRTUAL")
    directory = Path(given) if given else tmp_path_factory.mktemp("virtual") / "cluster"
    cluster = LocalCluster(directory, profile="control-plane", with_=["kubevirt"])
    try:
        yield cluster.up()
    finally:
        if not given:
            cluster.down()


@dataclass
class Clock:
    """The time of day as the operator reads it."""

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


@pytest.fixture(scope="session")
def clock(virtual: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    """The clock of the operator, which runs as long as it is there, and complains of nothing."""
    directory = tmp_path_factory.mktemp("operator")
    admin = Kubectl(virtual.kubectl, virtual.kubeconfig, SYSTEM)
    admin.attempt("create", "namespace", SYSTEM)
    admin("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
    admin.apply(*(found for found in Helm(program("helm")).template({}) if found["kind"] in ROLES))
    clock, log = Clock(directory / "clock"), directory / "operator.log"
    clock.true()
    operator = Operator(
        _login(admin, directory),
        lease_namespace=SYSTEM,
        whole=True,
        environment={
            "LD_PRELOAD": str(_faketime(directory)),
            "FAKETIME_TIMESTAMP_FILE": str(clock.file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        },
        log=log,
    )
    with asyncio.Runner() as loop:
        loop.run(operator.start())
        try:
            yield clock
        finally:
            loop.run(operator.stop())
    told = [line for line in log.read_text().splitlines() if TROUBLE.search(line)]
    assert not told, told[:5]


@pytest.fixture
def vms(virtual: LocalCluster, clock: Clock, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl for a new namespace, which goes after the test; the operator has the true time."""
    clock.true()
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:36].strip("-")
    kubectl = Kubectl(virtual.kubectl, virtual.kubeconfig, f"vm-{words}-{os.urandom(2).hex()}")
    kubectl("create", "namespace", kubectl.namespace)
    yield kubectl
    kubectl(
        "delete", "cvm", "--all", "--timeout=90s"
    )  # before the namespace, in which nothing can be made then
    kubectl.delete("namespace", kubectl.namespace)


def vm(name: str = "db", **spec: Any) -> Manifest:
    """A CloudVM with one imported disk, with `spec` on top."""
    usual = {"disks": [root()]}
    metadata = {"name": name}
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "CloudVM",
        "metadata": metadata,
        "spec": {**usual, **spec},
    }


def root(name: str = "root", **source: Any) -> Manifest:
    """A disk, by default of an image that nobody is asked for."""
    return {
        "name": name,
        "size": "1Gi",
        "source": source or {"image": "https://images.example/disk.qcow2"},
    }


def volumes(kubectl: Kubectl, name: str = "db") -> dict[str, str]:
    """The DataVolume of each disk of the machine as it is declared."""
    found = kubectl.get("vm", name)["spec"]["template"]["spec"]["volumes"]
    return {volume["name"]: volume["dataVolume"]["name"] for volume in found if "dataVolume" in volume}


def wake(kubectl: Kubectl, name: str = "db") -> None:
    """Have the operator look at the machine, which waits for a time that came at once."""
    kubectl("annotate", "cvm", name, f"example.dev/looked-at={os.urandom(4).hex()}", "--overwrite")


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


def _login(admin: Kubectl, directory: Path) -> Path:
    """The kubeconfig of the operator's ServiceAccount."""
    there = yaml.safe_load(admin.kubeconfig.read_text())["clusters"][0]["cluster"]
    token = admin("create", "token", "pileus", "--duration=8h").strip()
    login = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "operator",
        "clusters": [{"name": "local", "cluster": there}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "operator", "context": {"cluster": "local", "user": "operator"}}],
    }
    file = directory / "kubeconfig"
    file.write_text(yaml.safe_dump(login))
    return file
