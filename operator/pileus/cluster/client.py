"""A thin asynchronous Kubernetes API client: a few verbs over JSON, nothing else.

Every answer outside 2xx is an `ApiError`; connection problems and time-outs are an `ApiError` with
status 0, so that callers have one thing to catch. Time-outs are in seconds. It counts every request
by verb and result, and never logs a body.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from pileus.cluster.credentials import Endpoint
from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError

REQUEST_TIMEOUT = 30.0
TLS_BUFFER = 32 * 1024
LINE_LIMIT = 8 * 1024 * 1024
"""Bytes of one watch event at most; etcd bounds an object to about 1.5 MiB."""

Count = Callable[[str, str, float], None]
"""Called with (verb, result, seconds) after each request; result is a status code or "error"."""


def own_namespace() -> str:
    """The operator's namespace: $PILEUS_NAMESPACE, the mounted service account's, or pileus-system."""
    mounted = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    named = os.environ.get("PILEUS_NAMESPACE")
    return named or (mounted.read_text().strip() if mounted.is_file() else "pileus-system")


def path(kind: ObjectKind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The API path of a kind's collection, or of one object when `name` is given."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [root]
    if namespace and kind.namespaced:
        parts.append(f"namespaces/{namespace}")
    parts.append(kind.plural)
    parts += [part for part in (name, subresource) if part]
    return "/".join(parts)


class Client:
    """One HTTP session to the API server. Use as an async context manager."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        count: Count = lambda verb, result, seconds: None,
        agent: str = labels.MANAGER,
    ):
        self._endpoint = endpoint
        self._count = count
        self._agent = agent
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        # asyncio gives each TLS connection a read buffer of 256 KiB, and there is one for each watch.
        asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER  # type: ignore[attr-defined]
        connector = aiohttp.TCPConnector(ssl=self._endpoint.ssl_context(), limit=0, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": self._agent, "Accept": "application/json"},
            read_bufsize=256 * 1024,
            auto_decompress=True,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        verb: str,
        url: str,
        *,
        method: str = "GET",
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "",
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - it becomes the HTTP client's own time-out
    ) -> Manifest:
        """One request, its JSON answer. `verb` is the Kubernetes verb, for the request count."""
        assert self._session is not None, "use the client as a context manager"
        headers = await self._headers(content_type if body is not None else "", accept)
        started = asyncio.get_running_loop().time()
        result = "error"
        try:
            async with self._session.request(
                method,
                self._endpoint.server + url,
                params=params,
                data=orjson.dumps(body) if body is not None else None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                payload = await response.read()
                result = str(response.status)
                if response.status >= 400:
                    raise _error(response.status, payload, response.headers)
                return orjson.loads(payload) if payload else {}
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            raise ApiError(
                0, "Unreachable", f"The API server did not answer ({type(error).__name__})."
            ) from None
        finally:
            self._count(verb, result, asyncio.get_running_loop().time() - started)

    async def text(self, url: str) -> str:
        """A plain text page of the API server, such as its own metrics."""
        assert self._session is not None, "use the client as a context manager"
        headers = await self._headers("", "text/plain")
        async with self._session.get(self._endpoint.server + url, headers=headers) as response:
            return await response.text()

    async def stream(
        self, url: str, *, params: Mapping[str, str], idle: float, accept: str = ""
    ) -> AsyncIterator[Manifest]:
        """The events of a watch, parsed."""
        async for lines in self.lines(url, params=params, idle=idle, accept=accept):
            for line in lines:
                yield orjson.loads(line)

    async def lines(
        self, url: str, *, params: Mapping[str, str], idle: float, accept: str = ""
    ) -> AsyncIterator[list[bytes]]:
        """The events of a watch, one JSON text a line, as many at once as have arrived.

        Ends after `idle` seconds of silence.
        """
        assert self._session is not None, "use the client as a context manager"
        headers = await self._headers("", accept)
        started = asyncio.get_running_loop().time()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=idle)
        counted = False
        try:
            async with self._session.get(
                self._endpoint.server + url, params=params, headers=headers, timeout=timeout
            ) as response:
                self._count("watch", str(response.status), asyncio.get_running_loop().time() - started)
                counted = True
                if response.status >= 400:
                    raise _error(response.status, await response.read(), response.headers)
                pending = b""
                async for chunk in response.content.iter_any():
                    lines = (pending + chunk).split(b"\n") if pending else chunk.split(b"\n")
                    pending = lines.pop()
                    if len(pending) > LINE_LIMIT:
                        raise ApiError(0, "TooLarge", "A watch event was larger than the client reads.")
                    if lines:
                        yield [line for line in lines if line]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not counted:
                self._count("watch", "error", asyncio.get_running_loop().time() - started)
            raise ApiError(0, "Unreachable", f"The watch broke off ({type(error).__name__}).") from None

    async def get(
        self, kind: ObjectKind, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Manifest:
        """One object; `metadata_only` asks for its PartialObjectMetadata."""
        accept = PARTIAL if metadata_only else ""
        return await self.request("get", path(kind, namespace, name), accept=accept)

    async def _headers(self, content_type: str, accept: str) -> dict[str, str]:
        headers = {}
        if authorization := await self._endpoint.authorization():
            headers["Authorization"] = authorization
        if content_type:
            headers["Content-Type"] = content_type
        if accept:
            headers["Accept"] = accept
        return headers


PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Accept header that asks for an object's metadata only."""


def _error(status: int, payload: bytes, headers: Mapping[str, str]) -> ApiError:
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    try:
        wait = float(headers.get("Retry-After", "0"))
    except ValueError:
        wait = 0.0
    return ApiError(
        status,
        str(answer.get("reason") or f"HTTP{status}"),
        str(answer.get("message") or f"The API server answered {status}."),
        details=answer.get("details") if isinstance(answer.get("details"), dict) else None,
        retry_after=wait,
    )
