"""T15: canaries in every Secret and ConfigMap that specs name, and in the operator's own credential.

None may turn up in the log, in Events, in any object but those that were seeded, in metrics, or in a
request of the operator's; neither as it is nor in base64. Three lives: everything goes well, the
operator may not read, and the API server answers with errors that quote what it holds.

The keys that Pileus makes on object stores are canaries, too, and so are those by which it makes them. They
may be in the Secrets of their consumers, and in the requests that write these.

Errors that quote: what the API server says of an object that Pileus sent (400, 403, 422) is the user's
remedy and is passed on; it knows that object only. What it says of its own trouble, or in answer to a
read, is nobody's remedy and may hold anything: of that only the status code is passed on.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest
from aiohttp import web

from pileus.cluster.client import Client
from pileus.engine.plan import Manifest, ObjectKind
from tests.campaign.calls import Call
from tests.campaign.conftest import Points
from tests.campaign.faults import Forward, Rule, refused
from tests.campaign.ground import SYSTEM, Ground, ready
from tests.campaign.storecalls import STORE
from tests.campaign.subject import Spec

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONTENT = frozenset({"secrets", "configmaps"})
WRITES = frozenset({"patch", "create"})
Quoting = dict[str, tuple[str, frozenset[str], int]]
QUOTING: Quoting = {
    "lists of what is named, 500": ("content", frozenset({"list"}), 500),
    "lists of what is named, 403": ("content", frozenset({"list"}), 403),
    "reads of what is named, 500": ("content", frozenset({"get"}), 500),
    "reads of what is named, 403": ("content", frozenset({"get"}), 403),
    "writes, 500": ("others", WRITES, 500),
    "writes, 429": ("others", WRITES, 429),
    "writes, 409": ("others", WRITES, 409),
}
"""Which calls are answered so: for which resources, with which verbs, by which status."""
STORES: Quoting = {
    f"{kind} of a store, {status}": ("store", verbs, status)
    for kind, verbs in (("reads", frozenset({"get"})), ("writes", frozenset({"update", "delete"})))
    for status in (500, 403, 400)
}
"""The same, for kinds that are something on object stores."""
SECRET_KEY = "AWS_SECRET_ACCESS_KEY"
HELD = 4.0
"""Seconds for which an answer is an error: long enough to be told of."""


async def test_t15_no_secret_is_seen(ground: Ground, points: Points, full: bool) -> None:
    subject = ground.subject
    quoting = QUOTING if subject.around else _written_ones(QUOTING)
    quoting = {**(STORES if ground.stores else {}), **quoting}
    lives = subject.secretive if full else subject.secretive[:1]
    told = ("all goes well", "the operator may not read", *(f"errors that quote, {name}" for name in quoting))
    lived = await asyncio.gather(
        _life(ground, lives, granted=True),
        _life(ground, lives, granted=False),
        *(_quoted(ground, *answered, lives[0]) for answered in quoting.values()),
    )
    spaces = dict(zip(told, lived, strict=True))
    made = _made(ground)
    assert made or not (ground.stores and subject.owned), "no key was made"
    hidden = _forms((*_known(ground), *made))
    for place, text in await _everything(ground, spaces):
        found = [canary for canary, form in hidden if form in text]
        points.check(place, found)
    await ground.drop(*lived)


def _written_ones(quoting: Quoting) -> Quoting:
    """Those of writes, for kinds whose specs name nothing that is read."""
    return {name: row for name, row in quoting.items() if row[0] == "others"}


def _known(ground: Ground) -> tuple[str, ...]:
    """What nobody may see, as it is known before: canaries, and the operator's own credentials."""
    roots = (store.store.secret_key for store in ground.stores)
    return (*ground.subject.canaries, ground._token, *roots)


def _made(ground: Ground) -> set[str]:
    """The secrets that were made on object stores, by the requests that wrote them."""
    found: set[str] = set()
    for call in ground.proxy.calls:
        if call.target.resource == "secrets" and call.changes and isinstance(call.body, dict):
            data = call.body.get("data") or {}
            found |= {base64.b64decode(data[key]).decode() for key in data if key == SECRET_KEY}
            found |= {(call.body.get("stringData") or {}).get(SECRET_KEY, "")}
    return found - {""}


