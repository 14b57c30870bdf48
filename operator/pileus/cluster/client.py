"""A thin asynchronous Kubernetes API client: a few verbs over JSON, nothing else.

Every answer outside 2xx is an `ApiError`; connection problems and time-outs are an `ApiError` with
status 0, so that callers have one thing to catch. Time-outs are in seconds. It counts every request
by verb and result, and never logs a body.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from pileus.cluster.connections import Connections, Refused
from pileus.cluster.credentials import Endpoint
from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError

REQUEST_TIMEOUT = 30.0
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
    """The connections to one API server. Use as an async context manager."""

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
        self._connections: Connections | None = None

    async def __aenter__(self) -> Client:
        self._connections = Connections(self._endpoint.server, self._endpoint.ssl_context(), self._agent)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._connections is not None:
            self._connections.close()

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
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - the connection has a timer for it
    ) -> Manifest:
        """One request, its JSON answer. `verb` is the Kubernetes verb, for the request count."""
        assert self._connections is not None, "use the client as a context manager"
        headers = await self._headers(content_type if body is not None else "", accept)
        text = orjson.dumps(body) if body is not None else b""
        started = asyncio.get_running_loop().time()
        result = "error"
        try:
            answer = await self._connections.request(
                method, _target(url, params), headers, text, timeout=timeout
            )
            result = str(answer.status)
            if answer.status >= 400:
                raise _error(answer.status, answer.body, answer.retry_after)
            return orjson.loads(answer.body) if answer.body else {}
        except (OSError, orjson.JSONDecodeError) as error:
            raise ApiError(
                0, "Unreachable", f"The API server did not answer ({type(error).__name__})."
            ) from None
        finally:
            self._count(verb, result, asyncio.get_running_loop().time() - started)

    async def text(self, url: str) -> str:
        """A plain text page of the API server, such as its own metrics."""
        assert self._connections is not None, "use the client as a context manager"
        headers = await self._headers("", "text/plain")
        answer = await self._connections.request("GET", url, headers, timeout=REQUEST_TIMEOUT)
        return answer.body.decode()

    async def stream(
        self, url: str, *, params: Mapping[str, str], idle: float, accept: str = ""
    ) -> AsyncIterator[Manifest]:
        """The events of a watch, parsed."""
        async for lines in self.lines(url, params=params, idle=idle, accept=accept):
            for line in lines:
                try:
                    yield orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise ApiError(0, "Unreadable", f"A watch event is not JSON ({error}).") from None

    async def lines(
        self, url: str, *, params: Mapping[str, str], idle: float, accept: str = ""
    ) -> AsyncIterator[list[bytes]]:
        """The events of a watch, one JSON text a line, as many at once as have arrived.

        Ends after `idle` seconds of silence.
        """
        assert self._connections is not None, "use the client as a context manager"
        headers = await self._headers("", accept)
        started = asyncio.get_running_loop().time()
        accepted = False
        pending = b""
        try:
            pieces = self._connections.stream(_target(url, params), headers, idle=idle)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    if not accepted:
                        accepted = True
                        self._count("watch", "200", asyncio.get_running_loop().time() - started)
                    lines = (pending + piece).split(b"\n") if pending else piece.split(b"\n")
                    pending = lines.pop()
                    if len(pending) > LINE_LIMIT:
                        raise ApiError(0, "TooLarge", "A watch event was larger than the client reads.")
                    if lines:
                        yield [line for line in lines if line]
        except Refused as refused:
            status = refused.answer.status
            self._count("watch", str(status), asyncio.get_running_loop().time() - started)
            raise _error(status, refused.answer.body, refused.answer.retry_after) from None
        except OSError as error:
            if not accepted:
                self._count("watch", "error", asyncio.get_running_loop().time() - started)
            raise ApiError(0, "Unreachable", f"The watch broke off ({type(error).__name__}).") from None

    async def get(
        self, kind: ObjectKind, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Manifest:
        """One object; `metadata_only` asks for its PartialObjectMetadata."""
        accept = PARTIAL if metadata_only else ""
        return await self.request("get", path(kind, namespace, name), accept=accept)

    async def _headers(self, content_type: str, accept: str) -> str:
        headers = f"Accept: {accept or 'application/json'}\r\n"
        if authorization := await self._endpoint.authorization():
            headers += f"Authorization: {authorization}\r\n"
        if content_type:
            headers += f"Content-Type: {content_type}\r\n"
        return headers


def _target(url: str, params: Mapping[str, str] | None) -> str:
    return f"{url}?{_query(tuple(params.items()))}" if params else url


@functools.lru_cache(maxsize=64)
def _query(params: tuple[tuple[str, str], ...]) -> str:
    return urlencode(params)


PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Accept header that asks for an object's metadata only."""


_WEBHOOK = re.compile(r'failed calling webhook "[-.\w]+"')


def _message(status: int, said: str) -> str:
    """What users and logs may read. A refusal (400, 403, 422...) is about what was sent, and is the remedy.

    The server's own trouble is in words that are nobody's remedy and may quote anything, so of these
    only the name of a webhook is kept.
    """
    if said and status != 429 and status < 500:
        return said
    webhook = _WEBHOOK.search(said)
    return f"The API server answered {status}{f': {webhook.group()}' if webhook else ''}."


def _error(status: int, payload: bytes, retry_after: str) -> ApiError:
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    try:
        wait = float(retry_after or "0")
    except ValueError:
        wait = 0.0
    return ApiError(
        status,
        str(answer.get("reason") or f"HTTP{status}"),
        _message(status, str(answer.get("message") or "")),
        details=answer.get("details") if isinstance(answer.get("details"), dict) else None,
        retry_after=wait,
    )
