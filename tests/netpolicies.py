"""NetworkPolicies in few words, and the field of pods on which they are tried.

The field is that of upstream's tests: namespaces x, y, z, in each the pods a, b, c, which serve 80 and 81 by
TCP and UDP, and an address outside. Names in braces stand for what differs from field to field: `{x}` is a
namespace's name, `{x/b}` a pod's address, `{out}` the one outside, `{x/b}/24` the range around it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from pileus.engine.plan import Manifest
from pileus.objects.netpol import NAMESPACE_NAME, Flow, Outside, Peer, Pod

NAMESPACES = ("x", "y", "z")
PODS = ("a", "b", "c")
PORTS = (80, 81)
PROTOCOLS = ("TCP", "UDP")
NAMED = {(f"serve-{port}-{protocol.lower()}", protocol): port for port in PORTS for protocol in PROTOCOLS}
OUT = "out"
NAMES = (*(f"{namespace}/{name}" for namespace in NAMESPACES for name in PODS), OUT)


@dataclass(frozen=True, slots=True)
class Peers:
    """Peers by their short names, and the labels of namespaces by their real names."""

    by_name: Mapping[str, Peer]
    namespaces: Mapping[str, Mapping[str, str]]

    @property
    def words(self) -> dict[str, str]:
        """What the braces of policies stand for."""
        words: dict[str, str] = {}
        for short, peer in self.by_name.items():
            words[short] = peer.ips[0] if isinstance(peer, Pod) else peer.ip
            if isinstance(peer, Pod):
                words[short.partition("/")[0]] = peer.namespace
        return words

    def flows(self) -> Iterator[tuple[str, str, Flow]]:
        """Every flow between any two peers, with their short names."""
        for source in self.by_name:
            for target in self.by_name:
                if isinstance(self.by_name[source], Outside) and isinstance(self.by_name[target], Outside):
                    continue
                for port in PORTS:
                    for protocol in PROTOCOLS:
                        flow = Flow(self.by_name[source], self.by_name[target], port, protocol)
                        yield source, target, flow

    def labelled(self, more: Mapping[str, Mapping[str, str]]) -> Peers:
        """The field with more labels on pods (by short name), or on namespaces."""
        peers = dict(self.by_name)
        namespaces = dict(self.namespaces)
        for short, labels in more.items():
            peer = peers.get(short)
            if isinstance(peer, Pod):
                peers[short] = dataclasses.replace(peer, labels={**peer.labels, **labels})
            else:
                name = self.words[short]
                namespaces[name] = {**namespaces[name], **labels}
        return Peers(peers, namespaces)

    def placed(self, policies: Iterable[Manifest]) -> list[Manifest]:
        """Policies with their braces filled."""
        words = self.words

        def filled(value: Any) -> Any:
            if isinstance(value, str):
                text = re.sub(r"\{(.+?)\}", lambda found: words[found[1]], value)
                return str(ip_network(text, strict=False)) if "{" in value and "}/" in value else text
            if isinstance(value, Mapping):
                return {key: filled(item) for key, item in value.items()}
            return [filled(item) for item in value] if isinstance(value, list) else value

        return [filled(policy) for policy in policies]


def paper() -> Peers:
    """The field on paper: invented addresses, nothing runs."""
    peers: dict[str, Peer] = {OUT: Outside("203.0.113.7")}
    for i, namespace in enumerate(NAMESPACES):
        for j, name in enumerate(PODS):
            ips = (f"10.1.{i}.{j + 1}", f"fd00:{i}::{j + 1}")
            peers[f"{namespace}/{name}"] = Pod(namespace, name, {"pod": name}, ips, NAMED)
    return Peers(peers, {namespace: {"ns": namespace} for namespace in NAMESPACES})


def policy(
    namespace: str,
    pods: Mapping[str, Any] | str = "",
    *,
    name: str = "policy",
    ingress: Sequence[Manifest] | None = None,
    egress: Sequence[Manifest] | None = None,
) -> Manifest:
    """A policy for the pods of a name, of a selector, or all; it isolates in the given directions."""
    spec: Manifest = {"podSelector": named(pods) if isinstance(pods, str) else dict(pods), "policyTypes": []}
    for direction, peers, rules in (("Ingress", "from", ingress), ("Egress", "to", egress)):
        if rules is not None:
            spec["policyTypes"].append(direction)
            spec[direction.lower()] = [
                {peers if key == "peers" else key: value for key, value in rule.items()} for rule in rules
            ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": f"{{{namespace}}}"},
        "spec": spec,
    }


def allow(*peers: Manifest, ports: str = "") -> Manifest:
    """A rule; ports are as in `80`, `80-81/UDP`, `/UDP`, `serve-80-tcp`, divided by spaces."""
    rule: Manifest = {}
    if peers:
        rule["peers"] = list(peers)
    if ports:
        rule["ports"] = [_port(words) for words in ports.split()]
    return rule


def pods(*names: str) -> Manifest:
    """A peer: the pods of these names, in the policy's namespace; without names all of them."""
    return {"podSelector": named(*names)}


def space(*names: str, operator: str = "In") -> Manifest:
    """A peer: the namespaces of these names; without names all of them."""
    if not names:
        return {"namespaceSelector": {}}
    return {"namespaceSelector": expression(NAMESPACE_NAME, operator, [f"{{{name}}}" for name in names])}


def block(cidr: str, *excepted: str) -> Manifest:
    """A peer: a range of addresses."""
    return {"ipBlock": {"cidr": cidr} | ({"except": list(excepted)} if excepted else {})}


def named(*names: str) -> Manifest:
    """The selector of pods of these names; without names of all."""
    if not any(names):
        return {}
    if len(names) == 1:
        return {"matchLabels": {"pod": names[0]}}
    return expression("pod", "In", list(names))


def expression(key: str, operator: str, values: Sequence[str] = ()) -> Manifest:
    """A selector of one expression."""
    expression: Manifest = {"key": key, "operator": operator}
    if values:
        expression["values"] = list(values)
    return {"matchExpressions": [expression]}


def _port(words: str) -> Manifest:
    which, _, protocol = words.partition("/")
    port: Manifest = {"protocol": protocol} if protocol else {}
    if numbers := re.fullmatch(r"(\d+)(?:-(\d+))?", which):
        port["port"] = int(numbers[1])
        if numbers[2]:
            port["endPort"] = int(numbers[2])
    elif which:
        port["port"] = which
    return port
