"""The cache: events in any order and any number of times leave the newest state, once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pileus.cluster.store import Store, reference
from pileus.engine import labels
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
    assert store.remove(SERVICE, service(8)) is None
    live = store.owned("o", OWNER)[reference(SERVICE, service(1))]
    assert live["spec"]["text"] == "written"
    assert live["metadata"]["resourceVersion"] == "9"


def test_a_late_event_does_not_raise_the_dead() -> None:
    store = Store()
    store.put(SERVICE, service(5))
    assert store.remove(SERVICE, service(7)) == OWNER
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
    assert store.owned("o", OWNER)[reference(SERVICE, service(5))]["metadata"].get("managedFields") is None


EVENTS = st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.integers(1, 12)), max_size=20)


@given(EVENTS)
def test_indices_follow_the_entries(events: list[tuple[str, int]]) -> None:
    store = Store()
    for event, version in events:
        getattr(store, event)(SERVICE, service(version, owner=f"o{version % 3}"))
    owners = {
        f"o{n}": [ref for ref in store.owned(f"o{n}", ("", "", "")) if ref.kind == "Service"]
        for n in range(3)
    }
    assert sum(len(refs) for refs in owners.values()) == len(store)
