"""What is in the cluster: apps of some pods each, and of each two policies.

*Guard* isolates the app in both directions, lets it look up names, speak within its namespace on one port,
and go to the next app there. *Allow* says nothing of isolation and lets the app after that one in, from
wherever it runs. So whatever costs something for each other pod or policy of a namespace shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.engine.plan import Manifest

POLICIES_EACH = 2
"""Policies of an app."""
LISTENERS = 4
"""Policies that are concerned when a pod comes: two select it, and of two it is a peer."""
DNS = "kube-dns"


@dataclass(frozen=True, slots=True)
class Layout:
    """How many there are, and over how many namespaces they are spread."""

    spaces: int
    policies: int
    pods: int

    def __post_init__(self) -> None:
        assert self.apps % self.spaces == 0, "all namespaces are alike"
        assert self.apps // self.spaces >= 3, "every app has two others beside it"
        assert self.pods % self.apps == 0, "all apps are alike"

    @property
    def apps(self) -> int:
        return self.policies // POLICIES_EACH

    @property
    def namespaces(self) -> tuple[str, ...]:
        return tuple(f"bench-firewall-{number}" for number in range(self.spaces))

    def namespace(self, app: int) -> str:
        return self.namespaces[app % self.spaces]

    def after(self, app: int, steps: int = 1) -> int:
        """The next app of the same namespace."""
        return (app + steps * self.spaces) % self.apps

    def policy(self, number: int) -> tuple[str, Manifest]:
        """A policy with its namespace."""
        app, second = divmod(number, POLICIES_EACH)
        made = self._allow(app) if second else self._guard(app)
        return self.namespace(app), made

    def pod(self, number: int, generation: int = 0) -> tuple[str, Manifest]:
        """A pod with its namespace; a later generation replaces an earlier one."""
        app = number % self.apps
        labels = {"app": name(app), "tier": "web" if app % 2 else "data"}
        container = {"name": "app", "image": "registry.example/app:1", "ports": [{"containerPort": 8080}]}
        spec = {"containers": [container], "automountServiceAccountToken": False}
        metadata = {"name": pod_name(number, generation), "labels": labels}
        return self.namespace(app), {"metadata": metadata, "spec": spec}

    def _guard(self, app: int) -> Manifest:
        onward = {
            "name": "onward",
            "direction": "Egress",
            "peers": [{"selector": {"matchLabels": {"app": name(self.after(app))}}}],
            "ports": ["8080"],
        }
        return self._policy(
            f"guard-{app}",
            app,
            {
                "isolate": {"ingress": True, "egress": True},
                "presets": [{"name": "DNS"}, {"name": "SameNamespace", "ports": ["9090"]}],
                "rules": [onward],
            },
        )

    def _allow(self, app: int) -> Manifest:
        peer = {"selector": {"matchLabels": {"app": name(self.after(app, 2))}}, "namespaceSelector": {}}
        rule = {"name": "callers", "direction": "Ingress", "peers": [peer], "ports": ["8080"]}
        return self._policy(f"allow-{app}", app, {"rules": [rule]})

    def _policy(self, policy: str, app: int, spec: Manifest) -> Manifest:
        target = {"selector": {"matchLabels": {"app": name(app)}}}
        return {"metadata": {"name": policy}, "spec": {"target": target, **spec}}


def name(app: int) -> str:
    return f"app-{app}"


def pod_name(number: int, generation: int = 0) -> str:
    return f"pod-{number}-{generation}"


def running(number: int, generation: int = 0) -> Manifest:
    """The status of a pod, as a kubelet would write it."""
    address = f"10.{100 + generation}.{number // 250}.{number % 250 + 1}"
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }


def dns() -> Manifest:
    """The Service by which the cluster's DNS is known."""
    ports = [{"name": one.lower(), "port": 53, "protocol": one} for one in ("UDP", "TCP")]
    metadata = {"name": DNS, "labels": {"k8s-app": DNS}}
    return {"metadata": metadata, "spec": {"selector": {"k8s-app": DNS}, "ports": ports}}
