"""The operator as its administrator handles it: installed by Helm, restarted, its log and metrics read."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.local.cluster import LocalCluster
from pileus.local.deploy import CHART, NAMESPACE, RELEASE, deploy
from tests.e2e.kubectl import Kubectl
from tests.programs import program

GRANTED = "e2e-granted"
"""The one namespace in which the operator may read Secrets and ConfigMaps."""
GATEWAY = "e2e-gateway"
"""The namespace of the Gateway `shared`, to which exposed hosts attach."""

COMPLAINT = re.compile(r"forbidden|cannot \w+ resource|traceback|defect", re.IGNORECASE)

VALUES: Mapping[str, Any] = {
    "gateway": f"{GATEWAY}/shared",
    "clusterIssuer": "letsencrypt",
    "references": {"namespaces": [GRANTED]},
}


@dataclass
class Operator:
    """The release in the cluster. `told` keeps the log of every pod that it had."""

    cluster: LocalCluster
    kubectl: Kubectl
    told: list[str] = field(default_factory=list)

    def deploy(self, **values: Any) -> None:
        """Install it, or upgrade it to VALUES with `values` on top."""
        self.keep_log()
        deploy(self.cluster, values={**VALUES, **values})

    def uninstall(self) -> None:
        """`helm uninstall`, until its pods are gone; they lose their permissions before they end."""
        self.keep_log()
        self.helm("uninstall", RELEASE)
        self.kubectl("wait", "--for=delete", "pod", "-l=app.kubernetes.io/name=pileus", "--timeout=60s")

    def helm(self, *arguments: str) -> str:
        """Helm on the release's namespace."""
        argv = [str(program("helm")), f"--namespace={NAMESPACE}", *arguments]
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def restart(self) -> None:
        """Replace its pods, and wait until the new ones work."""
        self.keep_log()
        self.kubectl("rollout", "restart", f"deployment/{RELEASE}")
        self.rolled_out()

    def rolled_out(self) -> None:
        """Wait until its newest pods are ready, and the old ones gone."""
        self.kubectl("rollout", "status", f"deployment/{RELEASE}", "--timeout=120s")

    def log(self) -> str:
        """What its present pods have logged."""
        return "".join(self.kubectl.attempt("logs", pod, "--tail=-1") for pod in self.pods())

    def pods(self) -> list[str]:
        """Names of its pods but those on their way out, whose permissions Helm may have taken already."""
        found = self.kubectl.list("pods", "app.kubernetes.io/name=pileus")
        return sorted(p["metadata"]["name"] for p in found if "deletionTimestamp" not in p["metadata"])

    def keep_log(self) -> None:
        """Before pods go."""
        self.told.append(self.log())

    def metrics(self, tools: Kubectl) -> dict[str, float]:
        """Every series of /metrics, read from a pod of another namespace through the Service."""
        text = tools(
            "exec", "tools", "--", "curl", "-sf", f"http://{RELEASE}-metrics.{NAMESPACE}:8080/metrics"
        )
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def leader(self) -> str:
        """The pod that holds the lease."""
        held = self.kubectl.get("lease", RELEASE)["spec"].get("holderIdentity", "")
        return next((pod for pod in self.pods() if held.startswith(pod)), "")

    def complaints(self) -> list[str]:
        """Lines of all its logs that tell of missing permissions or of a defect."""
        lines = "\n".join((*self.told, self.log())).splitlines()
        return [line for line in lines if COMPLAINT.search(line)]


__all__ = ["CHART", "GATEWAY", "GRANTED", "NAMESPACE", "RELEASE", "Operator"]
