"""Of what in the cluster a policy has to hear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pileus.engine.plan import Topic
from pileus.engine.world import Resource
from pileus.kinds.firewallpolicy.build import presets
from pileus.kinds.firewallpolicy.build.rules import Block, Direction, Flows, Pods, said_of
from pileus.kinds.firewallpolicy.model import PRESETS, FirewallPolicySpec
from pileus.objects import fabric, netpol, surroundings
from pileus.objects.netpol import NAMESPACE_NAME
from pileus.objects.surroundings import ENFORCEMENT, EVERYWHERE, NAMESPACES, Workload


def topics(
    resource: Resource,
    target: Mapping[str, Any],
    flows: tuple[Flows, ...],
    directions: tuple[Direction, ...],
    spec: FirewallPolicySpec,
    seen: Iterable[Workload],
) -> frozenset[Topic]:
    """The topics of a policy. seen: whom its target selects now."""
    found = {ENFORCEMENT, *_selected(resource.namespace, target)}
    if spec.target.vms:
        found.add(surroundings.labelled(resource.namespace, *VM_KEY))
    for preset in spec.presets:
        found |= set(presets.TOPICS.get(preset.name, ()))
    # Nothing tells of the pods of a preset's other side: IngressGateway would hear of every pod there is.
    rules = (one for one in flows if one.name not in PRESETS)
    for side in (side for one in rules for side in one.sides):
        if isinstance(side, Pods):
            found |= set(_pods(resource.namespace, side))
    if any(peer.cidr for rule in spec.rules for peer in rule.peers):
        found.add(fabric.FAMILIES)
    if any(said_of(spec, one) is None for one in directions):  # whether others isolate its target is told
        found |= set(_isolation(resource.namespace, seen))
    ingress = any(one.direction is Direction.INGRESS for one in flows)
    if ingress and any(isinstance(side, Block) for one in flows for side in one.sides):
        found.add(surroundings.services_of(resource.namespace))
    if spec.mode == "DryRun":
        found |= {surroundings.WORKLOADS, surroundings.policies_of(EVERYWHERE), NAMESPACES}
        found |= {fabric.API_SERVER, fabric.DNS}
    return frozenset(found)


VM_KEY = ("kubevirt.io", "virt-launcher")
"""The label of every pod that runs a machine."""


def _pods(namespace: str, side: Pods) -> Iterable[Topic]:
    if side.namespaces is None:
        yield from _selected(namespace, side.selector)
        return
    name = (side.namespaces.get("matchLabels") or {}).get(NAMESPACE_NAME)
    yield NAMESPACES
    yield from _selected(name or EVERYWHERE, side.selector)


def _isolation(namespace: str, seen: Iterable[Workload]) -> Iterable[Topic]:
    """What tells of every policy that may isolate one of them."""
    yield surroundings.isolation_of(namespace)
    for pair in {pair for one in seen for pair in one.pod.labels.items()}:
        yield surroundings.isolation_of(namespace, pair)


def _selected(namespace: str, selector: Mapping[str, Any]) -> Iterable[Topic]:
    """The least that tells of every pod that the selector may match."""
    pairs = netpol.pairs_of(selector)
    if pairs is None:
        return [surroundings.pods_of(namespace)]
    return [surroundings.labelled(namespace, *pair) for pair in pairs]
