"""Copies: what is written into one bucket arrives in another, by a key that may be replaced.

On stores that lack it, that it is refused by name is shown by test_what_a_store_lacks_is_refused_by_name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.apps import ready, says
from tests.e2e.beside import OperatorBeside
from tests.e2e.buckets import engines
from tests.e2e.buckets.specs import (
    Place,
    access,
    bucket,
    content,
    eventually,
    has_key_other_than,
    keys,
    look_again,
    made,
    object_store,
    refusal,
)
from tests.e2e.kubectl import Kubectl, Manifest

pytestmark = pytest.mark.cluster

REPLICA: Manifest = {"name": "replica", "role": "Replica", "overlap": "1s"}
TARGET: Manifest = {"versioning": True, "access": [REPLICA]}
SOURCE: Manifest = {"versioning": True, "replicateTo": [{"bucket": "copy"}]}


@pytest.fixture
def place(place: Place) -> Place:
    place.needs("Replication")
    return place


def put(place: Place, name: str, key: str) -> None:
    place.s3.put_object(Bucket=name, Key=key, Body=key.encode())


def there(place: Place, name: str) -> set[str]:
    """Keys of the objects in a bucket."""
    return {found["Key"] for found in place.s3.list_objects_v2(Bucket=name).get("Contents", ())}


def arrives(place: Place, name: str, key: str) -> None:
    eventually(lambda: key in there(place, name), f"{key} arrives")
    assert place.s3.get_object(Bucket=name, Key=key)["Body"].read() == key.encode()


def rules(place: Place, name: str) -> list[Any]:
    """Each rule's prefix, and to which bucket it leads."""
    leads = {target["arn"]: target["targetbucket"] for target in engines.targets(place.store, name)}
    try:
        found = place.s3.get_bucket_replication(Bucket=name)["ReplicationConfiguration"]["Rules"]
    except place.s3.exceptions.ClientError:
        found = []
    return sorted((rule["Filter"]["Prefix"], leads[rule["Destination"]["Bucket"]]) for rule in found)


def pair(ns: Kubectl, place: Place, **source: Any) -> tuple[str, str]:
    """A bucket and its copy."""
    copy = made(ns, place, "copy", **TARGET)
    return made(ns, place, **{**SOURCE, **source}), copy


def test_what_is_written_arrives_in_the_copy(place: Place, ns: Kubectl) -> None:
    data = made(ns, place, versioning=True)
    put(place, data, "before")
    copy = made(ns, place, "copy", **TARGET)
    ns.apply(bucket(place.name, **SOURCE))
    found = ns.until("bkt", "data", ready)
    told = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert told["ReplicationReady"] == "True"
    put(place, data, "after")
    arrives(place, copy, "after")
    arrives(place, copy, "before")
    place.s3.delete_object(Bucket=data, Key="after")
    eventually(lambda: "after" not in there(place, copy), "that it was deleted arrives")
    versions = place.s3.list_object_versions(Bucket=copy, Prefix="after")["Versions"]
    assert len(versions) == 1, "but what it was is kept"


def test_a_prefix_decides_what_is_copied(place: Place, ns: Kubectl) -> None:
    data, copy = pair(ns, place, replicateTo=[{"bucket": "copy", "prefix": "assets/"}])
    put(place, data, "assets/one")
    put(place, data, "other")
    arrives(place, copy, "assets/one")
    assert rules(place, data) == [("assets/", copy)]
    ns.apply(bucket(place.name, **SOURCE))
    ns.until("bkt", "data", ready)
    assert rules(place, data) == [("", copy)]
    put(place, data, "more")
    arrives(place, copy, "more")


