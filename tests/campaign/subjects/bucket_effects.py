"""Where each field of a Bucket takes effect: on the store, in the Secrets of its consumers, in its status."""

from __future__ import annotations

from tests.campaign.subject import Effect, Spec
from tests.campaign.subjects.bucket_specs import CEPH, access, bucket

STILL: Spec = bucket()

INVISIBLE: dict[str, str] = {
    "adopt": "decides about buckets that were there before: tests/e2e/buckets/test_bucket_life.py",
    "deletionPolicy": "decides about deletion only: scenarios `life` and `kept`",
    "replicateTo[].bucket": "no store of the campaign has it: tests/e2e/buckets/test_bucket_replication.py",
    "replicateTo[].prefix": "no store of the campaign has it: tests/e2e/buckets/test_bucket_replication.py",
    "access[].overlap": "says how long an old key works on: scenario `keys`",
    "access[].rotateEvery": "says when there is to be a new key: tests/e2e/buckets/test_bucket_access.py",
}

BOOKKEEPING: dict[str, str] = {
    "status/resources": "lists the Secrets that come and go",
}

CONDITIONS = tuple(
    f"status/conditions[{kind}]" for kind in ("Ready", "Stalled", "Reconciling", "Provisioned", "AccessReady")
)
ON_CEPH: Spec = {"store": CEPH}
CONSUMER: Spec = {"access": [access()]}


def _lifecycle(**rule: str) -> Spec:
    return {**ON_CEPH, "versioning": True, "lifecycle": [rule]}


def _cors(**rule: object) -> Spec:
    return {**ON_CEPH, "cors": [{"origins": ["https://acme.dev"], "methods": ["GET"], **rule}]}


def _lock(**lock: object) -> Spec:
    return {"versioning": True, "objectLock": {"mode": "Governance", "days": 1, **lock}}


EFFECTS: tuple[Effect, ...] = (
    Effect(
        "store",
        (
            "StoreBucket",
            "metadata.finalizers",
            *(f"status/{field}" for field in ("store", "endpoint", "bucketName", "region")),
            *CONDITIONS,
        ),
        ("ceph", "nowhere"),
        fixed="cannot move to another store",
        theirs=("status/usage",),
    ),
    Effect("bucketName", ("StoreBucket", "status/bucketName"), ("<here>-x",), fixed="cannot be renamed"),
    # Versions that were kept once are never forgotten by themselves: S3 knows "suspended", not "off".
    Effect("versioning", ("StoreBucket/versioning",), theirs=("StoreBucket/versioning",)),
    Effect("quota.size", ("StoreBucket/quota",), ("1Gi", "1.5Gi", "10M"), ON_CEPH, without="quota"),
    Effect("quota.objects", ("StoreBucket/quota",), (7,), ON_CEPH, without="quota"),
    Effect("lifecycle[].prefix", ("StoreBucket/lifecycle",), ("tmp/", "a b"), _lifecycle(expireAfter="7d")),
    Effect(
        "lifecycle[].expireAfter",
        ("StoreBucket/lifecycle",),
        ("1d", "9999d"),
        _lifecycle(abortUploadsAfter="2d"),
    ),
    Effect(
        "lifecycle[].abortUploadsAfter",
        ("StoreBucket/lifecycle",),
        ("1d", "9d"),
        _lifecycle(expireAfter="7d"),
    ),
    Effect(
        "lifecycle[].expireNoncurrentAfter",
        ("StoreBucket/lifecycle",),
        ("1d", "90d"),
        _lifecycle(expireAfter="7d"),
    ),
    Effect("cors[].origins[]", ("StoreBucket/cors",), ("http://a.b:81", "*"), _cors(), without=None),
    Effect("cors[].methods[]", ("StoreBucket/cors",), context=_cors(), without=None),
    Effect("cors[].headers[]", ("StoreBucket/cors",), ("X-One", "*"), _cors()),
    Effect("cors[].expose[]", ("StoreBucket/cors",), ("ETag", "X-Two"), _cors()),
    Effect("cors[].maxAge", ("StoreBucket/cors",), ("10s", "1h"), _cors()),
    Effect("encryption", CONDITIONS, fresh=False),
    Effect("objectLock.mode", ("StoreBucket/lock",), context=_lock(), without=None),
    Effect("objectLock.days", ("StoreBucket/lock",), (7,), context=_lock(), without=None),
    Effect("publicRead", ("StoreBucket/policy",)),
    Effect(
        "access[].name",
        ("Secret", "StoreUser", "status/access", "status/conditions[AccessReady]"),
        ("one", "a-b"),
        without="access",
    ),
    Effect("access[].role", ("StoreUser/policy",), context=CONSUMER),
    Effect("access[].role", ("StoreBucket/policy",), context={**ON_CEPH, **CONSUMER}),
    Effect("access[].secret", ("Secret", "status/access"), ("<here>-s",), CONSUMER),
    Effect(
        "access[].rotate",
        ("Secret/metadata.annotations",),
        ("one", "two"),
        CONSUMER,
        lasting=("Secret/metadata.annotations",),
    ),
)
