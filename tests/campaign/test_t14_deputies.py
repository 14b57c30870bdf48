"""T14: a tenant makes the operator his deputy: names, labels and owners that point into another namespace.

The operator may read and write in both namespaces, the tenant in his own only. Whatever he writes is
refused or means nothing: the proxy sees no request for the other namespace, and nothing there changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from pileus.engine import labels
from pileus.engine.plan import Manifest, ObjectKind
from tests.campaign.conftest import Points
from tests.campaign.ground import QUIET, ROLE_BINDINGS, Ground, Snapshot, message, ready
from tests.campaign.masks import differences
from tests.campaign.subject import Deputy, Spec
from tests.campaign.users import Tenant

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONLY = "only-there"
"""Name of objects of the victim's that nobody else has."""
FORMS = (
    "{victim}/{only}",
    "../{victim}/{only}",
    "..%2f{victim}%2f{only}",
    "{only}.{victim}",
    "{only}.{victim}.svc.cluster.local",
    "{only}",
)
TAKEN = ("NameTaken", "Progressing")
"""What an app says whose objects' names are taken; Progressing if they are being deleted already."""
SECRETS = ObjectKind("", "v1", "Secret", "secrets")
CONFIG_MAPS = ObjectKind("", "v1", "ConfigMap", "configmaps")


@dataclass
class Bulkhead:
    """Two namespaces: the victim's, at rest, and the tenant's own."""

    ground: Ground
    tenant: Tenant
    victim: str
    own: str
    before: Snapshot = field(default_factory=dict)
    since: int = 0

    async def look(self) -> Snapshot:
        """All that the victim has, with what its Secrets and ConfigMaps hold."""
        found = await self.ground.snapshot(self.victim)
        for kind in (SECRETS, CONFIG_MAPS):
            for item in await self.ground.list(kind, self.victim):
                found[f"{kind.kind} {item['metadata']['name']}"] = item
        return found

    async def holds(self) -> str:
        """What came through to the victim's side; empty if nothing did."""
        await self.ground.settled(self.own)
        await asyncio.sleep(QUIET)
        calls = self.ground.proxy.calls[self.since :]
        over = [str(call) for call in calls if call.target.namespace == self.victim]
        over += [str(call) for call in calls if self.victim in _namespaces(call.body)]
        over += [str(call) for call in calls if any(self.victim in text for text in call.query.values())]
        changed = "" if await self.look() == self.before else "what the victim has was changed"
        return "; ".join(over) or changed


@pytest_asyncio.fixture(loop_scope="session")
async def bulkhead(ground: Ground) -> AsyncIterator[Bulkhead]:
    """The two namespaces of a test."""
    async with between(ground) as found:
        yield found


@contextlib.asynccontextmanager
async def between(ground: Ground) -> AsyncIterator[Bulkhead]:
    victim, own = await ground.namespaces("bulkhead", 2)
    for kind in (SECRETS, CONFIG_MAPS):
        await ground.create(kind, victim, {"metadata": {"name": ONLY}})
    await ground.finished(victim, ground.subject.everything[0])
    async with Tenant(ground.endpoint, "mallory") as tenant:
        await ground.create(ROLE_BINDINGS, own, tenant.may_edit())
        made = Bulkhead(ground, tenant, victim, own)
        made.before = await made.look()
        made.since = len(ground.proxy.calls)
        yield made
    await ground.drop(victim, own)


@pytest.mark.needs("namespaced")
async def test_t14_the_tenant_alone_is_refused(bulkhead: Bulkhead, points: Points) -> None:
    """The rest would prove nothing about somebody who may do it by himself."""
    tenant, target = bulkhead.tenant, bulkhead.ground.subject.target
    app = bulkhead.ground.subject.manifest("mine", bulkhead.ground.subject.base, bulkhead.own)
    tries: tuple[tuple[str, ObjectKind, str, Manifest | None], ...] = (
        ("GET", SECRETS, ONLY, None),
        ("GET", CONFIG_MAPS, ONLY, None),
        ("GET", target, "app", None),
        ("POST", target, "", app),
        ("DELETE", target, "app", None),
        *(("GET", kind, "app", None) for kind in bulkhead.ground.subject.owned),
    )
    for method, kind, name, body in tries:
        answer = await tenant.tries(method, kind, bulkhead.victim, name, body)
        refused = answer is not None and answer.status == 403
        points.check(f"{method} {kind.plural}", "" if refused else answer or "allowed")
    points.check("creates his own", await tenant.tries("POST", target, bulkhead.own, body=app))


@pytest.mark.needs("namespaced")
async def test_t14_names_of_another_namespace(bulkhead: Bulkhead, points: Points) -> None:
    rows = [(row, form) for row in bulkhead.ground.subject.deputies for form in FORMS]
    told = await asyncio.gather(*(_named(bulkhead, f"app-{number}", *row) for number, row in enumerate(rows)))
    over = await bulkhead.holds()
    for (row, form), problem in zip(rows, told, strict=True):
        points.check(f"{row.field}: {form}", problem or over)


