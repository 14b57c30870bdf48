"""What the benchmark of FirewallPolicies makes, and makes of what it counted. Nothing is timed here."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import pytest
from bench.firewall.objects import LISTENERS, Layout, running
from bench.firewall.results import Course, Firewall, Phase, read
from bench.firewall.run import layouts
from bench.firewall.tables import ORDER, growth, kept, tables

from pileus.engine.world import Resource, World
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.objects.catalog import NAMESPACE, POD
from pileus.objects.surroundings import Surroundings


@pytest.mark.parametrize("layout", [*layouts(1000, 2000)], ids=str)
def test_a_pod_concerns_as_many_policies_as_is_said(layout: Layout) -> None:
    around = Surroundings()
    for name in layout.namespaces:
        around.put(NAMESPACE.id, "", name, {"metadata": {"name": name}})
    listens = []
    for number in range(layout.policies):
        namespace, made = layout.policy(number)
        spec = FIREWALL_POLICY.spec.model_validate(made["spec"])
        name = made["metadata"]["name"]
        resource = Resource("FirewallPolicy", "pileus.dev/v1alpha1", namespace, name, "u", 1, spec, {})
        listens.append(FIREWALL_POLICY.compile(resource, World(survey=around)).listens)
    namespace, pod = layout.pod(7)
    pod["metadata"]["namespace"] = namespace
    touched = around.put(POD.id, namespace, pod["metadata"]["name"], {**pod, "status": running(7)})
    assert sum(bool(touched & one) for one in listens) == LISTENERS


def test_both_layouts_are_measured_at_both_sizes() -> None:
    sizes = [(one.spaces, one.policies, one.pods) for one in layouts(1000, 2000)]
    assert sizes == [(25, 500, 1000), (25, 1000, 2000), (1, 500, 1000), (1, 1000, 2000)]


def results(restart: int = 0, growing: float = 2.0) -> Firewall:
    """A run in which a course takes `growing` times the CPU of one of half its size."""

    def course(policies: int, cpu: float) -> Course:
        made = {"cold": 4 * policies, "restart": restart, "pod": 4, "roll": 400, "change": 2}
        passes = {"pod": 4, "change": 1}
        phases = [
            Phase(
                name,
                policies,
                1.0,
                cpu + 1.0,
                90.0,
                95.0,
                passes.get(name, policies),
                {"APPLY firewallpolicies/status": made.get(name, 0), "LIST pods": 1, "WATCH pods": 1},
            )
            for name in ORDER
        ]
        return Course(1, policies, 2 * policies, 1.0, 80.0, phases)

    return Firewall(2, 24, 0.1, {}, 60.0, [course(10, 3.0), course(20, 3.0 * growing)])


def test_every_promise_can_be_kept() -> None:
    assert kept(results())


def test_a_write_when_nothing_changed_is_told() -> None:
    found = results(restart=1)
    assert not kept(found)
    assert any("**no**" in row for table in tables(found) for row in table.rows)


def test_growth_is_that_of_each_without_the_start() -> None:
    linear, square = (growth(*results(growing=growing).courses, "cold") for growing in (2.0, 4.0))
    assert (linear, square) == (1.0, 2.0)
    assert kept(results(growing=4.0)), "times are shown, not judged"


def test_results_survive_json() -> None:
    assert results() == read(json.loads(json.dumps(dataclasses.asdict(results()))))


def test_columns_are_even() -> None:
    for table in tables(results()):
        assert all(len(one) == len(other) for one, other in pairwise((table.header, *table.rows)))
