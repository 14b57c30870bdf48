"""What resources become, as files to read: one a story.

PILEUS_GOLDEN=write writes them anew; the difference is to be read like code.
"""

from __future__ import annotations

import dataclasses
import os
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from pileus.engine.plan import Plan

ROOT = Path(__file__).parents[1] / "golden"


def rendered(plan: Plan, reason: str) -> str:
    """A plan as such a file; reason: why there is this story."""
    said = [f"# {finding.reason}: {finding.message}\n" for finding in (*plan.findings, *plan.warnings)]
    text = yaml.safe_dump_all(plan.objects, sort_keys=False, width=110)
    beyond = "".join(f"---\n{yaml.safe_dump(part, sort_keys=False, width=110)}" for part in _beyond(plan))
    return f"# {reason}\n{''.join(said)}{text}{beyond}"


def golden(file: Path, now: str) -> str:
    """What the file says; written first if that is asked for."""
    if os.environ.get("PILEUS_GOLDEN") == "write":
        file.write_text(now, encoding="utf-8")
    return file.read_text(encoding="utf-8")


def _beyond(plan: Plan) -> list[Any]:
    """What goes into objects when they are written, by its names, and what is wished for outside."""
    sealed = {ref.name: sorted((*content.data, content.field)) for ref, content in plan.sealed.items()}
    parts: list[Any] = [{"sealed": sealed}] if sealed else []
    if plan.wish is not None:
        parts.append({type(plan.wish).__name__: _plain(plan.wish)})
    return parts


def _plain(value: Any) -> Any:
    """A value as YAML has it; fields that are as they are when nothing is said are left out."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        told = {field.name: getattr(value, field.name) for field in fields}
        return {field.name: _plain(told[field.name]) for field in fields if told[field.name] != field.default}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
