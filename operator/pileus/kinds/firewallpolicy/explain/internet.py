"""Which addresses stand for the internet: one that no policy names, and one of each range that one does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy.build.presets import PRIVATE, Network
from pileus.objects.reading import at, items, text

_NOT_PUBLIC = tuple(ipaddress.ip_network(one) for one in (*PRIVATE, "::/3", "4000::/2", "8000::/1"))
_EVERYTHING = {4: ipaddress.ip_network("0.0.0.0/0"), 6: ipaddress.ip_network("::/0")}


def addresses(policies: Iterable[Manifest], family: int) -> dict[str, str]:
    """A public address of each range of which the policies speak, the whole first: by range."""
    own = {one for policy in policies for one in _ranges(policy) if one.version == family}
    everything = _EVERYTHING[family]
    hidden = [one for one in _NOT_PUBLIC if one.version == family]
    found = {}
    for network in (everything, *sorted(own - {everything}, key=str)):
        narrower = [one for one in own if one != network and one.subnet_of(network)]  # type: ignore[arg-type]
        if address := _first(network, [*narrower, *hidden]):
            found[str(network)] = address
    return found


def _first(network: Network, without: list[Network]) -> str:
    """The first address of a range that is in none of others; empty if they cover it."""
    last, address = int(network.broadcast_address), int(network.network_address)
    for one in sorted(without, key=lambda one: int(one.network_address)):
        if int(one.network_address) <= address <= int(one.broadcast_address):
            address = int(one.broadcast_address) + 1
    make = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    return str(make(address)) if address <= last else ""


def _ranges(policy: Manifest) -> Iterable[Network]:
    for direction, word in (("ingress", "from"), ("egress", "to")):
        for rule in items(policy, "spec", direction):
            for peer in items(rule, word):
                excepted = at(peer, "ipBlock", "except")
                cidrs: tuple[Any, ...] = (
                    text(peer, "ipBlock", "cidr"),
                    *(excepted if isinstance(excepted, list) else ()),
                )
                yield from filter(None, map(_network, cidrs))


def _network(written: Any) -> Network | None:
    try:
        return ipaddress.ip_network(written, strict=False) if written else None
    except ValueError:
        return None
