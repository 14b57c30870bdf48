"""The small types that only a ContainerApp's fields are made of; the rest is in `pileus.crds.types`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pileus.crds.markers import Rule, validations
from pileus.crds.types import Text

PortName = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=15,
        json_schema_extra=validations(
            Rule(
                "!self.contains('--') && self != 'pileus-metrics'",
                "A port's name has no '--' in it, and is not pileus-metrics, which metrics.port gets.",
            )
        ),
    ),
]
Environment = Annotated[
    dict[str, Text],
    Field(
        json_schema_extra=validations(
            Rule(
                "self.all(name, name.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$'))",
                "The name of a variable holds letters, digits, '_', '-' and '.', and starts with no digit.",
            )
        )
    ),
]
"""Environment variables, by names that every version of Kubernetes takes."""

MountPath = Annotated[
    str,
    Field(
        pattern=r"^/[^:]+$",
        min_length=2,
        max_length=512,
        json_schema_extra=validations(
            Rule(
                "self.substring(1).split('/').all(part, !(part in ['', '.', '..']))",
                "Write the path without '//', '/.', '/..' and a '/' at its end, such as /var/data.",
            )
        ),
    ),
]
