"""Images and add-ons in the real cluster: they import, run under restricted Pod Security, do their work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pileus.local import addons, contents, images, oci
from pileus.local.cluster import LocalCluster
from pileus.local.images import IMAGES, Image
from pileus.local.kubectl import Kubectl
from tests.cluster import pods

pytestmark = pytest.mark.cluster
NAMESPACE = "test-images"
DEFINITIONS = ("gateway-api", "keda", "cert-manager", "prometheus-operator", "envoy-gateway")


@pytest.fixture(scope="module")
def kubectl(cluster: LocalCluster) -> Iterator[Kubectl]:
    """kubectl, with an empty namespace under restricted Pod Security and our images on the node."""
    client = Kubectl(cluster.kubectl, cluster.kubeconfig)
    for name in ("busybox", "tools", "web"):
        cluster.import_image(images.ensure(name))
    client.apply([pods.restricted_namespace(NAMESPACE)])
    yield client
    client.run("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def tools(kubectl: Kubectl) -> Callable[..., str]:
    """Run a command in a pod of the image `tools` that has a volume at /data."""
    claim = pods.claim(name="data", namespace=NAMESPACE, size="10Mi")
    kubectl.apply(
        [claim, pods.idle(name="tools", namespace=NAMESPACE, image=images.ref("tools"), claim="data")]
    )
    kubectl.wait("Ready", "pod/tools", namespace=NAMESPACE)
    return lambda *command: kubectl.run("exec", f"-n={NAMESPACE}", "tools", "--", *command)


@pytest.fixture(scope="module")
def web(kubectl: Kubectl) -> str:
    """A Deployment of the image `web` behind a Service; the Service's name."""
    env = {"GREETING": "Moin", "PORT": "9000"}
    kubectl.apply(
        pods.served(name="web", namespace=NAMESPACE, image=images.ref("web"), port=9000, env=env, cpu="100m")
    )
    kubectl.rolled_out(NAMESPACE, "web")
    return f"web.{NAMESPACE}.svc.cluster.local"


