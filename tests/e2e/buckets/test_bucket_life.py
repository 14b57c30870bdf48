"""A bucket from its beginning to its end: whose it is, what is taken over, and what is left."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.apps import condition, ready, says
from tests.e2e.beside import OperatorBeside
from tests.e2e.buckets import engines
from tests.e2e.buckets.engines import ENGINES
from tests.e2e.buckets.specs import (
    Place,
    access,
    bucket,
    eventually,
    keys,
    look_again,
    made,
    refusal,
)
from tests.e2e.kubectl import Kubectl

pytestmark = pytest.mark.cluster


def scratch(prefix: str = "legacy") -> str:
    return f"{prefix}-{os.urandom(4).hex()}"


def fill(place: Place, name: str, count: int = 3) -> None:
    client = place.s3

    def put(number: int) -> None:
        client.put_object(Bucket=name, Key=f"object-{number}", Body=b"x")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(count)))


def test_nothing_has_to_be_asked_for(places: dict[str, Place], ns: Kubectl, admin: Kubectl) -> None:
    first = ENGINES[0]
    admin.edit("ostore", first, {"spec": {"default": True}})
    try:
        ns.apply(
            {"apiVersion": "pileus.dev/v1alpha1", "kind": "Bucket", "metadata": {"name": "data"}, "spec": {}}
        )
        found = ns.until("bkt", "data", ready)
    finally:
        admin.edit("ostore", first, {"spec": {"default": False}})
    assert found["status"]["store"] == first
    assert places[first].has(found["status"]["bucketName"])
    look_again(ns)
    ns.until("bkt", "data", ready, "the default has changed, and it stays where it is")


def test_without_a_default_a_store_must_be_named(places: dict[str, Place], ns: Kubectl) -> None:
    ns.apply(
        {"apiVersion": "pileus.dev/v1alpha1", "kind": "Bucket", "metadata": {"name": "data"}, "spec": {}}
    )
    ns.until("bkt", "data", says("NoDefaultStore", ", ".join(sorted(ENGINES))))


def test_a_name_is_chosen_or_made_so_that_nobody_has_it(place: Place, ns: Kubectl) -> None:
    chosen = scratch("chosen")
    assert made(ns, place, bucketName=chosen) == chosen
    derived = made(ns, place, "derived")
    assert derived.startswith(f"{ns.namespace}-derived"[:40])
    for name in (chosen, derived):
        assert place.owner(name).endswith(
            ns.get("bkt", "data" if name == chosen else "derived")["metadata"]["uid"]
        )


def test_a_bucket_of_nobody_is_not_taken_unasked(place: Place, ns: Kubectl) -> None:
    name = scratch()
    place.create(name)
    fill(place, name)
    ns.apply(bucket(place.name, bucketName=name, **place.something))
    ns.until("bkt", "data", says("BucketTaken", name, "adopt: true"))
    assert not place.has_something(name), "nothing was set"
    ns.apply(bucket(place.name, bucketName=name, adopt=True, **place.something))
    ns.until("bkt", "data", ready)
    assert len(place.s3.list_objects_v2(Bucket=name)["Contents"]) == 3
    assert place.has_something(name)


def test_what_the_administrator_has_not_listed_cannot_be_taken_over(place: Place, ns: Kubectl) -> None:
    name = scratch("precious")
    place.create(name)
    ns.apply(bucket(place.name, bucketName=name, adopt=True, access=[{"name": "app"}]))
    ns.until("bkt", "data", says("AdoptionNotAllowed", name, "spec.adopt"))
    assert not ns.exists("secret", "data-app"), "nobody gets keys"


@pytest.mark.parametrize("adopt", [False, True])
def test_another_buckets_bucket_cannot_be_had(adopt: bool, place: Place, ns: Kubectl, admin: Kubectl) -> None:
    name = made(ns, place, "mine", bucketName=scratch())
    owner = place.owner(name)
    stranger = admin.unused("buckets", "stranger")
    admin("create", "namespace", stranger.namespace)
    try:
        stranger.apply(bucket(place.name, bucketName=name, adopt=adopt, access=[{"name": "app"}]))
        stranger.until("bkt", "data", says("BucketTaken", name))
        assert place.owner(name) == owner
        assert not stranger.exists("secret", "data-app")
    finally:
        stranger("delete", "bkt", "--all", "--timeout=60s")
        admin("delete", "namespace", stranger.namespace, "--wait=false")
    assert place.owner(name) == owner, "nor does the stranger's end touch it"


def test_a_bucket_of_another_cluster_is_left_alone(place: Place, ns: Kubectl) -> None:
    name = scratch()
    place.create(name)
    engines.mark(place.store, name, f"another-cluster/{ns.namespace}/data/uid")
    theirs = engines.marks(place.store, name)
    ns.apply(bucket(place.name, bucketName=name, adopt=True, deletionPolicy="Delete"))
    ns.until("bkt", "data", says("BucketTaken", "somebody else's"))
    ns("delete", "bkt", "data", "--timeout=60s")
    assert engines.marks(place.store, name) == theirs


def test_retained_data_stays_and_is_found_again(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[{"name": "app"}])
    fill(place, name)
    mine = keys(ns, "data-app")
    user = access(ns.get("bkt", "data"), "app")["user"]
    ns("delete", "bkt", "data", "--timeout=60s")
    assert len(place.s3.list_objects_v2(Bucket=name)["Contents"]) == 3
    assert place.keys_of(user) == set()
    assert refusal(lambda: place.client(mine).list_objects_v2(Bucket=name)), "its keys are dead"
    ns.gone("secret", "data-app")
    ns.apply(bucket(place.name, "again", bucketName=name))
    ns.until("bkt", "again", says("BucketTaken", name, "adopt: true"))
    ns.apply(bucket(place.name, "again", bucketName=name, adopt=True))
    ns.until("bkt", "again", ready, "what this namespace left behind, it may take up again")


def test_only_an_empty_bucket_is_deleted_if_empty(place: Place, ns: Kubectl) -> None:
    place.needs("Versioning")
    name = made(ns, place, deletionPolicy="DeleteIfEmpty", versioning=True)
    fill(place, name, 2)
    place.s3.delete_object(Bucket=name, Key="object-0")
    upload = place.s3.create_multipart_upload(Bucket=name, Key="upload")["UploadId"]
    ns("delete", "bkt", "data", "--wait=false")
    ns.until("bkt", "data", says("BucketNotEmpty", "4 objects, versions or uploads", "deletionPolicy"))
    place.s3.abort_multipart_upload(Bucket=name, Key="upload", UploadId=upload)
    versions = place.s3.list_object_versions(Bucket=name)
    for found in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())):
        place.s3.delete_object(Bucket=name, Key=found["Key"], VersionId=found["VersionId"])
    look_again(ns)
    ns.gone("bkt", "data")
    assert not place.has(name)


def test_another_policy_lets_a_bucket_go_that_is_not_empty(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, deletionPolicy="DeleteIfEmpty")
    fill(place, name)
    ns("delete", "bkt", "data", "--wait=false")
    ns.until("bkt", "data", says("BucketNotEmpty", "3 objects, versions or uploads"))
    ns.edit("bkt", "data", {"spec": {"deletionPolicy": "Retain"}})
    ns.gone("bkt", "data")
    assert place.has(name)


def test_delete_empties_versions_and_uploads(place: Place, ns: Kubectl, pileus: OperatorBeside) -> None:
    versions = {} if place.lacks("Versioning") else {"versioning": True}
    name = made(ns, place, deletionPolicy="Delete", **versions)
    for _ in range(3):
        fill(place, name, 400)
    place.s3.create_multipart_upload(Bucket=name, Key="upload")
    ns("delete", "bkt", "data", "--wait=false")
    pileus.kill()  # somewhere on the way
    pileus.start()
    ns.gone("bkt", "data")
    assert not place.has(name)


def test_a_namespace_goes_with_its_buckets(place: Place, ns: Kubectl, admin: Kubectl) -> None:
    other = admin.unused("buckets", "going")
    admin("create", "namespace", other.namespace)
    kept = made(other, place, "kept", access=[{"name": "app"}])
    gone = made(other, place, "gone", deletionPolicy="Delete")
    fill(place, kept)
    fill(place, gone)
    admin("delete", "namespace", other.namespace, "--timeout=90s")
    assert place.has(kept)
    assert not place.has(gone)


def test_a_bucket_that_is_gone_from_the_store_keeps_nothing_from_going(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, deletionPolicy="Delete", access=[{"name": "app"}])
    user = access(ns.get("bkt", "data"), "app")["user"]
    place.s3.delete_bucket(Bucket=name)
    ns("delete", "bkt", "data", "--timeout=60s")
    assert place.keys_of(user) == set()


def test_a_bucket_that_vanished_is_made_anew_and_that_is_told(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[{"name": "app"}])
    place.s3.delete_bucket(Bucket=name)
    look_again(ns)
    eventually(lambda: place.has(name), "it is made anew")
    found = ns.until("bkt", "data", ready)
    assert condition(found, "Provisioned")["status"] == "True"
    reasons = ("get", "events", "-o", "jsonpath={.items[*].reason}")
    eventually(lambda: "BucketLost" in ns(*reasons), "it is told")


def test_paused_it_is_left_alone(place: Place, ns: Kubectl) -> None:
    name = made(ns, place)
    ns("annotate", "bkt", "data", "pileus.dev/paused=true")
    ns.until("bkt", "data", lambda found: condition(found, "Reconciling").get("reason") == "Paused")
    ns.apply(bucket(place.name, **place.something))
    look_again(ns)
    ns.until("bkt", "data", lambda found: condition(found, "Reconciling").get("reason") == "Paused")
    assert not place.has_something(name)
    ns("annotate", "bkt", "data", "pileus.dev/paused-")
    ns.until("bkt", "data", ready)
    assert place.has_something(name)


def test_describe_tells_it_all(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[{"name": "app"}])
    row: Any = ns("get", "bkt", "data", "--no-headers").split()
    assert row[:4] == ["data", "True", name, place.name]
    told = ns("describe", "bkt", "data")
    for word in (name, "data-app", place.store.outside, "Everything asked for is in place"):
        assert word in told
    assert "role" in ns("explain", "bkt.spec.access")
