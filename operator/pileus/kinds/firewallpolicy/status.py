"""What a FirewallPolicy's status shows beside the fields that every kind has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pileus.crds.types import Model

SHOWN_LIMIT = 256
Shown = Annotated[str, Field(max_length=SHOWN_LIMIT)]


class MatchedStatus(Model):
    """Whom the target selects."""

    pods: int = Field(default=0, description="How many pods, those of machines too.")
    vms: int = Field(default=0, description="How many machines.")
    sample: Annotated[tuple[Shown, ...], Field(max_length=16)] = Field(
        default=(), description="Some of them by name: app/web, vm/db-1, pod/nginx."
    )
    pending_restart: Annotated[tuple[Shown, ...], Field(max_length=32)] = Field(
        default=(), description="Machines that are selected only once they are restarted."
    )


class RuleStatus(Model):
    """How a rule or a preset stands."""

    name: str = Field(max_length=63, description="Its name.")
    state: str = Field(
        max_length=16,
        description="As in summary; Refused and Waiting only of the rules that are.",
    )
    reason: str = Field(default="", max_length=512, description="Why it is not enforced.")
    matched_peers: int | None = Field(
        default=None, description="How many pods its peers are; only of rules whose peers are pods."
    )


class PlanStatus(Model):
    """What would change if the policy were enforced, of the flows between workloads that are there."""

    newly_blocked: Annotated[tuple[Shown, ...], Field(max_length=32)] = Field(
        default=(),
        description=(
            "Flows that pass now and would not. Pods of other namespaces have no names here, since who "
            "may read this may not know them."
        ),
    )
    newly_allowed: Annotated[tuple[Shown, ...], Field(max_length=32)] = Field(
        default=(), description="Flows that do not pass now and would."
    )
    blocked: int = Field(default=0, description="How many would be blocked, those not shown too.")
    allowed: int = Field(default=0, description="How many would be allowed, those not shown too.")
    looked_at: int = Field(default=0, description="How many were looked at.")
    partial: bool | None = Field(
        default=None, description="true: there were more than are looked at, which may change, too."
    )


class FirewallPolicyStatus(Model):
    """What was found; written by the operator only."""

    matched: MatchedStatus | None = Field(default=None, description="Whom the target selects.")
    rules: tuple[RuleStatus, ...] = Field(
        default=(), max_length=80, description="How presets and rules stand."
    )
    plan: PlanStatus | None = Field(default=None, description="With mode: DryRun, what would change.")
    summary: str | None = Field(
        default=None,
        max_length=32,
        description=(
            "Enforced; Applied, where nobody knows whether it is enforced; NotEnforced; DryRun; Refused; "
            "Waiting for what is not known yet."
        ),
    )
