"""Secrets are written with what nobody else knows, and are never read back.

That they are whole is told by who manages which field.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import orjson
import pytest

from pileus.cluster.client import PARTIAL
from pileus.cluster.resources import Resources
from pileus.cluster.sighting import intact, sealed, sighting
from pileus.cluster.store import Store
from pileus.cluster.writer import ClusterWriter
from pileus.engine import labels
from pileus.engine.apply import Applier, Outcome
from pileus.engine.conditions import Reason
from pileus.engine.plan import ObjectRef, Plan, Sealed
from pileus.engine.world import World
from pileus.kinds.bucket import BUCKET
from pileus.objects import metadata
from pileus.objects.catalog import SECRET
from tests.unit.bucket.buckets import UID, bucket

REF = ObjectRef(SECRET.id, "acme", "media-app")
OWNER = ("Bucket", "acme", "media")
TEXT = "kept by nobody"
CONTENT = base64.b64encode(TEXT.encode()).decode()


def manages(*fields: str, by: str = labels.MANAGER, how: str = "Apply", where: str = "f:data") -> Any:
    """One entry of managedFields."""
    return {"manager": by, "operation": how, "fieldsV1": {where: {f"f:{name}": {} for name in fields}}}


def secret(version: int, *entries: Any, **more: Any) -> dict[str, Any]:
    """A Secret as the API server has it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": REF.name,
            "namespace": REF.namespace,
            "uid": "s1",
            "resourceVersion": str(version),
            "labels": metadata.labels(bucket()),
            "ownerReferences": [metadata.owner_reference(bucket())],
            "managedFields": list(entries),
        },
        "data": {"A": CONTENT, "B": CONTENT},
        "type": "Opaque",
        **more,
    }


OURS = manages("A", "B")
INTACT: dict[str, tuple[list[Any], list[str]]] = {
    "ours only": ([OURS], ["A", "B"]),
    "in order": ([manages("B", "A")], ["A", "B"]),
    "the map itself is no field": (
        [{**OURS, "fieldsV1": {"f:data": {".": {}, "f:A": {}, "f:B": {}}}}],
        ["A", "B"],
    ),
    "somebody edited one": ([manages("B"), manages("A", by="kubectl-edit", how="Update")], ["B"]),
    "somebody applied one over ours": ([manages("B"), manages("A", by="argocd")], ["B"]),
    "somebody applied the same beside us: it may be another by now": (
        [OURS, manages("A", by="argocd")],
        ["B"],
    ),
    "somebody says that he is us": ([OURS, manages("A", how="Update")], ["B"]),
    "one was taken out": ([manages("B")], ["B"]),
    "all were taken out": ([{**OURS, "fieldsV1": {"f:metadata": {}}}], []),
    "somebody put one more in": ([OURS, manages("C", by="x", how="Update")], ["A", "B"]),
    "labels of others": ([OURS, manages("team", by="x", where="f:metadata")], ["A", "B"]),
    "made by somebody else": ([manages("A", "B", by="helm", how="Update")], []),
    "nobody manages anything": ([], []),
    "an entry without fields": ([OURS, {"manager": "x", "operation": "Update"}], ["A", "B"]),
}


@pytest.mark.parametrize("row", INTACT)
def test_what_is_ours_and_untouched(row: str) -> None:
    entries, expected = INTACT[row]
    body = secret(5, *entries)
    as_text = msgspec.Raw(orjson.dumps(body))
    assert intact(sighting(SECRET, body)) == expected
    assert intact(sighting(SECRET, as_text)) == expected, "as a watch sends it"
    assert sealed(SECRET, body)["sealed"] == expected, "as a write answers it"


def test_without_managed_fields_nothing_is_ours() -> None:
    body = secret(5)
    del body["metadata"]["managedFields"]
    assert intact(sighting(SECRET, body)) == []
    assert intact(sighting(SECRET, msgspec.Raw(orjson.dumps(body)))) == []


