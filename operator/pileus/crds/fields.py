"""The fields of a structural schema as a flat list, for reference pages and for tests that visit each field.

Paths are those of `kubectl explain`, with `[]` after a list and `{}` after a map of named entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pileus.crds.schema import Schema

MISSING: Any = object()
"""The default of a field that has none."""

BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minProperties": "at least {} entries",
    "maxProperties": "at most {} entries",
    "pattern": "matches `{}`",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    path: as in ``spec.volumes[].path``.
    type: in words, such as ``list of string`` or ``integer or string``.
    bounds: limits in words. rules: the messages of the CEL rules that stand on the field.
    """

    path: str
    type: str
    description: str
    required: bool
    default: Any = MISSING
    bounds: tuple[str, ...] = ()
    rules: tuple[str, ...] = field(default=())


def fields(schema: Schema, path: str = "") -> Iterator[Field]:
    """Every field below `schema`, parents before their children, in the order of the schema."""
    required = frozenset(schema.get("required", ()))
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield Field(
            path=here,
            type=type_name(child),
            description=child.get("description", ""),
            required=name in required,
            default=child.get("default", MISSING),
            bounds=tuple(_bounds(child)),
            rules=rules(child),
        )
        suffix, inner = _inside(child)
        yield from fields(inner, f"{here}{suffix}")


def rules(schema: Schema) -> tuple[str, ...]:
    """The messages of the rules on this schema and on the entries of its lists and maps."""
    messages: list[str] = []
    while True:
        messages += [rule["message"] for rule in schema.get("x-kubernetes-validations", ())]
        if schema.get("type") == "array":
            schema = schema["items"]
        elif "additionalProperties" in schema:
            schema = schema["additionalProperties"]
        else:
            return tuple(messages)


def type_name(schema: Schema) -> str:
    """The type in words."""
    if "x-kubernetes-int-or-string" in schema:
        return "integer or string"
    if schema.get("type") == "array":
        return f"list of {type_name(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {type_name(schema['additionalProperties'])}"
    if "enum" in schema:
        return " | ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("format") == "date-time":
        return "time"
    return str(schema.get("type", "any"))


def _inside(schema: Schema) -> tuple[str, Schema]:
    suffix = ""
    while True:
        if schema.get("type") == "array":
            suffix, schema = f"{suffix}[]", schema["items"]
        elif "additionalProperties" in schema:
            suffix, schema = f"{suffix}{{}}", schema["additionalProperties"]
        else:
            return suffix, schema


def _bounds(schema: Schema) -> Iterator[str]:
    for key, words in BOUNDS.items():
        if key == "minLength" and schema.get(key) == 1:
            yield "not empty"
        elif key in schema:
            yield words.format(schema[key])
