"""What a model says to the API server beyond types: CEL rules, and how its lists merge.

The result of each function goes into `json_schema_extra` of a pydantic field or model and reaches the
CRD unchanged. Rules are checked where they stand: on a field `self` is the field's value, on a
model it is the object. Nothing here knows Kubernetes objects; nothing here validates in Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule.

    rule: the expression that must be true. A rule that names `oldSelf` holds for changes only.
    message: a sentence that states the rule and the remedy; users read it at `kubectl apply`.
    reason: FieldValueInvalid, FieldValueForbidden, FieldValueRequired or FieldValueDuplicate.
    field_path: the field that the error points at, relative to the rule's place, such as ``.port``.
    """

    rule: str
    message: str
    reason: str = "FieldValueInvalid"
    field_path: str = ""


def names(limit: int, who: str) -> tuple[Rule, Rule]:
    """The rules for the names of resources from which longer names are made. who: also gets the name."""
    length = f"at most {limit} characters, since longer names are made from it"
    letters = "start with a letter and hold only lower-case letters, digits and '-'"
    return (
        Rule(f"size(self.metadata.name) <= {limit}", f"The name is too long: choose one of {length}."),
        Rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            f"The name must {letters}: {who} it.",
        ),
    )


def validations(*rules: Rule) -> dict[str, Any]:
    """`x-kubernetes-validations` for these rules, in this order."""
    return {"x-kubernetes-validations": [_validation(rule) for rule in rules]}


def list_map(*keys: str) -> dict[str, Any]:
    """A list whose entries are told apart by `keys`: duplicates are refused, managers merge by entry."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def list_set() -> dict[str, Any]:
    """A list of scalars without duplicates."""
    return {"x-kubernetes-list-type": "set"}


def _validation(rule: Rule) -> dict[str, Any]:
    entry: dict[str, Any] = {"rule": rule.rule, "message": rule.message, "reason": rule.reason}
    if rule.field_path:
        entry["fieldPath"] = rule.field_path
    return entry
