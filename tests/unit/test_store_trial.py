"""What is tried twice, and what a store was tried on is taken away though the store falters just then."""

from __future__ import annotations

import contextlib

import pytest

from pileus.objects.s3 import Feature, Trouble
from pileus.objectstores import probe
from pileus.objectstores.errors import StoreError


class Faltering:
    """Removes a bucket, once it has failed as often and so as it is told."""

    def __init__(self, *failures: Trouble):
        self.left = list(failures)
        self.asked = 0
        self.removed: list[str] = []

    def remove(self, name: str) -> None:
        self.asked += 1
        if self.left:
            raise StoreError(self.left.pop(0), "DeleteBucket: no")
        self.removed.append(name)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were taken, without taking them."""
    pauses: list[float] = []
    monkeypatch.setattr(probe.time, "sleep", pauses.append)
    monkeypatch.setattr(probe.time, "monotonic", lambda: sum(pauses))
    return pauses


def test_a_store_that_falters_is_asked_again() -> None:
    store = Faltering(Trouble.BUSY, Trouble.UNREACHABLE, Trouble.BUSY)
    probe.clear(store.remove, "tried-on")
    assert store.removed == ["tried-on"]


def test_not_for_ever(clock: list[float]) -> None:
    store = Faltering(*[Trouble.BUSY] * 1000)
    with pytest.raises(StoreError):
        probe.clear(store.remove, "tried-on")
    assert not store.removed
    assert store.asked > 3
    assert sum(clock) <= probe.CLEARING


@pytest.mark.parametrize(
    ("trouble", "later"),
    [(Trouble.DENIED, True), (Trouble.ABSENT, False), (Trouble.REFUSED, False), (Trouble.UNSUPPORTED, False)],
)
def test_what_it_means_is_taken_at_its_word(trouble: Trouble, later: bool) -> None:
    """later: whether the trial is to be made again for it."""
    store = Faltering(trouble)
    with pytest.raises(StoreError) if later else contextlib.nullcontext():
        probe.clear(store.remove, "tried-on")
    assert store.asked == 1


@pytest.mark.parametrize(
    ("answers", "found"), [([True], True), ([False, True], True), ([False, False], False)]
)
def test_what_was_not_kept_is_written_once_more(answers: list[bool], found: bool) -> None:
    """An earlier trial's call may have come in between."""
    given = iter(answers)
    assert probe.tried(Feature.QUOTA, lambda: next(given), []) is found
    assert next(given, None) is None


def test_what_is_refused_is_not_asked_again() -> None:
    asked: list[Feature] = []
    denied: list[str] = []

    def refuses() -> bool:
        asked.append(Feature.CORS)
        raise StoreError(Trouble.UNSUPPORTED, "PutBucketCors: NotImplemented (501)")

    assert not probe.tried(Feature.CORS, refuses, denied)
    assert len(asked) == 1
    assert not denied
