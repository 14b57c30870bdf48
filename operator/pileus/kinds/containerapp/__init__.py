"""ContainerApp: a container image as a running, reachable, scaled service."""

from pydantic import BaseModel

from pileus.engine.kind import Kind, PrinterColumn
from pileus.engine.world import Reference
from pileus.kinds.containerapp.build import bindings, references
from pileus.kinds.containerapp.compile import compile_app
from pileus.kinds.containerapp.judge import judge_app
from pileus.kinds.containerapp.model import ROOT_RULES, ContainerAppSpec
from pileus.kinds.containerapp.status import ContainerAppStatus
from pileus.objects import catalog


def _references(spec: BaseModel) -> tuple[Reference, ...]:
    if not isinstance(spec, ContainerAppSpec):
        return ()
    return (*references.wanted(spec), *bindings.wanted(spec))


CONTAINER_APP = Kind(
    name="ContainerApp",
    plural="containerapps",
    singular="containerapp",
    short_names=("capp",),
    description="An app in a container: it runs, is reached, scales and changes without a gap.",
    spec=ContainerAppSpec,
    status=ContainerAppStatus,
    root_rules=ROOT_RULES,
    columns=(
        PrinterColumn("Replicas", "string", ".status.replicas.summary", "Replicas, as ready/desired."),
        PrinterColumn("Revision", "integer", ".status.revision", "Revision in service."),
        PrinterColumn("URL", "string", ".status.url", "Where the app is reached from outside."),
        PrinterColumn("Image", "string", ".spec.image", "Image that is asked for.", priority=1),
        PrinterColumn(
            "Internal URL", "string", ".status.internalUrl", "Where it is reached in the cluster.", priority=1
        ),
    ),
    children=(
        catalog.SERVICE_ACCOUNT,
        catalog.PERSISTENT_VOLUME_CLAIM,
        catalog.SERVICE,
        catalog.DEPLOYMENT,
        catalog.POD_DISRUPTION_BUDGET,
        catalog.SECURITY_POLICY,
        catalog.BACKEND_TRAFFIC_POLICY,
        catalog.CERTIFICATE,
        catalog.LISTENER_SET,
        catalog.HTTP_ROUTE,
        catalog.INGRESS,
        catalog.HORIZONTAL_POD_AUTOSCALER,
        catalog.SCALED_OBJECT,
        catalog.POD_MONITOR,
    ),
    permanent=frozenset({catalog.SERVICE_ACCOUNT.id}),
    related=(catalog.POD, catalog.REPLICA_SET),
    shared=(catalog.GATEWAY, catalog.GATEWAY_CLASS, catalog.INGRESS_CLASS),
    references=_references,
    compile=compile_app,
    judge=judge_app,
)

__all__ = ["CONTAINER_APP"]
