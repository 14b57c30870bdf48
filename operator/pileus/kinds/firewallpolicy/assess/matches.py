"""Whom a policy matches, and what its user should know of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pileus.engine.labels import KIND, OWNER_NAME
from pileus.engine.plan import Finding
from pileus.engine.world import Resource
from pileus.kinds.firewallpolicy.assess.listening import VM_KEY
from pileus.kinds.firewallpolicy.build.rules import (
    Anybody,
    Block,
    Direction,
    Flows,
    Pods,
    said_of,
)
from pileus.kinds.firewallpolicy.model import PRESETS, FirewallPolicySpec
from pileus.kinds.firewallpolicy.reasons import PolicyReason
from pileus.objects import netpol
from pileus.objects.surroundings import VM_NAME, Surroundings, Workload

SAMPLE = 10
"""So many workloads are named in the status."""

_SOME = 3


@dataclass(frozen=True, slots=True)
class Matched:
    """The target's pods. pending: machines whose pod does not have the labels yet by which they are known."""

    workloads: tuple[Workload, ...]
    pending: tuple[str, ...] = ()

    @property
    def machines(self) -> int:
        """How many are machines."""
        return len({one.pod.labels.get(OWNER_NAME) for one in self.workloads if _is_vm(one)})

    @property
    def sample(self) -> list[str]:
        """Their names, without repetition."""
        return sorted({one.shown for one in self.workloads})[:SAMPLE]


def matched(
    resource: Resource, spec: FirewallPolicySpec, target: Mapping[str, Any], around: Surroundings
) -> Matched:
    """Whom the target selects now."""
    found = around.select(resource.namespace, target)
    pending: set[str] = set()
    if spec.target.vms:
        launchers = around.select(resource.namespace, {"matchLabels": dict([VM_KEY])})
        running = {one.pod.labels.get(VM_NAME, "") for one in launchers if not _selectable(one)}
        pending = running & set(spec.target.vms)
    return Matched(found, tuple(sorted(pending)))


def peers(resource: Resource, flows: Iterable[Flows], around: Surroundings) -> dict[str, int]:
    """How many pods the other sides of each rule are that has pods there, by its name.

    Not of presets: theirs would change with every pod that comes or goes, in every policy that has them.
    """
    rules = [one for one in flows if one.name not in PRESETS]
    return {one.name: _peers(resource, one, around) for one in rules if _pods(one)}


def _pods(flows: Flows) -> list[Pods]:
    return [side for side in flows.sides if isinstance(side, Pods)]


def _peers(resource: Resource, flows: Flows, around: Surroundings) -> int:
    found: set[tuple[str, str]] = set()
    for side in _pods(flows):
        spaces = [resource.namespace] if side.namespaces is None else around.spaces(side.namespaces)
        for space in spaces:
            found |= {(one.pod.namespace, one.pod.name) for one in around.select(space, side.selector)}
    return len(found)


def warnings(
    resource: Resource,
    spec: FirewallPolicySpec,
    flows: tuple[Flows, ...],
    directions: tuple[Direction, ...],
    seen: Matched,
    peers: Mapping[str, int],
    around: Surroundings,
) -> list[Finding]:
    """What does not keep the policy from being enforced, but is seldom meant."""
    return [
        *_nothing(spec, seen),
        *_pending(seen),
        *_host_network(seen),
        *_secondary(seen),
        *_isolates(resource, spec, directions, seen, around),
        *_no_dns(spec, flows, directions),
        *_masked(resource, flows, seen, around),
        *_no_peers(flows, peers),
    ]


def _nothing(spec: FirewallPolicySpec, seen: Matched) -> Iterable[Finding]:
    if not seen.workloads and not seen.pending:
        names = [*(f"App {one!r}" for one in spec.target.apps or ())]
        names += [f"VM {one!r}" for one in spec.target.vms or ()]
        words = (
            " and ".join(names) + (" have" if len(names) > 1 else " has") + " no pod"
            if names
            else "No pod has the target's labels"
        )
        yield Finding(
            PolicyReason.SELECTS_NOTHING, f"{words}: nothing is protected yet. See that spec.target is right."
        )
    elif spec.target.apps or spec.target.vms:
        found = {one.pod.labels.get(OWNER_NAME) for one in seen.workloads} | set(seen.pending)
        missing = [one for one in (*(spec.target.apps or ()), *(spec.target.vms or ())) if one not in found]
        if missing:
            yield Finding(
                PolicyReason.SELECTS_NOTHING,
                f"{', '.join(map(repr, missing))} of spec.target has no pod. See that the name is right.",
            )


def _pending(seen: Matched) -> Iterable[Finding]:
    if seen.pending:
        names = ", ".join(map(repr, seen.pending))
        yield Finding(
            PolicyReason.VM_PENDING_RESTART,
            f"VM {names} runs without the labels by which it is selected, since they came later: it is not "
            "protected before it is restarted.",
        )


