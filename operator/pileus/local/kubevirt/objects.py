"""What the API server holds for KubeVirt, CDI and snapshots: `before` their parts start, `after` they work.

Definitions come first: both watch only what is defined when they start. Webhooks and API services come
last: until virt-api answers, nobody could create a machine or a pod. Everything is a server-side
apply, so doing it again changes nothing.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pileus.local import engines
from pileus.local.foreign import BESIDE_KUBEVIRT, established, install_crds
from pileus.local.kubectl import Kubectl
from pileus.local.kubevirt.identities import SNAPSHOTS
from pileus.local.kubevirt.parts import Ports
from pileus.local.parts import Site

Document = dict[str, Any]
_MANIFEST = Path(__file__).parents[1] / "manifests" / "kubevirt.yaml"
_DEFINITION = "CustomResourceDefinition"
_ROUTES = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService")
# As KubeVirt's operator reports it: without a phase no feature gate counts, and without an architecture no
# machine is admitted.
_DEPLOYED = {"phase": "Deployed", "defaultArchitecture": "amd64"}


class ObjectsError(Exception):
    """A program that prints objects failed; the message holds its words."""


def before(client: Kubectl, site: Site) -> None:
    """Definitions, roles, accounts and configuration. Raises KubectlError and ObjectsError."""
    definitions = [*_printed(site, "kubevirt-objects", "definitions"), *_of(_cdi(site), (_DEFINITION,))]
    client.apply(definitions)
    install_crds(client.program, client.kubeconfig, ["volume-snapshots", *BESIDE_KUBEVIRT])
    established(client, [f"crd/{document['metadata']['name']}" for document in definitions])
    manifest = list(yaml.safe_load_all(_MANIFEST.read_text()))
    for document in manifest:
        if document["kind"] == "ConfigMap":
            document["data"] = {"ca-bundle": (site.layout.pki / "ca.crt").read_text()}
    spaces = [document for document in manifest if document["kind"] == "Namespace"]
    rights = [
        *_printed(site, "kubevirt-objects", "roles"),
        *_except(_cdi(site), (_DEFINITION, *_ROUTES)),
        *_of(_snapshots(), ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")),
    ]
    client.apply([*spaces, *rights, *(document for document in manifest if document not in spaces)])
    client.set_status("kubevirt", "kubevirt", _DEPLOYED, namespace="kubevirt")


def after(client: Kubectl, site: Site, ports: Ports) -> None:
    """What leads to the parts that work by now, and the instance types, which virt-api checks."""
    routes = [*_printed(site, "kubevirt-objects", "routes"), *_of(_cdi(site), _ROUTES)]
    authority = (site.layout.pki / "ca.crt").read_bytes()
    for document in routes:
        _route(document, ports, authority)
    client.apply(routes)
    services = [document["metadata"]["name"] for document in _of(routes, ("APIService",))]
    client.wait("Available", *(f"apiservice/{name}" for name in services))
    client.apply(_printed(site, "kubevirt-objects", "types"))


def _route(document: Document, ports: Ports, authority: bytes) -> None:
    import base64

    ends = (
        [document["spec"]]
        if document["kind"] == "APIService"
        else [webhook["clientConfig"] for webhook in document["webhooks"]]
    )
    for end in ends:
        end["service"]["port"] = ports.virt_api if end["service"]["name"] == "virt-api" else ports.cdi
        end["caBundle"] = base64.b64encode(authority).decode()


def _cdi(site: Site) -> list[Document]:
    return _printed(site, "cdi", "objects")


def _snapshots() -> list[Document]:
    module = f"{engines.ENGINES[SNAPSHOTS].module}@{engines.version(SNAPSHOTS)}"
    file = "deploy/kubernetes/snapshot-controller/rbac-snapshot-controller.yaml"
    return [found for found in yaml.safe_load_all((engines.module_dir(module) / file).read_text()) if found]


def _of(documents: Iterable[Document], kinds: tuple[str, ...]) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def _except(documents: Iterable[Document], kinds: tuple[str, ...]) -> list[Document]:
    return [document for document in documents if document["kind"] not in kinds]


def _printed(site: Site, program: str, *arguments: str) -> list[Document]:
    return list(yaml.safe_load_all(_output(site.program(program), *arguments)))


@cache
def _output(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ObjectsError(f"{' '.join(argv)} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
