"""The choke point of writes: what others did while a write was under way wakes the resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pileus.cluster.resources import Resources
from pileus.cluster.store import Store
from pileus.cluster.writer import ClusterWriter
from pileus.engine.ports import ApiError
from pileus.engine.world import Resource
from pileus.kinds.containerapp import CONTAINER_APP
from tests.unit.test_resources import APPS, KEY, LAST_APPLIED, app

WRITTEN = {"status": "written"}


class Server:
    """Answers each write; `meanwhile` happens before the answer arrives."""

    def __init__(self, answer: dict[str, Any], meanwhile: Callable[[], object]):
        self._answer, self._meanwhile = answer, meanwhile

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
        self._meanwhile()
        return self._answer


ROWS: dict[str, tuple[dict[str, Any], dict[str, Any] | None, bool]] = {
    "nothing else happened": (app(6, generation=1, **WRITTEN), None, False),
    "the echo was first": (app(6, generation=1, **WRITTEN), app(6, generation=1, **WRITTEN), False),
    "kubectl noted what it applied": (
        app(6, generation=1, annotations={LAST_APPLIED: "{}"}, **WRITTEN),
        None,
        False,
    ),
    "an edit whose event came in time": (app(7, generation=2, **WRITTEN), app(6, generation=2), True),
    "an edit whose event is still to come": (app(7, generation=2, **WRITTEN), None, True),
    "an annotation whose event is still to come": (
        app(7, generation=1, annotations={"pileus.dev/reconcile-at": "now"}, **WRITTEN),
        None,
        True,
    ),
    "a deletion whose event is still to come": (
        app(7, generation=1, deletionTimestamp="2026-01-01T00:00:00Z", **WRITTEN),
        None,
        True,
    ),
}


@pytest.mark.parametrize("row", ROWS)
async def test_a_status_write_wakes_the_resource_only_if_it_was_changed_meanwhile(row: str) -> None:
    answer, event, woken = ROWS[row]
    resources, news = Resources(), list[Any]()
    resources.put(APPS, app(5, generation=1))

    def meanwhile() -> None:
        if event is not None and (key := resources.put(APPS, event)) is not None:
            news.append(key)

    writer = ClusterWriter(
        Server(answer, meanwhile),  # type: ignore[arg-type]
        Store(),
        resources,
        leading=lambda: True,
        news=news.append,
        identity="test",
    )
    seen = Resource("ContainerApp", APPS.api_version, "ns", "app", "u", 1, None)
    await writer.status(CONTAINER_APP, seen, {"text": "written"})
    assert (KEY in news) == woken
    assert resources.put(APPS, answer) is None, "its echo is no news"


@pytest.mark.parametrize(
    ("status", "text", "lost"),
    [
        (404, "not found", True),
        (409, "uid mismatch: the provided object specified uid u, and no existing object was found", True),
        (409, "Precondition failed: UID in precondition: u, UID in object meta: v", True),
        (422, "metadata.uid: Invalid value: field is immutable", True),
        (409, 'Operation cannot be fulfilled on "fluid": the object has been modified', False),
        (500, "uid mismatch", False),
    ],
)
async def test_a_resource_that_turns_out_to_be_gone_leaves_the_cache(
    status: int, text: str, lost: bool
) -> None:
    resources = Resources()
    resources.put(APPS, app(5, generation=1))

    def refuse() -> None:
        raise ApiError(status, "", text)

    writer = ClusterWriter(
        Server({}, refuse),  # type: ignore[arg-type]
        Store(),
        resources,
        leading=lambda: True,
        news=lambda key: None,
        identity="test",
    )
    uid = app(5, generation=1)["metadata"]["uid"]
    seen = Resource("ContainerApp", APPS.api_version, "ns", "app", uid, 1, None)
    with pytest.raises(ApiError):
        await writer.status(CONTAINER_APP, seen, {})

    assert resources.has(KEY) != lost
    assert (resources.put(APPS, app(9, generation=1)) == KEY) == lost, "made anew, it is news"
