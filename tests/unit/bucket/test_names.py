"""Laws of the names that buckets give: they fit everywhere, and nobody else can have them."""

from __future__ import annotations

import dataclasses
import re

from hypothesis import example, given
from hypothesis import strategies as st

from pileus.crds.types import NAME_PATTERN
from pileus.engine.world import Settings
from pileus.kinds.bucket.build import names
from pileus.kinds.bucket.model import BUCKET_PATTERN, NAME_LIMIT, Access
from tests.unit.bucket.buckets import UID, bucket, world

NAMESPACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?", fullmatch=True)
CONSUMERS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
UIDS = st.uuids().map(str)
LONGEST = ("n" * 63, "b" * NAME_LIMIT, "c" * 40)
DASHES = ("n" * 40 + "-" * 22 + "n", "b", "c" + "-" * 38 + "c")
HERE = world()


@given(NAMESPACES, NAMES, UIDS)
@example(*LONGEST[:2], UID)
@example(*DASHES[:2], UID)
@example("0", "b", UID)
def test_a_derived_name_is_one_that_stores_take(namespace: str, name: str, uid: str) -> None:
    found = names.derived(bucket(namespace=namespace, name=name, uid=uid), HERE)
    assert 3 <= len(found) <= 63
    assert re.fullmatch(BUCKET_PATTERN, found)
    assert not re.fullmatch(r"[0-9.]+", found), "it is no address"
    assert found.startswith(f"{namespace}-{name}"[:40].rstrip("-")), "people know it again"


@given(NAMESPACES, NAMES, CONSUMERS, UIDS)
@example(*LONGEST, UID)
@example(*DASHES, UID)
def test_a_users_name_is_one_that_engines_take(namespace: str, name: str, consumer: str, uid: str) -> None:
    found = names.user(bucket(namespace=namespace, name=name, uid=uid), consumer, HERE)
    assert len(found) <= 64, "IAM takes no longer one"
    assert re.fullmatch(r"[a-z0-9.-]+", found), "nothing that IAM or Ceph would read as more than a letter"


@given(NAMESPACES, NAMES, CONSUMERS)
@example(*LONGEST)
def test_a_secrets_name_is_one_that_kubernetes_takes(namespace: str, name: str, consumer: str) -> None:
    found = names.secret(bucket(namespace=namespace, name=name), Access(name=consumer))
    assert len(found) <= 253
    assert re.fullmatch(NAME_PATTERN, found)


@given(NAMESPACES, NAMES, UIDS)
@example(*LONGEST[:2], UID)
def test_a_mark_is_one_that_stores_keep(namespace: str, name: str, uid: str) -> None:
    mark = names.owner(bucket(namespace=namespace, name=name, uid=uid), HERE)
    assert len(mark) <= 256, "S3 takes no longer value of a tag"
    assert re.fullmatch(r"[A-Za-z0-9+\-=._:/@]+", mark)


@given(NAMESPACES, NAMES, CONSUMERS, UIDS, UIDS)
@example(*LONGEST, UID, UID[::-1])
def test_nobody_elses_are_the_same(namespace: str, name: str, consumer: str, uid: str, other: str) -> None:
    """Another resource of this name, and this very one in another cluster, get others."""
    resource = bucket(namespace=namespace, name=name, uid=uid)
    elsewhere = dataclasses.replace(HERE, settings=Settings(cluster="elsewhere"))
    others = [(resource, elsewhere)]
    if uid != other:
        others.append((dataclasses.replace(resource, uid=other), HERE))
    for another, there in others:
        assert names.derived(another, there) != names.derived(resource, HERE)
        assert names.user(another, consumer, there) != names.user(resource, consumer, HERE)
        assert names.owner(another, there) != names.owner(resource, HERE)


@given(NAMESPACES, NAMES, NAMESPACES, NAMES)
@example("a", "b-c", "a-b", "c")
@example("n" * 63, "a", "n" * 63, "b")
def test_names_that_read_alike_are_not(one: str, first: str, two: str, second: str) -> None:
    if (one, first) == (two, second):
        return
    here, there = bucket(namespace=one, name=first), bucket(namespace=two, name=second)
    assert names.derived(here, HERE) != names.derived(there, HERE)
    assert names.user(here, "app", HERE) != names.user(there, "app", HERE)


@given(CONSUMERS, CONSUMERS)
def test_two_consumers_are_two_users(one: str, other: str) -> None:
    if one != other:
        assert names.user(bucket(), one, HERE) != names.user(bucket(), other, HERE)


@given(NAMESPACES, NAMESPACES, NAMES)
@example("acme", "acme-dev", "media")
def test_a_team_is_no_other_teams_beginning(one: str, other: str, name: str) -> None:
    """Whoever may take over what a namespace left behind may not take over another's."""
    mark = names.owner(bucket(namespace=other, name=name), HERE)
    assert mark.startswith(names.team(bucket(namespace=one), HERE)) == (one == other)
