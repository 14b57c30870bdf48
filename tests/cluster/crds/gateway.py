"""A Gateway that can do all that the examples ask for, as far as the API server is concerned."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]

ENVOY: tuple[Manifest, ...] = (
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "envoy"},
        "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "public", "namespace": "infra"},
        "spec": {
            "gatewayClassName": "envoy",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    },
)
