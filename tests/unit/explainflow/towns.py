"""A cluster as values: pods and policies by a line each, FirewallPolicies compiled as the operator does."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from pileus.engine.labels import KIND, OWNER_NAME
from pileus.engine.plan import Manifest
from pileus.engine.reconcile import parse
from pileus.engine.world import World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.kinds.firewallpolicy.build import cilium
from pileus.kinds.firewallpolicy.compile import resolve
from pileus.kinds.firewallpolicy.explain import ends, words
from pileus.kinds.firewallpolicy.explain.scene import Scene
from pileus.objects.surroundings import Surroundings

VERIFIED = [
    {"type": "Accepted", "status": "True"},
    {"type": "EnforcementVerified", "status": "True", "reason": "Enforced"},
]
CLUSTER_DNS: Manifest = {
    "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
    "spec": {
        "clusterIP": "10.96.0.10",
        "selector": {"k8s-app": "kube-dns"},
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}],
    },
}


class Town:
    """Builds a `Scene`; each method returns the town."""

    def __init__(self) -> None:
        self.scene = Scene("acme", {"acme": {"team": "acme"}, "shop": {"team": "shop"}, "kube-system": {}})
        self._numbers = itertools.count(1)

    def pod(
        self,
        name: str,
        *,
        namespace: str = "acme",
        labels: dict[str, str] | None = None,
        ports: tuple[tuple[int, str, str], ...] = (),
        ips: tuple[str, ...] | None = None,
        host: str = "192.168.0.1",
        **more: Any,
    ) -> Town:
        found = (f"10.244.0.{next(self._numbers)}",) if ips is None else ips
        manifest = {
            "metadata": {"name": name, "namespace": namespace, "labels": labels or {}}
            | more.pop("metadata", {}),
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "ports": [
                            {"containerPort": number, "name": port, "protocol": protocol}
                            for number, port, protocol in ports
                        ],
                    }
                ],
                **more,
            },
            "status": {"phase": "Running", "podIPs": [{"ip": ip} for ip in found], "hostIP": host},
        }
        return self._with(pods=(*self.scene.pods, manifest))

    def app(self, name: str, number: int = 1, *, namespace: str = "acme", **more: Any) -> Town:
        labels = {KIND: "ContainerApp", OWNER_NAME: name, "app.kubernetes.io/instance": name}
        labels |= {"pod-template-hash": "abc", **more.pop("labels", {})}
        more.setdefault("ports", ((8080, "http", "TCP"),))
        for index in range(number):
            self.pod(f"{name}-{index}", namespace=namespace, labels=labels, **more)
        return self

    def vm(self, name: str, *, labelled: bool = True, **more: Any) -> Town:
        own = {KIND: "CloudVM", OWNER_NAME: name} if labelled else {}
        labels = {"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": name, **own}
        self._with(resources=self.scene.resources | {("CloudVM", "acme", name)})
        return self.pod(f"virt-launcher-{name}", labels=labels, **more)

    def service(self, name: str, selector: dict[str, str], *ports: dict[str, Any], **spec: Any) -> Town:
        manifest = {
            "metadata": {"name": name, "namespace": "acme"},
            "spec": {"clusterIP": "10.96.0.20", "selector": selector, "ports": list(ports), **spec},
        }
        return self._with(services=(*self.scene.services, manifest))

    def dns(self) -> Town:
        self._with(services=(*self.scene.services, CLUSTER_DNS))
        return self.pod(
            "dns-0", namespace="kube-system", labels={"k8s-app": "kube-dns"}, ports=((53, "dns", "UDP"),)
        )

    def policy(self, name: str, spec: Manifest, *, namespace: str = "acme") -> Town:
        manifest = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        return self._with(policies=(*self.scene.policies, manifest))

    def firewall(
        self,
        name: str,
        spec: Manifest,
        *,
        namespace: str = "acme",
        conditions: list[Manifest] | None = None,
        observed: int = 1,
    ) -> Town:
        """A FirewallPolicy and what it becomes; one of the same name is replaced."""
        manifest: Manifest = {
            "apiVersion": "pileus.dev/v1alpha1",
            "kind": "FirewallPolicy",
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1},
            "spec": spec,
            "status": {
                "observedGeneration": observed,
                "conditions": VERIFIED if conditions is None else conditions,
            },
        }
        around = Surroundings()
        for space in self.scene.namespaces:
            around.put("Namespace", "", space, {"metadata": {"name": space}})
        around.put("Service", "kube-system", "kube-dns", CLUSTER_DNS)
        resource, unreadable = parse(FIREWALL_POLICY, manifest)
        assert unreadable is None, unreadable
        compiled, _ = resolve(resource, World(survey=around))
        key = (namespace, name)
        kept = [one for one in self.scene.firewalls if _key(one) != key]
        policies = [one for one in self.scene.policies if _key(one) != key]
        self._with(firewalls=(*kept, manifest), policies=tuple(policies))
        if spec.get("mode") == "DryRun":
            return self
        if compiled.standard is None:
            made = cilium.policy(resource, compiled.target, compiled.flows, compiled.directions)
            return self._with(others=(*self.scene.others, made))
        return self._with(policies=(*self.scene.policies, compiled.standard))

    def other(self, manifest: Manifest) -> Town:
        return self._with(others=(*self.scene.others, manifest))

    def nodes(self, *addresses: str) -> Town:
        return self._with(nodes=frozenset(addresses))

    def explain(self, source: str, target: str) -> words.Answer:
        start = ends.parse_source(source, "acme")
        end, port = ends.parse_target(target, "acme")
        return words.explain(start, end, port, self.scene)

    def says(self, source: str, target: str) -> str:
        return words.text(self.explain(source, target))

    def _with(self, **changes: Any) -> Town:
        self.scene = dataclasses.replace(self.scene, **changes)
        return self


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["metadata"]["namespace"], manifest["metadata"]["name"]


def egress(app: str, *rules: Manifest, **more: Any) -> Manifest:
    """The spec of a policy by which an app goes only where rules let it."""
    return {"target": {"apps": [app]}, "isolate": {"egress": True}, "rules": list(rules), **more}


def ingress(target: Manifest, *rules: Manifest, **more: Any) -> Manifest:
    """The spec of a policy by which a target is reached only as rules let it."""
    return {"target": target, "isolate": {"ingress": True}, "rules": list(rules), **more}


def rule(name: str, direction: str, *peers: Manifest, ports: tuple[str, ...] = ()) -> Manifest:
    found: Manifest = {"name": name, "direction": direction, "peers": list(peers)}
    return {**found, "ports": list(ports)} if ports else found
