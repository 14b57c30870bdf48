"""What ingress-nginx adds to Ingress by annotations: an allow-list of clients, a rate limit for each."""

from __future__ import annotations

from pileus.engine.world import World
from pileus.kinds.containerapp.reach import Expose
from pileus.objects.catalog import INGRESS_CLASS
from pileus.objects.reading import text

CONTROLLER = "k8s.io/ingress-nginx"
ALLOW = "nginx.ingress.kubernetes.io/whitelist-source-range"
LIMIT = "nginx.ingress.kubernetes.io/limit-rps"


def serves(world: World, ingress_class: str) -> bool:
    """True if ingress-nginx runs the class."""
    return any(
        text(entry, "spec", "controller") == CONTROLLER
        for entry in world.shared.get(INGRESS_CLASS.id, ())
        if text(entry, "metadata", "name") == ingress_class
    )


def notes(wanted: Expose) -> dict[str, str]:
    """The annotations for an Ingress of this class."""
    said: dict[str, str] = {}
    if wanted.allow_from:
        said[ALLOW] = ",".join(sorted(wanted.allow_from))
    if wanted.rate_limit is not None and wanted.rate_limit.per == "Client":
        said[LIMIT] = str(wanted.rate_limit.rps)
    return said
