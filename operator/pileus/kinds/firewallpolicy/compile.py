"""What a FirewallPolicy becomes: one NetworkPolicy, or one policy of the enforcer's own. Pure and total.

It is always one object, so that no crash between two writes can leave a looser state than before or after.
What the enforcer cannot say is refused as a whole: nothing is dropped, nothing loosened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.world import Resource, World
from pileus.kinds.firewallpolicy.assess import listening, matches
from pileus.kinds.firewallpolicy.assess.matches import Matched
from pileus.kinds.firewallpolicy.build import cilium, presets, rules, standard
from pileus.kinds.firewallpolicy.build.exposed import EXPOSED
from pileus.kinds.firewallpolicy.build.rules import Block, Direction, Flows
from pileus.kinds.firewallpolicy.model import PRESETS, FirewallPolicySpec
from pileus.kinds.firewallpolicy.reasons import PolicyReason
from pileus.objects.catalog import CILIUM, CILIUM_NETWORK_POLICY
from pileus.objects.fabric import AGENTS
from pileus.objects.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Compiled:
    """A policy in this cluster.

    target: a label selector. flows: in the order of the rules, presets first. standard: what is to be
    enforced as a NetworkPolicy says it, None where it cannot. refused: why, by rule. unresolved: presets
    that mean nothing (yet).
    remarks: what is left out of a rule, or why it allows nothing, by rule.
    """

    target: Manifest
    flows: tuple[Flows, ...]
    directions: tuple[Direction, ...]
    standard: Manifest | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    unresolved: tuple[str, ...] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What `judge` needs of the compilation. peers: how many each rule's are, by its name."""

    compiled: Compiled
    seen: Matched
    peers: Mapping[str, int]


def compile_policy(resource: Resource, world: World) -> Plan:
    """The plan for one policy."""
    spec: FirewallPolicySpec = resource.spec
    around: Surroundings = world.survey
    compiled, findings = resolve(resource, world)
    seen = matches.matched(resource, spec, compiled.target, around)
    listens = listening.topics(
        resource, compiled.target, compiled.flows, compiled.directions, spec, seen.workloads
    )
    peers = matches.peers(resource, compiled.flows, around)
    warnings = matches.warnings(resource, spec, compiled.flows, compiled.directions, seen, peers, around)
    plan = Plan(
        findings=findings,
        warnings=tuple(warnings),
        prune=not findings,  # what was enforced stays: a preset that is not known for a moment opens nothing
        listens=listens | {AGENTS},
        facts={"firewall": Facts(compiled, seen, peers)},
    )
    if findings or spec.mode == "DryRun":
        return plan
    needed = any(one.needs for one in compiled.flows)
    made = cilium.policy(resource, compiled.target, compiled.flows, compiled.directions) if needed else None
    made = made or compiled.standard
    return dataclasses.replace(plan, objects=(made,) if made else ())


def resolve(resource: Resource, world: World) -> tuple[Compiled, tuple[Finding, ...]]:
    """The policy in this cluster, and why it cannot be enforced as it is."""
    spec: FirewallPolicySpec = resource.spec
    around: Surroundings = world.survey
    found: list[Flows] = []
    findings: list[Finding] = []
    unresolved: list[str] = []
    both = tuple(one for one in Direction if rules.said_of(spec, one) is not False)
    for preset in spec.presets:
        resolved = presets.flows(preset, spec, world, both)
        if isinstance(resolved, Finding):
            findings.append(resolved)
            unresolved.append(preset.name)
        else:
            found += resolved
    found += [rules.of_rule(rule) for rule in spec.rules]
    written = tuple(found)
    families = around.fabric.families()  # once: it looks at every node
    reachable = [one.of_families(families) for one in written]
    flows = tuple(one for one in reachable if one.sides)  # without a side it would be about everybody
    directions = tuple(one for one in Direction if rules.isolates(spec, one, written))
    refused = _refused(flows, around, world)
    if refused:
        findings.insert(0, _refusal(refused))
    target = rules.target(spec.target)
    plain = None
    # A NetworkPolicy without directions would isolate ingress: the API server fills them in.
    if directions and not any(one.needs for one in flows):
        plain = standard.network_policy(resource, target, flows, directions)
    remarks = {one.name: remark for one in written if (remark := _remark(one, spec, families))}
    return (
        Compiled(target, flows, directions, plain, refused, tuple(unresolved), remarks),
        tuple(findings),
    )


def _remark(flows: Flows, spec: FirewallPolicySpec, families: frozenset[int]) -> str:
    """What is to be said of a rule that stands."""
    if flows.name == EXPOSED and not flows.sides:
        who = ", ".join(repr(one) for one in (*(spec.target.apps or ()), *(spec.target.vms or ())))
        return f"It lets nobody in: {who} exposes nothing to the outside of the cluster."
    beyond = sorted(_beyond(flows, families))
    return f"{', '.join(beyond)} matches nothing: the cluster has no such addresses." if beyond else ""


def _beyond(flows: Flows, families: frozenset[int]) -> set[str]:
    """Ranges of a rule that nothing in this cluster can have to do with."""
    if flows.deny or (flows.name in PRESETS and flows.name != EXPOSED):
        return set()
    blocks = {side for side in flows.sides if isinstance(side, Block)}
    return {block.cidr for block in blocks if block.family not in families}


def _refused(flows: tuple[Flows, ...], around: Surroundings, world: World) -> dict[str, str]:
    """Why rules cannot be enforced here, by their names."""
    able = CILIUM in around.fabric.agents() and CILIUM_NETWORK_POLICY.id in world.served
    if able:
        return {}
    agents = sorted(around.fabric.agents())
    who = (
        f"{' and '.join(agents)}, which enforces policies here," if agents else "what enforces policies here"
    )
    refused = {}
    for one in flows:
        if one.needs:
            needs = ", ".join(one.needs)
            refused[one.name] = f"{who} cannot do {needs}: it needs Cilium"
    return refused


def _refusal(refused: dict[str, str]) -> Finding:
    name, why = next(iter(refused.items()))
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return Finding(
        PolicyReason.CAPABILITY_MISSING,
        f"Rule {name!r}{more} cannot be enforced, so nothing of this policy is changed: {why}. Leave the "
        "rule out, or have Cilium installed.",
        stalled=True,
    )
