"""What runs inside the local cluster: DNS, storage, and on request a metrics API and foreign definitions.

An add-on is a manifest of `manifests/`, the images that it needs and the Deployments to wait for. Pods
carry their image's digest in an annotation, so installing again after an image has changed rolls them,
and otherwise changes nothing. `install` applies everything first and waits afterwards: the waits overlap.

It reaches the cluster by kubectl only, and learns from its caller how images get to the node.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pileus.local import contents, images, oci
from pileus.local.foreign import FOREIGN, ForeignError, crds, install_crds
from pileus.local.images import ImageError
from pileus.local.kubectl import Kubectl, KubectlError

__all__ = ["ADDONS", "BASE", "AddonError", "crds", "install", "install_crds", "optional"]

DIGEST = "local.pileus.dev/digest"
VOLUMES = Path("/var/lib/pileus/volumes")

Document = dict[str, Any]


class AddonError(Exception):
    """An add-on cannot be installed; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Site:
    """What differs between one cluster and the next."""

    volumes: Path


@dataclass(frozen=True, slots=True)
class Addon:
    """One add-on. `complete` fills in what is known only when it is installed."""

    manifest: str
    about: str
    images: tuple[str, ...]
    deployments: tuple[tuple[str, str], ...]
    complete: Callable[[list[Document], Site], None] = lambda documents, site: None
    available: tuple[str, ...] = ()


def _volumes_directory(documents: list[Document], site: Site) -> None:
    paths = [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [str(site.volumes)]}]
    _one(documents, "ConfigMap", "local-path")["data"]["config.json"] = json.dumps({"nodePathMap": paths})


def _serving_certificate(documents: list[Document], site: Site) -> None:
    certificate, key = _self_signed("metrics-api.kube-system.svc")
    encoded = {
        name: base64.b64encode(data).decode() for name, data in (("tls.crt", certificate), ("tls.key", key))
    }
    _one(documents, "Secret", "metrics-api")["data"] = encoded
    _one(documents, "APIService", "v1beta1.metrics.k8s.io")["spec"]["caBundle"] = encoded["tls.crt"]


ADDONS: dict[str, Addon] = {
    "dns": Addon("dns.yaml", "CoreDNS", ("coredns",), (("kube-system", "coredns"),)),
    "storage": Addon(
        "storage.yaml",
        "PersistentVolumes as directories of the node",
        ("busybox", "localpath", "volume-resizer"),
        (("local-storage", "provisioner"), ("local-storage", "resizer")),
        complete=_volumes_directory,
    ),
    "metrics": Addon(
        "metrics.yaml",
        "metrics.k8s.io with figures from annotations",
        ("metrics-api",),
        (("kube-system", "metrics-api"),),
        complete=_serving_certificate,
        available=("apiservice/v1beta1.metrics.k8s.io",),
    ),
}
BASE = ("dns", "storage")


def optional() -> tuple[str, ...]:
    """What `with_` may name: add-ons that are not always there, and foreign definitions."""
    return (*(name for name in ADDONS if name not in BASE), *FOREIGN)


def install(
    *,
    kubeconfig: Path,
    kubectl: Path,
    import_image: Callable[[Path], object],
    with_: Iterable[str] = (),
    say: Callable[[str], object] = lambda message: None,
    volumes: Path = VOLUMES,
    base: Iterable[str] = BASE,
) -> None:
    """Install the base add-ons and those named, and return when they work. Raises AddonError.

    `volumes` is the directory of the node where PersistentVolumes lie. Installing again is safe.
    """
    asked = sorted(set(with_))
    if unknown := [name for name in asked if name not in optional()]:
        known = ", ".join(optional())
        raise AddonError(f"There is no add-on {', '.join(unknown)}; there are {known}.")
    chosen = {name: ADDONS[name] for name in (*base, *(name for name in asked if name in ADDONS))}
    client = Kubectl(kubectl, kubeconfig)
    try:
        digests: dict[str, str] = {}
        needed = list(dict.fromkeys(image for addon in chosen.values() for image in addon.images))
        if needed:
            say(f"Preparing the images {', '.join(needed)}.")
        for image in needed:
            archive = images.ensure(image)
            reference, digests[reference] = _imported(archive, import_image)
        for name, addon in chosen.items():
            say(f"Installing {name}: {addon.about}.")
            client.apply(_documents(addon, Site(volumes), digests))
        if definitions := [name for name in asked if name in FOREIGN]:
            say(f"Installing the definitions of {', '.join(definitions)}.")
            install_crds(kubectl, kubeconfig, definitions)
        for addon in chosen.values():
            for namespace, deployment in addon.deployments:
                client.rolled_out(namespace, deployment)
            if addon.available:
                client.wait("Available", *addon.available)
    except (ImageError, KubectlError, ForeignError) as error:
        raise AddonError(f"The add-ons cannot be installed. {error}") from error


def _imported(archive: Path, import_image: Callable[[Path], object]) -> tuple[str, str]:
    import_image(archive)
    return oci.reference(archive)


def _documents(addon: Addon, site: Site, digests: dict[str, str]) -> list[Document]:
    text = (contents.HERE / "manifests" / addon.manifest).read_text()
    documents: list[Document] = [document for document in yaml.safe_load_all(text) if document]
    addon.complete(documents, site)
    configuration = [doc for doc in documents if doc["kind"] in ("ConfigMap", "Secret")]
    for document in documents:
        if document["kind"] == "Deployment":
            template = document["spec"]["template"]
            used = sorted(digests.get(c["image"], c["image"]) for c in template["spec"]["containers"])
            identity = json.dumps([used, configuration], sort_keys=True)
            annotations = template.setdefault("metadata", {}).setdefault("annotations", {})
            annotations[DIGEST] = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return documents


def _one(documents: list[Document], kind: str, name: str) -> Document:
    return next(doc for doc in documents if (doc["kind"], doc["metadata"]["name"]) == (kind, name))


def _self_signed(name: str) -> tuple[bytes, bytes]:
    """A certificate that is its own authority, and its key, in PEM; good for a year."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
