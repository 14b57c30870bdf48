"""Engines that come and go while the operator runs: their definitions, installed and removed.

No controller of theirs runs. Where an app waits for one, the test writes the status that the controller
would write, and says so in its name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from pileus.local import addons
from tests.e2e.kubectl import PATIENCE, Kubectl, Manifest, RefusedError
from tests.e2e.operator import GATEWAY

ROUNDS = 6
ENVOY = "gateway.envoyproxy.io/gatewayclass-controller"


@dataclass(frozen=True)
class Engines:
    """The definitions in the cluster. `there` are those that are known to be served."""

    kubectl: Kubectl
    there: set[str] = field(default_factory=set)

    def install(self, *names: str) -> None:
        """Make sure that these are served."""
        if missing := set(names) - self.there:
            addons.install_crds(self.kubectl.program, self.kubectl.kubeconfig, sorted(missing))
            self.there.update(missing)
        if "gateway-api" in names:
            self._gateway("example.dev/other-controller")

    def remove(self, *names: str) -> None:
        """Make sure that these are not served; their objects go with them."""
        for name in names:
            files = [f"-f={path}" for path in addons.crds(name)]
            self.kubectl("delete", *files, "--ignore-not-found", "--wait=false")
            self._ended(files)
            self.there.discard(name)

    def _ended(self, files: list[str]) -> None:
        """Wait until these definitions are gone.

        Where the API server fails to end one at first, it tries again ever more rarely, but at once after a
        change.
        """
        for number in range(ROUNDS):
            left = self.kubectl("get", *files, "--ignore-not-found", "--output=name").split()
            if not left:
                return
            try:
                self.kubectl("wait", "--for=delete", *left, f"--timeout={PATIENCE / ROUNDS:.0f}s")
            except RefusedError:
                with suppress(RefusedError):  # gone meanwhile
                    self.kubectl("annotate", *left, f"pileus.dev/looked-at={number}", "--overwrite")
        raise AssertionError(f"These definitions do not end: {left}.")

    def envoy(self) -> None:
        """Let the Gateway be one of Envoy Gateway's."""
        self.install("gateway-api", "envoy-gateway")
        self._gateway(ENVOY)

    def _gateway(self, controller: str) -> None:
        kind = "example" if controller != ENVOY else "envoy"
        gateway = {
            "gatewayClassName": kind,
            "listeners": [
                {
                    "name": "http",
                    "port": 80,
                    "protocol": "HTTP",
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                }
            ],
        }
        self.kubectl.within(GATEWAY).apply(
            _object("v1", "Namespace", GATEWAY, None),
            _object("gateway.networking.k8s.io/v1", "GatewayClass", kind, {"controllerName": controller}),
            _object("gateway.networking.k8s.io/v1", "Gateway", "shared", gateway),
        )


def accept(kubectl: Kubectl, route: str, refusal: tuple[str, str] | None = None) -> None:
    """Say, as a gateway's controller would, that it serves the route as it is now, or why it does not."""
    live = kubectl.get("httproute", route)
    generation = live["metadata"]["generation"]
    conditions = [said_true(kind, generation) for kind in ("Accepted", "ResolvedRefs")]
    if refusal is not None:
        reason, message = refusal
        conditions[0] |= {"status": "False", "reason": reason, "message": message}
    parents = [
        {"parentRef": parent, "controllerName": "example.dev/other-controller", "conditions": conditions}
        for parent in live["spec"]["parentRefs"]
    ]
    kubectl.edit("httproute", route, {"status": {"parents": parents}}, "--subresource=status")


def fulfil(kubectl: Kubectl, kind: str, name: str, *conditions: str) -> None:
    """Say, as its controller would, that these conditions of an object are True."""
    generation = kubectl.get(kind, name)["metadata"]["generation"]
    said = [said_true(condition, generation) for condition in conditions]
    kubectl.edit(kind, name, {"status": {"conditions": said}}, "--subresource=status")


def said_true(kind: str, generation: int) -> Manifest:
    """A condition that is True, as a controller writes it."""
    return {
        "type": kind,
        "status": "True",
        "reason": kind,
        "message": "",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def _object(version: str, kind: str, name: str, spec: Manifest | None) -> Manifest:
    made: Manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    return made if spec is None else {**made, "spec": spec}
