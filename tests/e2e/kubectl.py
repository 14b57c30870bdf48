"""kubectl as users type it, with waits that say what was seen when they fail.

A wait is a watch, so it reacts at once, sees every state in between, and costs one request. All deadlines
are generous: they end a test that has failed, and prove nothing about speed.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]
Predicate = Callable[[Manifest], Any]

PATIENCE = 90.0
"""Seconds after which a wait has failed."""


class RefusedError(Exception):
    """kubectl failed; the text is what it said."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster, and for one namespace unless another is given."""

    program: Path
    kubeconfig: Path
    namespace: str = "default"
    settings: dict[str, str] = field(default_factory=dict)

    def within(self, namespace: str) -> Kubectl:
        """The same for another namespace; for objects of several, each in its own, for ""."""
        return Kubectl(self.program, self.kubeconfig, namespace, self.settings)

    def unused(self, prefix: str, words: str) -> Kubectl:
        """For a namespace that is not there; its name never was another's, which may be on its way out."""
        readable = re.sub(r"[^a-z0-9]+", "-", words.lower())[:40].strip("-")
        return self.within(f"{prefix}-{readable}-{os.urandom(2).hex()}")

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        """The output of a command; raises `RefusedError`."""
        done = subprocess.run(self.argv(*arguments), input=given, capture_output=True, text=True)
        if done.returncode != 0:
            raise RefusedError(f"kubectl {' '.join(arguments)}\n{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def follow(self, pod: str, file: Path) -> subprocess.Popen[bytes]:
        """Write what a pod logs into a file, until it ends."""
        with file.open("wb") as output:
            return subprocess.Popen(self.argv("logs", "--follow", pod), stdout=output)

    def attempt(self, *arguments: str, given: str | None = None) -> str:
        """The output of a command that may fail, or what it said then."""
        try:
            return self(*arguments, given=given)
        except RefusedError as refused:
            return str(refused)

    def apply(self, *manifests: Manifest, options: tuple[str, ...] = ()) -> str:
        """`kubectl apply` of these objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        return self("apply", "-f", "-", *options, given=json.dumps(listed))

    def edit(self, kind: str, name: str, patch: Manifest, *options: str) -> str:
        """A merge patch, as `kubectl edit` sends it."""
        return self("patch", kind, name, "--type=merge", "-p", json.dumps(patch), *options)

    def get(self, kind: str, name: str) -> Manifest:
        """One object."""
        found: Manifest = json.loads(self("get", kind, name, "-o", "json"))
        return found

    def list(self, kinds: str, selector: str = "") -> list[Manifest]:
        """Objects of the namespace."""
        listed = json.loads(self("get", kinds, "-o", "json", *((f"-l={selector}",) if selector else ())))
        found: list[Manifest] = listed["items"]
        return found

    def names(self, kinds: str, selector: str = "") -> set[str]:
        """Names of objects of the namespace."""
        return {found["metadata"]["name"] for found in self.list(kinds, selector)}

    def exists(self, kind: str, name: str) -> bool:
        """Whether there is such an object."""
        return bool(self("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def delete(self, kind: str, name: str, *options: str) -> None:
        """Delete it and go on; the garbage collector has time."""
        self("delete", kind, name, "--wait=false", *options)

    def gone(self, kind: str, name: str) -> None:
        """Wait until there is no such object."""
        self("wait", "--for=delete", f"{kind}/{name}", f"--timeout={PATIENCE:.0f}s")

    def until(
        self, kind: str, name: str, wanted: Predicate, why: str = "", patience: float = PATIENCE
    ) -> Manifest:
        """Wait until the object, which may not be there yet, is as `wanted`; that state of it."""
        last: Manifest | None = None
        with self.watch(kind, name, patience) as states:
            for last in states:
                if last and wanted(last):
                    return last
        raise AssertionError(self._story(kind, name, last, why))

    @contextmanager
    def watch(self, kind: str, name: str, patience: float = PATIENCE) -> Iterator[Iterator[Manifest]]:
        """The states of an object one after the other, ending after `patience`; {} when it is deleted."""
        selection = f"--field-selector=metadata.name={name}"
        argv = self.argv("get", kind, selection, "-o", "json", "--watch", "--output-watch-events")
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            yield self._states(process, time.monotonic() + patience)
        finally:
            process.kill()
            process.communicate()

    def _states(self, process: subprocess.Popen[bytes], deadline: float) -> Iterator[Manifest]:
        assert process.stdout is not None
        assert process.stderr is not None
        text, decoder = "", json.JSONDecoder()
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([process.stdout], [], [], left)[0]:
                return
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            if not chunk:
                raise RefusedError(process.stderr.read().decode())
            text += chunk.decode()
            while text := text.lstrip():
                try:
                    event, end = decoder.raw_decode(text)
                except json.JSONDecodeError:
                    break  # the rest of it is still on the way
                text = text[end:]
                yield {} if event["type"] == "DELETED" else event["object"]

    def argv(self, *arguments: str) -> list[str]:
        """The command as the system runs it."""
        return [
            str(self.program),
            f"--kubeconfig={self.kubeconfig}",
            *((f"--namespace={self.namespace}",) if self.namespace else ()),
            *arguments,
        ]

    def _story(self, kind: str, name: str, last: Manifest | None, why: str) -> str:
        described = self.attempt("describe", kind, name)
        pods = self.attempt("get", "pods", "-o", "wide")
        events = self.attempt("get", "events", "--sort-by=.lastTimestamp").splitlines()[-25:]
        status = json.dumps((last or {}).get("status"), indent=1)
        return "\n".join(
            (
                f"{kind} {name} in {self.namespace} never came to be as wanted. {why}",
                status,
                described,
                pods,
                *events,
            )
        )
