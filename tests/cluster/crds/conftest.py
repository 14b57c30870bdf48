"""A real API server with the committed CRDs and those of the engines; no controllers are needed here."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.kinds import KINDS
from pileus.local.foreign import FOREIGN, crds, established
from pileus.local.kubectl import Kubectl
from tests.programs import program

ROOT = Path(__file__).parents[3]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def kubectl(apiserver: Path) -> Kubectl:
    """kubectl for an API server that serves the committed CRDs."""
    client = Kubectl(program("kubectl"), apiserver)
    client.run("apply", "--server-side", "--force-conflicts", "-k", str(ROOT / "crds"))
    established(client, [f"crd/{kind.plural}.{kind.group}" for kind in KINDS])
    return client


@pytest.fixture(scope="session")
def kubectl_with_engines(kubectl: Kubectl) -> Kubectl:
    """The same, with the kinds of Gateway API, KEDA and the others served."""
    client = Kubectl(kubectl.program, kubectl.kubeconfig)
    established(client, client.apply_files(path for name in FOREIGN for path in crds(name)))
    return client


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"crds-{os.getpid()}-{next(_numbers)}"
    kubectl.run("create", "namespace", name)
    yield name
    # Nothing empties a namespace here: an operator of another test would find its resources.
    plurals = ",".join(f"{kind.plural}.{kind.group}" for kind in KINDS)
    kubectl.run("delete", plurals, "--all", f"--namespace={name}")
    kubectl.run("delete", "namespace", name, "--wait=false")
