"""The containers of an app's pod: the app's own, sidecars and init containers.

Every container gets the settings of the restricted Pod Security Standard. The root file system stays
writable: most images need it. Memory is limited to what is reserved, since a node that runs out of
memory kills others; CPU has no limit, since a limit only slows down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pileus.engine.plan import Manifest
from pileus.kinds.containerapp.build.names import APP
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.parts import Check, EnvSource, Init, Port, Resources, Sidecar, Volume
from pileus.objects.quantities import canonical
from pileus.objects.times import seconds

SIZES: Mapping[str, tuple[str, str]] = {
    "nano": ("25m", "64Mi"),
    "micro": ("50m", "128Mi"),
    "small": ("100m", "256Mi"),
    "medium": ("500m", "1Gi"),
    "large": ("1", "2Gi"),
    "xlarge": ("2", "4Gi"),
    "xxlarge": ("4", "8Gi"),
}
"""CPU and memory of each size."""


def ports(spec: ContainerAppSpec) -> tuple[Port, ...]:
    """The app's ports, however they are written."""
    return (Port(name="http", port=spec.port),) if spec.port else spec.ports


def first_tcp(spec: ContainerAppSpec) -> Port | None:
    """The port that checks and requests go to, or None."""
    return next((port for port in ports(spec) if port.protocol == "TCP"), None)


def metrics_port(spec: ContainerAppSpec) -> str:
    """Name of the container port where metrics are read; empty if none are."""
    if spec.metrics is None:
        return ""
    number = spec.metrics.port
    named = (port.name for port in ports(spec) if port.protocol == "TCP" and port.port == number)
    return next(named, "pileus-metrics")


def app(spec: ContainerAppSpec, bound: tuple[Manifest, ...] = ()) -> Manifest:
    """The app's own container."""
    container = _container(APP, spec.image, spec.command, spec.args)
    container |= _environment(spec.env, spec.env_from, bound)
    if listed := _container_ports(spec):
        container["ports"] = listed
    container |= _probes(spec)
    container["resources"] = resources(spec.resources, spec.size or "small")
    return container | _mounts(spec.volumes)


def sidecar(spec: ContainerAppSpec, wanted: Sidecar) -> Manifest:
    """A container that starts before the app and ends after it (a native sidecar)."""
    container = _container(wanted.name, wanted.image, wanted.command, wanted.args)
    container |= _environment(wanted.env, wanted.env_from)
    container["restartPolicy"] = "Always"
    container["resources"] = resources(wanted.resources, wanted.size or "nano")
    return container | _mounts(tuple(volume for volume in spec.volumes if volume.name in wanted.volumes))


def init(spec: ContainerAppSpec, wanted: Init, bound: tuple[Manifest, ...] = ()) -> Manifest:
    """A container that runs to its end first; it reserves what the app reserves, which costs nothing."""
    container = _container(wanted.name, wanted.image or spec.image, wanted.command, wanted.args)
    container |= _environment({**spec.env, **wanted.env}, spec.env_from, bound)
    container["resources"] = resources(spec.resources, spec.size or "small")
    return container | _mounts(spec.volumes)


def resources(wanted: Resources | None, size: str) -> Manifest:
    """Requests and limits; what `wanted` leaves out is as in `size`."""
    cpu, memory = SIZES[size]
    if wanted is not None:
        cpu, memory = canonical(wanted.cpu or cpu), canonical(wanted.memory or memory)
    requests, limits = {"cpu": cpu, "memory": memory}, {"memory": memory}
    if wanted is not None and wanted.gpu is not None:
        requests[wanted.gpu.class_] = limits[wanted.gpu.class_] = str(wanted.gpu.count)
    return {"requests": requests, "limits": limits}


def pulled(container: Manifest) -> Manifest:
    """The container with its pull policy: what the API server would choose for a new object.

    It never chooses anew, so that an app that goes from a tag to `latest` would never be pulled again.
    """
    reference, at, _ = container["image"].partition("@")
    _, colon, tag = reference.rpartition("/")[2].partition(":")
    newest = tag == "latest" if colon else not at
    return {**container, "imagePullPolicy": "Always" if newest else "IfNotPresent"}


def _container(name: str, image: str, command: tuple[str, ...], args: tuple[str, ...]) -> Manifest:
    container: Manifest = {"name": name, "image": image}
    if command:
        container["command"] = list(command)
    if args:
        container["args"] = list(args)
    container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return container


def _environment(
    env: Mapping[str, str], sources: tuple[EnvSource, ...], bound: tuple[Manifest, ...] = ()
) -> Manifest:
    environment: Manifest = {}
    if env:
        # An empty value is left out by the API server, and reads the same.
        environment["env"] = [
            {"name": name, "value": value} if value else {"name": name} for name, value in sorted(env.items())
        ]
    listed: list[Manifest] = [
        {"secretRef": {"name": source.secret}}
        if source.secret
        else {"configMapRef": {"name": source.config_map}}
        for source in sources
    ]
    if listed := [*listed, *bound]:
        environment["envFrom"] = listed
    return environment


def _mounts(volumes: tuple[Volume, ...]) -> Manifest:
    if not volumes:
        return {}
    return {"volumeMounts": [_mount(volume) for volume in sorted(volumes, key=lambda v: v.name)]}


def _mount(volume: Volume) -> Manifest:
    mount: Manifest = {"name": volume.name, "mountPath": volume.path}
    if volume.secret or volume.config_map:
        mount["readOnly"] = True
    return mount


def _container_ports(spec: ContainerAppSpec) -> list[Manifest]:
    listed: list[Manifest] = [
        {"name": port.name, "containerPort": port.port, "protocol": port.protocol} for port in ports(spec)
    ]
    name = metrics_port(spec)
    if spec.metrics is not None and name not in {port["name"] for port in listed}:
        listed.append({"name": name, "containerPort": spec.metrics.port, "protocol": "TCP"})
    return listed


def _probes(spec: ContainerAppSpec) -> Manifest:
    health, tcp = spec.health, first_tcp(spec)
    probes: Manifest = {}
    ready = health.ready if health else None
    if ready is not None or tcp is not None:
        probes["readinessProbe"] = _probe(ready or Check(), tcp)
    if health is not None and health.live is not None:
        probes["livenessProbe"] = _probe(health.live, tcp)
    if health is not None and health.startup is not None:
        within = max(1, seconds(health.startup.within))
        period = min(10, max(1, within // 30))
        probes["startupProbe"] = _probe(health.startup, tcp) | {
            "periodSeconds": period,
            "failureThreshold": math.ceil(within / period),
        }
    return {name: probe for name, probe in probes.items() if probe}


def _probe(check: Check, tcp: Port | None) -> dict[str, Any]:
    port: int | str | None = check.port or (tcp.name if tcp else None)
    if port is None:
        return {}
    if check.path:
        return {"httpGet": {"path": check.path, "port": port}}
    return {"tcpSocket": {"port": port}}
