"""Who listens to what is the same from both sides, whatever came before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pileus.cluster.listeners import Listeners

users, matters = st.sampled_from("abc"), st.frozensets(st.integers(1, 4))


@given(st.lists(st.tuples(users, matters)))
def test_listeners(life: list[tuple[str, frozenset[int]]]) -> None:
    listeners: Listeners[str, int] = Listeners()
    plain: dict[str, frozenset[int]] = {}
    for user, wanted in life:
        assert listeners.listen(user, wanted) == (plain.get(user, frozenset()) != wanted)
        plain[user] = wanted
        for matter in range(1, 5):
            assert listeners.of(matter) == {one for one, listened in plain.items() if matter in listened}
        assert listeners.of(1, 2) == listeners.of(1) | listeners.of(2)
        assert set(listeners.matters()) == frozenset().union(*plain.values())