async def _life(ground: Ground, specs: tuple[Spec, ...], *, granted: bool) -> str:
    """Each spec in turn, changed content, missing content, and the end."""
    space = await ground.namespace("secret", granted=granted)
    for spec in specs:
        await ground.apply(space, spec)
        await ground.until(lambda live: ready(live) == "Ready", space, "Ready")
        await ground.settled(space)
    for manifest in ground.subject.around:
        kind = _content(manifest)
        await ground.delete(kind, space, manifest["metadata"]["name"])
    await ground.settled(space)
    for manifest in ground.subject.around:
        await ground.apply_foreign(space, manifest)
    await ground.until(lambda live: ready(live) == "Ready", space, "Ready again")
    await ground.settled(space)
    return space


async def _quoted(ground: Ground, which: str, verbs: frozenset[str], status: int, spec: Spec) -> str:
    """One life while the API server, or a store, answers with errors that quote every canary."""
    space = await ground.namespace("quoted")
    said = f"internal: {' '.join(_known(ground))}"

    def match(call: Call) -> bool:
        return call.target.namespace == space and _kind(call) == which and call.verb in verbs

    async def act(call: Call, forward: Forward) -> web.Response:
        return refused(call, status, retry_after=1 if status == 429 else 0, message=said)

    rule = Rule(match, act, times=None)
    ground.proxy.rules.append(rule)
    await ground.apply(space, spec)
    await asyncio.sleep(HELD)
    ground.proxy.rules.remove(rule)
    assert rule.taken, "nothing was answered with an error"
    return space


def _kind(call: Call) -> str:
    """What a call is about, as the tables have it."""
    if call.target.group == STORE:
        return "store"
    if call.target.resource in CONTENT and not _of_consumer(call):
        return "content"
    return "" if call.target.resource == "events" else "others"


def _of_consumer(call: Call) -> bool:
    """Whether a request is for a Secret that Pileus writes."""
    return call.target.resource == "secrets" and call.changes


async def _everything(ground: Ground, spaces: dict[str, str]) -> list[tuple[str, str]]:
    """Every place where a secret might turn up, with its text."""
    places = [("the log", ground.log()), ("metrics", await asyncio.to_thread(ground.operator.page))]
    kinds = await _kinds(ground.client)
    seeded = {(item["kind"], item["metadata"]["name"]) for item in ground.subject.around}
    for life, space in spaces.items():
        for kind in kinds:
            items = [
                item
                for item in await ground.list(kind, space)
                if (kind.kind, item["metadata"]["name"]) not in seeded and not _consumer(item)
            ]
            if items:
                places.append((f"{life}: {kind.plural}", orjson.dumps(items).decode()))
        sent = [
            call for call in ground.proxy.calls if call.target.namespace == space and not _of_consumer(call)
        ]
        text = orjson.dumps([[call.body, call.query, str(call)] for call in sent], default=dict).decode()
        places.append((f"{life}: {len(sent)} requests", text))
    own = [call for call in ground.proxy.calls if call.target.namespace in ("", SYSTEM)]
    text = orjson.dumps([[call.body, call.query, str(call)] for call in own], default=dict).decode()
    return [*places, ("requests of the operator's own", text)]


def _consumer(item: Manifest) -> bool:
    """Whether an object is a Secret that Pileus wrote, and for a consumer."""
    return item["kind"] == "Secret" and "pileus.dev/key" in (item["metadata"].get("annotations") or {})


@dataclass(frozen=True)
class _Group:
    prefix: str
    group: str
    version: str


async def _kinds(client: Client) -> list[ObjectKind]:
    """Every kind with a namespace that the API server serves and lists."""
    groups = [_Group("/api/v1", "", "v1")]
    for group in (await client.request("get", "/apis"))["groups"]:
        version = group["preferredVersion"]["version"]
        groups.append(_Group(f"/apis/{group['name']}/{version}", group["name"], version))
    found: list[ObjectKind] = []
    for group in groups:
        for entry in (await client.request("get", group.prefix))["resources"]:
            if entry["namespaced"] and "list" in (entry["verbs"] or ()) and "/" not in entry["name"]:
                found.append(ObjectKind(group.group, group.version, entry["kind"], entry["name"]))
    return found


def _content(manifest: Manifest) -> ObjectKind:
    kind = manifest["kind"]
    return ObjectKind("", "v1", kind, f"{kind.lower()}s")


def _forms(canaries: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(canary[:20], form) for canary in canaries for form in _written(canary)]


def _written(canary: str) -> Iterator[str]:
    """As it is, and as base64 writes it at each of its three offsets, without the uncertain ends."""
    yield canary
    for offset in range(3):
        yield base64.b64encode(b"x" * offset + canary.encode()).decode()[4:-4]
