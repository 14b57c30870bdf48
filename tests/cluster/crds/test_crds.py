"""The committed CRDs on a real API server: accepted, their rules enforced and worded, their defaults seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from pileus.cli.crds import definition
from pileus.cluster.client import Client, path
from pileus.cluster.credentials import Endpoint
from pileus.crds.fields import fields
from pileus.engine.kind import Kind
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.kinds import KINDS
from pileus.local.kubectl import Kubectl
from tests.cluster.crds.containerapp_rules import ROWS as SHAPES
from tests.cluster.crds.containerapp_rules import SCHEMA, Row, Spec
from tests.cluster.crds.containerapp_values import VALUES

ROWS = (*SHAPES, *VALUES)
(CONTAINER_APP,) = (kind for kind in KINDS if kind.name == "ContainerApp")
APPS = ObjectKind(CONTAINER_APP.group, CONTAINER_APP.version, CONTAINER_APP.name, CONTAINER_APP.plural)
STRICT = {"fieldValidation": "Strict"}
TRIED = {**STRICT, "dryRun": "All"}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True, slots=True)
class Apps:
    """ContainerApps in a namespace of the test's own."""

    client: Client
    namespace: str

    async def create(self, spec: Spec, *, name: str = "app", params: dict[str, str] = TRIED) -> Manifest:
        body = {
            "apiVersion": APPS.api_version,
            "kind": APPS.kind,
            "metadata": {"name": name},
            "spec": {key: value for key, value in {"image": "web:1", **spec}.items() if value is not None},
        }
        url = path(APPS, self.namespace)
        return await self.client.request("create", url, method="POST", params=params, body=body)

    async def replace(self, live: Manifest, spec: Spec) -> Manifest:
        url = path(APPS, self.namespace, live["metadata"]["name"])
        body = {**live, "spec": {"image": "web:1", **spec}}
        return await self.client.request("update", url, method="PUT", params=TRIED, body=body)


@pytest_asyncio.fixture
async def apps(kubectl: Kubectl, namespace: str) -> AsyncIterator[Apps]:
    async with Client(await Endpoint.load(str(kubectl.kubeconfig))) as client:
        yield Apps(client, namespace)


def rules(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    """(place, message) of every CEL rule; the entries of a list count as the list."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield place, rule["message"]
    for name, child in schema.get("properties", {}).items():
        inner, here = child, f"{place}.{name}" if place else name
        yield from rules(inner, here)
    if "items" in schema:
        yield from ((f"{place}{at}", words) for at, words in _inside(schema["items"]))
    if "additionalProperties" in schema:
        yield from rules(schema["additionalProperties"], place)


def _inside(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for at, words in rules(schema, "[]"):
        yield ("" if at == "[]" else at), words


def each_rule_has_a_row(kind: Kind, listed: Sequence[Row]) -> None:
    """And each row a rule."""
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    declared = list(rules(schema))

    def rows_of(place: str, message: str) -> list[Row]:
        return [row for row in listed if row.place == place and message.startswith(row.words)]

    assert [rule for rule in declared if len(rows_of(*rule)) != 1] == []
    assert len(listed) == len(declared)


def test_each_rule_has_a_row() -> None:
    each_rule_has_a_row(CONTAINER_APP, ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.place}: {row.words}")
async def test_rule(apps: Apps, row: Row) -> None:
    """The spec is refused with the rule's words, and only the rule stands between it and its neighbour."""
    refused, allowed = row.names
    if row.before is None:
        await apps.create(row.allowed, name=allowed)
        with pytest.raises(ApiError) as raised:
            await apps.create(row.refused, name=refused)
    else:
        live = await apps.create(row.before, params=STRICT)
        await apps.replace(live, row.allowed)
        with pytest.raises(ApiError) as raised:
            await apps.replace(live, row.refused)

    assert raised.value.status == 422
    assert row.words in raised.value.message, row.reason


@pytest.mark.parametrize(("reason", "spec", "words"), SCHEMA, ids=[row[0] for row in SCHEMA])
async def test_schema(apps: Apps, reason: str, spec: Spec, words: str) -> None:
    with pytest.raises(ApiError) as raised:
        await apps.create(spec)

    assert words in raised.value.message, reason


async def test_defaults_are_seen(apps: Apps) -> None:
    """A new object looks unseen, and gets no default that it did not need."""
    made = await apps.create({})

    assert made["status"] == {"observedGeneration": -1}
    assert made["spec"] == {"image": "web:1", "arch": "any"}


async def test_defaults_inside_what_is_given(apps: Apps) -> None:
    made = await apps.create(
        {"ports": [{"name": "a", "port": 80}], "scale": {"max": 2, "cpu": 70}, "health": {"startup": {}}}
    )

    assert made["spec"]["ports"] == [{"name": "a", "port": 80, "protocol": "TCP"}]
    assert made["spec"]["scale"] == {"min": 1, "max": 2, "cpu": 70}
    assert made["spec"]["health"] == {"startup": {"within": "60s"}}


async def test_the_status_is_no_business_of_the_spec(apps: Apps) -> None:
    """Who may write apps cannot claim that they are ready."""
    live = await apps.create({}, params=STRICT)
    claimed = {**live, "status": {"observedGeneration": 1, "url": "https://evil.example"}}

    answer = await apps.client.request(
        "update",
        path(APPS, apps.namespace, "app"),
        method="PUT",
        params=TRIED,
        body=claimed,
    )

    assert answer["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kubectl_explains_every_field(kubectl: Kubectl, kind: Kind) -> None:
    """What `kubectl explain` prints is what the models say."""
    schema = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    text = kubectl.run("explain", f"{kind.plural}.{kind.group}", "--recursive")
    spec = kubectl.run("explain", f"{kind.plural}.spec")
    words = " ".join(spec.split())

    for field in fields(schema):
        assert field.path.rpartition(".")[2].removesuffix("[]") in text
        if field.path.startswith("spec.") and field.path.count(".") == 1:
            assert " ".join(field.description.split()) in words, field.path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_kubectl_lists_the_kind_among_ours(kubectl: Kubectl, kind: Kind) -> None:
    listed = kubectl.run("api-resources", "--categories=pileus", "--no-headers", "-o", "name").split()

    assert f"{kind.plural}.{kind.group}" in listed


async def test_columns(apps: Apps) -> None:
    """What `kubectl get` shows of an app that no operator has seen."""
    await apps.create({}, params=STRICT)

    table = await apps.client.request("list", path(APPS, apps.namespace), accept=TABLE)

    shown = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    assert shown[:2] == ["Name", "Ready"]
    assert shown[-1] == "Age"
    assert len(shown) <= 8, "narrow enough for a terminal"
    wide = [column["name"] for column in table["columnDefinitions"] if column["priority"]]
    assert wide[-2:] == ["Reason", "Message"]
