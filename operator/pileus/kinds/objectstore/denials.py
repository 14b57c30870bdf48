"""What the keys of a store are denied, as its status says it, and read from there by the next process."""

from __future__ import annotations

_BEFORE = "Not among features, for the keys in credentials are denied it: "
_BETWEEN = ", "


def words(denied: tuple[str, ...]) -> str:
    """The message of the condition Reachable of a store that is reached; empty if nothing is denied."""
    return f"{_BEFORE}{_BETWEEN.join(denied)}." if denied else ""


def read(message: str) -> tuple[str, ...]:
    """What `words` was given; nothing, of any other message."""
    if not message.startswith(_BEFORE):
        return ()
    return tuple(message.removeprefix(_BEFORE).removesuffix(".").split(_BETWEEN))
