"""What may never be seen of a FirewallPolicy's objects: a looser state than both before and after a change.

Sample pods speak with each other and with the outside. For NetworkPolicies the evaluator says who may; what
Cilium's policies mean is not computed here, but one of the two objects has to be there at every moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from pileus.engine.plan import Manifest
from pileus.objects import netpol
from pileus.objects.netpol import Flow, Outside, Peer, Pod
from tests.campaign.subjects.firewallpolicy_around import PODS

PORTS = ((8080, "TCP"), (9090, "UDP"), (5432, "TCP"), (53, "UDP"), (443, "TCP"))
OUTSIDE = (Outside("198.51.100.1"), Outside("10.96.0.1"))


def looser(before: list[Manifest], now: list[Manifest], after: list[Manifest]) -> str:
    """What passes now that passes neither before nor after, or that nothing is there to block it."""
    if not before or not after:
        return ""  # it came or went
    if not now:
        return "no policy is there"
    if any(one["kind"] != "NetworkPolicy" for one in (*before, *now, *after)):
        return ""
    passes = _passing(now) - _passing(before) - _passing(after)
    return ", ".join(sorted(map(_shown, passes)))


def _passing(policies: Iterable[Manifest]) -> set[Flow]:
    found = list(policies)
    namespace = found[0]["metadata"]["namespace"]
    known = netpol.Policies(found, {namespace: {}})
    return {flow for flow in _flows(namespace) if known.verdict(flow).allowed}


def _flows(namespace: str) -> Iterator[Flow]:
    peers: list[Peer] = [
        netpol.pod({**pod, "metadata": {**pod["metadata"], "namespace": namespace}}) for pod in PODS
    ]
    for (source, target), (port, protocol) in itertools.product(
        itertools.permutations([*peers, *OUTSIDE], 2), PORTS
    ):
        if isinstance(source, Pod) or isinstance(target, Pod):
            yield Flow(source, target, port, protocol)


def _shown(flow: Flow) -> str:
    ends = (one.name if isinstance(one, Pod) else one.ip for one in (flow.source, flow.target))
    return f"{' → '.join(ends)}:{flow.port}/{flow.protocol.lower()} passes"
