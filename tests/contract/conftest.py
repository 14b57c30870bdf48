"""Helm, as it is pinned: built once, found afterwards."""

from __future__ import annotations

import pytest

from tests.contract.charts import Helm
from tests.programs import program


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(program("helm"))
