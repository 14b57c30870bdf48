"""The demo: from a bare machine to apps and a virtual machine, in one command, by the files of `examples/`.

It does what the README tells people to do, in the same order, and leaves everything running.
"""

from __future__ import annotations

import time

from pileus.local.cluster import ClusterError, LocalCluster
from pileus.local.deploy import deploy
from pileus.local.kubectl import Kubectl, KubectlError
from pileus.local.paths import CHECKOUT
from pileus.local.plan import Profile
from pileus.local.report import Report

NAMESPACE = "demo"
STORIES = ("01-hello", "02-config", "03-autoscale", "06-data", "07-vm")
"""The examples that need no engine which the local cluster lacks."""
ADD_ONS = ("metrics", "kubevirt")
PATIENCE = 180


def demo(cluster: LocalCluster, report: Report) -> str:
    """Bring everything up; returns what to show. Raises ClusterError."""
    cluster.up()
    record = cluster.record
    if record is not None and record.profile is not Profile.NODE:
        raise ClusterError(
            "The demo needs pods that really run: root, and the kernel's overlayfs, bridges and nf_tables. "
            "`pileus local up` gives the control plane with simulated nodes here."
        )
    client = Kubectl(cluster.kubectl, cluster.kubeconfig)
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    client.apply(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": level}}]
    )
    deploy(cluster, values={"references": {"namespaces": [NAMESPACE]}}, report=report)
    with report.step(f"examples {', '.join(STORIES)} applied and ready"):
        try:
            for story in STORIES:
                client.run("apply", f"--namespace={NAMESPACE}", f"--filename={CHECKOUT / 'examples' / story}")
            for kind in ("containerapp", "cloudvm"):
                client.wait("Ready", kind, "--all", namespace=NAMESPACE, seconds=PATIENCE)
        except KubectlError as error:
            found = client.run("get", "pileus", f"--namespace={NAMESPACE}", "-o=wide", allow_failure=True)
            raise ClusterError(f"{error}\n{found}") from None
    return _shown(client)


def _shown(client: Kubectl) -> str:
    answers = sorted({_answer(client) for _ in range(12)})
    return "\n".join(
        (
            "\n$ kubectl get pileus -A",
            client.run("get", "pileus", "-A").rstrip(),
            "(db: KubeVirt's and CDI's own controllers; its node is played, so no guest boots)",
            "\n$ curl http://hello.demo:8080/          (both replicas, through the Service)",
            *answers,
            "\nTry next:",
            "  export KUBECONFIG=$PWD/.local/kubeconfig PATH=$PWD/.local/cluster/bin:$PATH",
            "  kubectl -n demo describe capp hello",
            "  kubectl -n demo delete deployment hello      # it comes back",
            "  kubectl -n demo edit capp hello              # break the image, save, and look:",
            "  kubectl -n demo get capp hello -o wide       # it says why; the old pods still serve",
            "  kubectl explain capp.spec.scale",
            '  kubectl -n demo patch cvm db --type=merge -p \'{"spec":{"power":"Stopped"}}\'',
            "  kubectl -n demo get cvm,vm,vmi,dv            # what it is made of",
            "  make down                                    # ends it all",
        )
    )


def _answer(client: Kubectl) -> str:
    # The API server's proxy reaches the Service wherever the cluster runs.
    for _ in range(20):
        try:
            path = f"/api/v1/namespaces/{NAMESPACE}/services/hello:8080/proxy/"
            return client.run("get", "--raw", path).strip()
        except KubectlError:
            time.sleep(0.5)
    raise ClusterError("The app 'hello' is Ready but does not answer through its Service.")
