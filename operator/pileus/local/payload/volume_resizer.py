# ruff: noqa: S310 - every URL is the API server's
"""Lets claims of the local storage class grow: the part that local-path-provisioner lacks.

A local volume is a directory without a limit of its own, so growing one means to record the new size:
first in the PersistentVolume, then in the claim's status, as Kubernetes' external resizer does. Claims
of other classes are left alone, and nothing ever shrinks.

It lists and watches claims with its ServiceAccount, and starts over with a list after any trouble.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

STORAGE_CLASS = os.environ.get("STORAGE_CLASS", "local")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCH_SECONDS = 300
_FACTORS = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}


def size(quantity: str) -> float:
    """Bytes of a quantity such as 1Gi or 500M."""
    for suffix, factor in _FACTORS.items():
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity)


def wanted(claim: dict[str, Any]) -> str | None:
    """The size a bound claim should grow to, or None where there is nothing to do."""
    spec, status = claim["spec"], claim.get("status", {})
    if spec.get("storageClassName") != STORAGE_CLASS or status.get("phase") != "Bound":
        return None
    asked: str = spec["resources"]["requests"]["storage"]
    return asked if size(asked) > size(status.get("capacity", {}).get("storage", "0")) else None


class Cluster:
    """Requests to the API server as this pod's ServiceAccount."""

    def __init__(self) -> None:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self._url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self._tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))

    def open(self, path: str, *, merge: dict[str, Any] | None = None, timeout: float = 10) -> Any:
        """An answer to read from: GET, or PATCH where there is something to merge."""
        token = (ACCOUNT / "token").read_text()  # read each time: kubelet renews it
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
        body = None if merge is None else json.dumps(merge).encode()
        method = "GET" if merge is None else "PATCH"
        request = urllib.request.Request(f"{self._url}{path}", data=body, headers=headers, method=method)
        return urllib.request.urlopen(request, context=self._tls, timeout=timeout)

    def claims(self) -> Iterator[dict[str, Any]]:
        """Every claim, then each that changes, until the watch ends."""
        path = "/api/v1/persistentvolumeclaims"
        with self.open(path) as answer:
            listed = json.load(answer)
        yield from listed["items"]
        since = listed["metadata"]["resourceVersion"]
        watch = f"{path}?watch=1&resourceVersion={since}&timeoutSeconds={WATCH_SECONDS}"
        with self.open(watch, timeout=WATCH_SECONDS + 30) as answer:
            for line in answer:
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]
                elif event["type"] == "ERROR":
                    return

    def grow(self, claim: dict[str, Any], asked: str) -> None:
        """Record the new size: the volume first, since the claim's status promises what the volume has."""
        capacity = {"capacity": {"storage": asked}}
        namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
        self.open(
            f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}", merge={"spec": capacity}
        ).close()
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}/status"
        self.open(path, merge={"status": {**capacity, "conditions": None}}).close()
        sys.stdout.write(f"{namespace}/{name} has grown to {asked}\n")


def stop(number: int, frame: FrameType | None) -> None:
    """End at once: every write is complete in itself."""
    os._exit(0)


def main() -> None:
    """Follow claims for ever."""
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    cluster = Cluster()
    while True:
        try:
            for claim in cluster.claims():
                if asked := wanted(claim):
                    cluster.grow(claim, asked)
        except (OSError, ValueError, KeyError) as error:
            sys.stdout.write(f"starting over: {error.__class__.__name__}: {error}\n")
            time.sleep(1)


if __name__ == "__main__":
    main()
