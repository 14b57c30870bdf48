"""Clusters that somebody else runs: kind's, made from `kind-config.yaml`, and any that KUBECONFIG names.

They get the same kubeconfig file and the same record as ours, so that everything that uses a cluster is
the same. Of a cluster that was there before, nothing is ever removed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from pileus.local.paths import CHECKOUT, Layout
from pileus.local.report import Report

KIND_CONFIG = CHECKOUT / "kind-config.yaml"


class ProvidedError(Exception):
    """The cluster cannot be had; the message says what is missing."""


def create_kind(layout: Layout, report: Report) -> None:
    """A kind cluster of this directory, and its kubeconfig."""
    for program in ("kind", "docker"):
        if shutil.which(program) is None:
            raise ProvidedError(f"{program} is not installed; --kind needs kind and docker. Try without it.")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        raise ProvidedError("docker is installed but does not answer; start it, or try without --kind.")
    listed = _run("kind", "get", "clusters").split()
    if layout.name in listed:
        _run("kind", "export", "kubeconfig", *_named(layout), f"--kubeconfig={layout.kubeconfig}")
        return
    with report.step(f"kind cluster {layout.name} created"):
        options = (f"--config={KIND_CONFIG}", f"--kubeconfig={layout.kubeconfig}", "--wait=180s")
        _run("kind", "create", "cluster", *_named(layout), *options)


def delete_kind(layout: Layout) -> None:
    """Remove the kind cluster of this directory."""
    _run("kind", "delete", "cluster", *_named(layout), f"--kubeconfig={layout.kubeconfig}")


def load_into_kind(layout: Layout, archive: Path) -> None:
    """Give its nodes an image."""
    _run("kind", "load", "image-archive", str(archive), *_named(layout))


def adopt(layout: Layout, kubectl: Path) -> None:
    """Copy the present context of KUBECONFIG, or of ~/.kube/config, and see whether the cluster answers."""
    given = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    if not any(Path(path).exists() for path in given.split(os.pathsep)):
        raise ProvidedError(
            f"There is no kubeconfig at {given}; --existing uses the one that KUBECONFIG names."
        )
    if Path(given).resolve() == layout.kubeconfig:
        raise ProvidedError(f"KUBECONFIG names {given}, which is this cluster's own; name another one's.")
    found = _run(str(kubectl), "config", "view", "--raw", "--flatten", "--minify")
    layout.kubeconfig.touch(mode=0o600)
    layout.kubeconfig.write_text(found)
    _run(str(kubectl), f"--kubeconfig={layout.kubeconfig}", "get", "--raw=/readyz", "--request-timeout=10s")


def _named(layout: Layout) -> tuple[str]:
    return (f"--name={layout.name}",)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProvidedError(f"`{' '.join(argv[:4])}` failed: {done.stderr.strip()[-500:]}")
    return done.stdout
