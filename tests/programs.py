"""The pinned programs that tests call: built by the development cluster's own table of engines."""

from __future__ import annotations

import os
from pathlib import Path


def program(name: str) -> Path:
    """Where `name` is; $PILEUS_TEST_PROGRAMS names a folder that is looked at first."""
    if given := os.environ.get("PILEUS_TEST_PROGRAMS"):
        path = Path(given, name)
        if path.exists():
            return path
    from pileus.local import engines

    return engines.build([name])[name]
