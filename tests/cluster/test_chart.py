"""The chart on a real API server: installed, upgraded, uninstalled, and who may do what afterwards.

Controllers are not needed for that, so this costs seconds; that the operator runs is proved end to end.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pileus.local.kubectl import Kubectl
from tests.programs import program

CHART = Path(__file__).parents[2] / "charts" / "pileus"
NAME = f"pileus-{os.getpid()}"
APART = ("reads", "elsewhere", "keys")
"""Namespaces in which the operator may, and may not, read Secrets."""
Helm = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(apiserver: Path) -> Kubectl:
    client = Kubectl(program("kubectl"), apiserver)
    for suffix in APART:
        client.run("create", "namespace", f"{NAME}-{suffix}")
    return client


@pytest.fixture(scope="module")
def helm(apiserver: Path) -> Helm:
    def run(*arguments: str) -> str:
        argv = [str(program("helm")), f"--kubeconfig={apiserver}", f"--namespace={NAME}", *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def installed(kubectl: Kubectl, helm: Helm) -> Iterator[Helm]:
    # Another test's CRDs are on this API server: they are not this release's.
    values = (
        "--set=crds.enabled=false",
        f"--set=references.namespaces={{{NAME}-{APART[0]}}}",
        f"--set=credentials.namespaces={{{NAME}-{APART[2]}}}",
    )
    helm("install", NAME, str(CHART), "--create-namespace", *values)
    yield helm
    helm("uninstall", NAME, "--ignore-not-found")


OPERATOR = f"system:serviceaccount:{NAME}:{NAME}"
MAY: tuple[tuple[str, str, str, str, bool], ...] = (
    ("it makes Deployments everywhere", "create", "deployments.apps", "default", True),
    ("it reads pods for leaf causes", "list", "pods", "default", True),
    ("it watches our kinds", "watch", "containerapps.pileus.dev", "default", True),
    ("it never writes what users asked for", "patch", "containerapps.pileus.dev", "default", False),
    ("it does write the status", "patch", "containerapps.pileus.dev/status", "default", True),
    ("no pod of its own making", "create", "pods", "default", False),
    ("Secrets are closed by default", "get", "secrets", f"{NAME}-{APART[1]}", False),
    ("they are open where the administrator said so", "get", "secrets", f"{NAME}-{APART[0]}", True),
    ("reading is not writing", "patch", "secrets", f"{NAME}-{APART[0]}", False),
    ("consumers' keys go where the administrator said so", "patch", "secrets", f"{NAME}-{APART[2]}", True),
    ("and nowhere else", "create", "secrets", f"{NAME}-{APART[1]}", False),
    ("it reads the keys of object stores", "get", "secrets", NAME, True),
    ("these are the administrator's", "patch", "secrets", NAME, False),
    ("it holds a Bucket until it has gone", "patch", "buckets.pileus.dev", "default", True),
    ("no list of Secrets over the cluster", "list", "secrets", "", False),
    ("its own Lease", "update", "leases.coordination.k8s.io", NAME, True),
    ("nobody else's Lease", "update", "leases.coordination.k8s.io", "kube-system", False),
    ("no permissions to give away", "create", "rolebindings.rbac.authorization.k8s.io", "default", False),
    ("no token of another account", "create", "serviceaccounts/token", "default", False),
    ("no shell in users' pods", "create", "pods/exec", "default", False),
    ("engines are found by their CRDs", "watch", "customresourcedefinitions.apiextensions.k8s.io", "", True),
    ("CRDs are the administrator's", "patch", "customresourcedefinitions.apiextensions.k8s.io", "", False),
)


@pytest.mark.parametrize(
    ("reason", "verb", "resource", "namespace", "expected"), MAY, ids=[row[0] for row in MAY]
)
def test_the_operator_may(
    installed: Helm, kubectl: Kubectl, reason: str, verb: str, resource: str, namespace: str, expected: bool
) -> None:
    where = f"--namespace={namespace}" if namespace else "--all-namespaces"
    kind, _, subresource = resource.partition("/")  # kubectl would take what follows for a name

    question = ("can-i", verb, kind, f"--subresource={subresource}", where)
    answer = kubectl.run("auth", *question, f"--as={OPERATOR}", allow_failure=True)

    assert answer.strip() == ("yes" if expected else "no"), reason


def test_upgrade_and_uninstall(installed: Helm, kubectl: Kubectl) -> None:
    installed("upgrade", NAME, str(CHART), "--set=crds.enabled=false", "--set=replicas=2")
    live = json.loads(kubectl.run("get", "deployment", NAME, f"--namespace={NAME}", "-o=json"))
    assert live["spec"]["replicas"] == 2
    kubectl.run("get", "poddisruptionbudget", NAME, f"--namespace={NAME}")

    installed("uninstall", NAME)

    left = kubectl.run("get", "clusterrole,clusterrolebinding", "-o=name").split()
    assert [name for name in left if NAME in name] == []
