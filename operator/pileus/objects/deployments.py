"""How far a live Deployment is, after the rules of `kubectl rollout status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.engine.plan import Manifest
from pileus.objects.reading import at, condition, number, observed, text


def desired(live: Any) -> int:
    """The replica count that the Deployment is asked for."""
    count = at(live, "spec", "replicas")
    return count if isinstance(count, int) and not isinstance(count, bool) else 1


def ready(live: Any) -> int:
    """Replicas of any version that are ready."""
    return number(live, "status", "readyReplicas")


def rolled_out(live: Manifest | None) -> bool:
    """True if every replica runs the newest template and is available, and no other one is left."""
    if live is None or not observed(live):
        return False
    updated = number(live, "status", "updatedReplicas")
    return (
        updated == desired(live)
        and number(live, "status", "replicas") == updated
        and number(live, "status", "availableReplicas") >= updated
    )


def overdue(live: Any) -> bool:
    """True if Kubernetes has given up waiting for progress."""
    progressing = condition(live, "Progressing")
    return progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded"


def failure(live: Any) -> Mapping[str, Any]:
    """The condition that says that pods cannot be made; empty when they can."""
    found = condition(live, "ReplicaFailure")
    return found if found.get("status") == "True" and text(found, "message") else {}
