"""What is built by cargo: where it is kept, and what is said where cargo is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pileus.local import cargo, engines, plan, s3


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without cargo."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PILEUS_CACHE", str(tmp_path))
    cargo._release.cache_clear()


def test_without_cargo_that_is_said_plainly(bare: None) -> None:
    with pytest.raises(
        engines.EngineError, match=r"garage is built by cargo.*rustup\.rs.*leave the add-on out"
    ):
        engines.build(["garage"])


def test_a_cargo_that_fails_is_told_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "cargo"
    fake.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo cargo 1 && exit\necho no such crate >&2; exit 3\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PILEUS_CACHE", str(tmp_path / "cache"))
    cargo._release.cache_clear()
    with pytest.raises(engines.EngineError, match="no such crate"):
        engines.build(["garage"])
    kept = [path.name for path in (tmp_path / "cache" / "engines").iterdir()]
    assert kept == [".lock"], "nothing half built is left"


def test_another_version_has_another_place() -> None:
    one = cargo.CRATES["garage"]
    other = cargo.Crate(one.name, "0.0.1", one.features)
    here = Path("/cache")
    assert one.place(here) == one.place(here) != other.place(here)


ADDONS = (
    ((), set()),
    (("s3",), {"versitygw"}),
    (("s3-minio",), {"minio"}),
    (("s3", "s3-garage"), {"versitygw", "garage"}),
)


@pytest.mark.parametrize(("with_", "expected"), ADDONS)
def test_an_add_on_builds_what_it_runs(with_: tuple[str, ...], expected: set[str]) -> None:
    engines_of_all = {engine for found in s3.ADDONS.values() for engine in found}
    assert set(plan.programs(plan.Profile.CONTROL_PLANE, with_)) & engines_of_all == expected
