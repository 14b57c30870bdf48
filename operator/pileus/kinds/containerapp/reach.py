"""How a ContainerApp scales, changes and is reached, as users write it: scale, rollout, expose."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, list_set, validations
from pileus.crds.types import Cidr, Duration, Host, Model, Text


class Trigger(Model):
    """A KEDA scaler that reads its own source; see KEDA's list of scalers."""

    type: str = Field(
        pattern=r"^[a-z0-9-]+$",
        min_length=1,
        max_length=63,
        description="KEDA's name of the scaler, such as prometheus, cron or kafka.",
    )
    metadata: dict[str, Text] = Field(
        max_length=32,
        description=(
            "The scaler's parameters, as KEDA documents them. No secrets: these values are readable by all "
            "who may read the app."
        ),
    )


class Scale(Model):
    """Scaling by load instead of a fixed number of replicas."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule("self.min <= self.max", "min must not be greater than max."),
            Rule(
                "has(self.cpu) || has(self.memory) || has(self.triggers)",
                "Say what to scale by: give at least one of cpu, memory and triggers, for example cpu: 70.",
            ),
        )
    )

    min: int = Field(default=1, ge=0, le=1000, description="Fewest replicas. 0 needs KEDA.")
    max: int = Field(ge=1, le=1000, description="Most replicas.")
    cpu: int | None = Field(
        default=None, ge=1, le=1000, description="Average CPU use to aim at, in percent of what is reserved."
    )
    memory: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Average memory use to aim at, in percent of what is reserved.",
    )
    triggers: tuple[Trigger, ...] = Field(
        default=(), max_length=16, description="Other sources to scale by; they need KEDA."
    )


class Step(Model):
    """One step of a canary."""

    weight: int = Field(ge=1, le=99, description="Percent of the requests that the new version gets.")
    pause: Duration = Field(default="0s", description="How long this step lasts at least, such as 10m.")


class Rollout(Model):
    """How a new version replaces the old one."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "has(self.steps) == (self.strategy == 'Canary')",
                "steps go with strategy Canary, which needs at least one, and with no other strategy.",
            )
        )
    )

    strategy: Literal["Rolling", "Recreate", "BlueGreen", "Canary"] = Field(
        default="Rolling",
        description=(
            "Rolling: replica by replica, without a gap. Recreate: stop all, then start all. BlueGreen: "
            "start the new version beside the old one and switch all requests at once. Canary: give the "
            "new version a growing share of the requests. BlueGreen and Canary need expose.hosts and the "
            "Gateway API."
        ),
    )
    steps: tuple[Step, ...] = Field(
        default=(),
        max_length=20,
        json_schema_extra={"minItems": 1},
        description="The steps of a Canary, in order; after the last one the new version takes over.",
    )


class RateLimit(Model):
    """How many requests are let through."""

    rps: int = Field(ge=1, le=1_000_000, description="Requests a second.")
    per: Literal["Client", "Total"] = Field(
        default="Client", description="Whether each client address has its own budget, or all share one."
    )


class Expose(Model):
    """How the app is reached from outside the cluster: by host names, or by an address of its own."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule("has(self.hosts) != has(self.type)", "Give either hosts, or type: LoadBalancer, not both."),
            Rule(
                "has(self.hosts) || !(has(self.path) || has(self.tls) || has(self.rateLimit))",
                "path, tls and rateLimit go with hosts; a LoadBalancer passes connections on as they are.",
            ),
            Rule(
                "has(self.type) || !(has(self.pool) || has(self.ipFamily))",
                "pool and ipFamily go with type: LoadBalancer.",
            ),
        )
    )

    hosts: tuple[Host, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra={"minItems": 1} | list_set(),
        description="Host names of the app, such as shop.acme.dev.",
    )
    path: str | None = Field(
        default=None,
        pattern=r"^/\S*$",
        max_length=1024,
        json_schema_extra=validations(
            Rule(
                "self.matches('^[-A-Za-z0-9/._~!$&()*+,;=:@%]+$') && !self.contains('//') && "
                "!self.lowerAscii().contains('%2f') && !self.split('/').exists(p, p == '.' || p == '..') && "
                "!self.matches('%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)')",
                "Write the path as a URL has it, without query, '//', '/.' and '/..', such as /shop.",
            )
        ),
        description="Only requests below this path. Absent: all.",
    )
    tls: str | None = Field(
        default=None,
        pattern=r"^(Auto|None|[a-z0-9]([-.a-z0-9]*[a-z0-9])?)$",
        max_length=253,
        json_schema_extra=validations(
            Rule(
                "!(self in ['auto', 'none'])",
                "Write Auto or None with a capital letter, or the name of a TLS Secret.",
            )
        ),
        description=(
            "Auto (also when absent): a certificate from cert-manager. None: no certificate of the "
            "app's own; the "
            "gateway's listeners serve the hosts as they are. Anything else: the name of a TLS Secret "
            "of this namespace."
        ),
    )
    rate_limit: RateLimit | None = Field(
        default=None,
        description=(
            "Limit on requests. A comfort: where the gateway cannot do it, the app is exposed without, "
            "with a warning."
        ),
    )
    allow_from: tuple[Cidr, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra={"minItems": 1} | list_set(),
        description=(
            "Only these address ranges may connect. Where the gateway cannot do it, the app is not exposed."
        ),
    )
    type: Literal["LoadBalancer"] | None = Field(
        default=None, description="LoadBalancer: an address of its own for all ports of the app."
    )
    pool: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=63,
        description=(
            "Address pool to take the address from: MetalLB's annotation, and the label pileus.dev/pool "
            "for Cilium's pool selectors."
        ),
    )
    ip_family: Literal["IPv4", "IPv6", "DualStack"] | None = Field(
        default=None, description="Address family. Absent: the cluster's default."
    )
