"""Bucket: a bucket on an object store, with an identity and a Secret for each consumer."""

from pileus.engine.kind import Kind, PrinterColumn
from pileus.engine.world import Resource
from pileus.kinds.bucket.build import copies
from pileus.kinds.bucket.compile import compile_bucket, part, parted
from pileus.kinds.bucket.gauges import GAUGES
from pileus.kinds.bucket.judge import judge_bucket
from pileus.kinds.bucket.model import ROOT_RULES, BucketSpec
from pileus.kinds.bucket.reasons import USUAL
from pileus.kinds.bucket.status import BucketStatus
from pileus.objects import catalog
from pileus.objects.reading import items, text


def _dependents(resource: Resource) -> tuple[str, ...]:
    """While an old key works beside a new one, it matters who runs with it."""
    overlaps = any(text(one, "previousKeyId") for one in items(resource.status, "access"))
    return ("ContainerApp",) if overlaps else ()


BUCKET = Kind(
    name="Bucket",
    plural="buckets",
    singular="bucket",
    short_names=("bkt",),
    description="A bucket on an object store, with an identity and a Secret for each consumer.",
    spec=BucketSpec,
    status=BucketStatus,
    root_rules=ROOT_RULES,
    columns=(
        PrinterColumn("Bucket", "string", ".status.bucketName", "Its name in the store."),
        PrinterColumn("Store", "string", ".status.store", "Name of its ObjectStore."),
        PrinterColumn("Objects", "integer", ".status.usage.objects", "How many are in it."),
        PrinterColumn(
            "Policy", "string", ".spec.deletionPolicy", "What becomes of it at the end.", priority=1
        ),
        PrinterColumn("Endpoint", "string", ".status.endpoint", "Where the store is.", priority=1),
    ),
    children=(catalog.SECRET,),
    related=(),
    shared=(catalog.OBJECT_STORE,),
    references=copies.references,
    gauges=GAUGES,
    usual=USUAL,
    by_namespace=True,
    dependents=_dependents,
    outside=True,
    part=part,
    parted=parted,
    compile=compile_bucket,
    judge=judge_bucket,
)

__all__ = ["BUCKET"]