async def _named(bulkhead: Bulkhead, name: str, row: Deputy, form: str) -> str:
    there = form.format(victim=bulkhead.victim, only=ONLY)
    spec: Spec = json.loads(json.dumps(row.spec).replace("{name}", there))
    body = bulkhead.ground.subject.manifest(name, spec, bulkhead.own)
    target = bulkhead.ground.subject.target
    refused = await bulkhead.tenant.tries("POST", target, bulkhead.own, body=body)
    if refused is not None:
        return (
            "" if refused.status == 422 and f"spec.{_first(row.field)}" in refused.message else str(refused)
        )
    ground = bulkhead.ground
    try:
        live = await ground.until(
            lambda live: ready(live) == row.told, bulkhead.own, f"says {row.told}", name=name
        )
        if ground.subject.restless:  # its engine's word comes later
            await ground.settled(bulkhead.own)
            live = await ground.get(target, bulkhead.own, name)
    except AssertionError as error:
        return str(error)
    return "" if row.told == "Ready" or there in message(live) else f"not named: {message(live)}"


@pytest.mark.needs("namespaced")
async def test_t14_metadata_that_points_elsewhere(bulkhead: Bulkhead, points: Points) -> None:
    """Labels, annotations and owners of his own resource, which are input too."""
    ground, subject = bulkhead.ground, bulkhead.ground.subject
    victims = await ground.get(subject.target, bulkhead.victim)
    assert victims is not None
    owner = {key: victims[key] for key in ("apiVersion", "kind")}
    owner |= {"name": "app", "uid": victims["metadata"]["uid"], "controller": True}
    marks = {labels.MANAGED_BY: labels.MANAGER, labels.KIND: subject.kind.name, labels.OWNER_NAME: "app"}
    elsewhere = {"pileus.dev/namespace": bulkhead.victim, "pileus.dev/owner": f"{bulkhead.victim}/app"}
    cases: dict[str, Manifest] = {
        "labels": {"labels": marks},
        "annotations": {"annotations": {**marks, **elsewhere, labels.APPLIED: "0"}},
        "an owner over there": {"ownerReferences": [owner]},
    }
    for number, (name, metadata) in enumerate(cases.items()):
        manifest = subject.manifest(f"marked-{number}", subject.base, bulkhead.own)
        manifest["metadata"] |= metadata
        answer = await bulkhead.tenant.tries("POST", subject.target, bulkhead.own, body=manifest)
        points.check(name, answer or await bulkhead.holds())
    for place, expected in ((bulkhead.own, 400), (bulkhead.victim, 403)):
        manifest = subject.manifest("over-there", subject.base, bulkhead.own)
        manifest["metadata"]["namespace"] = bulkhead.victim
        answer = await bulkhead.tenant.tries("POST", subject.target, place, body=manifest)
        status = 0 if answer is None else answer.status
        points.check(
            f"a resource with another namespace in it, {expected}", "" if status == expected else answer
        )


@pytest.mark.needs("namespaced")
async def test_t14_objects_that_claim_to_be_the_victims(bulkhead: Bulkhead, points: Points) -> None:
    """Copies of the victim's children in the tenant's namespace, with all their labels and owners.

    A finalizer keeps them when garbage collection finds out, so that the operator does see them.
    """
    ground, target = bulkhead.ground, bulkhead.ground.subject.target
    copies = await _copied(bulkhead)
    points.check("the copies can be made at all", "" if copies else "the victim has none")
    points.check("copies of children", await bulkhead.holds())
    asked = {"metadata": {"annotations": {labels.RECONCILE_AT: "1"}}}
    await ground.patch(target, bulkhead.victim, "app", asked)
    await asyncio.sleep(2 * QUIET)  # it was at rest before, too
    await ground.settled(bulkhead.victim)
    done = ground.proxy.writes(bulkhead.own, since=bulkhead.since)
    points.check("nothing is written there in the victim's name", [str(call) for call in done])
    name = f"{target.kind} app"
    before, after = (found[name]["status"] for found in (bulkhead.before, await bulkhead.look()))
    points.check("the victim is told nothing of them", differences(before, after))
    await ground.apply(bulkhead.own, ground.subject.everything[0])
    not_yet = {"", *ground.subject.pending}
    live = await ground.until(
        lambda live: ready(live) not in not_yet, bulkhead.own, "the tenant's own app meets them"
    )
    points.check("nor are they taken for the tenant's", "" if ready(live) in TAKEN else message(live))
    for kind, copy in copies:
        await ground.patch(kind, bulkhead.own, copy, {"metadata": {"finalizers": None}})


async def _copied(bulkhead: Bulkhead) -> list[tuple[ObjectKind, str]]:
    made: list[tuple[ObjectKind, str]] = []
    for kind in bulkhead.ground.subject.owned:
        for live in await bulkhead.ground.list(kind, bulkhead.victim):
            metadata = live["metadata"]
            if "ownerReferences" not in metadata:
                continue
            kept = {key: metadata[key] for key in ("name", "labels", "ownerReferences")}
            kept["finalizers"] = ["example.dev/stay"]
            spec = {
                key: value for key, value in live.get("spec", {}).items() if not key.startswith("clusterIP")
            }
            body = {**kind.type_meta, "metadata": kept, **({"spec": spec} if spec else {})}
            if await bulkhead.tenant.tries("POST", kind, bulkhead.own, body=body) is not None:
                await bulkhead.ground.create(kind, bulkhead.own, body)  # somebody else's mistake, then
            made.append((kind, metadata["name"]))
    return made


def _first(path: str) -> str:
    return path.split(".")[0].rstrip("[]{}")


def _namespaces(body: Any) -> Iterator[str]:
    """What stands in a request as a namespace."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key == "namespace" and isinstance(value, str):
                yield value
            yield from _namespaces(value)
    elif isinstance(body, list):
        for item in body:
            yield from _namespaces(item)
