"""One request as the proxy saw it, and the name by which runs compare their writes.

A write is named by verb, resource, object and the digest of its masked body, so the same write of
another run, in another namespace and of an object with another uid, has the same name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.campaign.masks import masked

Lots = tuple[tuple[str, str], ...]
"""Patterns, and what stands for what they match."""
WRITES = frozenset({"create", "patch", "update", "delete"})


class WriteName(NamedTuple):
    """What a write is called in every run."""

    verb: str
    resource: str  # with the subresource: containerapps/status
    name: str
    digest: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name} {self.digest[:6]}"


class Target(NamedTuple):
    """What a path of the Kubernetes API names; `resource` is empty for other paths."""

    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def placed(name: str) -> tuple[str, str]:
    """The namespace that a resource of the whole cluster stands for in the campaign, and its name there.

    Such a resource is called as the namespace is, in which it would be named `app`; others have a name more.
    """
    namespace, _, rest = name.partition(".")
    return namespace, rest or "app"


def wide_name(namespace: str, name: str) -> str:
    """The name of a resource of the whole cluster that stands for this one."""
    return namespace if name == "app" else f"{namespace}.{name}"


@dataclass(slots=True)
class Call:
    """A request. `status`: what the operator was answered, 0 while it waits. `committed`: what the API
    server had answered, 0 if it never got the request. `at`: seconds on the event loop's clock. `lots`: what
    is drawn by lot in requests, beside what is masked for all."""

    verb: str
    target: Target
    query: Mapping[str, str]
    at: float
    body: Any = field(repr=False)
    status: int = 0
    committed: int = 0
    lots: Lots = ()

    @classmethod
    def read(
        cls, method: str, path: str, query: Mapping[str, str], body: bytes, at: float, lots: Lots = ()
    ) -> Call:
        """A call from its HTTP request."""
        target = parse(path)
        content = json.loads(body) if body else None
        return cls(_verb(method, target, query), target, query, at, content, lots=lots)

    @property
    def resource(self) -> str:
        """Plural, with the subresource."""
        parts = (self.target.resource, self.target.subresource)
        return "/".join(part for part in parts if part)

    @property
    def changes(self) -> bool:
        """True for a write, but for the renewals of the lease, which go on all the time."""
        return self.verb in WRITES and self.target.resource != "leases"

    @property
    def write(self) -> WriteName:
        """The name of a write. An Event's own name is drawn anew each time."""
        target = self.target
        name = "" if target.resource == "events" else self._drawn(target.name)
        content = masked(self.body, target.namespace) if target.resource != "events" else None
        text = self._drawn(json.dumps(content, sort_keys=True))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return WriteName(self.verb, self.resource, name, digest[:12])

    def _drawn(self, text: str) -> str:
        for pattern, stands in self.lots:
            text = re.sub(pattern, stands, text)
        return text

    def __str__(self) -> str:
        where = "/".join(part for part in (self.target.namespace, self.target.name) if part)
        return f"{self.verb} {self.resource} {where} -> {self.status} ({self.committed})"


def parse(path: str) -> Target:
    """`/apis/apps/v1/namespaces/x/deployments/web/status` and the like."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return Target()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    return Target(group, resource, namespace, name, subresource)


def _verb(method: str, target: Target, query: Mapping[str, str]) -> str:
    if method == "GET":
        if query.get("watch") in ("1", "true"):
            return "watch"
        return "get" if target.name or not target.resource else "list"
    return {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, method)
