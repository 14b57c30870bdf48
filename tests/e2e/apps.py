"""ContainerApps as users write them, and what their conditions say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e.kubectl import Kubectl, Manifest

WEB = "local.pileus.dev/web:1"
NO_IMAGE = "localhost:1/absent:1"
"""Nothing listens there, which shows at once; a name of a host would first be looked for."""

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"]
"""A command that does nothing and ends at once when asked to."""


def app(name: str = "app", **spec: Any) -> Manifest:
    """A small web server on port 8080, with `spec` on top; a field that is None is left out."""
    usual = {
        "image": WEB,
        "port": 8080,
        "resources": {"cpu": "10m", "memory": "48Mi"},
        # Asked every second while it starts; the readiness check alone may take ten to ask again.
        "health": {"startup": {"path": "/healthz", "within": "30s"}},
    }
    wanted = {key: value for key, value in {**usual, **spec}.items() if value is not None}
    metadata = {"name": name}
    return {"apiVersion": "pileus.dev/v1alpha1", "kind": "ContainerApp", "metadata": metadata, "spec": wanted}


def condition(found: Manifest, kind: str) -> Manifest:
    """One condition of an object; {} if it has none of this type."""
    listed = found.get("status", {}).get("conditions") or ()
    return next((entry for entry in listed if entry["type"] == kind), {})


def current(found: Manifest) -> bool:
    """Whether the status is about the present spec."""
    return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])


def ready(found: Manifest) -> bool:
    """Ready, with the present spec."""
    return current(found) and condition(found, "Ready").get("status") == "True"


def says(reason: str, *words: str, kind: str = "Ready", status: str = "False") -> Callable[[Manifest], bool]:
    """Whether a condition has this status and reason, and all the words in its message."""

    def matches(found: Manifest) -> bool:
        said = condition(found, kind)
        return (
            current(found)
            and (said.get("status"), said.get("reason")) == (status, reason)
            and all(word in said.get("message", "") for word in words)
        )

    return matches


def tells(*words: str, kind: str = "Ready") -> Callable[[Manifest], bool]:
    """Whether a condition is False and its message has all the words, whatever its reason is yet."""
    return lambda found: (
        current(found) and all(word in condition(found, kind).get("message", "") for word in words)
    )


def warns(reason: str) -> Callable[[Manifest], bool]:
    """Whether a warning of this reason is told."""
    return lambda found: (
        current(found)
        and any(warning["reason"] == reason for warning in found["status"].get("warnings") or ())
    )


def replicas_ready(count: int) -> Callable[[Manifest], bool]:
    """Ready with so many replicas."""
    return lambda found: ready(found) and found["status"]["replicas"]["summary"] == f"{count}/{count}"


def up(kubectl: Kubectl, manifest: Manifest) -> Manifest:
    """Apply the app and wait until it is ready."""
    kubectl.apply(manifest)
    return kubectl.until("capp", manifest["metadata"]["name"], ready)


def change(kubectl: Kubectl, name: str, **spec: Any) -> None:
    """Change fields of the app's spec; None takes a field away."""
    kubectl.edit("capp", name, {"spec": spec})


def pods(kubectl: Kubectl, name: str) -> list[Manifest]:
    """The app's pods that are not on their way out."""
    found = kubectl.list("pods", f"pileus.dev/name={name}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def pod_names(kubectl: Kubectl, name: str) -> set[str]:
    """Names of the app's pods."""
    return {pod["metadata"]["name"] for pod in pods(kubectl, name)}


def events(kubectl: Kubectl, name: str) -> set[tuple[str, str]]:
    """(type, reason) of the Events about the app."""
    found = kubectl.list("events")
    return {
        (event["type"], event["reason"])
        for event in found
        if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == ("ContainerApp", name)
    }