def test_the_key_of_a_copy_opens_what_it_needs(place: Place, ns: Kubectl) -> None:
    data, copy = pair(ns, place)
    mine = place.client(keys(ns, "copy-replica"))
    for call in (
        lambda: mine.put_bucket_versioning(Bucket=copy, VersioningConfiguration={"Status": "Suspended"}),
        lambda: mine.put_bucket_tagging(Bucket=copy, Tagging={"TagSet": []}),
        lambda: mine.list_objects_v2(Bucket=data),
        lambda: mine.put_object(Bucket=data, Key="x", Body=b"x"),
        lambda: mine.delete_bucket(Bucket=copy),
    ):
        assert refusal(call)


def test_a_new_key_of_the_copy_is_followed(place: Place, ns: Kubectl, pileus: OperatorBeside) -> None:
    data, copy = pair(ns, place)
    user = access(ns.get("bkt", "copy"), "replica")["user"]
    old = keys(ns, "copy-replica")
    ns.apply(bucket(place.name, "copy", **{**TARGET, "access": [{**REPLICA, "rotate": "one"}]}))
    ns.until("bkt", "copy", has_key_other_than("replica", old.access))
    new = keys(ns, "copy-replica")
    eventually(lambda: place.keys_of(user) == {new.access}, "the old one is dead")
    eventually(lambda: [one["key"] for one in _targets(place, data)] == [new.access], "the new one is used")
    ns.until("bkt", "data", ready)
    put(place, data, "later")
    arrives(place, copy, "later")
    secrets = {old.secret, new.secret, content(ns, "copy-replica")["AWS_SECRET_ACCESS_KEY"]}
    told = ns("get", "bkt", "-o", "yaml") + ns("get", "events", "-o", "yaml") + pileus.log()
    assert not [secret for secret in secrets if secret in told]


def _targets(place: Place, name: str) -> list[dict[str, str]]:
    return [
        {"bucket": one["targetbucket"], "key": one["credentials"]["accessKey"]}
        for one in engines.targets(place.store, name)
    ]


@pytest.mark.parametrize("harm", ["rule", "both", "another"])
def test_what_somebody_did_to_copies_is_put_back(harm: str, place: Place, ns: Kubectl) -> None:
    data, copy = pair(ns, place)
    before = place.s3.get_bucket_replication(Bucket=data)["ReplicationConfiguration"]
    if harm == "both":
        place.s3.delete_bucket_replication(Bucket=data)
        assert not engines.targets(place.store, data), "MinIO removes its targets, too"
    else:
        rule = {**before["Rules"][0], **({"Status": "Disabled"} if harm == "rule" else {})}
        more = [{**rule, "ID": "mine", "Priority": 9, "Filter": {"Prefix": "x"}}] if harm == "another" else []
        changed = {"Role": "", "Rules": [rule, *more]}
        place.s3.put_bucket_replication(Bucket=data, ReplicationConfiguration=changed)
    look_again(ns)

    def whole() -> bool:
        try:
            found = place.s3.get_bucket_replication(Bucket=data)["ReplicationConfiguration"]["Rules"]
        except place.s3.exceptions.ClientError:
            return False
        return [rule["Status"] for rule in found] == ["Enabled"] and rules(place, data) == [("", copy)]

    eventually(whole, "it is put back")
    ns.until("bkt", "data", ready)
    put(place, data, "later")
    arrives(place, copy, "later")


def test_copies_end_when_they_are_not_asked_for(place: Place, ns: Kubectl) -> None:
    data, copy = pair(ns, place)
    put(place, data, "one")
    arrives(place, copy, "one")
    ns.apply(bucket(place.name, versioning=True))
    ns.until("bkt", "data", ready)
    assert (rules(place, data), engines.targets(place.store, data)) == ([], [])
    assert there(place, copy) == {"one"}, "what was copied stays"


def test_copies_end_when_consent_does(place: Place, ns: Kubectl) -> None:
    data, _ = pair(ns, place)
    ns.apply(bucket(place.name, "copy", versioning=True))
    ns.until("bkt", "data", says("ReplicaNotAllowed", "'copy'", "role: Replica"))
    eventually(lambda: not engines.targets(place.store, data), "it is not copied any more")
    ns.apply(bucket(place.name, "copy", **TARGET))
    ns.until("bkt", "data", ready)
    assert len(rules(place, data)) == 1


