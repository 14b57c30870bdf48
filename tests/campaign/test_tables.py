"""The tables of each kind are whole: every field of its schema has its rows, and every row has its field."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.campaign.ground import ROOT
from tests.campaign.mutations import MUTATIONS, Mutation
from tests.campaign.schema import is_text, leaves, spec_schema
from tests.campaign.subject import Subject


def test_t14_each_field_with_text_is_known(subject: Subject) -> None:
    """It names something, and names of elsewhere are tried; or it is said what else it is."""
    text = {path for path, schema in leaves(spec_schema(ROOT / subject.crd)).items() if is_text(schema)}
    names = {row.field for row in subject.deputies}
    assert names | subject.nameless.keys() == text
    assert not names & subject.nameless.keys()


def test_t15_what_is_seeded_is_named(subject: Subject) -> None:
    """A canary that nothing names proves nothing."""
    text = orjson.dumps(subject.secretive).decode()
    for manifest in subject.around:
        assert f'"{manifest["metadata"]["name"]}"' in text
        assert any(canary.encode() in orjson.dumps(manifest) for canary in subject.canaries)


def test_t07_each_field_has_its_effect_written_down(subject: Subject) -> None:
    known = leaves(spec_schema(ROOT / subject.crd)).keys()
    assert {row.field for row in subject.effects} | subject.invisible.keys() == known
    for row in subject.effects:
        assert row.where, row.field
        assert bool(row.why) == row.only, row.field


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_deliberate_bug_finds_its_place(mutation: Mutation, tmp_path: Path) -> None:
    changed = mutation.apply(tmp_path) / "pileus" / mutation.file
    assert changed.read_text() != (ROOT / "operator" / "pileus" / mutation.file).read_text()
