"""The local cluster does what clusters do: pods, Services, DNS, logs, exec, port-forward, policies."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from pileus.local import LocalCluster, images, status
from pileus.local.kubectl import Kubectl
from tests.cluster import pods
from tests.cluster.traces import eventually

pytestmark = pytest.mark.cluster
NAMESPACE = f"test-local-{os.getpid()}"
PARTS = {
    "forwarder",
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "netpol",
}


@pytest.fixture(scope="module")
def kubectl(cluster: LocalCluster) -> Iterator[Kubectl]:
    """kubectl, and a namespace with a web server behind a Service and a pod to call it from."""
    client = Kubectl(cluster.kubectl, cluster.kubeconfig)
    for name in ("tools", "web"):
        cluster.import_image(images.ensure(name))
    web = pods.served(
        name="web",
        namespace=NAMESPACE,
        image=images.ref("web"),
        port=8080,
        env={"GREETING": "Moin"},
        cpu="10m",
    )
    client.apply([pods.restricted_namespace(NAMESPACE), *web, caller("friend"), caller("stranger")])
    client.rolled_out(NAMESPACE, "web")
    client.wait("Ready", "pod/friend", "pod/stranger", namespace=NAMESPACE)
    yield client
    client.run("delete", "namespace", NAMESPACE, "--wait=false")


def caller(name: str) -> pods.Manifest:
    """A pod to call others from, labelled with its name."""
    command = ["sh", "-c", "trap 'exit 0' TERM; echo ready to call; while :; do sleep 3600 & wait $!; done"]
    pod = pods.once(name=name, namespace=NAMESPACE, image=images.ref("tools"), command=command)
    pod["metadata"]["labels"] = {"app": name}
    return pod


def called(kubectl: Kubectl, *, by: str, url: str) -> str:
    """The answer, or what curl says when there is none."""
    curl = ("curl", "--silent", "--show-error", "--max-time", "3", url)
    return kubectl.run("exec", f"-n={NAMESPACE}", by, "--", *curl, allow_failure=True)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://web.{NAMESPACE}.svc.cluster.local/", "the whole name resolves, the Service routes"),
        ("http://web/", "so does the short one, by the pod's search list"),
    ],
    ids=("whole", "short"),
)
def test_services_resolve_and_route(kubectl: Kubectl, url: str, why: str) -> None:
    assert eventually(lambda: "Moin" in called(kubectl, by="friend", url=url), seconds=20), why


def test_pods_reach_the_api_server_by_its_service(kubectl: Kubectl) -> None:
    answer = kubectl.run(
        "exec",
        f"-n={NAMESPACE}",
        "friend",
        "--",
        "curl",
        "-sk",
        "https://kubernetes.default.svc/version",
        allow_failure=True,
    )
    assert "gitVersion" in answer


def test_logs_and_exec(kubectl: Kubectl) -> None:
    assert kubectl.run("logs", f"-n={NAMESPACE}", "friend") == "ready to call\n"
    assert kubectl.run("exec", f"-n={NAMESPACE}", "friend", "--", "echo", "hello") == "hello\n"


def test_port_forward(kubectl: Kubectl) -> None:
    argv = [str(kubectl.program), f"--kubeconfig={kubectl.kubeconfig}", f"-n={NAMESPACE}"]
    forwarding = subprocess.Popen(
        [*argv, "port-forward", "service/web", ":80", "--address=127.0.0.1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert forwarding.stdout is not None
        match = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
        assert match is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{match[1]}/", timeout=10) as answer:
            assert b"Moin" in answer.read()
    finally:
        forwarding.terminate()
        forwarding.communicate()


@pytest.mark.parametrize(
    ("rule", "reaches", "why"),
    [
        ({}, set(), "a policy without peers lets nobody in"),
        ({"podSelector": {"matchLabels": {"app": "friend"}}}, {"friend"}, "a peer by label"),
        ({"ipBlock": {"cidr": "10.244.0.0/16"}}, {"friend", "stranger"}, "a peer by address"),
        ({"podSelector": {}}, {"friend", "stranger"}, "all pods of the namespace"),
    ],
)
def test_network_policies_are_enforced(
    kubectl: Kubectl, rule: dict[str, Any], reaches: set[str], why: str
) -> None:
    """On the way through a Service, as callers go."""
    allowed = [{"from": [rule], "ports": [{"port": 8080, "protocol": "TCP"}]}] if rule else []
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress"],
            "ingress": allowed,
        },
    }
    kubectl.apply([policy])
    try:
        callers = ("friend", "stranger")

        def reaching() -> set[str]:
            return {by for by in callers if "Moin" in called(kubectl, by=by, url="http://web/")}

        assert eventually(lambda: reaching() == reaches, seconds=30), f"{why}; now {reaching()}"
    finally:
        kubectl.run("delete", "networkpolicy", "web", f"-n={NAMESPACE}")


def test_status_lists_every_part(cluster: LocalCluster) -> None:
    found = status.read(cluster)
    assert found.state == "running"
    assert {part.name for part in found.parts} >= PARTS
    for part in found.parts:
        assert part.state == "ready", part
        assert part.pid is not None, part
        assert part.memory > 2**20, part
        assert part.version or part.name == "forwarder", part
    listed = subprocess.run(
        [sys.executable, "-m", "pileus", "local", "status", "--json", f"--dir={cluster.layout.root}"],
        env={**os.environ, "PYTHONPATH": "operator"},
        capture_output=True,
        check=True,
    )
    assert {part["name"] for part in json.loads(listed.stdout)["parts"]} >= PARTS


def test_exec_runs_inside_the_namespaces(cluster: LocalCluster) -> None:
    script = "hostname; kubectl get --raw=/readyz; ls /proc | grep -cx 1; ctr images ls -q"
    argv = cluster.nsenter(["sh", "-c", script])
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    node, ready, *_ = done.stdout.split()
    assert (node, ready[:2]) == ("node1", "ok")
    assert images.ref("pause") in done.stdout


def test_the_same_kubeconfig_serves_inside(cluster: LocalCluster, kubectl: Kubectl) -> None:
    outside = kubectl.run("get", "namespace", "kube-system", "-o=jsonpath={.metadata.uid}")
    argv = cluster.nsenter(["kubectl", "get", "namespace", "kube-system", "-o=jsonpath={.metadata.uid}"])
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == outside
