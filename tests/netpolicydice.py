"""Random NetworkPolicies for the field of `netpolicies`, from a seed or from Hypothesis' random numbers."""

from __future__ import annotations

from random import Random
from typing import Any

from pileus.engine.plan import Manifest
from tests.netpolicies import NAMESPACES, PODS, allow, block, expression, named, policy, space

PORT_WORDS = ("80", "81", "80/UDP", "81/UDP", "/UDP", "/TCP", "80-81", "1-80/UDP", "81-90", "80/SCTP", "9")
PORT_NAMES = (
    "serve-80-tcp",
    "serve-81-tcp",
    "serve-80-udp/UDP",
    "serve-81-udp/UDP",
    "serve-80-udp",
    "nobody",
)
BLOCKS = ("0.0.0.0/0", "{x/a}/32", "{y/b}/32", "{z/c}/32", "{out}/32", "{x/a}/24", "{y/b}/30", "{out}/24")


def policies(dice: Random, most: int = 4) -> list[Manifest]:
    """Some policies, each with its own name."""
    return [one(dice, f"policy-{index}") for index in range(dice.randint(1, most))]


def one(dice: Random, name: str) -> Manifest:
    """A policy."""
    directions = dice.choice((("ingress",), ("egress",), ("ingress", "egress")))
    rules: dict[str, Any] = {key: [rule(dice) for _ in range(dice.randint(0, 2))] for key in directions}
    return policy(dice.choice(NAMESPACES), pod_selector(dice), name=name, **rules)


def rule(dice: Random) -> Manifest:
    """A rule of either direction."""
    words = (*PORT_WORDS, *PORT_NAMES)
    ports = [dice.choice(words) for _ in range(dice.choice((0, 0, 1, 1, 2)))]
    return allow(*(peer(dice) for _ in range(dice.choice((0, 1, 1, 1, 2)))), ports=" ".join(ports))


def peer(dice: Random) -> Manifest:
    """A peer of each form."""
    match dice.randint(0, 4):
        case 0:
            return {"podSelector": pod_selector(dice)}
        case 1:
            return namespaces(dice)
        case 2 | 3:
            return namespaces(dice) | {"podSelector": pod_selector(dice)}
        case _:
            return addresses(dice)


def pod_selector(dice: Random) -> Manifest:
    """Pods by their names, in every way to say it."""
    some = sorted(dice.sample(PODS, dice.randint(1, 2)))
    return dice.choice(
        (
            {},
            named(*some),
            named(some[0]),
            expression("pod", "NotIn", some),
            expression("pod", "Exists"),
            expression("pod", "DoesNotExist"),
            expression("nothing", "NotIn", some),
        )
    )


def namespaces(dice: Random) -> Manifest:
    """Namespaces by their names, or by the label that those of the field have."""
    some = sorted(dice.sample(NAMESPACES, dice.randint(1, 2)))
    by_label = {"namespaceSelector": {"matchLabels": {"ns": some[0]}}}
    return dice.choice((space(), space(*some), space(some[0]), space(*some, operator="NotIn"), by_label))


def addresses(dice: Random) -> Manifest:
    """A range, perhaps with a hole."""
    holes = ("{x/b}/32", "{y/a}/32", "{out}/32")
    cidr = dice.choice(BLOCKS)
    return block(cidr, dice.choice(holes)) if cidr == "0.0.0.0/0" and dice.randint(0, 1) else block(cidr)
