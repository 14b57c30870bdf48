"""Installs the operator into a cluster by its chart, as a user would, with the locally made image.

The image's digest goes into a pod annotation: deploying again after a change of the sources rolls the
operator, and otherwise changes nothing. It must not know what the chart does with its values.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from pileus.local import engines, images
from pileus.local.addons import DIGEST
from pileus.local.cluster import ClusterError, LocalCluster
from pileus.local.kubectl import Kubectl
from pileus.local.paths import CHECKOUT
from pileus.local.plan import Profile
from pileus.local.report import Report, Silent
from pileus.local.system import NAMESPACE as NAMESPACE
from pileus.local.system import namespace

RELEASE = "pileus"
CHART = CHECKOUT / "charts" / "pileus"
FOR_APPS = ("web", "tools")
"""Images that demo and tests start, beside the operator's own."""


def deploy(
    cluster: LocalCluster, *, values: Mapping[str, Any] | None = None, report: Report | None = None
) -> None:
    """Install or upgrade the operator and wait until it is ready; `values` are the chart's."""
    report = report or Silent()
    client = Kubectl(cluster.kubectl, cluster.kubeconfig)
    record = cluster.record
    if record is not None and record.profile is not Profile.NODE:
        client.apply_files(
            [CHECKOUT / "crds" / path.name for path in (CHECKOUT / "crds").glob("pileus.dev_*")]
        )
        report.line(
            "Pods are only simulated here, so the operator is not one of them. Its definitions are "
            f"installed; run it yourself by `KUBECONFIG={cluster.kubeconfig} pileus run`."
        )
        return
    for name in ("operator", *FOR_APPS):
        with report.step(f"image {images.ref(name)}"):
            cluster.import_image(images.ensure(name))
    client.apply([namespace()])
    with report.step("operator installed by its chart"):
        _helm(cluster, _values(values or {}))


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    repository, _, tag = images.ref("operator").rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "podAnnotations": {DIGEST: images.digest("operator")},
        "log": {"format": "text"},
        **given,
    }


def _helm(cluster: LocalCluster, values: Mapping[str, Any]) -> None:
    helm = engines.build(["helm"])["helm"]
    argv = [str(helm), "upgrade", "--install", RELEASE, str(CHART), f"--namespace={NAMESPACE}"]
    argv += ["--values=-", "--wait", "--timeout=180s"]
    done = subprocess.run(
        argv,
        input=json.dumps(values),
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        client = Kubectl(cluster.kubectl, cluster.kubeconfig)
        pods = client.run("get", "pods", f"--namespace={NAMESPACE}", allow_failure=True)
        logs = client.run(
            "logs", f"deployment/{RELEASE}", f"--namespace={NAMESPACE}", "--tail=15", allow_failure=True
        )
        raise ClusterError(f"The chart cannot be installed: {done.stderr.strip()[-1000:]}\n{pods}{logs}")
