"""A pydantic model as a structural schema, the dialect of JSON Schema that CRDs allow.

What differs from pydantic's own JSON Schema: references are inlined, an optional field is one that may
be absent (never `anyOf: [X, null]`), one-word literals are enums, exclusive bounds are booleans,
unions exist only as integer-or-string, and titles, `additionalProperties: false` and the like are
gone. A default survives unless it is empty: an absent list and an empty one mean the same, and users'
objects stay short. A keyword or a shape that a CRD cannot hold is an error that names the field, and
so is a list, map or string without a bound, since the API server refuses CEL rules whose cost it
cannot estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]
"""An OpenAPI v3 schema as the CRD holds it (JSONSchemaProps)."""

DROPPED = frozenset({"title", "examples", "uniqueItems", "$defs", "discriminator", "deprecated"})
KEPT = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "anyOf",
    "items",
    "additionalProperties",
    "properties",
    "required",
)
"""The keywords of a structural schema that we use, in the order in which they are printed."""

INT_OR_STRING = frozenset({"integer", "string"})


class SchemaError(Exception):
    """A model that cannot become a structural schema; the message names the field and the remedy."""


def structural(model: type[BaseModel], *, path: str = "spec") -> Schema:
    """The structural schema of `model`; `path` is where it stands, for messages."""
    raw = model.model_json_schema(by_alias=True)
    return _convert(raw, definitions=raw.get("$defs", {}), path=path, trail=())


def unbounded(schema: Schema, path: str) -> Iterator[str]:
    """Paths of the lists, maps and strings in `schema` that have no upper bound."""
    kind = schema.get("type")
    if kind == "array":
        if "maxItems" not in schema:
            yield f"{path}: a list without max_length"
        yield from unbounded(schema["items"], f"{path}[]")
    elif kind == "object":
        if "additionalProperties" in schema:
            if "maxProperties" not in schema:
                yield f"{path}: a map without max_length"
            yield from unbounded(schema["additionalProperties"], f"{path}{{}}")
        for name, child in schema.get("properties", {}).items():
            yield from unbounded(child, f"{path}.{name}")
    elif (kind == "string" or "x-kubernetes-int-or-string" in schema) and not (
        {"enum", "format", "maxLength"} & schema.keys()
    ):
        yield f"{path}: a string without max_length"


def ordered(schema: Mapping[str, Any]) -> Schema:
    """The same keywords in the order of `KEPT`, extensions last."""
    extensions = sorted(key for key in schema if key.startswith("x-"))
    return {key: schema[key] for key in (*KEPT, *extensions) if key in schema}


def without_defaults(schema: Schema) -> Schema:
    """The schema with no default anywhere."""
    bare = {key: value for key, value in schema.items() if key != "default"}
    for key in ("items", "additionalProperties"):
        if key in bare:
            bare[key] = without_defaults(bare[key])
    if "properties" in bare:
        bare["properties"] = {name: without_defaults(child) for name, child in bare["properties"].items()}
    return bare


def _convert(
    raw: Mapping[str, Any], *, definitions: Mapping[str, Any], path: str, trail: tuple[str, ...]
) -> Schema:
    node, trail = _resolve(raw, definitions=definitions, path=path, trail=trail)
    schema: Schema = {}
    for key, value in node.items():
        if key in DROPPED or (key == "default" and _empty(value)):
            continue
        if key == "properties":
            schema[key] = {
                name: _convert(child, definitions=definitions, path=f"{path}.{name}", trail=trail)
                for name, child in value.items()
            }
        elif key == "items":
            schema[key] = _convert(value, definitions=definitions, path=f"{path}[]", trail=trail)
        elif key == "additionalProperties":
            if isinstance(value, Mapping):
                schema[key] = _convert(value, definitions=definitions, path=f"{path}{{}}", trail=trail)
            elif value is True:
                raise SchemaError(f"{path}: takes any content; give the values of the map a type.")
        elif key == "const":
            schema["enum"] = [value]
        elif key in ("exclusiveMinimum", "exclusiveMaximum"):
            schema |= _exclusive(key, value, integer=node.get("type") == "integer")
        elif key in KEPT or key.startswith("x-kubernetes-"):
            schema[key] = value
        else:
            raise SchemaError(
                f"{path}: a CRD cannot hold the JSON Schema keyword {key!r}; use a CEL rule instead."
            )
    if "type" not in schema and not schema.keys() & {
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
    }:
        raise SchemaError(f"{path}: has no type; annotate the field with one.")
    return ordered(schema)


def _resolve(
    raw: Mapping[str, Any], *, definitions: Mapping[str, Any], path: str, trail: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """`raw` without references and unions: what stands beside a reference wins over what it names."""
    node = dict(raw)
    while "$ref" in node or "allOf" in node or ("anyOf" in node and "x-kubernetes-int-or-string" not in node):
        if "$ref" in node:
            name = str(node.pop("$ref")).rpartition("/")[2]
            if name in trail:
                raise SchemaError(f"{path}: {name} contains itself; a CRD schema cannot be recursive.")
            trail = (*trail, name)
            node = {**definitions[name], **node}
        elif "allOf" in node:
            (only,) = node.pop("allOf")
            node = {**only, **node}
        else:
            node = {**_union(node.pop("anyOf"), path=path), **node}
    return node, trail


def _union(arms: list[dict[str, Any]], *, path: str) -> dict[str, Any]:
    """The one shape that the arms of a union mean together."""
    arms = [arm for arm in arms if arm.get("type") != "null"]
    if len(arms) == 1:
        return arms[0]
    if {arm.get("type") for arm in arms} == INT_OR_STRING and len(arms) == 2:
        text = next(arm for arm in arms if arm["type"] == "string")
        bounds = {key: value for arm in arms for key, value in arm.items() if key not in ("type", *DROPPED)}
        if "format" in text:
            raise SchemaError(f"{path}: an integer-or-string cannot have a format.")
        return {
            **bounds,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
        }
    raise SchemaError(f"{path}: a union; make each arm an optional field, with a CEL rule 'exactly one of'.")


def _exclusive(key: str, bound: Any, *, integer: bool) -> Schema:
    """A bound that is not included: the next integer, or the boolean that OpenAPI v3.0 has for numbers."""
    inclusive = "minimum" if key == "exclusiveMinimum" else "maximum"
    if integer:
        return {inclusive: int(bound) + (1 if inclusive == "minimum" else -1)}
    return {inclusive: bound, key: True}


def _empty(default: Any) -> bool:
    return default is None or (not isinstance(default, (bool, int, float)) and not default)
