"""Where each field of a ContainerApp takes effect. The rows are in two modules, by theme.

`containerapp_pods.py` has what the pods are made of, `containerapp_ways.py` how many there are, how they
change and how they are reached.
"""

from __future__ import annotations

from tests.campaign.subject import Effect, Spec
from tests.campaign.subjects.containerapp_pods import PODS
from tests.campaign.subjects.containerapp_ways import WAYS

STILL: Spec = {"image": "registry.example/app:1", "port": 8080, "replicas": 0}
"""Without replicas there are no pods to wait for."""

BOOKKEEPING: dict[str, str] = {
    "Deployment/metadata.annotations.pileus.dev/template": "a digest of the template",
    "status/resources": "lists the objects that come and go",
}

EFFECTS: tuple[Effect, ...] = (*PODS, *WAYS)
