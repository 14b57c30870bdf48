"""The cache of custom resources: what deserves a pass, and what is forgotten."""

from __future__ import annotations

from typing import Any

from pileus.cluster.resources import Resources
from pileus.engine import labels
from pileus.engine.plan import ObjectRef
from pileus.kinds.containerapp import CONTAINER_APP

APPS = CONTAINER_APP.object_kind
KEY = ("ContainerApp", "ns", "app")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def app(version: int, *, uid: str = "u", status: str = "", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": APPS.api_version,
        "kind": APPS.kind,
        "metadata": {"name": "app", "namespace": "ns", "uid": uid, "resourceVersion": str(version)}
        | metadata,
        "spec": {"image": "i"},
        "status": {"text": status},
    }


def test_a_resource_belongs_to_itself_whatever_its_user_labels_it() -> None:
    cache = Resources()
    marks = {labels.KIND: "Bucket", labels.OWNER_NAME: "other"}
    assert cache.put(APPS, app(5, labels=marks, ownerReferences=[{"uid": "x", "controller": True}])) == KEY
    assert cache.known() == (KEY,)
    assert cache.has(KEY)
    assert not cache.has(("Bucket", "ns", "other"))


def test_what_is_news_and_what_is_not() -> None:
    cache = Resources()
    cache.put(APPS, app(5))
    assert cache.put(APPS, app(6)) is None, "only the version moved"
    assert cache.put(APPS, app(7, annotations={LAST_APPLIED: "{}"})) is None, "kubectl's copy of the spec"
    assert cache.put(APPS, app(8, managedFields=[{"manager": "x"}])) is None
    assert cache.put(APPS, app(9, annotations={labels.RECONCILE_AT: "now"})) == KEY
    assert cache.put(APPS, app(10, status="edited")) == KEY


def test_a_resource_made_anew_under_its_name_is_news_and_outlives_late_events_about_the_old_one() -> None:
    cache = Resources()
    cache.put(APPS, app(5, uid="old"))
    assert cache.put(APPS, app(9, uid="new")) == KEY
    assert cache.remove(APPS, cache.see(APPS, app(7, uid="old"))) is None
    live = cache.get(KEY)
    assert live is not None
    assert live["metadata"]["uid"] == "new"


def test_the_answer_to_a_status_write_does_not_raise_a_deleted_resource() -> None:
    cache, ref = Resources(), ObjectRef(APPS.id, "ns", "app")
    cache.put(APPS, app(5))
    cache.expect(ref)
    assert cache.remove(APPS, cache.see(APPS, app(8))) == KEY
    assert cache.settle(APPS, ref, app(7, status="written")) == set()
    assert cache.get(KEY) is None


def test_a_relist_drops_what_vanished_while_the_watch_was_cut() -> None:
    cache = Resources()
    cache.put(APPS, app(5))
    assert list(cache.replace(APPS, set(), 9)) == [KEY]
    assert not cache.has(KEY)
    assert cache.known() == ()
