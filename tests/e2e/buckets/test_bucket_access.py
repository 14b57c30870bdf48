"""Consumers: what each key opens, how keys follow each other, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cluster.s3 import Keys
from tests.e2e.apps import ready, says
from tests.e2e.beside import OperatorBeside
from tests.e2e.buckets import engines
from tests.e2e.buckets.specs import (
    Place,
    access,
    bucket,
    content,
    counted,
    eventually,
    has_key_other_than,
    keys,
    look_again,
    made,
    refusal,
)
from tests.e2e.kubectl import Kubectl, Manifest

pytestmark = pytest.mark.cluster

APP = {"name": "app"}
DEAD = ("InvalidAccessKeyId", "AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKey")


def works(place: Place, name: str, given: Keys) -> bool:
    return not refusal(lambda: place.client(given).put_object(Bucket=name, Key="probe", Body=b"x"))


def test_a_secret_has_what_sdks_read(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[APP, {"name": "reports", "role": "ReadOnly", "secret": "for-reports"}])
    found = content(ns, "data-app")
    assert set(found) == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "BUCKET_NAME",
    }
    assert (found["BUCKET_NAME"], found["AWS_ENDPOINT_URL_S3"]) == (name, place.store.outside)
    assert keys(ns, "for-reports").access != found["AWS_ACCESS_KEY_ID"], "each has its own"


def _calls(client: Any, name: str) -> dict[str, Callable[[], Any]]:
    return {
        "read": lambda: client.get_object(Bucket=name, Key="there")["Body"].read(),
        "list": lambda: client.list_objects_v2(Bucket=name),
        "where": lambda: client.get_bucket_location(Bucket=name),
        "write": lambda: client.put_object(Bucket=name, Key="new", Body=b"x"),
        "remove": lambda: client.delete_object(Bucket=name, Key="new"),
        "upload": lambda: client.abort_multipart_upload(
            Bucket=name,
            Key="big",
            UploadId=client.create_multipart_upload(Bucket=name, Key="big")["UploadId"],
        ),
        "settings": lambda: client.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Suspended"}
        ),
        "policy": lambda: client.delete_bucket_policy(Bucket=name),
        "bucket": lambda: client.delete_bucket(Bucket=name),
    }


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("ReadWrite", {"read", "list", "where", "write", "remove", "upload"}),
        ("ReadOnly", {"read", "list", "where"}),
        ("WriteOnly", {"where", "write", "upload"}),
        ("Replica", {"read", "list", "where", "write", "remove", "upload"}),
    ],
)
def test_a_role_opens_what_it_says_and_nothing_else(
    role: str, may: set[str], place: Place, ns: Kubectl
) -> None:
    place.needs(*{"WriteOnly": ["WriteOnly"], "Replica": ["Replication"]}.get(role, []))
    name = made(ns, place, access=[{"name": "app", "role": role}, {"name": "writer"}])
    place.client(keys(ns, "data-writer")).put_object(Bucket=name, Key="there", Body=b"x")
    calls = _calls(place.client(keys(ns, "data-app")), name)
    assert {what for what, call in calls.items() if not refusal(call)} == may


@pytest.mark.parametrize("role", ["ReadWrite", "ReadOnly", "WriteOnly"])
def test_no_consumer_removes_a_version(role: str, place: Place, ns: Kubectl) -> None:
    place.needs("Versioning", *(["WriteOnly"] if role == "WriteOnly" else []))
    name = made(ns, place, versioning=True, access=[{"name": "app", "role": role}])
    version = place.s3.put_object(Bucket=name, Key="there", Body=b"x")["VersionId"]
    mine = place.client(keys(ns, "data-app"))
    assert refusal(lambda: mine.delete_object(Bucket=name, Key="there", VersionId=version))
    several = {"Objects": [{"Key": "there", "VersionId": version}]}
    with suppress(ClientError):
        mine.delete_objects(Bucket=name, Delete=several)
    assert place.s3.get_object(Bucket=name, Key="there", VersionId=version)["Body"].read() == b"x"


def test_a_role_changes(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[APP])
    mine = keys(ns, "data-app")
    assert works(place, name, mine)
    ns.apply(bucket(place.name, access=[{"name": "app", "role": "ReadOnly"}]))
    ns.until("bkt", "data", ready)
    assert not works(place, name, mine), "the same key may no longer write"
    assert keys(ns, "data-app") == mine


def test_a_key_opens_its_bucket_and_not_the_neighbours(place: Place, ns: Kubectl) -> None:
    mine, other = made(ns, place, access=[APP]), made(ns, place, "other", access=[APP])
    client = place.client(keys(ns, "data-app"))
    assert not refusal(lambda: client.put_object(Bucket=mine, Key="a", Body=b"x"))
    assert {what for what, call in _calls(client, other).items() if not refusal(call)} == set()


HARMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("deleted", ("delete", "secret", "data-app")),
    (
        "edited",
        ("patch", "secret", "data-app", "--type=merge", "-p", '{"stringData":{"AWS_SECRET_ACCESS_KEY":"x"}}'),
    ),
    (
        "emptied",
        ("patch", "secret", "data-app", "--type=json", "-p", '[{"op":"remove","path":"/data/BUCKET_NAME"}]'),
    ),
    ("unlabelled", ("label", "secret", "data-app", "pileus.dev/name-")),
)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm[0])
def test_a_broken_secret_heals_and_what_runs_goes_on(
    harm: tuple[str, tuple[str, ...]], place: Place, ns: Kubectl
) -> None:
    name = made(ns, place, access=[APP])
    old = keys(ns, "data-app")
    ns(*harm[1])
    ns.until("bkt", "data", has_key_other_than("app", old.access))
    new = keys(ns, "data-app")
    assert works(place, name, new)
    assert works(place, name, old), "who has read the old one is not cut off"
    user = access(ns.get("bkt", "data"), "app")["user"]
    assert place.keys_of(user) == {old.access, new.access}, "none is left over"


def test_a_key_that_died_in_the_store_is_replaced(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[APP])
    old = keys(ns, "data-app")
    user = access(ns.get("bkt", "data"), "app")["user"]
    engines.drop_key(place.store, user, old.access)
    look_again(ns)
    ns.until("bkt", "data", has_key_other_than("app", old.access))
    assert works(place, name, keys(ns, "data-app"))


def test_a_token_asks_for_one_new_key_and_the_old_one_overlaps(place: Place, ns: Kubectl) -> None:
    spec: list[Manifest] = [{"name": "app"}]
    name = made(ns, place, access=spec)
    old = keys(ns, "data-app")
    ns.apply(bucket(place.name, access=[{**spec[0], "rotate": "one"}]))
    found = ns.until("bkt", "data", has_key_other_than("app", old.access))
    new = keys(ns, "data-app")
    assert access(found, "app")["previousKeyId"] == old.access
    assert works(place, name, new)
    assert works(place, name, old)
    ns.apply(bucket(place.name, access=[{**spec[0], "rotate": "one", "overlap": "1s"}]))
    eventually(lambda: not works(place, name, old), "after the overlap the old key is dead")
    assert works(place, name, new)
    found = ns.until("bkt", "data", lambda found: not access(found, "app")["previousKeyId"])
    assert access(found, "app")["keyId"] == new.access, "it was asked for once"


def test_keys_are_replaced_by_time(places: dict[str, Place], ns: Kubectl) -> None:
    """The store checks the time of requests, so the operator's clock cannot be moved: this takes a minute."""
    for name, place in places.items():
        made(ns, place, name, access=[{"name": "app", "rotateEvery": "1m"}, {"name": "stays"}])
    old = {name: keys(ns, f"{name}-app") for name in places}
    stays = {name: keys(ns, f"{name}-stays") for name in places}
    for name in places:
        ns.until("bkt", name, has_key_other_than("app", old[name].access))
    assert {name: keys(ns, f"{name}-stays") for name in places} == stays


