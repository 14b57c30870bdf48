"""Laws of FirewallPolicy: what holds for every spec and every cluster."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pileus.engine.conditions import Verdict, summarize
from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Settings, World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.objects.surroundings import Enforcement
from tests.unit.firewallpolicy import wild
from tests.unit.firewallpolicy.firewalls import CLUSTER, HERE, SERVED, netpol, policy, service, world

_http = st.lists(
    st.fixed_dictionaries({}, optional={"method": st.just("GET"), "path": st.just("/v1/.*")}),
    min_size=1,
    max_size=2,
)
_icmp = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from([0, 8, 128])}, optional={"family": st.sampled_from(["IPv4", "IPv6"])}
    ),
    min_size=1,
    max_size=2,
)
_names = st.sampled_from(["a.example.org", "*.example.org", "**.example.org"])
_named = st.builds(
    lambda fqdn, more: {"direction": "Egress", "peers": [{"fqdn": fqdn}], **more},
    _names,
    st.fixed_dictionaries({}, optional={"ports": st.just(["443"]), "log": st.booleans()}),
)
_special = st.one_of(
    _named,
    st.builds(
        lambda direction, peers, more: {"direction": direction, "peers": peers, **more},
        wild.directions,
        st.lists(wild.peers, min_size=1, max_size=2),
        st.one_of(
            st.builds(lambda log: {"action": "Deny", "log": log}, st.booleans()),
            st.builds(lambda found: {"http": found, "ports": ["80", "8080/tcp"]}, _http),
            st.builds(lambda found: {"icmp": found}, _icmp),
            st.just({"log": True}),
        ),
    ),
)
specs = st.builds(
    lambda spec, special, mode: {
        **spec,
        "rules": [*spec["rules"], *({"name": f"s{index}", **one} for index, one in enumerate(special))],
        **mode,
    },
    wild.specs,
    st.lists(_special, max_size=2),
    st.fixed_dictionaries({}, optional={"mode": st.sampled_from(["Enforce", "DryRun"])}),
)
enforcements = st.sampled_from(
    [
        Enforcement(True, "It was tried."),
        Enforcement(False, "It was tried."),
        Enforcement(),
        Enforcement(None, "It could not be tried."),
        Enforcement(off=True),
    ]
)
_cluster = st.lists(st.sampled_from(CLUSTER), unique_by=id)
_beside = st.lists(
    st.sampled_from(
        [
            service("web", type="LoadBalancer", selector={"role": "x"}),
            netpol("deny", podSelector={}),
            netpol("guard", podSelector={"matchLabels": {"role": "x"}}, policyTypes=["Egress"]),
        ]
    ),
    max_size=2,
    unique_by=id,
)
worlds = st.builds(
    lambda cluster, pods, agents, beside, enforcement, served, spaces: world(
        *pods,
        *agents,
        *beside,
        cluster=cluster,
        enforcement=enforcement,
        served=served,
        settings=Settings(metrics_namespaces=spaces, gateway_namespaces=spaces),
    ),
    _cluster,
    st.lists(wild.pods(), max_size=5),
    wild.agents,
    _beside,
    enforcements,
    st.sampled_from([SERVED, frozenset({"NetworkPolicy.networking.k8s.io"})]),
    st.sampled_from([("monitoring",), ("a", "b")]),
)
SENTENCE = re.compile(r"^[A-Za-z'].*\.$", re.DOTALL)


@given(specs, worlds)
def test_compiling_and_judging_never_fail(spec: Manifest, there: World) -> None:
    resource = policy(spec)
    plan = FIREWALL_POLICY.compile(resource, there)
    verdict = FIREWALL_POLICY.judge(resource, plan, there)

    assert isinstance(verdict, Verdict)
    assert [one.type for one in verdict.conditions] == ["Accepted", "EnforcementVerified"]
    assert all(one.reason for one in verdict.conditions)
    _are_told((*plan.findings, *plan.warnings, *verdict.findings))
    FIREWALL_POLICY.status.model_validate(verdict.fields)
    named = [one["name"] for one in verdict.fields["rules"]]
    assert named == [*(one["name"] for one in spec["presets"]), *(one["name"] for one in spec["rules"])]


@given(specs, worlds)
def test_ready_says_that_it_holds(spec: Manifest, there: World) -> None:
    """Ready is said of what is enforced, of what nobody may try, and of a dry run; of nothing else."""
    resource = policy(spec)
    plan = FIREWALL_POLICY.compile(resource, there)
    verdict = FIREWALL_POLICY.judge(resource, plan, there)

    ready = summarize((*plan.findings, *verdict.findings))[0].status == "True"
    enforcement = there.survey.enforcement
    dry = spec.get("mode") == "DryRun"
    off = enforcement.holds is None and enforcement.off
    assert ready == (not plan.findings and (dry or bool(enforcement.holds) or off))
    assert (verdict.fields["summary"] == "Enforced") == bool(
        not plan.findings and not dry and enforcement.holds
    )


@given(specs, worlds)
def test_it_is_one_object_or_what_was_there_stays(spec: Manifest, there: World) -> None:
    plan = FIREWALL_POLICY.compile(policy(spec), there)

    assert len(plan.objects) <= 1
    assert plan.prune == (not plan.findings)
    if plan.findings or spec.get("mode") == "DryRun":
        assert plan.objects == ()
    for made in plan.objects:
        metadata = made["metadata"]
        assert (metadata["name"], metadata["namespace"]) == ("guard", HERE), "never in another namespace"
        special = {"fqdn", "http", "icmp"}
        needed = any(
            one.get("action") == "Deny" or one.get("log") or special & {*one, *one["peers"][0]}
            for one in spec["rules"]
        )
        assert made["kind"] == ("CiliumNetworkPolicy" if needed else "NetworkPolicy")
        if made["kind"] == "NetworkPolicy":
            assert made["spec"]["policyTypes"], "the API server would fill them in"
            _says_all(made["spec"])


@given(specs, worlds)
def test_a_refusal_names_who_is_refused(spec: Manifest, there: World) -> None:
    resource = policy(spec)
    plan = FIREWALL_POLICY.compile(resource, there)
    verdict = FIREWALL_POLICY.judge(resource, plan, there)
    refused = {one["name"] for one in verdict.fields["rules"] if one["state"] == "Refused"}

    assert bool(refused) == any(one.reason == "CapabilityMissing" for one in plan.findings)
    if refused:
        assert any(f"'{name}'" in plan.findings[0].message for name in refused)


def _says_all(spec: Manifest) -> None:
    """What isolates says what passes, also that nothing does: else what others add to it would stay."""
    assert {one.lower() for one in spec["policyTypes"]} == spec.keys() & {"ingress", "egress"}
    for direction in ("ingress", "egress"):
        for one in spec.get(direction, ()):
            assert all(one.values()), "an empty list of peers would be everybody"


def _are_told(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        assert re.match(r"^[A-Z][A-Za-z0-9]*$", finding.reason)
        assert SENTENCE.match(finding.message), finding.message
