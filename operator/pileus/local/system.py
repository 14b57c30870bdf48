"""The namespace that the operator lives in, and in which the local cluster tells it of its engines."""

from __future__ import annotations

from typing import Any

NAMESPACE = "pileus-system"


def namespace() -> dict[str, Any]:
    """With the level of Pod Security under which the operator runs."""
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": level}}
