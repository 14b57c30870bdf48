"""How each child of a ContainerApp is broken by hand: a field that Pileus decides is changed."""

from __future__ import annotations

from pileus.engine.plan import Manifest

EDITS: dict[str, Manifest] = {
    "ServiceAccount": {"automountServiceAccountToken": True},
    "Service": {"spec": {"selector": {"pileus.dev/name": "somebody-else"}}},
    "Deployment": {"spec": {"replicas": 7, "strategy": {"type": "Recreate", "rollingUpdate": None}}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": 5}},
}

_LABELS = {"app": "stranger"}

STRANGERS: dict[str, Manifest] = {
    "ServiceAccount": {"automountServiceAccountToken": True},
    "Service": {"spec": {"selector": _LABELS, "ports": [{"name": "theirs", "port": 1234}]}},
    "Deployment": {
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {"labels": _LABELS},
                "spec": {"containers": [{"name": "x", "image": "registry.example/x:1"}]},
            },
        }
    },
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": {"matchLabels": _LABELS}}},
}
"""Objects of the same kinds that somebody else made."""
