"""The NetworkPolicy of a policy: the standard that every enforcer follows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from pileus.engine.plan import Manifest
from pileus.engine.world import Resource
from pileus.kinds.firewallpolicy.build.rules import Anybody, Block, Direction, Flows, Pods, Port, Side
from pileus.objects.catalog import NETWORK_POLICY
from pileus.objects.metadata import child

RULES = "pileus.dev/rules"
"""Annotation: the names of the rules, in the order in which they stand, by direction."""


def network_policy(
    resource: Resource, pods: Manifest, flows: Iterable[Flows], directions: Iterable[Direction]
) -> Manifest:
    """What isolates the pods, and allows the flows. `flows` need nothing beyond the standard."""
    types = sorted(directions, reverse=True)
    spec: Manifest = {"podSelector": pods, "policyTypes": [str(one) for one in types]}
    found = tuple(flows)
    names: dict[str, list[str]] = {}
    for direction in types:
        ours = [part for one in found if one.direction is direction for part in _apart(one)]
        names[direction.lower()] = [one.name for one in ours]
        spec[direction.lower()] = [_rule(one) for one in ours]  # an empty one too: what others add goes
    return child(
        resource,
        api_version=NETWORK_POLICY.api_version,
        kind=NETWORK_POLICY.kind,
        name=resource.name,
        annotations={RULES: json.dumps(names, separators=(",", ":"))},
        body={"spec": spec},
    )


def _apart(flows: Flows) -> list[Flows]:
    """Each range with a hole in a rule of its own, which means the same: kube-router takes the hole out of
    all ranges of the rule."""
    holed = [side for side in flows.sides if isinstance(side, Block) and side.without]
    others = tuple(side for side in flows.sides if side not in holed)
    if not any(isinstance(side, Block) for side in others) and len(holed) < 2:
        return [flows]
    parts = [others] if others else []
    return [dataclasses.replace(flows, sides=sides) for sides in (*parts, *((side,) for side in holed))]


def _rule(flows: Flows) -> Manifest:
    rule: dict[str, Any] = {}
    # Everybody is said by saying nobody in particular: also those whose address nobody knows.
    if not any(isinstance(side, Anybody) for side in flows.sides):
        key = "from" if flows.direction is Direction.INGRESS else "to"
        rule[key] = [_peer(side) for side in flows.sides]
    if flows.ports:
        rule["ports"] = [_port(port) for port in flows.ports]
    return rule


def _peer(side: Side) -> Manifest:
    if isinstance(side, Pods):
        peer: Manifest = {"podSelector": dict(side.selector)}
        if side.namespaces is not None:
            peer["namespaceSelector"] = dict(side.namespaces)
        return peer
    assert isinstance(side, Block)
    block: Manifest = {"cidr": side.cidr}
    if side.without:
        block["except"] = list(side.without)
    return {"ipBlock": block}


def _port(port: Port) -> Manifest:
    found: Manifest = {"protocol": port.protocol, "port": port.number}
    if port.last is not None:
        found["endPort"] = port.last
    return found
