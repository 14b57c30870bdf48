"""The leaves of a CRD's `.spec`, and the values that their schema gives by itself. Pure.

A leaf's path has `[]` for the items of a list and `{}` for the values of a mapping.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
ABSENT = object()
"""The value of a field that is left out."""


def spec_schema(crd: Path) -> Schema:
    """The schema of `.spec` in a CRD's file, and of its first version."""
    definition = yaml.safe_load(crd.read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: Schema = schema["properties"]["spec"]
    return found


def messages(schema: Schema) -> set[str]:
    """The words of every rule in it, which are ours."""
    found = {rule["message"] for rule in schema.get("x-kubernetes-validations", ())}
    for child in (*schema.get("properties", {}).values(), *_inner(schema)):
        found |= messages(child)
    return found


def leaves(schema: Schema, path: str = "") -> dict[str, Schema]:
    """Every field that holds a value of its own, by path, with its schema."""
    return dict(_leaves(schema, path))


def _leaves(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    if "properties" in schema:
        for name, child in schema["properties"].items():
            yield from _leaves(child, f"{path}.{name}" if path else name)
    elif "items" in schema:
        yield from _leaves(schema["items"], f"{path}[]")
    elif "additionalProperties" in schema:
        yield from _leaves(schema["additionalProperties"], f"{path}{{}}")
    else:
        yield path, schema


def _inner(schema: Schema) -> Iterator[Schema]:
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield schema[key]


def is_text(schema: Schema) -> bool:
    """Whether users may write words of their own there."""
    return schema.get("type") not in ("integer", "boolean", "number") and "enum" not in schema


def given(schema: Schema) -> tuple[Any, ...]:
    """The values that the schema itself gives: members, both booleans, the bounds and what is near."""
    if "enum" in schema:
        return tuple(schema["enum"])
    if schema.get("type") == "boolean":
        return (True, False)
    if schema.get("type") == "integer" and {"minimum", "maximum"} <= schema.keys():
        low, high = schema["minimum"], schema["maximum"]
        return tuple(dict.fromkeys((low, low + 1, (low + high) // 2, high)))
    return ()


def names(path: str, words: str) -> bool:
    """Whether words tell of a field: by its path, or by the last word of it."""
    last = re.split(r"\W+", path.rstrip("[]{}"))[-1]
    return path in words or re.search(rf"\b{re.escape(last)}\b", words) is not None


def put(spec: Schema, path: str, value: Any) -> Schema:
    """A copy of `spec` with the value at the leaf: in the first item of lists; one value or, as a tuple,
    several of a list or mapping. `ABSENT` takes it away, with what is empty then: for a server-side
    apply an object that has lost all its fields is null."""
    made = copy.deepcopy(spec)
    _put(made, re.findall(r"[^.\[\]{}]+|\[\]|\{\}", path), value)
    return made


def _put(node: Any, parts: list[str], value: Any) -> None:
    name, *rest = parts
    if not rest:
        if value is ABSENT:
            node.pop(name, None)
        else:
            node[name] = value
    elif rest in (["[]"], ["{}"]):
        several = value if isinstance(value, tuple) else (value,)
        if value is ABSENT:
            node.pop(name, None)
        else:
            node[name] = list(several) if rest == ["[]"] else dict(zip("ABCDEF", several, strict=False))
    elif rest[0] == "[]":
        items = node.setdefault(name, [{}])
        _put(items[0], rest[1:], value)
    else:
        _put(node.setdefault(name, {}), rest, value)
        if not node[name]:
            del node[name]
