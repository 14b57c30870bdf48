"""The demo: from a bare machine to apps and a virtual machine, in one command, by the files of `examples/`.

It does what the README tells people to do, in the same order, and leaves everything running.
"""

from __future__ import annotations

import re
import time

from pileus.local.cluster import ClusterError, LocalCluster
from pileus.local.deploy import deploy
from pileus.local.kubectl import Kubectl, KubectlError
from pileus.local.paths import CHECKOUT
from pileus.local.plan import Profile
from pileus.local.report import Report
from pileus.local.s3.objects import object_store

NAMESPACE = "demo"
STORIES = ("01-hello", "02-config", "03-autoscale", "06-data", "07-vm", "09-firewall")
"""The examples that need no engine which the local cluster lacks."""
BUCKET = (
    CHECKOUT / "examples" / "08-bucket" / "bucket.yaml",
    CHECKOUT / "examples" / "08-bucket" / "app.yaml",
)
"""A bucket and the app that is bound to it; the store is one of the local cluster's."""
ASK = 'import socket; socket.create_connection(("catalog", 8080), 3)'
"""A connection to the app `catalog`, by what there is in the image of the others."""
ADD_ONS = ("metrics", "kubevirt", "s3")
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
    allowed = {"namespaces": [NAMESPACE]}
    deploy(cluster, values={"references": allowed, "credentials": allowed}, report=report)
    client.apply([object_store(cluster.stores["versitygw"])])
    with report.step(f"examples {', '.join(STORIES)}, 08-bucket applied and ready"):
        try:
            for story in STORIES:
                client.run("apply", f"--namespace={NAMESPACE}", f"--filename={CHECKOUT / 'examples' / story}")
            for file in BUCKET:
                client.run("apply", f"--namespace={NAMESPACE}", f"--filename={file}")
            for kind in ("containerapp", "cloudvm", "bucket", "firewallpolicy"):
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
            "\n$ kubectl -n demo exec deployment/importer -- curl -sS http://catalog:8080/",
            _flow(client, "importer", ("curl", "-sS", "-m3", "http://catalog:8080/"), passes=True),
            f"\n$ kubectl -n demo exec deployment/hello -- python3 -c '{ASK}'",
            _flow(client, "hello", ("python3", "-c", ASK), passes=False),
            "(only importer may ask catalog: the FirewallPolicy says so, and it was tried that it holds)",
            "\n$ kubectl -n demo get secret photos-app      (the app 'gallery' has it in its environment)",
            client.run("get", f"--namespace={NAMESPACE}", "secret", "photos-app").rstrip(),
            "\nTry next:",
            "  export KUBECONFIG=$PWD/.local/kubeconfig PATH=$PWD/.local/cluster/bin:$PATH",
            "  kubectl -n demo describe capp hello",
            "  kubectl -n demo delete deployment hello      # it comes back",
            "  kubectl -n demo edit capp hello              # break the image, save, and look:",
            "  kubectl -n demo get capp hello -o wide       # it says why; the old pods still serve",
            "  kubectl explain capp.spec.scale",
            '  kubectl -n demo patch cvm db --type=merge -p \'{"spec":{"power":"Stopped"}}\'',
            "  kubectl -n demo get cvm,vm,vmi,dv            # what it is made of",
            "  kubectl -n demo delete secret photos-app     # a new key, and gallery is rolled",
            "  pileus explain flow hello catalog:8080 -n demo   # which rule is missing",
            "  make down                                    # ends it all",
        )
    )


def _flow(client: Kubectl, source: str, ask: tuple[str, ...], *, passes: bool) -> str:
    """What an app gets of `catalog`. Raises ClusterError if that is not what its policy says."""
    said = ""
    for _ in range(20):
        try:
            said = client.run("exec", f"--namespace={NAMESPACE}", f"deployment/{source}", "--", *ask).strip()
        except KubectlError as error:
            said = next((line for line in str(error).splitlines() if "Error: " in line), str(error))
            if not passes and re.search("timed out|refused", said):
                return said
        else:
            if passes:
                return said
        time.sleep(0.5)
    raise ClusterError(f"The FirewallPolicy 'catalog' is Ready but {source!r} gets: {said}")


def _answer(client: Kubectl) -> str:
    # The API server's proxy reaches the Service wherever the cluster runs.
    for _ in range(20):
        try:
            path = f"/api/v1/namespaces/{NAMESPACE}/services/hello:8080/proxy/"
            return client.run("get", "--raw", path).strip()
        except KubectlError:
            time.sleep(0.5)
    raise ClusterError("The app 'hello' is Ready but does not answer through its Service.")
