"""What the cluster knows of its object stores: a Secret each, in the operator's namespace.

Its keys are those that AWS' own programs read from their environment, so `envFrom` is all that a pod needs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pileus.local.s3.stores import REGION, Store
from pileus.local.system import NAMESPACE, namespace

ENGINES = {"versitygw": "Versity", "ceph": "Ceph", "minio": "MinIO", "garage": "Garage"}
"""What the operator calls them."""
LABEL = "local.pileus.dev/s3"


def secret_name(engine: str) -> str:
    """The Secret of an engine's root user."""
    return f"s3-{engine}"


def documents(stores: Iterable[Store]) -> list[dict[str, Any]]:
    """The namespace and the Secrets."""
    return [namespace(), *(_secret(store) for store in stores)]


def object_store(store: Store) -> dict[str, Any]:
    """The operator's resource for an engine, by which Buckets come to it; the default one."""
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "ObjectStore",
        "metadata": {"name": store.engine},
        "spec": {
            "engine": ENGINES[store.engine],
            "endpoint": store.endpoint,
            "usersEndpoint": store.users,
            "credentials": {"secret": secret_name(store.engine), "namespace": NAMESPACE},
            **({"ca": {"secret": secret_name(store.engine)}} if store.ca else {}),
            "default": True,
        },
    }


def _secret(store: Store) -> dict[str, Any]:
    content = {
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
        "AWS_ENDPOINT_URL_S3": store.endpoint,
        "AWS_ENDPOINT_URL_IAM": store.users,
        "AWS_REGION": REGION,
        **store.environment,
    }
    if store.ca:
        content["ca.crt"] = Path(store.ca).read_text()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_name(store.engine),
            "namespace": NAMESPACE,
            "labels": {LABEL: store.engine},
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }
