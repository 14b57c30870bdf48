"""Quantities and times: the text that the API server stores, and the numbers that texts mean."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.objects.quantities import amount, canonical
from pileus.objects.times import elapsed, instant, seconds, stamp

QUANTITIES = (
    ("1", "1", "a whole number"),
    ("0", "0", "nothing"),
    ("0Gi", "0", "nothing, with a suffix"),
    ("0.5", "500m", "a fraction, in thousandths"),
    ("1000m", "1", "thousandths that are whole"),
    ("1500m", "1500m", "thousandths that are not"),
    ("1024Mi", "1Gi", "the next greater suffix"),
    ("1.5Gi", "1536Mi", "the next smaller suffix"),
    ("1025Mi", "1025Mi", "no greater suffix fits"),
    ("1000", "1k", "decimal thousands"),
    ("1024", "1024", "without a suffix it is decimal"),
    ("1000Ki", "1000Ki", "binary stays binary"),
    ("1500M", "1500M", "decimal stays decimal"),
    ("2000M", "2G", "decimal grows"),
    ("0.1", "100m", "a tenth"),
    ("0.0005", "1m", "finer than a thousandth is rounded up"),
    ("0.5Ki", "512", "a part of a binary suffix"),
    ("0.1Ki", "102400m", "a part of a byte"),
)


@pytest.mark.parametrize(("text", "expected", "reason"), QUANTITIES)
def test_canonical(text: str, expected: str, reason: str) -> None:
    assert expected == canonical(text), reason


@given(st.integers(0, 10**6), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_canonical_means_the_same_and_stays(number: int, suffix: str) -> None:
    text = canonical(f"{number}{suffix}")
    assert amount(text) == amount(f"{number}{suffix}")
    assert canonical(text) == text


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1gi", "-1", "1e3", "1.2.3"])
def test_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        amount(text)


def test_amount() -> None:
    assert amount("1.5Ki") == Fraction(1536)


@pytest.mark.parametrize(
    ("text", "expected", "reason"),
    [
        ("90s", 90, "seconds"),
        ("5m", 300, "minutes"),
        ("1h30m", 5400, "both"),
        ("1h1m1s", 3661, "all"),
        ("", 0, "none"),
        ("5", 0, "no unit"),
        ("5m3h", 0, "the wrong way round"),
    ],
)
def test_seconds(text: str, expected: int, reason: str) -> None:
    assert expected == seconds(text), reason


NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("since", "expected", "reason"),
    [
        ("2026-01-02T11:59:00Z", 60, "a minute ago"),
        ("2026-01-02T13:59:00+02:00", 60, "in another zone"),
        ("2026-01-02T11:59:00", 60, "without a zone it is UTC"),
        ("2026-01-02T12:01:00Z", 0, "ahead: the clocks differ"),
        ("yesterday", 0, "no time"),
        (None, 0, "nothing"),
        (5, 0, "not even text"),
    ],
)
def test_elapsed(since: object, expected: float, reason: str) -> None:
    assert expected == elapsed(since, NOON), reason


def test_stamp_is_read_back() -> None:
    assert instant(stamp(NOON)) == NOON
