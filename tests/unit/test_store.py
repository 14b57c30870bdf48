"""The cache: events in any order and any number of times leave the newest state, once."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.cluster.store import Store
from pileus.engine import labels
from pileus.engine.plan import ObjectRef
from pileus.objects import catalog

SERVICE = catalog.SERVICE
OWNER = ("ContainerApp", "ns", "app")


def service(version: int, *, uid: str = "u", text: str = "", owner: str = "o") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "app",
            "namespace": "ns",
            "uid": uid,
            "resourceVersion": str(version),
            "labels": {labels.KIND: "ContainerApp", labels.OWNER_NAME: "app"},
            "ownerReferences": [{"uid": owner, "controller": True}],
            "managedFields": [{"manager": "x" * 1000}],
        },
        "spec": {"text": text},
    }


def test_news_names_the_resource_and_an_echo_is_no_news() -> None:
    store = Store()
    assert store.put(SERVICE, service(5)) == OWNER
    assert store.put(SERVICE, service(5)) is None
    assert store.put(SERVICE, service(6)) is None, "only the version moved: nothing that anybody reads"
    assert store.put(SERVICE, service(7, text="new")) == OWNER


def test_a_late_event_does_not_undo_an_own_write() -> None:
    store = Store()
    store.put(SERVICE, service(9, text="written"))
    assert store.put(SERVICE, service(8, text="older")) is None
    assert store.remove(SERVICE, store.see(SERVICE, service(8))) is None
    live = store.owned("o", OWNER)[ObjectRef(SERVICE.id, "ns", "app")]
    assert live["spec"]["text"] == "written"
    assert live["metadata"]["resourceVersion"] == "9"


def test_a_late_event_does_not_raise_the_dead() -> None:
    store = Store()
    store.put(SERVICE, service(5))
    assert store.remove(SERVICE, store.see(SERVICE, service(7))) == OWNER
    assert store.put(SERVICE, service(6)) is None
    assert store.put(SERVICE, service(8, uid="another")) == OWNER


def test_a_relist_drops_what_is_gone_but_not_what_was_written_since() -> None:
    store = Store()
    store.put(SERVICE, service(5))
    assert list(store.replace(SERVICE, set(), 4)) == []
    assert list(store.replace(SERVICE, set(), 5)) == [OWNER]
    assert len(store) == 0


def test_what_is_owned_is_found_by_uid_and_kept_data_by_labels() -> None:
    store = Store()
    store.put(SERVICE, service(5))
    kept = service(6, uid="k")
    kept["metadata"] |= {"name": "data", "ownerReferences": []}
    store.put(catalog.PERSISTENT_VOLUME_CLAIM, kept)
    assert [ref.name for ref in store.owned("o", OWNER)] == ["data", "app"]
    assert [ref.name for ref in store.owned("other", OWNER)] == ["data"]
    assert (
        store.owned("o", OWNER)[ObjectRef(SERVICE.id, "ns", "app")]["metadata"].get("managedFields") is None
    )


EVENTS = st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.integers(1, 12)), max_size=20)


@given(EVENTS)
def test_indices_follow_the_entries(events: list[tuple[str, int]]) -> None:
    store = Store()
    for event, version in events:
        change = store.take if event == "put" else store.remove
        change(SERVICE, store.see(SERVICE, service(version, owner=f"o{version % 3}")))
    owners = {
        f"o{n}": [ref for ref in store.owned(f"o{n}", ("", "", "")) if ref.kind == "Service"]
        for n in range(3)
    }
    assert sum(len(refs) for refs in owners.values()) == len(store)


def test_an_event_that_overtakes_the_answer_to_its_own_write_is_no_news() -> None:
    store, ref = Store(), ObjectRef(SERVICE.id, "ns", "app")
    store.put(SERVICE, service(5))
    store.expect(ref)
    assert store.put(SERVICE, service(6, text="written")) is None
    assert store.settle(SERVICE, ref, service(6, text="written")) == set()
    assert store.put(SERVICE, service(7, text="by somebody else")) == OWNER, "afterwards all is as before"


def test_what_somebody_else_did_during_an_own_write_is_news() -> None:
    store, ref = Store(), ObjectRef(SERVICE.id, "ns", "app")
    store.put(SERVICE, service(5))
    store.expect(ref)
    store.put(SERVICE, service(6, text="by somebody else"))
    store.put(SERVICE, service(7, text="written"))
    assert store.settle(SERVICE, ref, service(7, text="written")) == {OWNER}


def test_what_came_during_a_write_without_an_answer_is_news() -> None:
    store, ref = Store(), ObjectRef(SERVICE.id, "ns", "app")
    store.expect(ref)
    store.put(SERVICE, service(6, text="written, or not"))
    assert store.settle(SERVICE, ref, None) == {OWNER}


def test_a_deletion_during_an_own_write_is_news_at_once() -> None:
    store, ref = Store(), ObjectRef(SERVICE.id, "ns", "app")
    store.put(SERVICE, service(5))
    store.expect(ref)
    assert store.remove(SERVICE, store.see(SERVICE, service(7))) == OWNER


def test_an_object_reads_the_same_whether_it_came_as_text_or_parsed() -> None:
    text, both = Store(), Store()
    text.put(SERVICE, msgspec.Raw(orjson.dumps(service(5, text="ä"))))
    both.put(SERVICE, service(4, text="ä"))
    assert both.put(SERVICE, msgspec.Raw(orjson.dumps(service(5, text="ä")))) is None
    assert text.owned("o", OWNER) == both.owned("o", OWNER)


def test_objects_unlike_the_first_of_their_kind_come_back_whole() -> None:
    store = Store()
    for number, text in enumerate(["", "x" * 100_000, "äöü", "{}"], start=1):
        store.put(SERVICE, service(number, text=text))
        [live] = store.owned("o", OWNER).values()
        assert live["spec"]["text"] == text


def test_a_kind_that_is_not_served_any_more_leaves_nothing_behind() -> None:
    store = Store()
    store.put(SERVICE, service(5))
    assert list(store.clear(SERVICE)) == [OWNER]
    assert len(store) == 0
    assert store.put(SERVICE, service(1)) == OWNER, "it may come back from another cluster's past"


MANAGED = [{"manager": "m", "fieldsV1": {"f:x": {}}}]
PLACES = {
    "last, as in built-in kinds": {"name": "app", "resourceVersion": "5", "managedFields": MANAGED},
    "first": {"managedFields": MANAGED, "name": "app", "resourceVersion": "5"},
    "in between, as in custom resources": {"name": "app", "managedFields": MANAGED, "resourceVersion": "5"},
    "not there": {"name": "app", "resourceVersion": "5"},
    "empty": {"name": "app", "managedFields": [], "resourceVersion": "5"},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("spaced", [False, True], ids=["as the API server writes", "in unusual text"])
def test_managed_fields_are_cut_and_nothing_else(place: str, spaced: bool) -> None:
    quoted = json.dumps({"managedFields": MANAGED})  # somebody's text that looks like it
    body = {"metadata": PLACES[place], "spec": {"text": quoted}}
    text = json.dumps(body, separators=(", ", ": ") if spaced else (",", ":"))
    store = Store()
    store.put(SERVICE, msgspec.Raw(text.encode()))
    assert store.all(SERVICE.id) == (
        {"metadata": {"name": "app", "resourceVersion": "5"}, "spec": {"text": quoted}},
    )


def test_an_owner_in_another_namespace_owns_nothing() -> None:
    store = Store()
    theirs = service(5, owner="o")
    theirs["metadata"] |= {"namespace": "elsewhere", "labels": {labels.MANAGED_BY: labels.MANAGER}}
    store.put(SERVICE, theirs)

    assert store.owned("o", OWNER) == {}
