"""An old key is not taken from apps that still run with it, however long ago its time was over."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.engine.plan import Manifest
from pileus.kinds.bucket import BUCKET
from tests.unit.bucket.buckets import APP, Cluster, bucket, only, reasons

HOUR = 3600.0
TURNED = bucket(access=[{"name": "app", "rotate": "1", "overlap": "1h"}])


def app(name: str = "shop", *, bindings: list[Manifest], runs: list[Manifest] | None = None) -> Manifest:
    """A ContainerApp with these bindings, of which all pods run with those keys."""
    return {
        "metadata": {"name": name},
        "spec": {"bindings": bindings},
        "status": {"bindings": runs or []},
    }


def entry(key: str, bucket: str = "media", access: str = "app") -> Manifest:
    return {"bucket": bucket, "access": access, "keyId": key}


MEDIA: Manifest = {"bucket": "media"}
BOUND: dict[str, tuple[list[Manifest], bool]] = {
    "nobody is bound": ([], False),
    "it runs with the new one": ([app(bindings=[MEDIA], runs=[entry("AK2")])], False),
    "it runs with the old one": ([app(bindings=[MEDIA], runs=[entry("AK1")])], True),
    "it has told nothing yet": ([app(bindings=[MEDIA])], True),
    "it names the consumer": ([app(bindings=[{**MEDIA, "access": "app"}], runs=[entry("AK1")])], True),
    "it is another consumer": ([app(bindings=[{**MEDIA, "access": "x"}], runs=[entry("AK1")])], False),
    "it is another bucket": ([app(bindings=[{"bucket": "data"}], runs=[entry("AK1", "data")])], False),
    "it is bound to nothing": ([app(bindings=[])], False),
    "another one does": (
        [app("new", bindings=[MEDIA], runs=[entry("AK2")]), app(bindings=[MEDIA], runs=[entry("AK1")])],
        True,
    ),
}


@pytest.mark.parametrize("row", BOUND)
def test_the_old_key_is_held_for_who_runs_with_it(row: str) -> None:
    apps, held = BOUND[row]
    cluster = Cluster(apps=tuple(apps))
    cluster.settle(bucket(APP))
    cluster.settle(TURNED)
    cluster.sooner(HOUR - 1)
    plan, _ = cluster.apply(TURNED)
    assert plan.warnings == (), "its time is not over"

    cluster.sooner(1)
    cluster.settle(TURNED)
    plan, verdict = cluster.apply(TURNED)
    user = only(cluster.users.values())
    assert user == (["AK1", "AK2"] if held else ["AK2"])
    assert cluster.entry()["previousKeyId"] == ("AK1" if held else "")
    assert [warning.reason for warning in plan.warnings] == (["OldKeyHeld"] if held else [])
    assert reasons(plan, verdict) == [], "the bucket is none the worse for it"
    if held:
        assert "The old key of 'app' works on, because 'shop' still runs with it" in plan.warnings[0].message
        assert plan.recheck_after == 5.0, "an app that is replaced wakes nobody here"


def test_it_goes_as_soon_as_nobody_runs_with_it() -> None:
    cluster = Cluster(apps=(app(bindings=[MEDIA], runs=[entry("AK1")]),))
    cluster.settle(bucket(APP))
    cluster.settle(TURNED)
    cluster.sooner(2 * HOUR)
    cluster.settle(TURNED)
    cluster.apps = (app(bindings=[MEDIA], runs=[entry("AK2")]),)
    cluster.settle(TURNED)
    plan, _ = cluster.apply(TURNED)
    assert only(cluster.users.values()) == ["AK2"]
    assert (plan.warnings, plan.recheck_after) == ((), None)


def test_a_restart_does_not_take_it_away() -> None:
    """Before the first look it is not known whether the store has it still: so it has."""
    cluster = Cluster(apps=(app(bindings=[MEDIA], runs=[entry("AK1")]),))
    cluster.settle(bucket(APP))
    cluster.settle(TURNED)
    cluster.sooner(2 * HOUR)
    cluster.settle(TURNED)
    cluster.crash()
    assert only(cluster.compile(TURNED).wish.identities).keep == {"AK1", "AK2"}
    cluster.settle(TURNED)
    assert only(cluster.users.values()) == ["AK1", "AK2"]


def test_a_key_that_is_gone_already_is_held_for_nobody() -> None:
    """Another consumer's keys overlap, so apps are looked at, and a new one has told nothing yet."""
    cluster = Cluster()
    cluster.settle(bucket(APP))
    cluster.settle(TURNED)
    cluster.sooner(2 * HOUR)
    cluster.settle(TURNED)
    both = bucket(access=[{"name": "app", "rotate": "1", "overlap": "1h"}, {"name": "batch", "rotate": "1"}])
    cluster.settle(both)
    cluster.status["access"][1]["previousKeyId"] = "AK3"
    cluster.apps = (app("new", bindings=[{**MEDIA, "access": "app"}]),)
    plan, _ = cluster.apply(both)
    assert plan.warnings == ()
    assert cluster.entry()["previousKeyId"] == ""


@pytest.mark.parametrize(("previous", "expected"), [("", ()), ("AK1", ("ContainerApp",))])
def test_apps_are_looked_for_only_while_two_keys_work(previous: str, expected: Any) -> None:
    """They are found by looking through the namespace, which is not for every pass."""
    cluster = Cluster(status={"access": [{"name": "app", "previousKeyId": previous}]})
    assert BUCKET.dependents(cluster.known(bucket(APP))) == expected
