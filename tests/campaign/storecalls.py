"""A request to an object store, as a call among those of the API server: S3, IAM, and Ceph's Admin Ops.

Its namespace is the one that the names in it begin with; what is about no namespace's bucket has none.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

from aiohttp import web

from tests.campaign.calls import Call, Lots, Target

STORE = "object storage"
"""The group of such calls, where others have an API group."""
NAMESPACE = re.compile(r"(?<![A-Za-z0-9.-])c-[a-z0-9-]*?\d+-\d+(?=[-.])")
TRIED = "pileus-probe"
"""How the name of what a store is tried with begins, which is all that is told of it."""
SCRATCH = re.compile(rf"{TRIED}-[0-9a-f]{{12}}")
_READS = re.compile(r"^(Get|List)")
_VERBS = {"PUT": "update", "POST": "update", "DELETE": "delete"}
_CODES = {
    403: (403, "AccessDenied"),
    409: (409, "OperationAborted"),
    429: (503, "SlowDown"),
    500: (500, "InternalError"),
    503: (503, "ServiceUnavailable"),
    504: (504, "GatewayTimeout"),
}
_NAMES = {"prefix", "delimiter", "max-keys", "versionId", "format"}
"""Parts of a query that do not tell what is asked for."""


def read(
    method: str,
    path: str,
    query: Mapping[str, str],
    body: bytes,
    at: float,
    lots: Lots,
    scratch: Mapping[str, str],
) -> Call:
    """A call from its HTTP request. scratch: names of what a store is tried with, and for which namespace."""
    text = body.decode(errors="replace")
    form = dict(urllib.parse.parse_qsl(text)) if "Action=" in text else {}
    words = " ".join((urllib.parse.unquote(path), *query.values(), *form.values()))
    named, tried = NAMESPACE.search(words), SCRATCH.search(words)
    namespace = named[0] if named else scratch.get(tried[0], "") if tried else ""
    if action := form.get("Action"):
        verb = "get" if _READS.match(action) else "delete" if action.startswith("Delete") else "update"
        resource, name = action, form.get("UserName", "")
        said: object = {key: value for key, value in form.items() if key not in ("Action", "Version")}
    else:
        verb = _VERBS.get(method, "get")
        asked = sorted(key for key, value in query.items() if not value and key not in _NAMES)
        admin = path.startswith("/admin/")
        what = path.strip("/") if admin else "bucket" if path.strip("/").count("/") == 0 else "object"
        resource = f"{method} {'?'.join((what, *asked))}"
        name = query.get("uid", query.get("bucket", "")) if admin else path.strip("/")
        said = {"query": dict(query), "body": text}
    name = SCRATCH.sub(TRIED, name.replace(namespace, "*") if namespace else name)
    target = Target(STORE, resource, namespace, name)
    return Call(verb, target, {}, at, said, lots=lots)


def refusal(call: Call, status: int, message: str) -> web.Response:
    """An answer as the store writes it."""
    status, code = _CODES.get(status, (status, "InternalError"))
    said = message or "injected by the proving ground"
    error = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>"
    if call.resource.partition(" ")[2].startswith("admin/"):
        return web.json_response({"Code": code, "Message": said}, status=status)
    if " " not in call.resource:
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return web.Response(status=status, text=error, content_type="application/xml")
