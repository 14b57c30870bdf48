"""What resources become, as files to read: one a story.

PILEUS_GOLDEN=write writes them anew; the difference is to be read like code.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from pileus.engine.plan import Plan

ROOT = Path(__file__).parents[1] / "golden"


def rendered(plan: Plan, reason: str) -> str:
    """A plan as such a file; reason: why there is this story."""
    said = [f"# {finding.reason}: {finding.message}\n" for finding in (*plan.findings, *plan.warnings)]
    text = yaml.safe_dump_all(plan.objects, sort_keys=False, width=110)
    return f"# {reason}\n{''.join(said)}{text}"


def golden(file: Path, now: str) -> str:
    """What the file says; written first if that is asked for."""
    if os.environ.get("PILEUS_GOLDEN") == "write":
        file.write_text(now, encoding="utf-8")
    return file.read_text(encoding="utf-8")