def test_what_a_copy_waits_for_is_told(place: Place, ns: Kubectl) -> None:
    ns.apply(bucket(place.name, **SOURCE))
    found = ns.until("bkt", "data", says("ReplicaMissing", "'copy'"))
    name = found["status"]["bucketName"]
    eventually(lambda: place.has(name), "the bucket is made all the same")
    ns.apply(bucket(place.name, "copy", versioning=True))
    ns.until("bkt", "data", says("ReplicaNotAllowed", "access: [{name: replica, role: Replica}]"))
    ns.apply(bucket(place.name, "copy", access=[REPLICA]))
    ns.until("bkt", "data", says("ReplicaUnfit", "versioning: true"))
    ns.apply(bucket(place.name, "copy", **TARGET))
    ns.until("bkt", "data", ready)
    assert len(rules(place, name)) == 1


def test_copies_end_with_the_bucket(place: Place, ns: Kubectl) -> None:
    data, copy = pair(ns, place)
    put(place, data, "one")
    arrives(place, copy, "one")
    ns("delete", "bkt", "data", "--timeout=60s")
    assert place.has(data), "it is retained"
    assert (rules(place, data), engines.targets(place.store, data)) == ([], [])


def test_a_bucket_that_is_emptied_leaves_its_copy_alone(place: Place, ns: Kubectl) -> None:
    data, copy = pair(ns, place, deletionPolicy="Delete")
    put(place, data, "one")
    arrives(place, copy, "one")
    ns("delete", "bkt", "data", "--timeout=60s")
    assert not place.has(data)
    assert there(place, copy) == {"one"}


def test_two_are_copies_of_each_other(place: Place, ns: Kubectl) -> None:
    both = {"versioning": True, "access": [REPLICA]}
    names = {}
    for name, other in (("data", "copy"), ("copy", "data")):
        ns.apply(bucket(place.name, name, **both, replicateTo=[{"bucket": other}]))
    for name in ("data", "copy"):
        names[name] = ns.until("bkt", name, ready)["status"]["bucketName"]
    for name, other in (("data", "copy"), ("copy", "data")):
        put(place, names[name], f"from-{name}")
        arrives(place, names[other], f"from-{name}")


@pytest.fixture
def elsewhere(place: Place, admin: Kubectl) -> Iterator[str]:
    """The same store by another address: to MinIO another one."""
    name = f"{place.name}-elsewhere"
    other = place.store.outside.replace("127.0.0.1", "localhost")
    admin.apply(object_store(place.store, name, endpoint=other))
    admin("wait", "--for=condition=Ready", f"ostore/{name}", "--timeout=90s")
    yield name
    admin("delete", "ostore", name)


def test_each_store_takes_one_copy(place: Place, elsewhere: str, ns: Kubectl) -> None:
    ns.apply(*(bucket(place.name, name, **TARGET) for name in ("copy", "third")))
    ns.apply(bucket(elsewhere, "far", **TARGET))
    ns.apply(bucket(place.name, versioning=True, replicateTo=[{"bucket": "copy"}, {"bucket": "third"}]))
    ns.until("bkt", "data", says("InvalidSpec", "'copy' and 'third'", "one copy"))
    ns.apply(bucket(place.name, versioning=True, replicateTo=[{"bucket": "third"}, {"bucket": "far"}]))
    data = ns.until("bkt", "data", ready)["status"]["bucketName"]
    put(place, data, "one")
    for name in ("third", "far"):
        arrives(place, ns.get("bkt", name)["status"]["bucketName"], "one")
    ns("delete", "bkt", "far", "--timeout=60s")
    ns.until("bkt", "data", says("ReplicaMissing", "'far'"))
    eventually(lambda: len(engines.targets(place.store, data)) == 1, "only that one ends")
    put(place, data, "two")
    arrives(place, ns.get("bkt", "third")["status"]["bucketName"], "two")
