"""What a test or a curious user tells the played nodes to do wrong.

A namespace's orders are in its ConfigMap `vm-node`, one a key: `import.NAME` for the DataVolume or claim
NAME, `snapshot.NAME` for snapshots of the claim NAME, `migration.NAME` and `agent.NAME` for the machine
NAME. Without an order everything works. A node is lost while the Node object has the annotation
`local.pileus.dev/lost`.

| key | value | what happens |
|---|---|---|
| import.NAME | hold 42 | the import stays at 42 percent |
| import.NAME | fail WORDS | the importer ends with an error and is started again, as kubelet does |
| snapshot.NAME | fail WORDS | snapshots of the claim that are taken now fail with these words |
| snapshot.NAME | hold | they are not ready, and nothing is said of them |
| migration.NAME | fail WORDS | the source reports that the migration failed |
| migration.NAME | hold | the migration runs and does not end |
| agent.NAME | absent | no guest agent is connected |
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.local.vmnode.api import Manifest

NAME = "vm-node"
LOST = "local.pileus.dev/lost"


@dataclass(frozen=True, slots=True)
class Order:
    """A verb and what belongs to it; the empty verb is no order."""

    verb: str = ""
    words: str = ""


def order(configuration: Manifest | None, subject: str, name: str) -> Order:
    """What a namespace's ConfigMap says about a subject such as an import."""
    said = ((configuration or {}).get("data") or {}).get(f"{subject}.{name}", "")
    verb, _, words = said.partition(" ")
    return Order(verb, words.strip())


def lost(node: Manifest | None) -> bool:
    """Whether a node is to be dead."""
    return bool(node) and LOST in ((node or {})["metadata"].get("annotations") or {})
