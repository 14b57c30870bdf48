"""Renders the chart, and finds objects in what it rendered."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "pileus"
Manifest = dict[str, Any]


class RefusedError(Exception):
    """Helm did not take the values."""


@dataclass(frozen=True, slots=True)
class Helm:
    """The program."""

    path: Path

    def template(self, values: Manifest | None = None) -> list[Manifest]:
        """What the chart becomes with these values, installed as `pileus` in `pileus-system`."""
        argv = ("template", "pileus", str(CHART), "--namespace=pileus-system", "--values=-")
        return [document for document in yaml.safe_load_all(self._run(*argv, given=values or {})) if document]

    def notes(self, values: Manifest | None = None) -> str:
        """What the user is told after the installation."""
        argv = (
            "install",
            "pileus",
            str(CHART),
            "--namespace=pileus-system",
            "--dry-run=client",
            "--values=-",
        )
        return self._run(*argv, given=values or {}).partition("NOTES:")[2]

    def lint(self) -> str:
        """What Helm thinks of the chart; raises RefusedError if it is wrong."""
        return self._run("lint", "--strict", str(CHART), given={})

    def _run(self, *argv: str, given: Manifest) -> str:
        done = subprocess.run(
            [str(self.path), *argv], input=json.dumps(given), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RefusedError(done.stderr + done.stdout)
        return done.stdout


def find(manifests: list[Manifest], kind: str, name: str = "pileus") -> Manifest:
    """The one object of this kind and name."""
    (found,) = (m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def kinds(manifests: list[Manifest]) -> set[str]:
    """The kinds that occur."""
    return {manifest["kind"] for manifest in manifests}
