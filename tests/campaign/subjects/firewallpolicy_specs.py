"""Specs of FirewallPolicies that the campaign plays with."""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Spec

IN: Spec = {"ingress": True}


def rule(name: str = "r", direction: str = "Ingress", **more: Any) -> Spec:
    """A rule; without peers, of the app `worker`."""
    return {"name": name, "direction": direction, "peers": [{"app": "worker"}], **more}


def policy(*rules: Spec, **more: Any) -> Spec:
    """Guards the app `web`, by these rules; what is None is left out."""
    whole = {"target": {"apps": ["web"]}, "isolate": IN, "rules": list(rules) or None, **more}
    return {key: value for key, value in whole.items() if value is not None}


def named(*hosts: str) -> Spec:
    """A rule that only some enforcers can."""
    return rule("saas", "Egress", peers=[{"fqdn": host} for host in hosts], ports=["443/tcp"])


PLAIN: Spec = policy(rule(ports=["8080/tcp"]))
"""A NetworkPolicy says it."""
ABLE: Spec = policy(rule(ports=["8080/tcp"]), named("api.example.org"), presets=[{"name": "DNS"}])
"""Only Cilium's does."""
