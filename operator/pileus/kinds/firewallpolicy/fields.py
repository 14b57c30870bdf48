"""The small types that a FirewallPolicy's fields are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, validations
from pileus.crds.types import Model

PORT_PATTERN = r"^([0-9]{1,5}(-[0-9]{1,5})?|[a-z0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*)(/(tcp|udp|sctp))?$"
_NUMBERS = "self.split('/')[0].split('-')"
Ports = Annotated[
    str,
    Field(
        pattern=PORT_PATTERN,
        min_length=1,
        max_length=20,
        json_schema_extra=validations(
            Rule(
                "!self.matches('^[0-9]') || !self.matches('^[0-9-]+(/[a-z]+)?$') || "
                f"{_NUMBERS}.all(n, int(n) >= 1 && int(n) <= 65535)",
                "A port is a number between 1 and 65535.",
            ),
            Rule(
                f"!self.matches('^[0-9]+-[0-9]+(/[a-z]+)?$') || int({_NUMBERS}[0]) < int({_NUMBERS}[1])",
                "A range goes from the lower port to the higher, such as 30000-30100/udp.",
            ),
            Rule(
                "size(self.split('/')[0]) <= 15",
                "The name of a port has at most 15 characters: give the name that the container gives it.",
            ),
        ),
    ),
]
"""`5432/tcp`, `30000-30100/udp`, or the name of a container's port: `http`. Without a protocol: TCP."""

Fqdn = Annotated[
    str,
    Field(
        pattern=r"^(\*{1,2}\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
        min_length=3,
        max_length=253,
    ),
]
KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LabelKey = Annotated[
    str,
    Field(
        pattern=KEY_PATTERN,
        min_length=1,
        max_length=316,
    ),
]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
NamespaceName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]


class Requirement(Model):
    """One condition on labels."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "self.operator in ['In', 'NotIn'] == (has(self.values) && size(self.values) > 0)",
                "In and NotIn need values; Exists and DoesNotExist have none.",
                field_path=".values",
            )
        )
    )

    key: LabelKey = Field(description="The label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="In and NotIn compare its value, Exists and DoesNotExist ask whether it is there."
    )
    values: Annotated[tuple[LabelValue, ...], Field(max_length=16)] = Field(
        default=(), description="For In and NotIn: the values."
    )


class Selector(Model):
    """Labels, as Kubernetes selects by them; what is empty selects all."""

    match_labels: Annotated[
        dict[str, LabelValue],
        Field(
            max_length=16,
            json_schema_extra=validations(
                Rule(
                    f"self.all(key, key.matches('{KEY_PATTERN}'))",
                    "A label is a name such as app, or acme.dev/team: letters, digits, '-', '_' and '.'.",
                )
            ),
        ),
    ] = Field(default={}, description="Labels with their values, all of them.")
    match_expressions: Annotated[tuple[Requirement, ...], Field(max_length=8)] = Field(
        default=(),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="Further conditions, all of them.",
    )
