"""Permissions by evidence: what the operator used, as the proxy saw it, is what the chart grants.

Neither more nor less: used without grant would be a 403 for somebody, granted without use is power
that nobody needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from pileus.cli.rbac import role_objects
from pileus.engine.plan import Manifest, ObjectKind
from tests.campaign.calls import Call
from tests.campaign.conftest import Points
from tests.campaign.ground import QUIET, SYSTEM, Ground, chart_roles, message, ready
from tests.campaign.storecalls import STORE
from tests.campaign.subject import Scenario, Spec
from tests.campaign.test_t09_children import names_taken_before

pytestmark = pytest.mark.asyncio(loop_scope="session")

Grant = tuple[str, str, str]
"""(verb, API group, resource with subresource)."""

LEASES = ObjectKind("coordination.k8s.io", "v1", "Lease", "leases")
CLUSTER_ROLES = ObjectKind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False)


async def test_rbac_used_is_granted_and_granted_is_used(ground: Ground, points: Points) -> None:
    await _use_everything(ground)
    roles = role_objects([ground.subject.kind])
    if not ground.subject.around:  # the role for what specs name is one for all kinds
        roles = [role for role in roles if role["metadata"]["name"] != "pileus-references"]
    # Trials need a kubelet: tests/e2e/firewall/test_trials.py, with this role's permissions and no others.
    roles = [role for role in roles if role["metadata"]["name"] != "pileus-trials"]
    for_this_kind = set(_granted(roles))
    if any(verb == "get" for verb, *_ in for_this_kind - set(_used(ground.proxy.calls))):
        await names_taken_before(ground, points)
    used = set(_used(ground.proxy.calls))
    # Not a request of ours, but of admission's where OwnerReferencesPermissionEnforcement is on: see below.
    group, plural = ground.subject.target.group, ground.subject.target.plural
    asked_by_admission = {("update", group, f"{plural}/finalizers")}
    granted = set(_granted(chart_roles(**ground.subject.chart)))
    points.check("used ⊆ granted", sorted(used - granted))
    points.check("granted for the kind ⊆ granted", sorted(for_this_kind - granted))
    points.check("granted for the kind \\ used = ∅", sorted(for_this_kind - used - asked_by_admission))


@pytest.mark.needs("edits")
async def test_rbac_finalizers_are_asked_for_by_admission(ground: Ground, points: Points) -> None:
    """Without `update` on our resources' finalizers no child with blockOwnerDeletion can be made."""
    space = await ground.namespace("finalizers")
    role = await ground.get(CLUSTER_ROLES, "", "pileus")
    assert role is not None
    rules = [rule for rule in role["rules"] if not any("/finalizers" in r for r in rule["resources"])]
    assert len(rules) == len(role["rules"]) - 1
    await ground.patch(CLUSTER_ROLES, "", "pileus", {"rules": rules})
    try:
        await ground.apply(space, ground.subject.mix[1])
        with points.point("refused without"):
            await ground.until(
                lambda live: ready(live) == "Forbidden" and "finalizers" in message(live), space, "Forbidden"
            )
    finally:
        await ground.patch(CLUSTER_ROLES, "", "pileus", {"rules": role["rules"]})
    await asyncio.sleep(QUIET)
    with points.point("made with it"):
        await ground.finished(space, ground.subject.mix[2])
    await ground.drop(space)


async def _use_everything(ground: Ground) -> None:
    """Lists in pages, a new lease, whole lives, and children that are there though no cache knows them."""
    await ground.stop()
    await ground.delete(LEASES, SYSTEM, "pileus")
    ground.proxy.views.streaming = False
    ground.operator = ground.replica()
    await ground.start()
    lives = (*ground.subject.scenarios, *ground.subject.by_the_clock)
    await asyncio.gather(*(_live(ground, scenario) for scenario in lives))
    await _come_upon(ground, ground.subject.everything, {})
    for settings, specs in ground.subject.elsewhere:
        await _come_upon(ground, specs, settings)


async def _live(ground: Ground, scenario: Scenario) -> None:
    space = await ground.namespace("rbac")
    for step in scenario.steps:
        await ground.apply(space, step.spec)
        await ground.done(space, step)
    await ground.drop(space)


async def _come_upon(ground: Ground, specs: tuple[Spec, ...], settings: dict[str, str]) -> None:
    """Made, come upon by an operator whose view of the children is of before, and pruned."""
    await ground.stop()
    ground.proxy.heal()
    version = await ground.version()
    ground.operator = ground.replica(**settings)
    await ground.start()
    spaces = await ground.namespaces("rbac", len(specs))
    await asyncio.gather(*(ground.finished(space, spec) for space, spec in zip(spaces, specs, strict=True)))
    await ground.stop()
    children = {kind.plural for kind in ground.subject.owned}
    ground.proxy.views.past = lambda call: version if call.target.resource in children else None
    ground.proxy.views.caught_up.clear()
    ground.operator = ground.replica(**settings)
    await ground.start()
    await asyncio.sleep(QUIET)
    await ground.settled(*spaces)
    ground.proxy.views.caught_up.set()
    await asyncio.gather(*(ground.finished(space, ground.subject.base) for space in spaces))
    await ground.drop(*spaces)


def _used(calls: Iterable[Call]) -> Iterable[Grant]:
    for call in calls:
        if not call.target.resource or not 200 <= call.committed < 300 or call.target.group == STORE:
            continue
        yield call.verb, call.target.group, call.resource
        if call.verb == "patch" and call.committed == 201:
            yield "create", call.target.group, call.resource  # an apply of an object that is not there


def _granted(manifests: Iterable[Manifest]) -> Iterable[Grant]:
    """The rules of the roles that are for the operator, not for users."""
    for role in manifests:
        if role["kind"] not in ("ClusterRole", "Role"):
            continue
        if role["metadata"]["name"] in ("pileus-view", "pileus-edit"):
            continue
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield verb, group, resource