def _host_network(seen: Matched) -> Iterable[Finding]:
    if found := [one for one in seen.workloads if one.pod.host_network]:
        yield Finding(
            PolicyReason.HOST_NETWORK_POD_SELECTED,
            f"{_names(found)}: in the network of the node, where none applies. Take hostNetwork away, or "
            "leave it out of spec.target.",
        )


def _secondary(seen: Matched) -> Iterable[Finding]:
    if found := [one for one in seen.workloads if one.networks]:
        yield Finding(
            PolicyReason.SECONDARY_NETWORK,
            f"{_names(found)}: has further networks, which no policy covers: guard them where they are made.",
        )


def _isolates(
    resource: Resource,
    spec: FirewallPolicySpec,
    directions: tuple[Direction, ...],
    seen: Matched,
    around: Surroundings,
) -> Iterable[Finding]:
    """Where an allow blocks all else without anybody having said so."""
    unsaid = [one for one in directions if said_of(spec, one) is None]
    if not unsaid or not seen.workloads:
        return
    policies = around.policies(resource.namespace)
    for direction in unsaid:
        covered = (one for one in seen.workloads if not one.pod.host_network)
        open_ = [one for one in covered if not _isolated(resource, policies, one, direction)]
        if open_:
            way = "reaches" if direction is Direction.INGRESS else "is reached from"
            yield Finding(
                PolicyReason.ALLOW_ISOLATES,
                f"Nothing else isolates {_names(open_)}: by what this policy allows, all other "
                f"{direction.lower()} is blocked, so that nobody else {way} it. Set "
                f"isolate.{direction.lower()}: true to say that this is meant.",
            )
            return


def _isolated(resource: Resource, policies: netpol.Policies, one: Workload, direction: Direction) -> bool:
    selecting = policies.selecting(one.pod, direction.value)
    return any(policy.name != resource.name for policy in selecting)


def _no_dns(
    spec: FirewallPolicySpec, flows: tuple[Flows, ...], directions: tuple[Direction, ...]
) -> Iterable[Finding]:
    """Names cannot be looked up by whoever may go somewhere."""
    allows = [one for one in flows if one.direction is Direction.EGRESS and not one.deny]
    if Direction.EGRESS not in directions or not allows or any(one.name == "DNS" for one in spec.presets):
        return
    if not any(_may_ask(one) for one in allows):
        yield Finding(
            PolicyReason.NO_DNS_EGRESS,
            "Nothing lets the target ask the cluster's DNS, so it finds no host by name: add {name: DNS} to "
            "presets.",
        )


def _may_ask(flows: Flows) -> bool:
    """Whether a rule may be one that lets DNS pass: by port, to more than a block of addresses."""
    inside = any(
        isinstance(side, Anybody) or (isinstance(side, Pods) and side.namespaces is not None)
        for side in flows.sides
    )
    covers = any(
        port.protocol == "UDP"
        and isinstance(port.number, int)
        and port.number <= 53 <= (port.last or port.number)
        for port in flows.ports
    )
    return covers or (inside and not flows.ports)


def _masked(
    resource: Resource, flows: tuple[Flows, ...], seen: Matched, around: Surroundings
) -> Iterable[Finding]:
    ranges = any(
        isinstance(side, Block) for one in flows if one.direction is Direction.INGRESS for side in one.sides
    )
    if not ranges:
        return
    masking = [
        service.name
        for service in around.services(resource.namespace)
        if service.masks
        and service.selector
        and any(service.selector.items() <= one.pod.labels.items() for one in seen.workloads)
    ]
    if masking:
        yield Finding(
            PolicyReason.MASKED_SOURCE_IP,
            f"Whoever comes through Service {min(masking)!r} has the address of a node by "
            "then, so that no range of addresses matches: set externalTrafficPolicy: Local on it.",
        )


def _no_peers(flows: tuple[Flows, ...], peers: Mapping[str, int]) -> Iterable[Finding]:
    alone = {one.name for one in flows if len(_pods(one)) == len(one.sides)}
    empty = sorted(name for name in alone if peers.get(name) == 0)
    if empty:
        yield Finding(
            PolicyReason.PEER_SELECTS_NOTHING,
            f"No pod is a peer of {_some(empty)} now. See that the names and labels of the peers are right.",
        )


def _names(found: Iterable[Workload]) -> str:
    return _some(sorted({one.shown for one in found}))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SOME} more" if len(names) > _SOME else ""
    return ", ".join(names[:_SOME]) + more


def _selectable(one: Workload) -> bool:
    """Whether the pod of a machine has both labels by which the machine is selected."""
    return _is_vm(one) and one.pod.labels.get(OWNER_NAME) == one.pod.labels.get(VM_NAME)


def _is_vm(one: Workload) -> bool:
    return one.pod.labels.get(KIND) == "CloudVM"
