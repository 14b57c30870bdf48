"""Buckets as users write them, stores as administrators do, and questions to both."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pileus.local.s3.stores import Store
from tests.cluster import s3
from tests.cluster.s3 import Keys
from tests.e2e.apps import current, ready
from tests.e2e.buckets import engines
from tests.e2e.buckets.engines import ENGINES, KINDS
from tests.e2e.kubectl import Kubectl, Manifest

PATIENCE = 60.0
CORS: Manifest = {"origins": ["https://acme.dev"], "methods": ["PUT", "GET"], "maxAge": "5m"}


def object_store(store: Store, name: str = "", **spec: Any) -> Manifest:
    """An ObjectStore for one of the cluster's stores."""
    secret = f"s3-{store.engine}"
    whole = {
        "engine": KINDS[store.engine],
        "endpoint": store.outside,
        "usersEndpoint": store.users_outside,
        "credentials": {"secret": secret},
        "adopt": [{"bucket": "legacy-*", "namespace": "*"}],
        **({"ca": {"secret": secret}} if store.ca else {}),
        **spec,
    }
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "ObjectStore",
        "metadata": {"name": name or store.engine},
        "spec": {field: value for field, value in whole.items() if value is not None},
    }


def bucket(store: str, name: str = "data", **spec: Any) -> Manifest:
    """A Bucket on a store."""
    return {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "Bucket",
        "metadata": {"name": name},
        "spec": {"store": store, **spec},
    }


@dataclass(frozen=True)
class Place:
    """A store, with its root user's view of what is in it."""

    store: Store
    system: Kubectl

    @property
    def name(self) -> str:
        return self.store.engine

    @property
    def s3(self) -> Any:
        return s3.s3(self.store)

    def client(self, keys: Keys) -> Any:
        """S3 by somebody else's keys."""
        return s3.s3(self.store, keys)

    def has(self, bucket: str) -> bool:
        return bucket in {found["Name"] for found in self.s3.list_buckets()["Buckets"]}

    def owner(self, bucket: str) -> str:
        """The mark on a bucket."""
        return engines.marks(self.store, bucket).get(engines.MARK, "")

    def create(self, bucket: str) -> None:
        """Make a bucket as its administrator would."""
        engines.create(self.store, bucket)

    def lacks(self, *features: str) -> str:
        """Which of these it has not, by the table in the documents; empty if it has all."""
        return ", ".join(one for one in features if not engines.declared()[self.name][one])

    def needs(self, *features: str) -> None:
        """Skip the test where it lacks one."""
        if lacking := self.lacks(*features):
            pytest.skip(f"{self.name} has no {lacking}.")

    @property
    def something(self) -> Manifest:
        """A setting that it has, whichever."""
        return {"cors": [CORS]} if self.lacks("Versioning") else {"versioning": True}

    def has_something(self, bucket: str) -> bool:
        """Whether a bucket has it."""
        if self.lacks("Versioning"):
            return not refusal(lambda: self.s3.get_bucket_cors(Bucket=bucket))
        return bool(self.s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")

    def keys_of(self, user: str) -> set[str]:
        """Ids of a consumer's keys."""
        return engines.keys_of(self.store, user)


def made(ns: Kubectl, place: Place, name: str = "data", **spec: Any) -> str:
    """Apply a Bucket and wait until it is Ready; its name in the store."""
    ns.apply(bucket(place.name, name, **spec))
    return str(ns.until("bkt", name, ready)["status"]["bucketName"])


def keys(ns: Kubectl, secret: str) -> Keys:
    """What a consumer's Secret holds."""
    data = content(ns, secret)
    return Keys(data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"])


def content(ns: Kubectl, secret: str) -> dict[str, str]:
    """A Secret in plain text."""
    data = ns.get("secret", secret)["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


def access(found: Manifest, name: str) -> Manifest:
    """How a consumer stands."""
    listed = found.get("status", {}).get("access") or ()
    return next((entry for entry in listed if entry["name"] == name), {})


def has_key_other_than(name: str, key: str) -> Callable[[Manifest], bool]:
    """Whether a consumer has another key now, and all is well."""
    return lambda found: ready(found) and access(found, name).get("keyId") not in ("", key, None)


def look_again(ns: Kubectl, name: str = "data") -> None:
    """Ask for a look at the store now, which otherwise comes every quarter of an hour."""
    ns("annotate", "bkt", name, f"pileus.dev/reconcile-at={time.monotonic_ns()}", "--overwrite")


def counted(place: Place, ns: Kubectl, name: str = "data", **usage: int) -> None:
    """Wait until a Bucket tells what is in it, or this; some stores count now and then."""
    if place.lacks("Usage"):
        return

    def told() -> bool:
        look_again(ns, name)
        found = ns.get("bkt", name)["status"].get("usage", {})
        return bool(found) and all(found[key] == value for key, value in usage.items())

    eventually(told, f"{name}: its usage is told")


def refusal(call: Callable[[], Any]) -> str:
    """The store's word for why a call is refused; empty if it is not."""
    try:
        call()
    except ClientError as error:
        return s3.refusal(error) or "refused"
    return ""


def eventually(wanted: Callable[[], Any], why: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


def policy(client: Any, name: str) -> Manifest:
    """A bucket's policy."""
    return dict(json.loads(client.get_bucket_policy(Bucket=name)["Policy"]))


__all__ = ["ENGINES", "current", "ready"]
