"""Where the local cluster's enforcer is not what upstream defines: each corner by a name.

The evaluator follows upstream. Trials leave out the flows of these corners, and `test_corners` shows that
each is there still, so that the list shrinks with the enforcer's faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pileus.engine.plan import Manifest
from pileus.objects.netpol import Flow, Pod, selects

Corner = Callable[[Flow, Sequence[Manifest]], bool]


def name_in_a_block(flow: Flow, policies: Sequence[Manifest]) -> bool:
    """Egress to a named port in a range: never allowed; by upstream's words the pods in it may have it."""
    return isinstance(flow.source, Pod) and any(
        any("ipBlock" in peer for peer in rule.get("to", ()))
        and any(isinstance(port.get("port"), str) for port in rule.get("ports", ()))
        for one in policies
        if one["metadata"]["namespace"] == flow.source.namespace
        and selects(one["spec"]["podSelector"], flow.source.labels)
        for rule in one["spec"].get("egress", ())
    )


CORNERS: Mapping[str, Corner] = {"name_in_a_block": name_in_a_block}


def in_corner(flow: Flow, policies: Sequence[Manifest]) -> str:
    """The corner in which a flow is under these policies, or nothing."""
    return next((name for name, corner in CORNERS.items() if corner(flow, policies)), "")
