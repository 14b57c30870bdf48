"""The FirewallPolicy's CRD on a real API server; what it admits becomes objects that are taken as sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings

from pileus.cluster.client import Client, path
from pileus.cluster.credentials import Endpoint
from pileus.engine.compare import covers
from pileus.engine.plan import Manifest
from pileus.engine.ports import ApiError
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.local.kubectl import Kubectl, KubectlError
from tests.cluster.crds.containerapp_rules import Row, Spec
from tests.cluster.crds.firewallpolicy_rules import ROWS, SCHEMA
from tests.cluster.crds.test_crds import TRIED, each_rule_has_a_row
from tests.laws.test_firewallpolicy import specs
from tests.unit.firewallpolicy.firewalls import agent, policy, world

TRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-o=json", "-f=-")
BASE: Spec = {"target": {"apps": ["web"]}}


@dataclass(frozen=True, slots=True)
class Policies:
    """FirewallPolicies in a namespace of the test's own."""

    client: Client
    namespace: str

    async def create(self, spec: Spec, *, name: str = "guard") -> Manifest:
        whole = {**BASE, **(spec if spec.keys() - {"target"} else {"isolate": {"ingress": True}, **spec})}
        body = {
            "apiVersion": FIREWALL_POLICY.object_kind.api_version,
            "kind": FIREWALL_POLICY.name,
            "metadata": {"name": name},
            "spec": {key: value for key, value in whole.items() if value is not None},
        }
        url = path(FIREWALL_POLICY.object_kind, self.namespace)
        return await self.client.request("create", url, method="POST", params=TRIED, body=body)


@pytest_asyncio.fixture
async def policies(kubectl: Kubectl, namespace: str) -> AsyncIterator[Policies]:
    async with Client(await Endpoint.load(str(kubectl.kubeconfig))) as client:
        yield Policies(client, namespace)


def test_each_rule_has_a_row() -> None:
    each_rule_has_a_row(FIREWALL_POLICY, ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.place}: {row.words}")
async def test_rule(policies: Policies, row: Row) -> None:
    """The spec is refused with the rule's words, and only the rule stands between it and its neighbour."""
    refused, allowed = (name if name != "app" else "guard" for name in row.names)
    await policies.create(row.allowed, name=allowed)
    with pytest.raises(ApiError) as raised:
        await policies.create(row.refused, name=refused)

    assert raised.value.status == 422
    assert row.words in raised.value.message, row.reason


@pytest.mark.parametrize(("reason", "spec", "words"), SCHEMA, ids=[row[0] for row in SCHEMA])
async def test_schema(policies: Policies, reason: str, spec: Spec, words: str) -> None:
    with pytest.raises(ApiError) as raised:
        await policies.create(spec)

    assert words in raised.value.message, reason


async def test_defaults_are_seen(policies: Policies) -> None:
    made = await policies.create({})
    assert made["status"] == {"observedGeneration": -1}
    assert made["spec"] == {**BASE, "isolate": {"ingress": True}, "mode": "Enforce"}

    rule: dict[str, Any] = {"name": "r", "direction": "Ingress", "peers": [{"app": "worker"}]}
    made = await policies.create({"rules": [{**rule, "icmp": [{"type": 8}]}]})
    assert made["spec"]["rules"] == [
        {**rule, "icmp": [{"type": 8, "family": "IPv4"}], "action": "Allow", "log": False}
    ]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(spec=specs)
def test_admitted_is_applied(kubectl_with_engines: Kubectl, spec: Spec) -> None:
    """Whatever the CRD admits becomes an object that the API server takes, and keeps as it is sent."""
    custom = {
        "apiVersion": "pileus.dev/v1alpha1",
        "kind": "FirewallPolicy",
        "metadata": {"name": "guard", "namespace": "default"},
        "spec": spec,
    }
    try:
        stored = json.loads(kubectl_with_engines.run(*TRY, given=json.dumps(custom)))
    except KubectlError:
        return  # the CRD's rules refuse it, which is their right

    plan = FIREWALL_POLICY.compile(policy(stored["spec"], namespace="default"), world(agent()))
    for sent in plan.objects:
        answer = json.loads(kubectl_with_engines.run(*TRY, given=json.dumps(sent)))
        assert covers(answer, sent), spec
