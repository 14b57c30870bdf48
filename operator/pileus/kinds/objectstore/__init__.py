"""ObjectStore: a store of objects that its administrator declares, and on which Buckets are made."""

from pydantic import BaseModel

from pileus.engine.kind import Kind, PrinterColumn
from pileus.engine.world import Reference
from pileus.kinds.objectstore.compile import compile_store, references
from pileus.kinds.objectstore.judge import judge_store
from pileus.kinds.objectstore.model import ObjectStoreSpec, ObjectStoreStatus
from pileus.kinds.objectstore.reasons import USUAL


def _references(spec: BaseModel) -> tuple[Reference, ...]:
    return references(spec) if isinstance(spec, ObjectStoreSpec) else ()


OBJECT_STORE = Kind(
    name="ObjectStore",
    plural="objectstores",
    singular="objectstore",
    short_names=("ostore",),
    description="An S3 store that an administrator declares, and on which teams get their buckets.",
    spec=ObjectStoreSpec,
    status=ObjectStoreStatus,
    columns=(
        PrinterColumn("Engine", "string", ".spec.engine", "How its users are managed."),
        PrinterColumn("Default", "boolean", ".spec.default", "Whether Buckets get it without naming it."),
        PrinterColumn("Buckets", "integer", ".status.buckets", "How many it has."),
        PrinterColumn("Endpoint", "string", ".spec.endpoint", "Where it is.", priority=1),
        PrinterColumn("Lacks", "string", ".status.lacks", "What it cannot do.", priority=1),
    ),
    children=(),
    related=(),
    shared=(),
    references=_references,
    usual=USUAL,
    outside=True,
    dependents=lambda resource: ("Bucket",),
    namespaced=False,
    compile=compile_store,
    judge=judge_store,
)

__all__ = ["OBJECT_STORE"]
