"""A tenant: somebody with rights in one namespace, impersonated by the driver."""

from __future__ import annotations

from pileus.cluster.client import Client, path
from pileus.cluster.credentials import Endpoint
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError


class Tenant(Client):
    """The API server takes every request as this user's. Use as an asynchronous context manager."""

    def __init__(self, endpoint: Endpoint, name: str):
        super().__init__(endpoint, agent=name)
        self.name = name

    async def _headers(self, content_type: str, accept: str) -> str:
        headers = await super()._headers(content_type, accept)
        return f"{headers}Impersonate-User: {self.name}\r\nImpersonate-Group: tenants\r\n"

    async def tries(
        self, method: str, kind: ObjectKind, namespace: str, name: str = "", body: Manifest | None = None
    ) -> ApiError | None:
        """One request; what refuses it, or None."""
        try:
            await self.request(method.lower(), path(kind, namespace, name), method=method, body=body)
        except ApiError as error:
            return error
        return None

    def may_edit(self) -> Manifest:
        """The RoleBinding by which an administrator makes him a user of Pileus in a namespace."""
        return {
            "metadata": {"name": "tenant"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": self.name}],
        }
