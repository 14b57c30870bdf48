"""What a policy would change if it were enforced: flows between the workloads that are there.

Pods that look alike are one workload, of which one is asked about. What is compared is what all
NetworkPolicies but this one say with what they say with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.objects import netpol
from pileus.objects.netpol import Flow, Outside, Peer, Pod
from pileus.objects.surroundings import Surroundings, Workload

SHOWN = 20
"""So many flows of each list are shown."""

WORKLOADS = 200
"""So many other workloads are looked at, those of the policy's own namespace first."""

INTERNET = {4: Outside("198.51.100.1"), 6: Outside("2001:db8::1")}
"""Stands for everybody outside of the cluster (addresses for documentation, RFC 5737 and 3849)."""

_HASHES = ("pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name")


@dataclass(frozen=True, slots=True)
class Change:
    """The flows that would be blocked, or allowed, by their names, and how many were looked at."""

    blocked: tuple[str, ...]
    allowed: tuple[str, ...]
    looked_at: int


def change(resource: Resource, made: Manifest, targets: Iterable[Workload], around: Surroundings) -> Change:
    """What `made`, a NetworkPolicy, would change for its targets."""
    namespace = resource.namespace
    before = around.policies(namespace).but(namespace, resource.name)
    after = before.but(namespace, resource.name, made)
    blocked: set[str] = set()
    allowed: set[str] = set()
    looked_at = 0
    for flow, name, inward in _flows(resource, _alike(targets), around):
        looked_at += 1
        other = flow.source if inward else flow.target
        if not _far_side(flow, other, inward, around, before):
            continue
        was, is_ = (_near_side(flow, inward, policies) for policies in (before, after))
        if was and not is_:
            blocked.add(name)
        elif is_ and not was:
            allowed.add(name)
    return Change(tuple(sorted(blocked)), tuple(sorted(allowed)), looked_at)


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


def _flows(
    resource: Resource, targets: list[Workload], around: Surroundings
) -> Iterator[tuple[Flow, str, bool]]:
    """Each flow, its name, and whether it goes to the target."""
    others = _alike(one for space in _spaces(resource, around) for one in around.pods(space))[:WORKLOADS]
    for target in targets:
        if target.pod.host_network:
            continue
        name, families = _name(resource, target), _families(target.pod)
        for other in others:
            shared = families & _families(other.pod)
            if other.pod.name == target.pod.name and other.pod.namespace == resource.namespace:
                continue
            for family in sorted(shared)[:1]:
                for port, protocol in target.open:
                    flow = Flow(other.pod, target.pod, port, protocol, family)
                    yield flow, f"{_name(resource, other)} → {name}:{port}/{protocol.lower()}", True
                for port, protocol in other.open:
                    flow = Flow(target.pod, other.pod, port, protocol, family)
                    yield flow, f"{name} → {_name(resource, other)}:{port}/{protocol.lower()}", False
        for family in sorted(families)[:1]:
            for port, protocol in target.open:
                flow = Flow(INTERNET[family], target.pod, port, protocol, family)
                yield flow, f"outside → {name}:{port}/{protocol.lower()}", True
            yield Flow(target.pod, INTERNET[family], 443, "TCP", family), f"{name} → outside:443/tcp", False
        for address, port in around.api_server():
            family = 6 if ":" in address else 4
            if family in families:
                flow = Flow(target.pod, Outside(address), port, "TCP", family)
                yield flow, f"{name} → Kubernetes API ({address}:{port}/tcp)", False


def _spaces(resource: Resource, around: Surroundings) -> list[str]:
    return sorted(around.namespaces, key=lambda name: (name != resource.namespace, name))


def _alike(found: Iterable[Workload]) -> list[Workload]:
    """One pod of each workload."""
    kept: dict[object, Workload] = {}
    for one in found:
        labels = frozenset(pair for pair in one.pod.labels.items() if pair[0] not in _HASHES)
        kept.setdefault((one.pod.namespace, labels, one.open, one.pod.host_network), one)
    return list(kept.values())


def _name(resource: Resource, one: Workload) -> str:
    return one.shown if one.pod.namespace == resource.namespace else f"{one.pod.namespace}/{one.shown}"


def _families(pod: Pod) -> set[int]:
    return {6 if ":" in ip else 4 for ip in pod.ips}
