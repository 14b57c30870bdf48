"""How each child of a ContainerApp is broken by hand: a field that Pileus decides is changed."""

from __future__ import annotations

from pileus.engine.plan import Manifest

EDITS: dict[str, Manifest] = {
    "ServiceAccount": {"automountServiceAccountToken": True},
    "Service": {"spec": {"selector": {"pileus.dev/name": "somebody-else"}}},
    "Deployment": {"spec": {"replicas": 7, "strategy": {"type": "Recreate", "rollingUpdate": None}}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": 5}},
}
