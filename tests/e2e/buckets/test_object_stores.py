"""ObjectStores: reached or not, by which keys, and for whom; what Buckets say meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pileus.local import LocalCluster, status
from pileus.objects.s3 import Feature
from tests.e2e.apps import condition, ready, says
from tests.e2e.beside import OperatorBeside
from tests.e2e.buckets import engines
from tests.e2e.buckets.specs import Place, bucket, eventually, keys, look_again, made, object_store
from tests.e2e.kubectl import Kubectl, Manifest

pytestmark = pytest.mark.cluster

PARTS = {
    "versitygw": ("versitygw", "versitygw-iam"),
    "ceph": ("ceph-rgw",),
    "minio": ("minio",),
    "garage": ("garage",),
}


CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GARAGE_ADMIN_TOKEN")


@contextmanager
def away(cluster: LocalCluster, place: Place) -> Iterator[None]:
    """The store does not answer meanwhile: its processes are stopped, and connections hang."""
    pids = [part.pid for part in status.read(cluster).parts if part.name in PARTS[place.name]]
    for pid in pids:
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid or 0, signal.SIGCONT)


@pytest.fixture
def another(place: Place, admin: Kubectl) -> Iterator[Manifest]:
    """A second ObjectStore for the same store, which goes after the test."""
    name = f"another-{os.urandom(2).hex()}"
    yield object_store(place.store, name)
    admin("delete", "ostore", name, "--ignore-not-found")


def test_it_tells_what_it_is_and_what_it_lacks(place: Place, admin: Kubectl) -> None:
    """The same as the table in the documents says, by which tests are skipped."""
    found = admin.get("ostore", place.name)["status"]
    reached = condition({"status": found}, "Reachable")
    assert (reached["status"], reached["message"]) == ("True", ""), "nothing is denied to keys of the root"
    told = dict.fromkeys(found["features"], True) | dict.fromkeys(found.get("lacks", ()), False)
    assert told == engines.declared()[place.name]
    assert set(told) == set(Feature), "the table has a row for each"


def test_nothing_of_the_trial_is_left(place: Place) -> None:
    names = {found["Name"] for found in place.s3.list_buckets()["Buckets"]}
    assert not {name for name in names if name.startswith("pileus-probe")}


WRONG: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    (
        "nobody there",
        {"endpoint": "http://127.0.0.1:9", "usersEndpoint": "http://127.0.0.1:9", "ca": None},
        "StoreUnreachable",
        "endpoint",
    ),
    ("no Secret", {"credentials": {"secret": "absent"}}, "CredentialsMissing", "absent"),
    ("no authority", {"ca": {"configMap": "absent"}}, "AuthorityMissing", "absent"),
)


@pytest.mark.parametrize("row", WRONG, ids=lambda row: row[0])
def test_what_is_wrong_is_told_and_mended(row: Any, place: Place, another: Manifest, admin: Kubectl) -> None:
    _, wrong, reason, word = row
    name = another["metadata"]["name"]
    spec = {**another["spec"], **wrong}
    admin.apply({**another, "spec": {field: value for field, value in spec.items() if value is not None}})
    admin.until("ostore", name, says(reason, word))
    admin.apply(another)
    admin.until("ostore", name, ready)


def test_what_another_store_could_do_is_not_told_of_one_that_is_away(
    place: Place, another: Manifest, admin: Kubectl
) -> None:
    name = another["metadata"]["name"]
    admin.apply(another)
    assert admin.until("ostore", name, ready)["status"]["features"]
    admin.apply({**another, "spec": {**another["spec"], "endpoint": "https://127.0.0.1:1"}})
    found = admin.until("ostore", name, says("StoreUnreachable"))
    assert "features" not in found["status"]


def test_keys_that_are_not_taken_are_told(place: Place, another: Manifest, admin: Kubectl) -> None:
    wrong = f"wrong-{os.urandom(2).hex()}"
    right = place.system.get("secret", f"s3-{place.name}")["data"]
    right = {key: right[key] for key in CREDENTIALS if key in right}
    place.system("create", "secret", "generic", wrong, *(f"--from-literal={key}=knows" for key in right))
    admin.apply({**another, "spec": {**another["spec"], "credentials": {"secret": wrong}}})
    name = another["metadata"]["name"]
    admin.until("ostore", name, says("StoreDenied", "credentials"))
    place.system.edit("secret", wrong, {"data": right})
    admin.until("ostore", name, ready, "a corrected Secret is taken up by itself")
    place.system("delete", "secret", wrong)


def test_an_unknown_authority_is_told(places: dict[str, Place], admin: Kubectl) -> None:
    if "ceph" not in places:
        pytest.skip("The others speak HTTP.")
    store = object_store(places["ceph"].store, "untrusted", ca=None)
    admin.apply(store)
    try:
        admin.until("ostore", "untrusted", says("StoreUntrusted", "ca"))
    finally:
        admin("delete", "ostore", "untrusted")


def test_a_store_is_for_whom_its_administrator_says(
    place: Place, another: Manifest, ns: Kubectl, admin: Kubectl
) -> None:
    name = another["metadata"]["name"]
    allow = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
    admin.apply({**another, "spec": {**another["spec"], "allow": allow}})
    admin.until("ostore", name, ready)
    ns.apply(bucket(name))
    ns.until("bkt", "data", says("StoreNotAllowed", name, ns.namespace))
    admin("label", "namespace", ns.namespace, "team=a")
    ns.until("bkt", "data", ready, "a label lets it in, without anybody touching the Bucket")


def test_a_store_that_is_not_declared_is_told(ns: Kubectl, pileus: OperatorBeside) -> None:
    ns.apply(bucket("nowhere"))
    ns.until("bkt", "data", says("StoreNotFound", "nowhere"))


def test_while_a_store_is_away_that_is_told_and_nothing_is_lost(
    place: Place, places: dict[str, Place], cluster: LocalCluster, ns: Kubectl, admin: Kubectl
) -> None:
    neighbours = [one for name, one in places.items() if name != place.name]
    name = made(ns, place, access=[{"name": "app"}])
    before = keys(ns, "data-app")
    with away(cluster, place):
        admin.until("ostore", place.name, says("StoreUnreachable"), patience=120)
        ns.until("bkt", "data", says("StoreNotReady", place.name))
        ns.apply(bucket(place.name, access=[{"name": "app"}], **place.something))
        for neighbour in neighbours:
            made(ns, neighbour, f"neighbour-{neighbour.name}")  # others' stores go on
        ns.apply(bucket(place.name, "leaving", deletionPolicy="Retain"))
        ns("delete", "bkt", "leaving", "--wait=false")
    admin.until("ostore", place.name, ready, patience=120)
    ns.until("bkt", "data", ready, patience=150)
    assert place.has_something(name)
    assert keys(ns, "data-app") == before
    ns.gone("bkt", "leaving")


def test_a_dead_store_lets_go_on_request(place: Place, cluster: LocalCluster, ns: Kubectl) -> None:
    name = made(ns, place, deletionPolicy="Delete")
    with away(cluster, place):
        ns("delete", "bkt", "data", "--wait=false")
        ns.until(
            "bkt",
            "data",
            lambda found: "pileus.dev/abandon=true" in condition(found, "Ready").get("message", ""),
            patience=120,
        )
        ns("annotate", "bkt", "data", "pileus.dev/abandon=true")
        ns.gone("bkt", "data")
    eventually(lambda: place.has(name), "it was left behind")


def test_a_deleted_store_is_told_with_the_way_out(
    place: Place, another: Manifest, ns: Kubectl, admin: Kubectl
) -> None:
    name = another["metadata"]["name"]
    admin.apply(another)
    admin.until("ostore", name, ready)
    ns.apply(bucket(name))
    ns.until("bkt", "data", ready)
    admin("delete", "ostore", name)
    ns.until("bkt", "data", says("StoreNotFound", name))
    ns("delete", "bkt", "data", "--wait=false")
    ns.until("bkt", "data", says("StoreNotFound", "pileus.dev/abandon=true"))
    admin.apply(another)
    ns.gone("bkt", "data")


def test_buckets_and_calls_are_counted(
    place: Place, ns: Kubectl, pileus: OperatorBeside, admin: Kubectl
) -> None:
    made(ns, place, access=[{"name": "app"}])
    look_again(ns)
    eventually(lambda: pileus.metric("pileus_buckets", store=place.name, reason="Ready") >= 1, "counted")
    assert pileus.metric("pileus_store_calls_total", store=place.name, operation="look", result="ok") >= 1
    assert 0 <= pileus.metric("pileus_bucket_key_age_seconds", store=place.name) < 86400
    admin.until("ostore", place.name, lambda found: found["status"]["buckets"] >= 1)
