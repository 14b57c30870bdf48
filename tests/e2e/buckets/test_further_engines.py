"""What one of the further engines alone has to prove: who makes keys on MinIO; marks and tokens on Garage."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio.error import MinioAdminException

from pileus.local import LocalCluster, status
from tests.cluster import s3
from tests.e2e.apps import ready
from tests.e2e.buckets import engines
from tests.e2e.buckets.specs import Place, access, bucket, eventually, keys, made, object_store, refusal
from tests.e2e.kubectl import Kubectl

pytestmark = pytest.mark.cluster

HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "object-stores.md"


@pytest.fixture
def minio(places: dict[str, Place]) -> Place:
    if "minio" not in places:
        pytest.skip("MinIO is not among the engines.")
    return places["minio"]


@pytest.fixture
def garage(places: dict[str, Place]) -> Place:
    if "garage" not in places:
        pytest.skip("Garage is not among the engines.")
    return places["garage"]


@pytest.mark.parametrize("name", ["minio", "garage"])
def test_a_killed_engine_comes_back_with_its_data(
    name: str, places: dict[str, Place], cluster: LocalCluster, admin: Kubectl, ns: Kubectl
) -> None:
    if name not in places:
        pytest.skip(f"{name} is not among the engines.")
    place = places[name]
    held = made(ns, place, access=[{"name": "app"}])
    mine = place.client(keys(ns, "data-app"))
    mine.put_object(Bucket=held, Key="a", Body=b"kept")
    before = {part.name: part for part in status.read(cluster).parts}[name]
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def again() -> bool:
        now = {part.name: part for part in status.read(cluster).parts}[name]
        return now.state == "ready" and now.restarts > before.restarts

    eventually(again, "it is started again")
    assert mine.get_object(Bucket=held, Key="a")["Body"].read() == b"kept"
    admin.until("ostore", name, ready, patience=120)


def test_a_consumer_of_minio_makes_no_key_for_itself(minio: Place, ns: Kubectl) -> None:
    made(ns, minio, access=[{"name": "app"}])
    mine = keys(ns, "data-app")
    user = access(ns.get("bkt", "data"), "app")["user"]
    own = s3.minio(minio.store, mine)
    for attempt in (
        own.add_service_account,
        lambda: own.list_service_account(user),
        lambda: own.user_add(user, "a-secret-of-its-own"),
        lambda: own.policy_set("readwrite", user=user),
    ):
        with pytest.raises(MinioAdminException):
            attempt()
    assert minio.keys_of(user) == {mine.access}


def test_what_minio_has_of_a_consumer_goes_with_it(minio: Place, ns: Kubectl) -> None:
    made(ns, minio, access=[{"name": "app"}])
    user = access(ns.get("bkt", "data"), "app")["user"]
    root = s3.minio(minio.store)
    assert json.loads(root.user_info(user))["policyName"] == user
    ns.apply(bucket("minio"))
    ns.until("bkt", "data", lambda found: ready(found) and not access(found, "app"))
    assert user not in json.loads(root.user_list())
    with pytest.raises(MinioAdminException):
        root.policy_info(user)


def test_a_mark_on_garage_opens_nothing_and_is_nobodys_to_change(garage: Place, ns: Kubectl) -> None:
    name = made(ns, garage, access=[{"name": "app"}])
    found = s3.garage(garage.store, "GetBucketInfo", globalAlias=name)
    marking = f"pileus.{found['id']}"
    assert marking not in {key["accessKeyId"] for key in found["keys"]}, "it has no right on the bucket"
    key = s3.garage(garage.store, "GetKeyInfo", id=marking, showSecretKey="true")
    assert key["expired"]
    assert not key["buckets"]
    stolen = garage.client(s3.Keys(marking, key["secretAccessKey"]))
    assert refusal(lambda: stolen.list_buckets()) == "AccessDenied"
    mine = garage.client(keys(ns, "data-app"))
    tags = {"TagSet": [{"Key": engines.MARK, "Value": "mine"}]}
    assert refusal(lambda: mine.put_bucket_tagging(Bucket=name, Tagging=tags))
    assert refusal(lambda: mine.create_bucket(Bucket=f"{name}-2")), "nor does a consumer make buckets"


def test_a_garage_bucket_is_gone_with_its_mark(garage: Place, ns: Kubectl) -> None:
    name = made(ns, garage, deletionPolicy="Delete")
    marking = f"pileus.{s3.garage(garage.store, 'GetBucketInfo', globalAlias=name)['id']}"
    ns("delete", "bkt", "data", "--timeout=60s")
    with pytest.raises(urllib.error.HTTPError):
        s3.garage(garage.store, "GetKeyInfo", id=marking)
    assert marking not in {key["id"] for key in s3.garage(garage.store, "ListKeys")}


@pytest.fixture
def scoped(garage: Place) -> Iterator[str]:
    """The Secret with a token that may do what the documents say, and no more."""
    scope = re.search(r"--scope=([\w,\\\s]+?) pileus", HOWTO.read_text())
    assert scope
    given = {"name": "scoped", "scope": re.findall(r"\w+", scope[1]), "neverExpires": True}
    token = s3.garage(garage.store, "CreateAdminToken", given)["secretToken"]
    name = f"scoped-{os.urandom(2).hex()}"
    root = s3.root(garage.store)
    content = {
        "AWS_ACCESS_KEY_ID": root.access,
        "AWS_SECRET_ACCESS_KEY": root.secret,
        "GARAGE_ADMIN_TOKEN": token,
    }
    literals = (f"--from-literal={key}={value}" for key, value in content.items())
    garage.system("create", "secret", "generic", name, *literals)
    yield name
    garage.system("delete", "secret", name)


def test_the_token_needs_no_more_than_the_documents_say(
    garage: Place, scoped: str, admin: Kubectl, ns: Kubectl
) -> None:
    admin.apply(object_store(garage.store, scoped, credentials={"secret": scoped}))
    try:
        found = admin.until("ostore", scoped, ready)
        had = {name for name, has in engines.declared()["garage"].items() if has}
        assert set(found["status"]["features"]) == had
        spec = {"access": [{"name": "app"}], "quota": {"objects": 5}, "deletionPolicy": "Delete"}
        ns.apply(bucket(scoped, **spec))
        ns.until("bkt", "data", ready)
        ns.apply(bucket(scoped, **{**spec, "access": [{"name": "app", "role": "ReadOnly", "rotate": "1"}]}))
        ns.until("bkt", "data", ready)
        ns("delete", "bkt", "data", "--timeout=60s")
    finally:
        admin("delete", "ostore", scoped)
