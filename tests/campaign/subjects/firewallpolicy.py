"""FirewallPolicy in the campaign: beside pods that nobody runs, and Cilium's agent, which is always there."""

from __future__ import annotations

import re

from pileus.engine.plan import Manifest, ObjectKind
from pileus.kinds.firewallpolicy import FIREWALL_POLICY as KIND
from pileus.objects.reading import at
from tests.campaign.subject import Scenario, Spec, Step, Subject
from tests.campaign.subjects.firewallpolicy_around import BESIDE, prepare
from tests.campaign.subjects.firewallpolicy_effects import BOOKKEEPING, EFFECTS, STILL
from tests.campaign.subjects.firewallpolicy_flows import looser
from tests.campaign.subjects.firewallpolicy_specs import ABLE, IN, PLAIN, policy, rule
from tests.campaign.subjects.firewallpolicy_wrong import DEPUTIES, NAMELESS, WRONG

GONE = Step("delete", None)
OTHER: Spec = policy(rule(peers=[{"vm": "db"}], ports=["8080/tcp", "9090-9099/udp"]), rule("all", "Egress"))
BOTH: Spec = {"ingress": True, "egress": True}
NOBODY: Spec = policy()
DRY: Spec = {**PLAIN, "mode": "DryRun"}
PRESETS = [{"name": "DNS"}, {"name": "Internet", "ports": ["443/tcp"]}, {"name": "KubeAPIServer"}]

SCENARIOS = (
    Scenario(
        "life",
        "made, changed, made stricter, deleted",
        (
            Step("create", PLAIN),
            Step("others may come", OTHER),
            Step("nobody may come", policy()),
            GONE,
        ),
        smoke=True,
    ),
    Scenario(
        "engines",
        "from the standard's policy to Cilium's, another one there, and back: never without any",
        (
            Step("standard", PLAIN),
            Step("by name", ABLE),
            Step("denied", policy(rule(ports=["8080/tcp"]), rule("no", action="Deny", log=True))),
            Step("back", PLAIN),
        ),
        smoke=True,
    ),
    Scenario(
        "trial",
        "tried before it is enforced, and again",
        (Step("enforced", PLAIN), Step("tried", {**NOBODY, "mode": "DryRun"}), Step("so be it", NOBODY)),
    ),
    Scenario(
        "presets",
        "traffic that has a name, given and taken away",
        (
            Step("without", PLAIN),
            Step("with", {**PLAIN, "presets": PRESETS}),
            Step("another", {**PLAIN, "presets": [{"name": "SameNamespace"}, {"name": "IngressGateway"}]}),
            Step("without again", PLAIN),
        ),
    ),
    Scenario(
        "isolation",
        "what is blocked changes its direction",
        (
            Step("ingress", policy()),
            Step("both", policy(isolate=BOTH)),
            Step("egress", policy(isolate={"egress": True})),
            Step("whom", policy(isolate={"egress": True}, target={"vms": ["db"]})),
        ),
    ),
)

EVERYTHING: tuple[Spec, ...] = (PLAIN, ABLE)
MIX: tuple[Spec, ...] = (
    policy(),
    PLAIN,
    OTHER,
    ABLE,
    DRY,
    {**PLAIN, "presets": PRESETS},
    policy(target={"all": True}, isolate=BOTH),
)

WORKER = {"pileus.dev/kind": "ContainerApp", "pileus.dev/name": "worker"}
ANYWHERE = {
    "from": [{"podSelector": {"matchLabels": WORKER}, "namespaceSelector": {}}],
    "ports": [{"protocol": "TCP", "port": 8080}],
}
FURTHER: Manifest = {"matchLabels": {"tier": "other"}}
LOOSENED: tuple[tuple[Spec, str, Manifest], ...] = (
    (policy(), "NetworkPolicy", {"spec": {"ingress": [{}]}}),
    (policy(isolate=BOTH), "NetworkPolicy", {"spec": {"egress": [{}]}}),
    (PLAIN, "NetworkPolicy", {"spec": {"ingress": [ANYWHERE]}}),
    (PLAIN, "NetworkPolicy", {"spec": {"podSelector": FURTHER}}),
    (policy(target={"all": True}), "NetworkPolicy", {"spec": {"podSelector": FURTHER}}),
    (PLAIN, "NetworkPolicy", {"spec": {"policyTypes": ["Egress"]}}),
    (ABLE, "CiliumNetworkPolicy", {"spec": {"ingress": [{"fromEntities": ["all"]}]}}),
    (ABLE, "CiliumNetworkPolicy", {"spec": {"endpointSelector": FURTHER}}),
    (ABLE, "CiliumNetworkPolicy", {"spec": {"enableDefaultDeny": {"ingress": False}}}),
)
"""By hand: everybody may come, or go; those of other namespaces, too; others than the target are guarded."""

PLAN = r'"plan": \{[^{}]*\}'


def seen(item: Manifest, history: bool) -> Manifest | None:
    """An object without what its plan says of the pods of other tests, which come and go."""
    plan = at(item, "status", "plan")
    if isinstance(plan, dict):
        shown = {key: plan.get(key) or () for key in ("newlyBlocked", "newlyAllowed")}
        item["status"]["plan"] = {
            # In the order of the alphabet, and so many: those between apps come before those of others, where
            # only those to the target are concerned.
            key: [flow for flow in flows if re.match(r"app/\S+ → app/", flow)]
            for key, flows in shown.items()
        }
    return item


FIREWALL_POLICY = Subject(
    kind=KIND,
    target=ObjectKind("pileus.dev", "v1alpha1", "FirewallPolicy", "firewallpolicies"),
    crd="crds/pileus.dev_firewallpolicies.yaml",
    base=policy(isolate=IN),
    still=STILL,
    mix=MIX,
    everything=EVERYTHING,
    secretive=(ABLE, PLAIN),
    scenarios=SCENARIOS,
    effects=EFFECTS,
    wrong=WRONG,
    deputies=DEPUTIES,
    nameless=NAMELESS,
    edits={
        "NetworkPolicy": {"spec": {"ingress": [{}]}},  # everybody may come
        "CiliumNetworkPolicy": {"spec": {"egress": [{"toEntities": ["all"]}]}},
    },
    beds={"CiliumNetworkPolicy": ABLE},
    loosened=LOOSENED,
    bookkeeping=BOOKKEEPING,
    strangers={
        "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": {"app": "theirs"}}}},
        "CiliumNetworkPolicy": {
            "spec": {"endpointSelector": {"matchLabels": {"app": "theirs"}}, "ingress": [{}]}
        },
    },
    replaced=({**OTHER, "rules": [rule(), rule("more")]}, DRY),
    beside=BESIDE,
    prepare=prepare,
    settings={"PILEUS_TRY_ENFORCEMENT": "false"},
    cluster=("cilium",),
    volumes=False,
    seen=seen,
    lots=((PLAN, '"plan": "<flows>"'),),
    sociable=True,
    never=looser,
    many=(300,),
    at_once=60,
    small=("t01", "t02", "t09_strangers"),
    later={"NetworkPolicy": (DRY, PLAIN), "CiliumNetworkPolicy": (PLAIN, ABLE)},
    bugs=True,
)
