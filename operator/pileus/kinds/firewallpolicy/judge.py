"""What a FirewallPolicy means for its user: whom it matches, and whether it holds. Pure and total."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.engine.conditions import Condition, Verdict
from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.firewallpolicy.assess import dryrun, matches
from pileus.kinds.firewallpolicy.compile import Compiled, Facts
from pileus.kinds.firewallpolicy.model import FirewallPolicySpec
from pileus.kinds.firewallpolicy.reasons import PolicyReason
from pileus.kinds.firewallpolicy.status import SHOWN_LIMIT
from pileus.objects.surroundings import Enforcement, Surroundings


def judge_policy(resource: Resource, plan: Plan, world: World) -> Verdict:
    """The verdict on one policy."""
    facts = plan.facts.get("firewall")
    if not isinstance(facts, Facts):
        return Verdict()
    compiled, seen = facts.compiled, facts.seen
    spec: FirewallPolicySpec = resource.spec
    around: Surroundings = world.survey
    dry = spec.mode == "DryRun"
    verified = _verified(around.enforcement)
    findings: tuple[Finding, ...] = ()
    if not dry and verified.status != "True" and verified.reason != PolicyReason.NOT_VERIFIED:
        stalled = verified.status == "False"
        findings = (Finding(verified.reason, verified.message, stalled=stalled),)
    state = _state(compiled, around.enforcement, dry=dry)
    fields: dict[str, Any] = {
        "matched": _matched(seen),
        "rules": [_rule(one, facts, state) for one in _names(spec)],
        "summary": state,
    }
    if dry and compiled.standard is not None and not plan.findings:
        found = dryrun.change(resource, compiled.standard, seen.workloads, around)
        fields["plan"] = {
            "newlyBlocked": _shown(found.blocked[: dryrun.SHOWN]),
            "newlyAllowed": _shown(found.allowed[: dryrun.SHOWN]),
            "blocked": len(found.blocked),
            "allowed": len(found.allowed),
            "lookedAt": found.looked_at,
            **({"partial": True} if found.partial else {}),
        }
    return Verdict(findings=findings, conditions=(_accepted(plan), verified), fields=fields)


def _accepted(plan: Plan) -> Condition:
    if plan.findings:
        return Condition("Accepted", "False", plan.findings[0].reason, plan.findings[0].message)
    return Condition("Accepted", "True", PolicyReason.ACCEPTED)


def _verified(enforcement: Enforcement) -> Condition:
    """Whether policies hold in this cluster, as it was tried out."""
    kind = "EnforcementVerified"
    if enforcement.holds:
        return Condition(kind, "True", PolicyReason.ENFORCED, enforcement.words)
    if enforcement.holds is False:
        return Condition(kind, "False", PolicyReason.NOT_ENFORCED, enforcement.words)
    if enforcement.off:
        words = enforcement.words or "Nobody tries whether policies are enforced here."
        return Condition(kind, "Unknown", PolicyReason.NOT_VERIFIED, words)
    if enforcement.words:
        return Condition(kind, "Unknown", PolicyReason.VERIFICATION_FAILED, enforcement.words)
    return Condition(
        kind, "Unknown", PolicyReason.VERIFYING, "Whether policies are enforced here is being tried."
    )


def _matched(seen: matches.Matched) -> dict[str, Any]:
    sample = _shown(seen.sample)
    found: dict[str, Any] = {"pods": len(seen.workloads), "vms": seen.machines, "sample": sample}
    if seen.pending:
        found["pendingRestart"] = list(seen.pending)
    return found


def _shown(names: Iterable[str]) -> list[str]:
    """As much of each as the status takes: a pod's name may be as long as that alone."""
    return [one if len(one) <= SHOWN_LIMIT else f"{one[: SHOWN_LIMIT - 1]}…" for one in names]


def _names(spec: FirewallPolicySpec) -> list[str]:
    """Of presets and rules; those of presets have capitals, those of rules have none."""
    return [one.name for one in spec.presets] + [one.name for one in spec.rules]


def _rule(name: str, facts: Facts, state: str) -> dict[str, Any]:
    compiled = facts.compiled
    found: dict[str, Any] = {"name": name, "state": state}
    if why := compiled.refused.get(name):
        found |= {"state": "Refused", "reason": why}
    elif name in compiled.unresolved:
        found |= {"state": "Waiting", "reason": "Nobody knows yet what it means in this cluster."}
    elif compiled.refused:
        found |= {"state": "Waiting", "reason": "Another rule of the policy is refused."}
    elif compiled.unresolved:
        found |= {"state": "Waiting", "reason": "A preset of the policy cannot be resolved."}
    elif remark := compiled.remarks.get(name):
        found["reason"] = remark
    if name in facts.peers:
        found["matchedPeers"] = facts.peers[name]
    return found


def _state(compiled: Compiled, enforcement: Enforcement, *, dry: bool) -> str:
    """In one word how the policy stands."""
    if compiled.refused:
        return "Refused"
    if compiled.unresolved:
        return "Waiting"
    if dry:
        return "DryRun"
    return {True: "Enforced", False: "NotEnforced", None: "Applied"}[enforcement.holds]
