"""Moves: on request, failed ones, and nodes that are lost."""

from __future__ import annotations

import pytest

from tests.e2e.apps import condition
from tests.e2e.beside import OperatorBeside
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.vms.specs import change, made, phase, running, uid
from tests.vmnode import VmNode

pytestmark = pytest.mark.cluster


def moved(found: Manifest, token: str, how: str) -> bool:
    """Whether the migration that a token asked for ended so."""
    told = found.get("status", {}).get("migration", {})
    return (told.get("token"), told.get("phase")) == (token, how)


def test_a_token_moves_it_once(ns: Kubectl, pileus: OperatorBeside) -> None:
    made(ns)
    first, before = uid(ns), running(ns)["status"]["node"]
    change(ns, migrate={"token": "one"})
    told = ns.until("cvm", "vm", lambda found: moved(found, "one", "Succeeded"))["status"]["migration"]
    assert told["source"] == before
    assert told["target"] != before
    assert running(ns)["status"]["node"] == told["target"]
    pileus.settled()
    assert len(ns.names("vmim")) == 1
    assert uid(ns) == first


def test_a_failed_move_is_told_and_leaves_it_where_it_is(ns: Kubectl, agent: VmNode) -> None:
    made(ns)
    before = running(ns)["status"]["node"]
    agent.fail_migration("vm", "The target has no room.")
    change(ns, migrate={"token": "one"})
    told = ns.until("cvm", "vm", lambda found: moved(found, "one", "Failed"))
    assert "no room" in told["status"]["migration"]["reason"]
    assert running(ns)["status"]["node"] == before
    agent.finish_migration("vm")
    change(ns, migrate={"token": "two"})
    ns.until("cvm", "vm", lambda found: moved(found, "two", "Succeeded"))


def test_a_lost_node_is_told_and_its_return_heals(ns: Kubectl, agent: VmNode) -> None:
    made(ns)
    first, node = uid(ns), running(ns)["status"]["node"]
    agent.lose(node)
    told = ns.until("cvm", "vm", lambda found: phase(found, "Unreachable"))
    assert condition(told, "Ready")["reason"] == "Unreachable"
    assert node in condition(told, "Ready")["message"]
    assert uid(ns) == first, "it is never started twice"
    agent.find(node)
    running(ns)
    assert uid(ns) == first
