"""How a cluster gets its parts to work, and gets more of them while it runs.

Each of the add-ons that are processes comes the same way: write what its parts read, let the first process
start them, wait until they work, and tell the API server of them. It must not know what runs in pods
(`addons`).
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pileus.local import launch, plan
from pileus.local.kubectl import Kubectl
from pileus.local.kubevirt import identities, objects
from pileus.local.kubevirt import parts as kubevirt_parts
from pileus.local.parts import Part, Site
from pileus.local.paths import Layout
from pileus.local.plan import Profile, Record
from pileus.local.report import Report, ending
from pileus.local.s3 import objects as s3_objects
from pileus.local.s3 import parts as s3_parts

_PATIENCE = 600.0  # seconds for all parts to work; each has its own limit below that


class GrowthError(Exception):
    """A part does not work; the message says which, and how its log ends."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The cluster of one directory. inside: the command that runs another one in the cluster's namespaces."""

    layout: Layout
    profile: Profile
    programs: Mapping[str, Path]
    report: Report
    inside: Callable[[Sequence[str]], list[str]]

    def wait(self, known: Iterable[str]) -> None:
        """Until all parts work; a line for each that is not known as it does. Raises GrowthError."""
        told = set(known)
        expected = [part["name"] for part in self._spec()["parts"]]
        start = time.monotonic()
        while True:
            now = launch.progress(self.layout)
            for name, part in now["parts"].items():
                if part["seconds"] is not None and name not in told:
                    told.add(name)
                    self.report.done(f"{name} works", part["seconds"])
            waiting = [name for name in expected if name not in told]
            if now["phase"] == "failed":
                raise GrowthError(self._failure(now["reason"], now.get("culprit", "")))
            if now["phase"] == "ready" and not waiting:
                return
            if time.monotonic() - start > _PATIENCE:
                raise GrowthError(self._failure(f"Still waiting for {', '.join(waiting)}."))
            if launch.find(self.layout) is None and time.monotonic() - start > 5:
                raise GrowthError(self._failure("The cluster's first process has ended.", "first"))
            self.report.progress(f"Waiting for {', '.join(waiting)}")
            time.sleep(0.05)

    def simulate(self, record: Record) -> None:
        """Let kwok run. It is waited for with all others."""
        site = self._site(record)
        self._start(record, [plan.kwok(site)], site.versions)

    def virtualize(self, record: Record) -> None:
        """Add the parts of KubeVirt; what they watch comes before them, what calls them after."""
        site = self._site(record)
        ports = kubevirt_parts.ports(site, own_network=self._own_network)
        identities.certificates(site, kubevirt_parts.node_address(site))
        with self.report.step("KubeVirt's definitions served"):
            objects.before(self._kubectl, site)
        self._add(record, kubevirt_parts.parts(site, ports), site.versions)
        with self.report.step("KubeVirt's webhooks and instance types there"):
            objects.after(self._kubectl, site, ports)

    def store_objects(self, record: Record, addon: str) -> None:
        """Add the S3 engines of an add-on, their root users, and what the cluster knows of them."""
        site = self._site(record)
        s3_parts.download(addon, self.report)
        with self.report.step(f"S3 engines of {addon} configured"):
            stores = s3_parts.decide(site, addon, own_network=self._own_network)
            for name, engine in s3_parts.of(addon).items():
                engine.prepare(site, stores[name])
        parts = s3_parts.parts(site, addon, stores, self._spec(), own_network=self._own_network)
        self._add(record, parts, {part.name: part.version for part in parts})
        with self.report.step(f"Root users and Secrets of {addon} there"):
            for name, engine in s3_parts.of(addon).items():
                self._finish(engine.finish(site, stores[name]))
            self._kubectl.apply(s3_objects.documents(stores.values()))

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.programs["kubectl"], self.layout.kubeconfig)

    @property
    def _own_network(self) -> bool:
        return self.profile is Profile.NODE

    def _site(self, record: Record) -> Site:
        return plan.site(self.layout, self.profile, self.programs, record.port)

    def _spec(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.layout.spec.read_text())
        return found

    def _add(self, record: Record, parts: Iterable[Part], versions: Mapping[str, str]) -> None:
        known = launch.progress(self.layout)["parts"]
        self._start(record, parts, versions)
        self.wait(known)

    def _start(self, record: Record, parts: Iterable[Part], versions: Mapping[str, str]) -> None:
        launch.reload(self.layout, plan.added(self._spec(), parts))
        record.changed(versions={**record.versions, **versions}).write(self.layout.record)

    def _finish(self, command: Sequence[str]) -> None:
        if not command:
            return
        done = subprocess.run(self.inside(command), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise GrowthError(f"The S3 engines' root users cannot be made: {done.stderr.strip()[-500:]}")

    def _failure(self, reason: str, culprit: str = "") -> str:
        log = self.layout.logs / f"{culprit}.log"
        if culprit and log.exists():
            return f"{reason} Its log, {log}, ends with:\n{ending(log.read_text(errors='replace'))}"
        return f"{reason} The logs are in {self.layout.logs}."
