"""The small types that fields of several kinds are made of, each with its bound and its pattern.

Bounds are generous for people and small for the API server, which estimates the cost of every rule
from them. Nothing here decides anything: what cannot be said by a type is a CEL rule in the kind's model.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from pileus.crds.markers import Rule, validations

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OBJECT_PATTERN = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$"
HOST_PATTERN = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
QUANTITY_PATTERN = r"^([0-9]+|[0-9]+\.[0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
DURATION_PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"


class Model(BaseModel):
    """Base of the models: camelCase outside, frozen inside, unknown fields left to the API server."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", use_enum_values=True
    )


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _amount(least: str, most: str, message: str, *, whole: bool) -> Any:
    """An amount as Kubernetes writes it, between two others."""
    value = "quantity(string(self))"
    bounds = f"{value}.compareTo(quantity('{least}')) >= 0 && {value}.compareTo(quantity('{most}')) <= 0"
    # Not isInteger(): it knows no integers of more than 15 digits.
    rule = Rule(f"!string(self).endsWith('m') && {bounds}" if whole else bounds, message)
    schema = {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        "pattern": QUANTITY_PATTERN,
        "maxLength": 24,
        **validations(rule),
    }
    return Annotated[
        str,
        BeforeValidator(_as_text),
        Field(pattern=QUANTITY_PATTERN, min_length=1, max_length=24),
        WithJsonSchema(schema),
    ]


# A limit of nothing is no limit for Kubernetes, and `512m` is half a byte: both are slips of the pen.
Bytes = _amount(
    "1Mi", "1Pi", "Give whole bytes between 1Mi and 1Pi with their unit, such as 512Mi.", whole=True
)
"""An amount of memory or storage: `512Mi`, `1Gi`."""

Processors = _amount(
    "1m", "1k", "Give a number of processors between 1m and 1000, such as 500m or 2.", whole=False
)
"""An amount of CPU: `500m`, `2`."""

Duration = Annotated[str, Field(pattern=DURATION_PATTERN, min_length=2, max_length=18)]
"""A time such as `90s`, `5m` or `1h30m`."""

Name = Annotated[str, Field(pattern=NAME_PATTERN, min_length=1, max_length=40)]
"""The name of a part of the resource."""

Token = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^\S+$")]
"""A text that means nothing; a new one asks for something once."""

PortNumber = Annotated[int, Field(ge=1, le=65535)]
ObjectName = Annotated[str, Field(pattern=OBJECT_PATTERN, min_length=1, max_length=253)]
"""The name of another object of the same namespace."""

Image = Annotated[str, Field(pattern=r"^\S+$", min_length=1, max_length=512)]
Word = Annotated[str, Field(max_length=4096)]
"""One word of a command line."""

Text = Annotated[str, Field(max_length=32768)]
Host = Annotated[
    str,
    Field(
        pattern=HOST_PATTERN,
        min_length=1,
        max_length=253,
        json_schema_extra=validations(
            Rule(
                "!isIP(self) && self.split('.').all(label, size(label) <= 63)",
                "Give a DNS name, such as shop.acme.dev: no address, and at most 63 characters between dots.",
            )
        ),
    ),
]
Cidr = Annotated[
    str,
    Field(
        max_length=49,
        json_schema_extra=validations(
            Rule(
                "isCIDR(self)",
                "Write a range such as 203.0.113.0/24 or 2001:db8::/32; one address is /32 or /128.",
            ),
            Rule(
                "!isCIDR(self) || cidr(self).masked() == cidr(self)",
                "A range begins with its first address: write 203.0.113.0/24, or 203.0.113.7/32 for one.",
            ),
        ),
    ),
]
