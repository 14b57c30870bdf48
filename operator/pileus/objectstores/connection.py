"""The clients of one store: S3, IAM, and signed requests for APIs that boto3 does not know.

All stores share one Session, since each holds the models of the APIs that it speaks. Clients are used by
several threads at once, which botocore allows; making them is not, so they are made under a lock. No call is
repeated in here: who called knows whether it may be. Signing is botocore's.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.parse
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from urllib3 import BaseHTTPResponse, PoolManager, Timeout

from pileus.engine.ports import NotLeading
from pileus.objectstores.errors import refused, told

if TYPE_CHECKING:
    from minio import MinioAdmin

CONNECT, READ = 5.0, 15.0
"""Seconds after which a store counts as away."""

_making = threading.Lock()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is. users: the API of its users; ca: authorities in PEM, empty for the system's."""

    endpoint: str
    users: str
    region: str = "us-east-1"
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key with its secret. token: by which users are managed, where that is not the key."""

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


class Connection:
    """One store, by the keys of one user.

    threads: how many calls may be under way at once. leading: asked before each call that may change
    something, which raises NotLeading if the answer is no: a piece of work makes many calls, and the process
    may be put to sleep between any two of them.
    """

    def __init__(
        self, address: Address, keys: Keys, *, threads: int = 8, leading: Callable[[], bool] = lambda: True
    ):
        self.address = address
        self._keys = keys
        self._threads = threads
        self._leading = leading
        # What MinIO encrypts takes 64 MiB each time: one after the other.
        self.sealing = threading.Lock()
        self._trusted: bool | str = True
        if address.ca:
            # A file without a name: nothing is left behind, and the root file system may be read-only.
            authorities = os.memfd_create("authorities", os.MFD_CLOEXEC)
            os.write(authorities, address.ca.encode())
            self._trusted = f"/proc/self/fd/{authorities}"
            weakref.finalize(self, os.close, authorities)

    @property
    def key(self) -> str:
        """The id of the key by which it is asked."""
        return self._keys.id

    @cached_property
    def s3(self) -> Any:
        """The S3 API; its calls belong into `told`."""
        return self._client("s3", self.address.endpoint)

    @cached_property
    def iam(self) -> Any:
        """The IAM API; its calls belong into `told`."""
        return self._client("iam", self.address.users)

    def signed(self, method: str, path: str, query: dict[str, str], content: bytes | None = None) -> Any:
        """The JSON that a path of the users' API answers; None for an empty answer. Raises StoreError."""
        request = AWSRequest(method, self._url(path, query), data=content)
        operation = f"{method} {path}"
        with told(operation):
            S3SigV4Auth(Credentials(self._keys.id, self._keys.secret), "s3", self.address.region).add_auth(
                request
            )
        return self._sent(request, operation)

    def sealed(self, content: bytes) -> bytes:
        """It, as MinIO's admin API takes what holds secrets: encrypted by the secret of the key."""
        from minio.crypto import encrypt  # heavy, and only for stores that are MinIO

        with self.sealing:
            return encrypt(content, self._keys.secret)

    def bearing(self, method: str, path: str, query: dict[str, str], body: Mapping[str, Any] | None) -> Any:
        """The same, by the token instead of a signature; `body` goes as JSON."""
        headers = {"Authorization": f"Bearer {self._keys.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        request = AWSRequest(method, self._url(path, query), headers, content)
        return self._sent(request, f"{method} {path}")

    def minio(self, keys: Keys | None = None) -> MinioAdmin:
        """MinIO's admin API for a user, or for the operator; no call is repeated in there either."""
        from minio import MinioAdmin  # heavy, and only for stores that are MinIO
        from minio.credentials.providers import StaticProvider

        who, url = keys or self._keys, urllib.parse.urlsplit(self.address.users)
        return MinioAdmin(
            endpoint=url.netloc,
            credentials=StaticProvider(who.id, who.secret),
            region=self.address.region,
            secure=url.scheme == "https",
            http_client=self._pool,
        )

    def _url(self, path: str, query: dict[str, str]) -> str:
        return f"{self.address.users}{path}?{urllib.parse.urlencode(query)}"

    def _may(self, method: str) -> None:
        if method not in ("GET", "HEAD") and not self._leading():
            raise NotLeading

    def _sent(self, request: AWSRequest, operation: str) -> Any:
        self._may(request.method)
        with told(operation):
            answer = self._http.send(request.prepare())
        if answer.status_code >= 300:
            raise refused(operation, _code(answer.content), answer.status_code)
        try:
            return json.loads(answer.content) if answer.content else None
        except ValueError:
            raise refused(operation, "", 502) from None

    @cached_property
    def _http(self) -> URLLib3Session:
        return URLLib3Session(
            verify=self._trusted, timeout=(CONNECT, READ), max_pool_connections=self._threads
        )

    @cached_property
    def _pool(self) -> PoolManager:
        return _Guarded(
            self._may,
            timeout=Timeout(connect=CONNECT, read=READ),
            retries=False,
            maxsize=self._threads,
            ca_certs=self._trusted if isinstance(self._trusted, str) else None,
        )

    def _client(self, service: str, url: str) -> Any:
        config = Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT,
            read_timeout=READ,
            max_pool_connections=self._threads,
            # Over TLS newer checksums come behind the body, which Ceph 16 refuses.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with _making:
            client = _session().client(
                service,
                endpoint_url=url,
                region_name=self.address.region,
                aws_access_key_id=self._keys.id,
                aws_secret_access_key=self._keys.secret,
                verify=self._trusted,
                config=config,
            )
        client.meta.events.register("before-call", lambda params, **_: self._may(params["method"]))
        return client


class _Guarded(PoolManager):
    """Asks before each request."""

    def __init__(self, may: Callable[[str], None], **settings: Any):
        super().__init__(**settings)
        self._may = may

    def urlopen(self, method: str, url: str, *arguments: Any, **settings: Any) -> BaseHTTPResponse:
        """As its parent does, if it may."""
        self._may(method)
        return super().urlopen(method, url, *arguments, **settings)


_shared: list[boto3.Session] = []


def _session() -> boto3.Session:
    if not _shared:
        _shared.append(boto3.Session(aws_access_key_id="", aws_secret_access_key=""))
    return _shared[0]


def _code(content: bytes) -> str:
    try:
        found = json.loads(content)
    except ValueError:
        return ""
    return str(found.get("Code") or found.get("code") or "") if isinstance(found, dict) else ""
