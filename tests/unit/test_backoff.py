"""Pauses between tries."""

from __future__ import annotations

import pytest

from pileus.engine.backoff import backoff


@pytest.mark.parametrize(
    ("failures", "around"), [(1, 1.0), (2, 2.0), (4, 8.0), (5, 10.0), (64, 10.0), (5000, 10.0)]
)
def test_pauses_double_and_end_at_the_longest_however_long_it_lasts(failures: int, around: float) -> None:
    for _ in range(50):
        assert 0.8 * around <= backoff(failures, first=1.0, longest=10.0) <= 1.2 * around