FORMS = {
    "as text": lambda body: msgspec.Raw(orjson.dumps(body)),
    "as unusual text": lambda body: msgspec.Raw(json.dumps(body, indent=1).encode()),
    "parsed": lambda body: body,
    "an item of a list": lambda body: {k: v for k, v in body.items() if k not in ("apiVersion", "kind")},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_cache_never_holds_what_is_in_it(form: str) -> None:
    """Whoever sent it: what was asked for is metadata, and that alone is kept."""
    store = Store()
    body = secret(5, OURS, stringData={"A": TEXT}, immutable=False)
    assert store.put(SECRET, FORMS[form](body)) == OWNER
    (live,) = store.owned(UID, OWNER).values()
    assert live.keys() == {"apiVersion", "kind", "metadata", "sealed"}
    assert (live["kind"], live["sealed"]) == ("Secret", ["A", "B"])
    assert CONTENT not in json.dumps(live)
    assert TEXT not in json.dumps(live)
    assert "managedFields" not in live["metadata"]


def test_other_kinds_are_kept_whole() -> None:
    store = Store()
    store.put(BUCKET.object_kind, {"metadata": {"name": "a", "resourceVersion": "1"}, "data": {"A": "x"}})
    (live,) = store.all(BUCKET.object_kind.id)
    assert live["data"] == {"A": "x"}


def test_who_touches_it_is_news_and_what_it_holds_is_not() -> None:
    store = Store()
    store.put(SECRET, secret(5, OURS))
    assert store.put(SECRET, secret(6, OURS, data={"A": "x", "B": "y"})) is None, "a new key of ours"
    edited = secret(7, manages("B"), manages("A", by="kubectl-edit", how="Update"))
    assert store.put(SECRET, edited) == OWNER
    assert store.put(SECRET, secret(8, OURS)) == OWNER, "put back"


class Server:
    """Answers each write with what it made of it: by its metadata, as it was asked to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def request(self, verb: str, url: str, **how: Any) -> dict[str, Any]:
        self.asked.append({"url": url, **how})
        given = how["body"]
        fields = manages(*given.get("data", ()))
        marks = {**given["metadata"], "uid": "s1", "resourceVersion": str(10 + len(self.asked))}
        return {"kind": "PartialObjectMetadata", "metadata": {**marks, "managedFields": [fields]}}


class Vault:
    """Knows the secrets of some keys."""

    def __init__(self, **known: str):
        self._known = known

    def unseal(self, key: tuple[str, str, str], sealed: str) -> str | None:
        assert key == OWNER
        return self._known.get(sealed)


class Silent:
    """A recorder of nothing."""

    def drift(self, kind: str) -> None: ...

    def pruned(self, kind: str) -> None: ...


PLAN = Plan(
    objects=(
        metadata.child(
            bucket(),
            api_version="v1",
            kind="Secret",
            name=REF.name,
            annotations={"pileus.dev/key": "AK1"},
            body={},
        ),
    ),
    sealed={REF: Sealed({"A": "AK1"}, "B", "AK1")},
)


async def applied(server: Server, store: Store, vault: Vault) -> Outcome:
    writer = ClusterWriter(
        server,  # type: ignore[arg-type]
        store,
        Resources(),
        leading=lambda: True,
        news=lambda key: None,
        identity="test",
    )
    applier = Applier(BUCKET, writer, Silent(), vault)  # type: ignore[arg-type]
    return await applier.apply(bucket(), PLAN, World(children=store.owned(UID, OWNER)))


async def test_it_is_written_with_its_secret_and_read_without() -> None:
    server, store = Server(), Store()
    outcome = await applied(server, store, Vault(AK1=TEXT))
    (asked,) = server.asked
    assert asked["body"]["data"] == {"A": base64.b64encode(b"AK1").decode(), "B": CONTENT}
    assert asked["accept"] == PARTIAL, "the answer does not bring it back"
    assert outcome.finding is None
    for seen in (outcome.live[REF], store.owned(UID, OWNER)[REF]):
        assert seen["sealed"] == ["A", "B"]
        assert CONTENT not in json.dumps(seen)


async def test_written_once_it_is_written() -> None:
    """Though its secret is not known any more: by all that may be seen it is as it should be."""
    server, store = Server(), Store()
    await applied(server, store, Vault(AK1=TEXT))
    outcome = await applied(server, store, Vault())
    assert (len(server.asked), outcome.writes, outcome.finding) == (1, 0, None)


async def test_without_its_secret_it_is_not_written() -> None:
    """Rather late than with something that does not work."""
    server, store = Server(), Store()
    outcome = await applied(server, store, Vault(AK2=TEXT))
    assert server.asked == []
    assert outcome.finding is not None
    assert (outcome.finding.reason, outcome.finding.stalled) == (Reason.PROGRESSING, False)
    assert outcome.finding.message == "Secret 'media-app' waits for a new key."
    assert outcome.after == 0.0, "the driver's news brings the next pass"
