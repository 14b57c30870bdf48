"""One CustomResourceDefinition from names, models, columns and rules.

Every kind of ours gets the same frame: the category, READY as the first column and AGE after the kind's own,
reason and message in the wide output, a status subresource with conditions, resources and
observedGeneration, and a default status of generation -1, so that an object which no operator has seen yet
never looks finished. The result is plain data, the same for the same arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pileus.crds.markers import Rule, list_map, validations
from pileus.crds.schema import (
    Schema,
    SchemaError,
    ordered,
    structural,
    unbounded,
    without_defaults,
)

CATEGORY = "pileus"
SEEN_BY_NOBODY = -1
"""`status.observedGeneration` of an object that no operator has looked at."""


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column; `priority` 0 is always shown, 1 only with `-o wide`."""

    name: str
    json_path: str
    description: str = ""
    type: str = "string"
    priority: int = 0


def crd(
    *,
    group: str,
    version: str,
    kind: str,
    plural: str,
    singular: str,
    short_names: Sequence[str],
    description: str,
    spec: type[BaseModel],
    status: type[BaseModel],
    columns: Sequence[Column] = (),
    root_rules: Sequence[Rule] = (),
    namespaced: bool = True,
) -> dict[str, Any]:
    """The definition as plain data. Raises SchemaError, naming every field that a CRD cannot hold."""
    spec_schema = structural(spec, path="spec")
    if loose := list(unbounded(spec_schema, "spec")):
        raise SchemaError(f"{kind} has fields without a bound: {'; '.join(loose)}.")
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {
                "categories": [CATEGORY],
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "shortNames": list(short_names),
                "singular": singular,
            },
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": _columns(columns),
                    "schema": {
                        "openAPIV3Schema": _root(
                            description, spec_schema, _status(structural(status, path="status")), root_rules
                        )
                    },
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def _root(description: str, spec: Schema, status: Schema, rules: Sequence[Rule]) -> Schema:
    root: Schema = {
        "description": description,
        "type": "object",
        "properties": {
            "apiVersion": {
                "description": "The group and version of this object's schema.",
                "type": "string",
            },
            "kind": {"description": "The kind of this object.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": {**spec, "description": spec.get("description", "What is asked for.")},
            "status": status,
        },
    }
    root["properties"]["spec"] = ordered(root["properties"]["spec"])
    if "required" in spec:
        root["required"] = ["spec"]
    return root | (validations(*rules) if rules else {})


def _columns(own: Sequence[Column]) -> list[dict[str, Any]]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    columns = (
        Column("Ready", f"{ready}.status", "Whether everything asked for is in place."),
        *own,
        Column("Age", ".metadata.creationTimestamp", "Time since the object was created.", type="date"),
        Column("Reason", f"{ready}.reason", "Why it is not ready, in one word.", priority=1),
        Column("Message", f"{ready}.message", "Why it is not ready, and what helps.", priority=1),
    )
    return [_column(column) for column in columns]


def _column(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    if column.description:
        entry["description"] = column.description
    if column.priority:
        entry["priority"] = column.priority
    return entry


def _text(description: str, *, longest: int, **more: Any) -> Schema:
    return {"description": description, "type": "string", **more, "maxLength": longest}


def _status(own: Schema) -> Schema:
    """The kind's own status fields inside the frame that every kind has.

    Without the model's defaults: a status that the API server fills in would never equal the one that
    was written, and the operator would write it again for ever.
    """
    own = without_defaults(own)
    frame = {
        "observedGeneration": {
            "description": (
                "The generation of the spec that this status is about; -1 until an operator has looked at "
                "the object. The status is up to date when it equals metadata.generation."
            ),
            "type": "integer",
            "format": "int64",
        },
        "conditions": {
            "description": (
                "The state in words. Ready says whether everything asked for is in place; Reconciling that "
                "work is under way; Stalled that nothing moves until somebody changes something."
            ),
            "type": "array",
            "maxItems": 32,
            "items": _condition(),
            **list_map("type"),
        },
        "resources": {
            "description": "The objects that this one became.",
            "type": "array",
            "maxItems": 512,
            "items": _resource(),
            "x-kubernetes-list-type": "atomic",
        },
        "warnings": {
            "description": "What does not keep the object from being ready but deserves a look.",
            "type": "array",
            "maxItems": 64,
            "items": _warning(),
            "x-kubernetes-list-type": "atomic",
        },
    }
    if taken := frame.keys() & own.get("properties", {}).keys():
        raise SchemaError(
            f"status: {', '.join(sorted(taken))} belongs to every kind; leave it out of the model."
        )
    return ordered(
        own
        | {
            "description": own.get("description", "What was found; written by the operator only."),
            "type": "object",
            "default": {"observedGeneration": SEEN_BY_NOBODY},
            "properties": frame | own.get("properties", {}),
        }
    )


def _condition() -> Schema:
    """One entry of the conditions; the shape of metav1.Condition."""
    return {
        "description": "One aspect of the state.",
        "type": "object",
        "properties": {
            "type": _text("The aspect, in CamelCase.", longest=316),
            "status": {
                "description": "Whether the aspect holds: True, False or Unknown.",
                "type": "string",
                "enum": ["True", "False", "Unknown"],
            },
            "reason": _text("The cause in one CamelCase word; stable, for programs.", longest=1024),
            "message": _text("The cause and the remedy as a sentence, for people.", longest=32768),
            "lastTransitionTime": {
                "description": "When the status flipped last.",
                "type": "string",
                "format": "date-time",
            },
            "observedGeneration": {
                "description": "The generation of the spec that this condition is about.",
                "type": "integer",
                "format": "int64",
            },
        },
        "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    }


def _resource() -> Schema:
    return {
        "description": "One object that this one became.",
        "type": "object",
        "properties": {
            "apiVersion": _text("Group and version of the object.", longest=317),
            "kind": _text("Kind of the object.", longest=63),
            "name": _text("Name of the object.", longest=253),
            "ready": {"description": "Whether the object does what it is for.", "type": "boolean"},
            "reason": _text("Why it is not ready, in one CamelCase word; empty when it is.", longest=1024),
        },
        "required": ["apiVersion", "kind", "name", "ready"],
    }


def _warning() -> Schema:
    return {
        "description": "One warning.",
        "type": "object",
        "properties": {
            "reason": _text("What is the matter, in one CamelCase word.", longest=1024),
            "message": _text("What is the matter and what helps, as a sentence.", longest=32768),
        },
        "required": ["reason", "message"],
    }
