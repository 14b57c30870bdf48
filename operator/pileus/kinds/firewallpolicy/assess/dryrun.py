"""What a policy would change if it were enforced: flows between the workloads that are there.

Pods that look alike are one workload, of which one is asked about. What is compared is what all
NetworkPolicies but this one say with what they say with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.objects import netpol
from pileus.objects.fabric import Dns
from pileus.objects.netpol import Flow, Outside, Peer, Pod
from pileus.objects.surroundings import Surroundings, Workload

SHOWN = 20
"""So many flows of each list are shown."""

PAIRS = 10_000
"""So many pairs of a target and another workload are looked at, those of the policy's own namespace first."""

TARGETS = 500
"""So many workloads of the target are."""

INTERNET = {4: Outside("198.51.100.1"), 6: Outside("2001:db8::1")}
"""Stands for everybody outside of the cluster (addresses for documentation, RFC 5737 and 3849)."""


@dataclass(frozen=True, slots=True)
class Change:
    """The flows that would be blocked, or allowed, by their names, and how many were looked at.

    partial: whether there are more.
    """

    blocked: tuple[str, ...]
    allowed: tuple[str, ...]
    looked_at: int
    partial: bool = False


def change(resource: Resource, made: Manifest, targets: Iterable[Workload], around: Surroundings) -> Change:
    """What `made`, a NetworkPolicy, would change for its targets."""
    namespace = resource.namespace
    before = around.policies(namespace).but(namespace, resource.name)
    after = before.but(namespace, resource.name, made)
    blocked: set[str] = set()
    allowed: set[str] = set()
    looked_at = 0
    alike = _alike(targets)
    pairs = _pairs(resource, alike[:TARGETS], around)
    inside = _inside(resource, islice(pairs, PAIRS), around)
    for flow, name, inward in chain(_outside(alike[:TARGETS], around), inside):
        looked_at += 1
        other = flow.source if inward else flow.target
        if not _far_side(flow, other, inward, around, before):
            continue
        was, is_ = (_near_side(flow, inward, policies) for policies in (before, after))
        if was and not is_:
            blocked.add(name)
        elif is_ and not was:
            allowed.add(name)
    partial = len(alike) > TARGETS or next(pairs, None) is not None
    return Change(tuple(sorted(blocked)), tuple(sorted(allowed)), looked_at, partial)


def _near_side(flow: Flow, inward: bool, policies: netpol.Policies) -> bool:
    verdict = policies.verdict(flow)
    return (verdict.ingress if inward else verdict.egress).allowed


def _far_side(flow: Flow, other: Peer, inward: bool, around: Surroundings, own: netpol.Policies) -> bool:
    """Whether the other end lets it pass: else nothing changes, whatever the target says."""
    if not isinstance(other, Pod):
        return True
    near = flow.target if inward else flow.source
    same = isinstance(near, Pod) and near.namespace == other.namespace
    verdict = (own if same else around.policies(other.namespace)).verdict(flow)
    return (verdict.egress if inward else verdict.ingress).allowed


def _pairs(
    resource: Resource, targets: list[Workload], around: Surroundings
) -> Iterator[tuple[Workload, Workload]]:
    """Each target with each workload, those of the policy's own namespace first."""
    spaces = sorted(around.namespaces, key=lambda name: (name != resource.namespace, name))
    for space in spaces:
        for other in sorted(around.workloads(space), key=lambda one: one.pod.name):
            for target in targets:
                if other.shape != target.shape:
                    yield target, other


def _inside(
    resource: Resource, pairs: Iterable[tuple[Workload, Workload]], around: Surroundings
) -> Iterator[tuple[Flow, str, bool]]:
    """Each flow between the two of a pair, its name, and whether it goes to the target."""
    dns = around.fabric.dns()
    for target, other in pairs:
        name, far = target.shown, _far(resource, other, dns)
        for family in sorted(_families(target.pod) & _families(other.pod))[:1]:
            for port, protocol in target.open:
                flow = Flow(other.pod, target.pod, port, protocol, family)
                yield flow, f"{far} → {name}:{port}/{protocol.lower()}", True
            for port, protocol in other.open:
                flow = Flow(target.pod, other.pod, port, protocol, family)
                yield flow, f"{name} → {far}:{port}/{protocol.lower()}", False


def _outside(targets: list[Workload], around: Surroundings) -> Iterator[tuple[Flow, str, bool]]:
    """The same between the targets and what is no pod."""
    for target in targets:
        name, families = target.shown, _families(target.pod)
        for family in sorted(families)[:1]:
            for port, protocol in target.open:
                flow = Flow(INTERNET[family], target.pod, port, protocol, family)
                yield flow, f"outside → {name}:{port}/{protocol.lower()}", True
            yield Flow(target.pod, INTERNET[family], 443, "TCP", family), f"{name} → outside:443/tcp", False
        for address, port in around.fabric.api_server():
            family = 6 if ":" in address else 4
            if family in families:
                flow = Flow(target.pod, Outside(address), port, "TCP", family)
                yield flow, f"{name} → Kubernetes API ({address}:{port}/tcp)", False


def _alike(found: Iterable[Workload]) -> list[Workload]:
    """One pod of each workload that policies can be about."""
    kept: dict[object, Workload] = {}
    for one in sorted(found, key=lambda one: one.pod.name):
        if not one.pod.host_network:
            kept.setdefault(one.shape, one)
    return list(kept.values())


def _far(resource: Resource, one: Workload, dns: Dns | None) -> str:
    """The name of the other end: who may read a policy need not know who else is in the cluster."""
    if one.pod.namespace == resource.namespace:
        return one.shown
    if dns and one.pod.namespace == dns.namespace and dns.selector.items() <= one.pod.labels.items():
        return "the cluster's DNS"
    return "pods of other namespaces"


def _families(pod: Pod) -> set[int]:
    return {6 if ":" in ip else 4 for ip in pod.ips}
