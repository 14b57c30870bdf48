"""A process that does not lead any more changes nothing on a store, in the middle of a piece of work, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pileus.engine.ports import NotLeading
from pileus.objectstores.connection import Address, Connection, Keys
from pileus.objectstores.errors import StoreError, told

NOWHERE = "http://127.0.0.1:9"
WRITES: dict[str, Callable[[Connection], object]] = {
    "S3": lambda it: it.s3.create_bucket(Bucket="b"),
    "S3, taking away": lambda it: it.s3.delete_bucket(Bucket="b"),
    "IAM": lambda it: it.iam.create_user(UserName="u"),
    "Ceph's users": lambda it: it.signed("PUT", "/admin/user", {"uid": "u"}),
    "Garage's users": lambda it: it.bearing("POST", "/v2/CreateKey", {}, {"name": "u"}),
    "MinIO's users": lambda it: it.minio().user_remove("u"),
}
READS: dict[str, Callable[[Connection], object]] = {
    "S3": lambda it: it.s3.get_bucket_tagging(Bucket="b"),
    "Ceph's users": lambda it: it.signed("GET", "/admin/user", {"uid": "u"}),
}


def connection(*, leads: bool) -> Connection:
    return Connection(Address(NOWHERE, NOWHERE), Keys("AK", "secret", "token"), leading=lambda: leads)


@pytest.mark.parametrize("what", WRITES)
def test_who_does_not_lead_writes_nothing(what: str) -> None:
    with pytest.raises(NotLeading), told("x"):
        WRITES[what](connection(leads=False))


@pytest.mark.parametrize("what", READS)
def test_looking_is_free(what: str) -> None:
    with pytest.raises(StoreError, match="no connection"), told("x"):
        READS[what](connection(leads=False))


@pytest.mark.parametrize("what", [what for what in WRITES if "MinIO" not in what])
def test_who_leads_asks_the_store(what: str) -> None:
    with pytest.raises(StoreError, match="no connection"), told("x"):
        WRITES[what](connection(leads=True))
