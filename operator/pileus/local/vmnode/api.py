"""The API server as the played nodes use it: watch, write, and read what is there.

Two ways in: as the cluster's administrator, who may be kubelet and CSI driver, and as virt-handler, from
whom virt-api accepts a machine's status. Every refusal is an `ApiError`; the
writer decides whether it matters.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

Manifest = dict[str, Any]
MERGE = "application/merge-patch+json"
_WATCH_SECONDS = 300
_KIND = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance"}
"""Items of lists do not say it."""


class ApiError(Exception):
    """The API server refused, or did not answer (status 0)."""

    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes something."""

    method: str
    path: str
    body: Manifest
    as_handler: bool = False


def create(path: str, body: Manifest) -> Write:
    """A new object in a collection."""
    return Write("POST", path, body)


def patch(path: str, body: Manifest) -> Write:
    """A merge patch."""
    return Write("PATCH", path, body)


def replace(path: str, found: Manifest, changes: Manifest) -> Write:
    """The object with a merge patch applied, if it is still as found: virt-handler may only do this."""
    return Write("PUT", path, {**_KIND, **merged(found, changes)}, as_handler=True)


def merged(found: Any, changes: Any) -> Any:
    """A merge patch applied (RFC 7386): null removes, objects are merged, all else is replaced."""
    if not isinstance(changes, dict):
        return changes
    result = dict(found) if isinstance(found, dict) else {}
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def delete_now(path: str) -> Write:
    """Remove an object without grace, as a kubelet does in the end."""
    return Write("DELETE", path, {"gracePeriodSeconds": 0})


class Api:
    """One identity's connection. Use as an async context manager."""

    def __init__(self, kubeconfig: Path):
        document = yaml.safe_load(kubeconfig.read_text())
        self._server = document["clusters"][0]["cluster"]["server"]
        authority = base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"])
        self._tls = ssl.create_default_context(cadata=authority.decode())
        user = document["users"][0]["user"]
        with tempfile.NamedTemporaryFile() as both:  # ssl reads certificates from files only
            both.write(base64.b64decode(user["client-certificate-data"]))
            both.write(base64.b64decode(user["client-key-data"]))
            both.flush()
            self._tls.load_cert_chain(both.name)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._server, connector=aiohttp.TCPConnector(ssl=self._tls), read_bufsize=2**22
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def send(self, write: Write) -> Manifest:
        """The object as it is afterwards. Raises ApiError."""
        kind = MERGE if write.method == "PATCH" else "application/json"
        return await self._request(write.method, write.path, write.body, kind)

    async def get(self, path: str) -> Manifest:
        """An object or a list. Raises ApiError."""
        return await self._request("GET", path, None, "")

    async def watch(self, path: str, selector: str, since: str) -> AsyncIterator[Manifest]:
        """Events after a list, until the server ends the watch. Raises ApiError."""
        assert self._session is not None
        query = {"watch": "1", "resourceVersion": since, "timeoutSeconds": str(_WATCH_SECONDS)}
        query |= dict(pair.split("=", 1) for pair in (selector,) if pair)
        patience = aiohttp.ClientTimeout(total=None, sock_read=_WATCH_SECONDS + 30)
        try:
            async with self._session.get(path, params=query, timeout=patience) as answer:
                async for line in answer.content:
                    event: Manifest = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError(event["object"].get("code", 0), "The watch has to start over.")
                    yield event
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}") from error

    async def _request(self, method: str, path: str, body: Manifest | None, kind: str) -> Manifest:
        assert self._session is not None
        text = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind} if kind else {}
        try:
            async with self._session.request(method, path, data=text, headers=headers) as answer:
                found: Manifest = await answer.json()
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}") from error
        if answer.status >= 400:
            raise ApiError(answer.status, found.get("message", ""))
        return found
