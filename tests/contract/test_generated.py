"""What is generated and committed is what the code generates now, and nothing else lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pileus.cli import crds, docs, rbac

ROOT = Path(__file__).parents[2]
FILES = crds.files() | rbac.files() | docs.files()
DIRECTORIES = (crds.DIRECTORY, crds.CHART_DIRECTORY, docs.DIRECTORY)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_up_to_date(path: Path) -> None:
    assert (ROOT / path).is_file(), f"{path} is missing; run `make generate` and commit it."
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], (
        f"{path} is not what the code generates; run `make generate` and commit it."
    )


@pytest.mark.parametrize("directory", DIRECTORIES, ids=str)
def test_nothing_else_is_there(directory: Path) -> None:
    found = {path.relative_to(ROOT) for path in (ROOT / directory).iterdir()}

    assert found <= FILES.keys(), f"Remove what no kind generates: {sorted(map(str, found - FILES.keys()))}"
