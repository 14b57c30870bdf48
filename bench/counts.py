"""Requests as the API server itself counted them (`apiserver_request_total`)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

WRITES = ("APPLY", "POST", "PUT", "PATCH", "DELETE")
READS = ("GET",)
"""What the least is known of. A list is made once for a kind and not for a resource, or should be."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the API server tells requests apart by; it has no label for who asked."""

    verb: str
    group: str
    resource: str
    subresource: str = ""


def parse(text: str) -> Counter[Request]:
    """The totals of a /metrics page."""
    totals: Counter[Request] = Counter()
    for labels, value in re.findall(r"^apiserver_request_total\{(.*?)\} (\S+)$", text, re.MULTILINE):
        series = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        request = Request(series["verb"], series["group"], series["resource"], series.get("subresource", ""))
        totals[request] += int(float(value))
    return totals
