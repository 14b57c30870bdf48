"""kubectl as the add-ons use it: apply objects, wait for them, say in its words what went wrong.

The development cluster has no client library of its own. Everything is a server-side apply under one
field manager, so that installing twice changes nothing. It must not decide what is installed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIELD_MANAGER = "pileus-local"
_APPLY = ("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")


class KubectlError(Exception):
    """kubectl refused; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One program and the cluster that it speaks to."""

    program: Path
    kubeconfig: Path

    def run(self, *arguments: str, given: str | None = None, allow_failure: bool = False) -> str:
        """The output of one command."""
        argv = [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
        if done.returncode != 0 and not allow_failure:
            words = (done.stderr.strip() or done.stdout.strip())[-1500:]
            raise KubectlError(f"kubectl {' '.join(arguments[:4])} failed: {words}")
        return done.stdout

    def apply(self, documents: Iterable[dict[str, Any]]) -> None:
        """Server-side apply; what others set in these objects meanwhile is taken back."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
        self.run(*_APPLY, "-f-", given=listed)

    def apply_files(self, files: Iterable[Path]) -> list[str]:
        """The same from files, as they are; the objects' names."""
        return self.run(*_APPLY, "-o=name", *(f"-f={path}" for path in files)).split()

    def set_status(self, kind: str, name: str, status: dict[str, Any], *, namespace: str = "default") -> None:
        """Say what a controller that is not here would say."""
        patch = json.dumps({"status": status})
        self.run(
            "patch", kind, name, f"-n={namespace}", "--subresource=status", "--type=merge", f"-p={patch}"
        )

    def wait(self, condition: str, *objects: str, namespace: str = "default", seconds: int = 120) -> None:
        """Until all of the objects have the condition."""
        self.run("wait", f"--for=condition={condition}", f"-n={namespace}", f"--timeout={seconds}s", *objects)

    def rolled_out(self, namespace: str, name: str, *, seconds: int = 120) -> None:
        """Until the Deployment's newest pods are available; the error shows what its pods and events say."""
        try:
            self.run("rollout", "status", f"deployment/{name}", f"-n={namespace}", f"--timeout={seconds}s")
        except KubectlError as error:
            events = self.run(
                "get", "events", f"-n={namespace}", "--sort-by=.lastTimestamp", allow_failure=True
            )
            last = "\n".join(events.splitlines()[-8:])
            raise KubectlError(f"{error}\n{last}") from None
