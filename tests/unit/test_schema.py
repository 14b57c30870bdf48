"""Models become structural schemas: what pydantic says, in the words that a CRD allows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, RootModel, create_model

from pileus.crds.crd import Column, crd
from pileus.crds.fields import MISSING, fields
from pileus.crds.markers import Rule, list_map, list_set, validations
from pileus.crds.schema import SchemaError, structural, unbounded


class Inner(BaseModel):
    """What stands inside."""

    size: int = Field(ge=1)


class Recursive(BaseModel):
    again: Recursive | None = None


class Pair(RootModel[tuple[int, str]]):
    pass


Bounded = Annotated[str, Field(max_length=5)]

CONVERTED: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    (
        "an optional field may be absent and is never null",
        (int | None, Field(default=None, ge=0, description="How many.")),
        {"description": "How many.", "type": "integer", "minimum": 0},
    ),
    ("a default is kept", (int, 3), {"type": "integer", "default": 3}),
    ("a default that says no is kept", (bool, False), {"type": "boolean", "default": False}),
    ("zero is a default", (int, 0), {"type": "integer", "default": 0}),
    (
        "an empty default means the same as absence",
        (list[int], Field(default=[], max_length=2)),
        {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
    ),
    (
        "a tuple of any length is a list",
        (tuple[int, ...], Field(default=(), max_length=2)),
        {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
    ),
    (
        "a map has values of one type",
        (dict[str, Bounded], Field(default={}, max_length=9)),
        {"type": "object", "maxProperties": 9, "additionalProperties": {"type": "string", "maxLength": 5}},
    ),
    ("one word is an enum of one", (Literal["A"] | None, None), {"type": "string", "enum": ["A"]}),
    ("words are an enum", (Literal["A", "B"], "A"), {"type": "string", "default": "A", "enum": ["A", "B"]}),
    (
        "an excluded bound of an integer is the next one",
        (int | None, Field(default=None, gt=0, lt=5)),
        {"type": "integer", "minimum": 1, "maximum": 4},
    ),
    (
        "an excluded bound of a number is OpenAPI's boolean",
        (float | None, Field(default=None, gt=0)),
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
    ),
    (
        "integer or string is Kubernetes' own type",
        (int | Annotated[str, Field(max_length=9)] | None, None),
        {
            "maxLength": 9,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
        },
    ),
    (
        "a model is put in its place; the field's description wins",
        (Inner | None, Field(default=None, description="The inside.")),
        {
            "description": "The inside.",
            "type": "object",
            "properties": {"size": {"type": "integer", "minimum": 1}},
            "required": ["size"],
        },
    ),
    (
        "a model without a field's description keeps its own",
        (Inner | None, None),
        {
            "description": "What stands inside.",
            "type": "object",
            "properties": {"size": {"type": "integer", "minimum": 1}},
            "required": ["size"],
        },
    ),
    (
        "markers go through",
        (
            list[Bounded] | None,
            Field(
                default=None,
                max_length=2,
                json_schema_extra=list_set() | validations(Rule("true", "Always.", field_path=".x")),
            ),
        ),
        {
            "type": "array",
            "maxItems": 2,
            "items": {"type": "string", "maxLength": 5},
            "x-kubernetes-list-type": "set",
            "x-kubernetes-validations": [
                {"rule": "true", "message": "Always.", "reason": "FieldValueInvalid", "fieldPath": ".x"}
            ],
        },
    ),
    (
        "the keys of a list map go through",
        (list[Inner], Field(default=[], max_length=2, json_schema_extra=list_map("size"))),
        {
            "type": "array",
            "maxItems": 2,
            "items": {
                "description": "What stands inside.",
                "type": "object",
                "properties": {"size": {"type": "integer", "minimum": 1}},
                "required": ["size"],
            },
            "x-kubernetes-list-map-keys": ["size"],
            "x-kubernetes-list-type": "map",
        },
    ),
)


@pytest.mark.parametrize(("reason", "annotation", "expected"), CONVERTED, ids=[row[0] for row in CONVERTED])
def test_field(reason: str, annotation: Any, expected: dict[str, Any]) -> None:
    model = create_model("Model", field=annotation)

    converted = structural(model)["properties"]["field"]

    assert expected == converted, reason


REFUSED: tuple[tuple[str, Any, str], ...] = (
    ("a union of models has no structural form", (Inner | int, ...), "spec.field: a union"),
    ("anything at all would be pruned or stored unchecked", (Any, ...), "spec.field: has no type"),
    ("a map of anything", (dict[str, Any], ...), "spec.field: takes any content"),
    ("a CRD's schema ends somewhere", (Recursive, ...), "Recursive contains itself"),
    ("places in a list cannot differ in type", (Pair, ...), "'prefixItems'"),
)


@pytest.mark.parametrize(("reason", "annotation", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(reason: str, annotation: Any, words: str) -> None:
    model = create_model("Model", field=annotation)

    with pytest.raises(SchemaError) as raised:
        structural(model)

    assert words in str(raised.value), reason


def test_fields_without_bounds_are_named() -> None:
    class Loose(BaseModel):
        text: str
        lines: list[str]
        labels: dict[str, str] = Field(max_length=1)
        word: Literal["A"]
        size: int | str

    assert list(unbounded(structural(Loose), "spec")) == [
        "spec.text: a string without max_length",
        "spec.lines: a list without max_length",
        "spec.lines[]: a string without max_length",
        "spec.labels{}: a string without max_length",
        "spec.size: a string without max_length",
    ]


class Spec(BaseModel):
    """Asks for something."""

    size: int = Field(description="How much.")


class Status(BaseModel):
    """Says something."""

    seen: int = 0


NAMES: dict[str, Any] = {
    "group": "example.dev",
    "version": "v1",
    "kind": "Thing",
    "plural": "things",
    "singular": "thing",
    "short_names": ("th",),
    "description": "A thing.",
}


def test_columns_stand_around_the_kinds_own() -> None:
    columns = (Column("Size", ".spec.size", type="integer"), Column("Seen", ".status.seen", priority=1))

    made = crd(**NAMES, spec=Spec, status=Status, columns=columns)["spec"]["versions"][0]

    assert [(column["name"], column.get("priority", 0)) for column in made["additionalPrinterColumns"]] == [
        ("Ready", 0),
        ("Size", 0),
        ("Seen", 1),
        ("Age", 0),
        ("Reason", 1),
        ("Message", 1),
    ]


def test_a_new_object_looks_unseen_and_a_status_gets_no_other_default() -> None:
    made = crd(**NAMES, spec=Spec, status=Status)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    status = made["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
    assert [field.path for field in fields(status) if field.default is not MISSING] == []


def test_the_frame_of_the_status_is_not_the_kinds() -> None:
    taken = create_model("Taken", conditions=(int, 0))

    with pytest.raises(SchemaError, match="conditions belongs to every kind"):
        crd(**NAMES, spec=Spec, status=taken)


def test_a_field_without_bound_is_refused() -> None:
    loose = create_model("Loose", text=(str, ...))

    with pytest.raises(SchemaError, match=r"Thing has fields without a bound: spec\.text"):
        crd(**NAMES, spec=loose, status=Status)


def test_fields_are_listed_with_their_rules_and_bounds() -> None:
    made = crd(**NAMES, spec=Spec, status=Status)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    size = next(field for field in fields(made) if field.path == "spec.size")

    assert (size.type, size.required, size.description) == ("integer", True, "How much.")