def test_who_is_no_longer_named_is_out_at_once(place: Place, ns: Kubectl) -> None:
    name = made(ns, place, access=[APP, {"name": "leaver"}])
    gone, user = keys(ns, "data-leaver"), access(ns.get("bkt", "data"), "leaver")["user"]
    assert works(place, name, gone)
    ns.apply(bucket(place.name, access=[APP]))
    ns.until("bkt", "data", lambda found: ready(found) and not access(found, "leaver"))
    assert refusal(lambda: place.client(gone).list_objects_v2(Bucket=name)) in DEAD
    assert place.keys_of(user) == set()
    ns.gone("secret", "data-leaver")
    assert works(place, name, keys(ns, "data-app"))


def test_a_secret_of_somebody_else_is_left_alone(place: Place, ns: Kubectl) -> None:
    ns("create", "secret", "generic", "data-app", "--from-literal=AWS_ACCESS_KEY_ID=theirs")
    ns.apply(bucket(place.name, access=[APP]))
    ns.until("bkt", "data", says("NameTaken", "data-app"))
    assert content(ns, "data-app") == {"AWS_ACCESS_KEY_ID": "theirs"}
    ns("delete", "secret", "data-app")
    look_again(ns)
    ns.until("bkt", "data", ready)


def test_a_restart_writes_nothing_and_changes_no_key(
    places: dict[str, Place], ns: Kubectl, pileus: OperatorBeside
) -> None:
    for place in places.values():
        made(ns, place, place.name, access=[APP], **place.something)
        counted(place, ns, place.name)
    before = {place: keys(ns, f"{place}-app") for place in places}
    for place in places:  # they count their Buckets once a minute
        ns("annotate", "ostore", place, f"pileus.dev/reconcile-at={ns.namespace}", "--overwrite")
    pileus.settled()
    pileus.restart()
    looks = {"operation": "look", "result": "ok"}
    for place in places:  # a store is tried first, which may take its time
        done = partial(pileus.metric, "pileus_store_calls_total", store=place, **looks)
        eventually(lambda done=done: done() >= 1, f"its Bucket on {place} is looked at")
    assert pileus.settled() == 0
    assert {place: keys(ns, f"{place}-app") for place in places} == before
    for place in places:
        look_again(ns, place)
    assert pileus.settled() == 0, "a look that finds everything as it should be writes nothing"


