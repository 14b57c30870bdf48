"""`pileus explain flow` as users run it: a real API server, their own rights, the exit status.

No controller is here: pods and what the operator would write are made by hand. That the words are right in
every case is shown without a cluster (tests/unit/explainflow).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pileus.local.kubectl import Kubectl


@dataclass(frozen=True)
class Done:
    status: int
    said: str
    wrong: str


@dataclass(frozen=True)
class Town:
    """A namespace with web, api and db-1, and FirewallPolicies for web and db-1."""

    kubectl: Kubectl
    namespace: str

    def flow(self, *arguments: str, kubeconfig: Path | None = None, **environment: str) -> Done:
        argv = [sys.executable, "-m", "pileus", "explain", "flow", *arguments]
        if kubeconfig or not environment:
            argv += ["-n", self.namespace, "--kubeconfig", str(kubeconfig or self.kubectl.kubeconfig)]
        clean = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**clean, **environment})
        return Done(done.returncode, done.stdout, done.stderr)

    def make(self, *documents: dict[str, Any]) -> None:
        self.kubectl.apply(
            {**one, "metadata": {"namespace": self.namespace, **one["metadata"]}} for one in documents
        )

    def pod(self, name: str, ip: str, labels: dict[str, str], port: int = 0, **spec: Any) -> None:
        ports = [{"containerPort": port, "name": "main"}] if port else []
        container = {"name": "main", "image": "none", "ports": ports}
        pod = {"containers": [container], "automountServiceAccountToken": False, **spec}
        self.make(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": pod}
        )
        status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "192.0.2.1"}
        self.kubectl.set_status("pod", name, status, namespace=self.namespace)

    def firewall(self, name: str, spec: dict[str, Any], compiled: dict[str, Any], **rules: list[str]) -> None:
        self.make(
            {
                "apiVersion": "pileus.dev/v1alpha1",
                "kind": "FirewallPolicy",
                "metadata": {"name": name},
                "spec": spec,
            }
        )
        where = f"-n={self.namespace}"
        live = json.loads(self.kubectl.run("get", "firewallpolicy", name, where, "-o=json"))["metadata"]
        conditions = [
            {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": STAMP}
            for kind, reason in (("Accepted", "Accepted"), ("EnforcementVerified", "Enforced"))
        ]
        status = {"observedGeneration": live["generation"], "conditions": conditions}
        self.kubectl.set_status("firewallpolicy", name, status, namespace=self.namespace)
        owner = {
            "apiVersion": "pileus.dev/v1alpha1",
            "kind": "FirewallPolicy",
            "name": name,
            "uid": live["uid"],
            "controller": True,
        }
        metadata = {
            "name": name,
            "labels": {"pileus.dev/kind": "FirewallPolicy", "pileus.dev/name": name},
            "annotations": {"pileus.dev/rules": json.dumps(rules)},
            "ownerReferences": [owner],
        }
        self.make(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": metadata,
                "spec": compiled,
            }
        )


STAMP = "2026-01-01T00:00:00Z"


def of(kind: str, name: str) -> dict[str, str]:
    return {"pileus.dev/kind": kind, "pileus.dev/name": name}


@pytest.fixture
def town(kubectl: Kubectl, namespace: str) -> Town:
    found = Town(kubectl, namespace)
    found.make({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
    found.pod("web-0", "10.1.0.1", of("ContainerApp", "web"), 8080)
    found.pod("api-0", "10.1.0.2", of("ContainerApp", "api"), 9090)
    found.pod("virt-launcher-db-1", "10.1.0.3", of("CloudVM", "db-1"))
    passed = [{"protocol": "TCP", "port": 5432}]
    peer = {"podSelector": {"matchLabels": of("ContainerApp", "web")}}
    found.firewall(
        "db",
        {
            "target": {"vms": ["db-1"]},
            "rules": [
                {"name": "pg", "direction": "Ingress", "peers": [{"app": "web"}], "ports": ["5432/tcp"]}
            ],
        },
        {
            "podSelector": {"matchLabels": of("CloudVM", "db-1")},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [peer], "ports": passed}],
        },
        ingress=["pg"],
    )
    found.firewall(
        "api",
        {"target": {"apps": ["api"]}, "isolate": {"egress": True}},
        {"podSelector": {"matchLabels": of("ContainerApp", "api")}, "policyTypes": ["Egress"], "egress": []},
        egress=[],
    )
    return found


def login(town: Town, directory: Path, *rules: dict[str, Any]) -> Path:
    """A kubeconfig of somebody who may do nothing else."""
    rbac = "rbac.authorization.k8s.io"
    town.make(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "dev"}},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": {"name": "dev"}, "rules": list(rules)},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "dev"},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "dev"},
            "subjects": [{"kind": "ServiceAccount", "name": "dev", "namespace": town.namespace}],
        },
    )
    token = town.kubectl.run("create", "token", "dev", f"-n={town.namespace}").strip()
    config = yaml.safe_load(town.kubectl.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    for context in config["contexts"]:
        context["context"]["namespace"] = town.namespace
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


RIGHTS = (
    {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    {"apiGroups": ["pileus.dev"], "resources": ["firewallpolicies"], "verbs": ["list"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list"]},
)
FURTHER = {"apiGroups": ["cilium.io"], "resources": ["ciliumnetworkpolicies"], "verbs": ["list"]}
"""Where Cilium's kinds are served."""


