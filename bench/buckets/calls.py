"""Calls of a store by the names that its API gives them, told by the HTTP request alone."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

_SETTINGS = {
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "object-lock": "ObjectLockConfiguration",
    "encryption": "BucketEncryption",
    "lifecycle": "BucketLifecycleConfiguration",
    "cors": "BucketCors",
    "policy": "BucketPolicy",
}
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}
_LISTS = {"versions": "ListObjectVersions", "uploads": "ListMultipartUploads", "list-type": "ListObjectsV2"}
_WHOLE = {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}
ADMIN = "/admin/"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. about: the bucket or user that it names, empty for the store as a whole."""

    operation: str
    about: str = ""


def named(method: str, target: str, body: bytes) -> Call:
    """The call that an HTTP request is."""
    path, _, words = target.partition("?")
    query = dict(urllib.parse.parse_qsl(words, keep_blank_values=True))
    if path.startswith(ADMIN):
        part = next((f"?{name}" for name in ("key", "quota") if name in query), "")
        return Call(f"{method} {path}{part}", query.get("bucket") or query.get("uid", ""))
    if method == "POST" and path == "/" and (form := dict(urllib.parse.parse_qsl(body.decode()))):
        return Call(form.get("Action", "POST"), form.get("UserName", ""))
    bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
    return Call(_s3(method, bucket, key, query), bucket)


def _s3(method: str, bucket: str, key: str, query: dict[str, str]) -> str:
    if not bucket:
        return "ListBuckets"
    if key:
        return f"{method} object"
    for word in query:
        if word in _SETTINGS:
            return f"{_VERBS[method]}{_SETTINGS[word]}"
        if word in _LISTS:
            return _LISTS[word]
    return "DeleteObjects" if "delete" in query else _WHOLE.get(method, f"{method} bucket")


_LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n\r\n"


class Requests:
    """The requests in one connection's bytes, as they come in pieces. Bodies have a length, never chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def more(self, piece: bytes) -> list[Call]:
        """Those that are whole with this piece."""
        self._rest += piece
        found = []
        while _END in self._rest:
            head, _, rest = self._rest.partition(_END)
            length = int(match.group(1)) if (match := _LENGTH.search(head)) else 0
            if len(rest) < length:
                break
            method, target, _ = head.partition(b"\r\n")[0].decode().split(" ", 2)
            found.append(named(method, target, rest[:length]))
            self._rest = rest[length:]
        return found
