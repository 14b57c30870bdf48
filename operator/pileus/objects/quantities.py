"""Amounts as the API server writes them.

The API server rewrites `0.5` as `500m` and `1024Mi` as `1Gi`; a desired object must hold the same
text, or it would forever differ from the live one. Exact arithmetic; no I/O.
"""

from __future__ import annotations

from fractions import Fraction

_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("m", "", "k", "M", "G", "T", "P", "E")
_FACTORS = {suffix: Fraction(1024) ** power for power, suffix in enumerate(_BINARY) if suffix} | {
    suffix: Fraction(1000) ** (power - 1) for power, suffix in enumerate(_DECIMAL)
}


def amount(text: str) -> Fraction:
    """The number that a quantity means. Raises ValueError for text that is none."""
    suffix = text.lstrip("0123456789.")
    try:
        return Fraction(text.removesuffix(suffix)) * _FACTORS[suffix]
    except (KeyError, ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a quantity; write one such as 500m, 2 or 1Gi.") from None


def canonical(text: str) -> str:
    """`text` with the greatest suffix of its family (binary or decimal) that leaves a whole number."""
    value = amount(text)
    if value == 0:
        return "0"
    if text.endswith("i") and value.denominator == 1:
        return _shortest(value, _BINARY, 1024, 0)
    return _shortest(value, _DECIMAL, 1000, 1)


def _shortest(value: Fraction, suffixes: tuple[str, ...], base: int, zero: int) -> str:
    for power in range(len(suffixes) - 1, -1, -1):
        scaled = value / Fraction(base) ** (power - zero)
        if scaled.denominator == 1:
            return f"{scaled.numerator}{suffixes[power]}"
    # Finer than a thousandth: the API server rounds up too.
    return f"{-(-value * 1000 // 1)}m"
