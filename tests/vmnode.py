"""Telling the played nodes of `pileus local up --with kubevirt` what to do wrong, and to do right again.

    agent = VmNode(kubectl)            # for the objects of kubectl's namespace
    agent.hold_import("root", 42)
    agent.fail_migration("db", "The target has no room.")
    agent.obey()                       # everything works again

Orders are Kubernetes objects (see `pileus.local.vmnode.orders`), so they reach the nodes wherever these run.
"""

from __future__ import annotations

from dataclasses import dataclass

from pileus.local.vmnode.names import NODES
from pileus.local.vmnode.orders import LOST, NAME
from tests.e2e.kubectl import Kubectl


@dataclass(frozen=True)
class VmNode:
    """The played nodes, as they treat one namespace."""

    kubectl: Kubectl

    def hold_import(self, disk: str, percent: int) -> None:
        """An import into the DataVolume or claim comes so far and no further."""
        self._order("import", disk, f"hold {percent}")

    def fail_import(self, disk: str, words: str) -> None:
        """Its importer ends with an error, again and again; once if `words` tell of a checksum mismatch."""
        self._order("import", disk, f"fail {words}")

    def finish_import(self, disk: str) -> None:
        """The import works."""
        self._order("import", disk, None)

    def hold_snapshot(self, claim: str) -> None:
        """Snapshots of the claim do not become ready."""
        self._order("snapshot", claim, "hold")

    def fail_snapshot(self, claim: str, words: str) -> None:
        """Snapshots of the claim fail with these words."""
        self._order("snapshot", claim, f"fail {words}")

    def finish_snapshot(self, claim: str) -> None:
        """Snapshots of the claim work."""
        self._order("snapshot", claim, None)

    def hold_migration(self, machine: str) -> None:
        """The machine's migration runs and does not end."""
        self._order("migration", machine, "hold")

    def fail_migration(self, machine: str, words: str) -> None:
        """The machine's migration fails with this reason."""
        self._order("migration", machine, f"fail {words}")

    def finish_migration(self, machine: str) -> None:
        """The machine's migration works."""
        self._order("migration", machine, None)

    def without_agent(self, machine: str) -> None:
        """The guest has no agent."""
        self._order("agent", machine, "absent")

    def obey(self) -> None:
        """No orders any more."""
        self.kubectl("delete", "configmap", NAME, "--ignore-not-found")

    def lose(self, node: str) -> None:
        """The node is dead: it beats no more, and its pods are not ready. For all namespaces."""
        self.kubectl("annotate", "node", node, f"{LOST}=true", "--overwrite")

    def find(self, *nodes: str) -> None:
        """These nodes, or all, are alive."""
        self.kubectl("annotate", "node", *(nodes or NODES), f"{LOST}-")

    def _order(self, subject: str, name: str, words: str | None) -> None:
        if not self.kubectl.exists("configmap", NAME):
            self.kubectl("create", "configmap", NAME)
        self.kubectl.edit("configmap", NAME, {"data": {f"{subject}.{name}": words}})