def test_allowed_blocked_and_not_answered(town: Town) -> None:
    allowed = town.flow("web", "db-1:5432")
    assert (allowed.status, allowed.wrong) == (0, "")
    assert "Ingress of vm/db-1: rule 'pg' of FirewallPolicy 'db' allows it." in allowed.said

    blocked = town.flow("app/api", "vm/db-1:5432")
    assert blocked.status == 1
    assert "Egress of app/api: FirewallPolicy 'api' isolates it" in blocked.said
    assert "- {name: api-5432, direction: Ingress, peers: [{app: api}], ports: [5432/tcp]}" in blocked.said

    unknown = town.flow("web", "nowhere:1")
    assert (unknown.status, unknown.said) == (2, "")
    assert "There is no ContainerApp, CloudVM, Service or pod 'nowhere'" in unknown.wrong


def test_the_line_that_is_missing_is_accepted_by_the_api_server(town: Town) -> None:
    found = json.loads(town.flow("api", "db-1:5432", "-o", "json").said)
    (group,) = found["ports"][0]["flows"]
    assert found["verdict"] == "blocked"
    for half in (group["egress"], group["ingress"]):
        missing = half["missing"]
        name, where = missing["firewallPolicy"], f"-n={missing['namespace']}"
        live = json.loads(town.kubectl.run("get", "firewallpolicy", name, where, "-o=json"))
        rules = [*live["spec"].get("rules", ()), *yaml.safe_load(missing["yaml"])]
        patch = json.dumps({"spec": {"rules": rules}})
        town.kubectl.run("patch", "firewallpolicy", name, where, "--type=merge", f"-p={patch}")
    # Nobody applies it here, which is told.
    assert "its newest change is not applied yet" in town.flow("api", "db-1:5432").said


def test_addresses_and_the_internet(town: Town) -> None:
    by_address = town.flow("10.1.0.2", "10.1.0.3:5432", "-o", "json")
    assert json.loads(by_address.said)["source"]["name"] == "api-0"
    assert by_address.status == 1
    assert town.flow("web", "internet:443").status == 0
    assert town.flow("api", "internet:443").status == 1
    assert town.flow("internet", "web").status == 0


def test_policies_of_another_engine(town: Town, kubectl_with_engines: Kubectl) -> None:
    assert town.flow("web", "db-1:5432").status == 0
    selector = {"matchLabels": {"k8s:pileus.dev/name": "db-1"}}
    town.make(
        {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": {"name": "l7"},
            "spec": {"endpointSelector": selector, "ingress": [{}]},
        }
    )
    found = town.flow("web", "db-1:5432")
    assert found.status == 2
    assert "CiliumNetworkPolicy 'l7', which is not evaluated, selects it." in found.said


def test_the_users_own_rights(town: Town, tmp_path: Path, kubectl_with_engines: Kubectl) -> None:
    kubeconfig = login(town, tmp_path, *RIGHTS)
    unread = town.flow("web", "db-1:5432", kubeconfig=kubeconfig)
    assert unread.status == 2
    assert "You may not list ciliumnetworkpolicies.cilium.io" in unread.wrong
    kubeconfig = login(town, tmp_path, *RIGHTS, FURTHER)
    # By the context's namespace, and without the right to get apps and machines.
    assert town.flow("web", "db-1:5432", KUBECONFIG=str(kubeconfig)).status == 0
    assert town.flow("api", "internet:443", kubeconfig=kubeconfig).status == 1

    private = town.flow("web", "10.1.0.2:9090", kubeconfig=kubeconfig)
    assert private.status == 2
    assert "you may not list pods of all namespaces, services of all namespaces, nodes" in private.wrong
    public = town.flow("web", "1.1.1.1:443", kubeconfig=kubeconfig)
    assert public.status == 0
    assert "Note: 1.1.1.1 counts as an address outside of the cluster" in public.said


def test_a_missing_right_is_named(town: Town, tmp_path: Path) -> None:
    for right in RIGHTS:
        kubeconfig = login(town, tmp_path, *(one for one in RIGHTS if one != right))
        found = town.flow("web", "db-1:5432", "-o", "json", kubeconfig=kubeconfig)
        assert found.status == 2
        why = json.loads(found.said)["why"]
        assert why.startswith(f"You may not {right['verbs'][0]} {right['resources'][0]}")
        assert "Traceback" not in found.wrong


MISUSE = {
    "no target": (("web",), "Missing argument 'TARGET"),
    "a source with a port": (("web:1", "api"), "Only the target has one"),
    "a namespace that is not there": (("nowhere/app/web", "api:1"), "There is no namespace 'nowhere'"),
    "a form that there is not": (("web", "api", "-o", "yaml"), "'yaml' is not one of"),
    "no kubeconfig": (("web", "api", "--kubeconfig", "/nowhere"), "There is no kubeconfig /nowhere"),
}


def test_misuse_is_told_in_words(town: Town) -> None:
    for case, (arguments, said) in MISUSE.items():
        environment = {"HOME": "/nowhere"} if "--kubeconfig" in arguments else {}
        found = town.flow(*arguments, **environment)
        assert found.status == 2, case
        assert said in found.wrong, case
        assert "Traceback" not in found.wrong, case


def test_nobody_answers(town: Town, tmp_path: Path) -> None:
    config = yaml.safe_load(town.kubectl.kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    found = town.flow("web", "db-1:5432", kubeconfig=path)
    assert found.status == 2
    assert "The API server did not answer" in found.wrong
    assert "Traceback" not in found.wrong