@pytest.mark.parametrize("name", ["busybox", "tools", "operator"])
def test_images_are_reproducible(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made twice, in different directories, from the same packages, an image has the same digest."""
    before = images.ensure(name)
    downloads = images.store_directory()
    for kept in ("pool", "locks"):
        shutil.copytree(downloads / kept, tmp_path / "images" / kept, copy_function=os.link)
    monkeypatch.setenv("PILEUS_CACHE", str(tmp_path))
    assert oci.reference(images.ensure(name)) == oci.reference(before)


def test_every_image_runs_as_nobody_or_is_only_a_shell() -> None:
    root = {
        name for name, image in IMAGES.items() if image.config.user.partition(":")[0] in ("", "0", "root")
    }
    assert root == {"busybox"}, "the provisioner's short-lived pods make directories with it"


def test_web_answers_through_its_service(web: str, tools: Callable[..., str]) -> None:
    assert tools("curl", "-sf", f"http://{web}/").startswith("Moin from web-")
    assert tools("curl", "-sf", f"http://{web}/healthz") == "ok\n"
    assert tools("curl", "-sf", f"http://{web}/env/PORT") == "9000\n"
    assert tools("curl", "-s", "-o/dev/null", "-w%{http_code}", f"http://{web}/env/NO") == "404"


def test_web_ends_at_once(kubectl: Kubectl, web: str) -> None:
    """SIGTERM ends it with 0, long before the grace period is over and it would be killed."""
    [pod, *_] = kubectl.run("get", "pod", f"-n={NAMESPACE}", "-l=app=web", "-o=name").split()
    kubectl.run("exec", f"-n={NAMESPACE}", pod, "--", "kill", "1")
    code = "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}=0"
    kubectl.run("wait", f"--for={code}", f"-n={NAMESPACE}", pod, "--timeout=20s")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("nslookup", "kubernetes.default.svc.cluster.local"), "BusyBox' resolver"),
        (("drill", "kubernetes.default.svc.cluster.local"), "a resolver that shows the answer"),
        (("getent-by-curl",), "the C library's resolver, with the search list of the pod"),
    ],
)
def test_dns_resolves(command: tuple[str, ...], reason: str, tools: Callable[..., str]) -> None:
    if command == ("getent-by-curl",):
        command = ("curl", "-sk", "-w%{remote_ip}", "-o/dev/null", "https://kubernetes.default/healthz")
    assert "10.96.0.1" in tools(*command), reason


def test_claim_binds_survives_its_pod_and_grows(kubectl: Kubectl, tools: Callable[..., str]) -> None:
    tools("sh", "-c", "echo kept > /data/file")
    kubectl.run("delete", "pod", "tools", f"-n={NAMESPACE}", "--now")
    kubectl.apply([pods.idle(name="tools", namespace=NAMESPACE, image=images.ref("tools"), claim="data")])
    kubectl.wait("Ready", "pod/tools", namespace=NAMESPACE)
    assert tools("cat", "/data/file") == "kept\n"

    kubectl.apply([pods.claim(name="data", namespace=NAMESPACE, size="25Mi")])
    size = "--for=jsonpath={.status.capacity.storage}=25Mi"
    kubectl.run("wait", size, f"-n={NAMESPACE}", "pvc/data", "--timeout=30s")


def test_autoscaler_follows_the_figures_of_an_annotation(
    cluster: LocalCluster, kubectl: Kubectl, web: str
) -> None:
    addons.install(
        kubeconfig=cluster.kubeconfig,
        kubectl=cluster.kubectl,
        import_image=cluster.import_image,
        with_={"metrics"},
        base=(),
    )
    kubectl.apply([pods.autoscaler(name="web", namespace=NAMESPACE, most=2, cpu=50)])
    kubectl.run("annotate", "pod", f"-n={NAMESPACE}", "-l=app=web", "metrics.test/cpu=300m", "--overwrite")
    kubectl.run("wait", "--for=jsonpath={.status.readyReplicas}=2", f"-n={NAMESPACE}", "deployment/web")
    assert "300m" in kubectl.run("top", "pod", f"-n={NAMESPACE}", "-l=app=web", "--no-headers")


def test_foreign_definitions_are_served(cluster: LocalCluster, kubectl: Kubectl) -> None:
    installed = addons.install_crds(cluster.kubectl, cluster.kubeconfig, DEFINITIONS)
    names = {name.partition("/")[2] for name in installed}
    assert names >= {
        "httproutes.gateway.networking.k8s.io",
        "listenersets.gateway.networking.k8s.io",
        "scaledobjects.keda.sh",
        "certificates.cert-manager.io",
        "podmonitors.monitoring.coreos.com",
        "securitypolicies.gateway.envoyproxy.io",
        "backendtrafficpolicies.gateway.envoyproxy.io",
    }
    for name in DEFINITIONS:
        assert all(path.exists() for path in addons.crds(name))


def test_image_from_a_directory_runs(cluster: LocalCluster, kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "run").write_text('#!/bin/sh\necho "made from a directory"\n')
    (tmp_path / "app" / "run").chmod(0o755)
    made = Image(
        "local.pileus.dev/test:1",
        (images.SHELL, (contents.Folder(tmp_path),)),
        oci.ImageConfig(entrypoint=("/app/run",), env={"PATH": "/bin"}, user=images.NOBODY),
    )
    cluster.import_image(images.build(made))
    kubectl.apply([pods.once(name="made", namespace=NAMESPACE, image=made.ref)])
    kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", f"-n={NAMESPACE}", "pod/made")
    assert kubectl.run("logs", f"-n={NAMESPACE}", "made") == "made from a directory\n"


def test_operator_image_has_all_that_it_imports(cluster: LocalCluster, kubectl: Kubectl) -> None:
    """The operator starts in its image: packages, wheels and sources fit, with a read-only root."""
    cluster.import_image(images.ensure("operator"))
    imports = "import pileus.cli.run, pileus.kinds, pileus.wiring.operator, ssl; ssl.create_default_context()"
    check = {"command": [f"/{contents.PYTHON}", "-c", f"{imports}; print('fits')"]}
    kubectl.apply([pods.once(name="fits", namespace=NAMESPACE, image=images.ref("operator"), **check)])
    kubectl.apply(
        [pods.once(name="help", namespace=NAMESPACE, image=images.ref("operator"), args=["run", "--help"])]
    )
    for pod, words in (("fits", "fits"), ("help", "Usage: ")):
        kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", f"-n={NAMESPACE}", f"pod/{pod}")
        assert words in kubectl.run("logs", f"-n={NAMESPACE}", pod)


def test_unknown_addon_is_named(cluster: LocalCluster) -> None:
    with pytest.raises(addons.AddonError, match="no add-on kneda; there are metrics, gateway-api"):
        addons.install(
            kubeconfig=cluster.kubeconfig,
            kubectl=cluster.kubectl,
            import_image=cluster.import_image,
            with_={"kneda"},
        )
