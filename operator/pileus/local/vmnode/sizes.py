"""Quantities of bytes as the Kubernetes API writes them."""

from __future__ import annotations

_FACTORS = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}


def size(quantity: str) -> float:
    """Bytes of a quantity such as 1Gi or 500M."""
    for suffix, factor in _FACTORS.items():
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity)