def test_killed_at_any_moment_it_leaves_no_key_behind(
    place: Place, ns: Kubectl, pileus: OperatorBeside
) -> None:
    """Kills are spread over the second in which keys are made; the campaign does it write by write."""
    import time

    for number in range(4):
        ns.apply(bucket(place.name, f"data-{number}", access=[APP, {"name": "two"}]))
        time.sleep(0.15 * (number + 1))
        pileus.kill()
        pileus.start()
    for number in range(4):
        found = ns.until("bkt", f"data-{number}", ready)
        for consumer in ("app", "two"):
            entry = access(found, consumer)
            eventually(
                lambda entry=entry: place.keys_of(entry["user"]) == {entry["keyId"]},
                f"{consumer} has one key, that of its Secret",
            )
            assert keys(ns, entry["secret"]).access == entry["keyId"]


def test_no_secret_is_told_anywhere(places: dict[str, Place], ns: Kubectl, pileus: OperatorBeside) -> None:
    for place in places.values():
        made(ns, place, place.name, access=[APP])
    secrets = [keys(ns, f"{name}-app").secret for name in places]
    for place in places.values():
        secrets += [place.store.secret_key, place.store.environment.get("GARAGE_ADMIN_TOKEN", "GARAGE_")]
    told = "\n".join(
        (
            pileus.log(),
            pileus.page(),
            ns("get", "bkt,ostore,events", "-o", "yaml"),
            ns("get", "secret", "-o", "jsonpath={.items[*].metadata}"),
        )
    )
    assert [secret for secret in secrets if secret in told] == []
