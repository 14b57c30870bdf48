"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random

_DOUBLINGS = 64
"""More of them are never needed, and a float holds no power of two beyond a thousand."""


def backoff(failures: int, *, first: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row (at least one), a little different each time.

    `first` after one, then twice as many each time, up to `longest`.
    """
    return min(longest, first * 2.0 ** min(failures - 1, _DOUBLINGS)) * random.uniform(0.8, 1.2)
