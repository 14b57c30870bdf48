"""What is seen of the guest from outside: addresses, system, migrations, snapshots."""

from __future__ import annotations

from pileus.engine.conditions import Condition
from pileus.engine.plan import Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.cloudvm.build import machine, names, snapshots
from pileus.kinds.cloudvm.build.power import OVER
from pileus.kinds.cloudvm.reasons import VmReason
from pileus.objects.catalog import MIGRATION
from pileus.objects.reading import at, condition, items, text
from pileus.objects.said import Said

SHOWN = 64
"""Snapshots that the status shows."""


def guest(resource: Resource, world: World) -> Said:
    """Addresses and system, and the condition AgentConnected."""
    running = names.instance(resource, world)
    fields: dict[str, object] = {"size": _size(resource)}
    addresses = [
        {"network": text(entry, "name"), "ip": text(entry, "ipAddress"), "mac": text(entry, "mac")}
        for entry in items(running, "status", "interfaces")
        if text(entry, "name")
    ]
    if addresses:
        fields["addresses"] = addresses
    system = at(running, "status", "guestOSInfo")
    if name := text(system, "prettyName") or text(system, "name"):
        fields["guest"] = {"os": name, "kernel": text(system, "kernelRelease")}
    if running is None:
        words = "The machine does not run."
        return Said(
            condition=Condition("AgentConnected", "False", VmReason.NOT_RUNNING, words), fields=fields
        )
    if condition(running, "AgentConnected").get("status") == "True":
        return Said(condition=Condition("AgentConnected", "True", VmReason.AGENT_CONNECTED), fields=fields)
    words = "Addresses and system are not known without the guest agent; install qemu-guest-agent."
    return Said(
        condition=Condition("AgentConnected", "False", VmReason.AGENT_NOT_CONNECTED, words), fields=fields
    )


def movable(resource: Resource, world: World) -> Said:
    """The condition Migratable, and the last migration."""
    running = names.instance(resource, world)
    fields: dict[str, object] = {}
    if migration := _migration(resource, world):
        fields["migration"] = migration
    if running is None:
        said = Condition("Migratable", "False", VmReason.NOT_RUNNING, "The machine does not run.")
        return Said(condition=said, fields=fields)
    live = condition(running, "LiveMigratable")
    if live.get("status") == "True":
        return Said(condition=Condition("Migratable", "True", VmReason.MIGRATABLE), fields=fields)
    words = " ".join(text(live, "message").split()) or "KubeVirt has not said yet that it can move."
    return Said(condition=Condition("Migratable", "False", VmReason.NOT_MIGRATABLE, words), fields=fields)


def _migration(resource: Resource, world: World) -> dict[str, str] | None:
    """The migration that the token asked for; KubeVirt forgets it some time after its end."""
    token = resource.spec.migrate.token if resource.spec.migrate else ""
    if not token:
        return None
    made = world.children.get(names.ref(resource, MIGRATION, names.migration(resource, token)))
    if made is None:
        before = resource.status.get("migration")
        return dict(before) if isinstance(before, dict) and before.get("token") == token else None
    phase = text(made, "status", "phase")
    state = _state(made, names.instance(resource, world))
    return {
        "token": token,
        "phase": phase if phase in OVER else "Running",
        "source": text(state, "sourceNode"),
        "target": text(state, "targetNode"),
        "reason": _why(made, state) if phase == "Failed" else "",
    }


def _state(migration: Manifest, running: Manifest | None) -> Manifest:
    """How it went: the machine knows first, and the migration keeps it."""
    state = at(running, "status", "migrationState")
    if text(state, "migrationUid") != text(migration, "metadata", "uid"):
        state = at(migration, "status", "migrationState")
    return dict(state or {})


def _why(migration: Manifest, state: Manifest) -> str:
    words = text(state, "failureReason") or text(
        condition(migration, "MigrationRejectedByResourceQuota"), "message"
    )
    return " ".join(words.split())[:500] or "KubeVirt gives no reason; look at the events of the migration."


def kept(world: World) -> Said:
    """The snapshots, the newest first."""
    entries = [
        {
            "name": text(snapshot, "metadata", "name"),
            "taken": text(snapshot, "status", "creationTime")
            or text(snapshot, "metadata", "creationTimestamp"),
            "ready": at(snapshot, "status", "readyToUse") is True,
            "reason": snapshots.why(snapshot)[:500],
        }
        for snapshot in snapshots.live(world)[:SHOWN]
    ]
    return Said(fields={"snapshots": entries} if entries else {})


def _size(resource: Resource) -> str:
    size = resource.spec.size
    if size and size.class_:
        return str(size.class_)
    cpu, memory = (
        (size.cpu if size else None) or machine.CPU,
        (size.memory if size else None) or machine.MEMORY,
    )
    return f"{cpu} CPU, {memory}"
