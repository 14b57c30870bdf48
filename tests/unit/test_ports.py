"""Blocks of ports: what one cluster has claimed no other gets, though nothing listens there yet."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from pileus.local import ports


def test_what_is_claimed_is_given_to_nobody_else() -> None:
    with ExitStack() as held:
        first = []
        for _ in range(60):
            guard, port = ports.claim()
            held.enter_context(guard)
            first.append(port)
        assert len(set(first)) == len(first)


def test_a_block_with_a_port_in_use_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    guard, first = ports.claim()
    guard.close()
    monkeypatch.setattr(ports, "_BLOCKS", range(first, first + 1))
    with ports.listen(first + 7), pytest.raises(ports.PortsError, match=str(first)):
        ports.claim()
    again, port = ports.claim()
    again.close()
    assert port == first
