"""The two ends of a flow: how they are written, and which pods or addresses they are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pileus.engine.labels import KIND, OWNER_NAME
from pileus.engine.plan import Manifest
from pileus.kinds.firewallpolicy.assess.listening import VM_KEY
from pileus.kinds.firewallpolicy.explain.scene import CannotAnswer, Scene, ref
from pileus.objects import netpol
from pileus.objects.netpol import Pod
from pileus.objects.reading import annotation, at, items, mapping, number, text
from pileus.objects.surroundings import NETWORKS, VM_NAME

KINDS = {"app": "app", "vm": "vm", "svc": "svc", "service": "svc", "pod": "pod"}
RESOURCES = {"app": "ContainerApp", "vm": "CloudVM"}
WORDS = {"app": "ContainerApp", "vm": "CloudVM", "svc": "Service", "pod": "pod"}
INTERNET = "internet"
ADDRESS = "address"
PROTOCOLS = ("TCP", "UDP", "SCTP")

_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_PORT = re.compile(r"(?P<number>[0-9]{1,5})|(?P<name>[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?)")


@dataclass(frozen=True, slots=True)
class Named:
    """An end as it is written. kind: of `KINDS`, address, internet, or empty: whatever has the name."""

    kind: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port as it is written: a number, or a name. protocol: empty means what is declared, else TCP."""

    number: int = 0
    name: str = ""
    protocol: str = ""

    @property
    def shown(self) -> str:
        """As it was written."""
        return f"{self.name or self.number}" + (f"/{self.protocol.lower()}" if self.protocol else "")


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port of a pod: number and protocol. via: the port of a Service by which one gets there."""

    number: int
    protocol: str
    name: str = ""
    via: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A pod of an end. hosts: addresses of its node. networks: whether it has others than the cluster's."""

    pod: Pod
    ports: tuple[Port, ...] = ()
    hosts: frozenset[str] = frozenset()
    networks: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """An end that was found. members: its pods. address: where it is none of the cluster's pods."""

    named: Named
    shown: str
    members: tuple[Member, ...] = ()
    address: str = ""
    service: Manifest | None = None
    remarks: tuple[str, ...] = ()


def parse(written: str, namespace: str) -> Named:
    """`web`, `app/web`, `other-ns/app/web`, an address, or `internet`. Raises `CannotAnswer`."""
    bare = written[1:-1] if written.startswith("[") and written.endswith("]") else written
    if netpol.is_address(bare):
        return Named(ADDRESS, str(ipaddress.ip_address(bare)))
    if written == INTERNET:
        return Named(INTERNET, INTERNET)
    *front, name = written.split("/")
    if len(front) == 2 and front[1] in KINDS:
        named = Named(KINDS[front[1]], name, front[0])
    elif len(front) == 1 and front[0] in KINDS:
        named = Named(KINDS[front[0]], name, namespace)
    elif len(front) == 1:
        named = Named("", name, front[0])
    elif not front:
        named = Named("", name, namespace)
    else:
        named = Named("", "", "")
    if not _NAME.fullmatch(named.name) or not _NAME.fullmatch(named.namespace):
        raise CannotAnswer(
            f"{written!r} is no end of a flow. Write web, app/web, vm/db-1, svc/db, pod/x, other-ns/app/web, "
            "an address, or internet."
        )
    return named


def parse_source(written: str, namespace: str) -> Named:
    """The same; a source has no port."""
    if not netpol.is_address(written) and not written.startswith("[") and ":" in written:
        raise CannotAnswer(f"{written!r} has a port. Only the target has one: write it there.")
    return parse(written, namespace)


def parse_target(written: str, namespace: str) -> tuple[Named, Wanted | None]:
    """An end with a port: `db-1:5432`, `db-1:pg/tcp`, `[2001:db8::1]:443`."""
    if netpol.is_address(written):
        end, port = written, ""
    elif written.startswith("["):
        end, _, rest = written.partition("]")
        end, port = end + "]", rest.removeprefix(":")
    else:
        end, _, port = written.partition(":")
    named = parse(end, namespace)
    if not port and (written.endswith(":") or named.kind in (ADDRESS, INTERNET)):
        shown = f"[{named.name}]" if ":" in named.name else named.name
        raise CannotAnswer(f"{written!r} has no port. Give one, such as {shown}:443.")
    return named, _wanted(written, port) if port else None


def _wanted(written: str, port: str) -> Wanted:
    first, slash, protocol = port.partition("/")
    found = _PORT.fullmatch(first)
    if found is None or (slash and protocol.upper() not in PROTOCOLS):
        raise CannotAnswer(
            f"{port!r} of {written!r} is no port. Write a number or the name of a container's port, and "
            "maybe a protocol: 5432, 53/udp, http."
        )
    if number := found["number"]:
        if not 1 <= int(number) <= 65535:
            raise CannotAnswer(f"There is no port {number}: a port is a number between 1 and 65535.")
        return Wanted(int(number), protocol=protocol.upper())
    return Wanted(name=first, protocol=protocol.upper())


def owner(address: str, pods: Iterable[Manifest], services: Iterable[Manifest]) -> Named | None:
    """Whose an address is in the cluster: a Service's, or a pod's in the network of pods."""
    for one in services:
        clusters = at(one, "spec", "clusterIPs")
        balancers = [text(entry, "ip") for entry in items(one, "status", "loadBalancer", "ingress")]
        if address in (clusters if isinstance(clusters, list) else ()) or address in balancers:
            return Named("svc", ref(one)[1], ref(one)[0])
    for one in pods:
        found = netpol.pod(one)
        if address in found.ips and not found.host_network and _lives(one):
            return Named("pod", found.name, found.namespace)
    return None


def is_public(address: str) -> bool:
    """Whether an address is one of the internet, which pods and nodes seldom have."""
    return ipaddress.ip_address(address).is_global


def find(named: Named, scene: Scene) -> End:
    """Which pods an end is. Raises `CannotAnswer` where there is none, or more than one."""
    if named.kind == INTERNET:
        return End(named, "the internet", address=INTERNET)
    if named.kind == ADDRESS:
        return End(named, named.name, address=named.name)
    found = {
        kind: pods
        for kind in (KINDS.values() if not named.kind else (named.kind,))
        if (pods := _pods(replace(named, kind=kind), scene)) is not None
    }
    if not found:
        raise CannotAnswer(_nobody(named, scene))
    kind, pods = next(iter(found.items()))
    names = {ref(one) for one in pods}
    # An app's own Service, and a pod of it, are no other ends than the app.
    if rivals := [one for one, its in found.items() if one != kind and not {ref(i) for i in its} <= names]:
        kinds = [kind, *rivals]
        raise CannotAnswer(
            f"{named.name!r} is {_listed([f'a {WORDS[one]}' for one in kinds], 'and')}. Write "
            f"{_listed([f'{one}/{named.name}' for one in kinds], 'or')}."
        )
    return _end(replace(named, kind=kind), pods, scene)


def shown(named: Named, scene: Scene) -> str:
    """An end's name for people."""
    front = "" if named.namespace == scene.namespace else f"{named.namespace}/"
    return f"{front}{named.kind}/{named.name}"


def _end(named: Named, pods: tuple[Manifest, ...], scene: Scene) -> End:
    name = shown(named, scene)
    service = _service(named, scene) if named.kind == "svc" else None
    if service is not None and not mapping(service, "spec", "selector"):
        raise CannotAnswer(
            f"{name} selects no pods: where it leads to is not to be seen. Ask about an address instead."
        )
    live = [one for one in pods if _lives(one)]
    members = tuple(_member(one, named, service, scene) for one in live)
    ready = tuple(one for one in members if one.pod.ips)
    if not ready:
        why = "no pod that runs" if not members else "no pod with an address yet"
        raise CannotAnswer(f"{name} has {why}: there is no flow to tell of.")
    remarks = []
    if late := [one for one in members if not one.pod.ips]:
        remarks.append(
            f"Left out, without an address yet: {', '.join(f'pod/{one.pod.name}' for one in late)}."
        )
    return End(named, name, ready, service=service, remarks=tuple(remarks))


def _pods(named: Named, scene: Scene) -> tuple[Manifest, ...] | None:
    """The pods of what has the name; None if there is nothing of that kind."""
    within = [one for one in scene.pods if ref(one)[0] == named.namespace]
    if named.kind == "pod":
        return tuple(one for one in within if ref(one)[1] == named.name) or None
    if named.kind == "svc":
        service = _service(named, scene)
        return None if service is None else tuple(one for one in within if leads_to(service, one))
    kind = RESOURCES[named.kind]
    found = tuple(one for one in within if _is_of(one, kind, named.name))
    return found if found or (kind, named.namespace, named.name) in scene.resources else None


def _is_of(pod: Manifest, kind: str, name: str) -> bool:
    labels = mapping(pod, "metadata", "labels")
    if (labels.get(KIND), labels.get(OWNER_NAME)) == (kind, name):
        return True
    # A machine runs without our labels until it is restarted, if they came later.
    return kind == "CloudVM" and VM_KEY in labels.items() and labels.get(VM_NAME) == name


def _service(named: Named, scene: Scene) -> Manifest | None:
    return next((one for one in scene.services if ref(one) == (named.namespace, named.name)), None)


def leads_to(service: Manifest, pod: Manifest) -> bool:
    """Whether a Service selects a pod."""
    wanted = mapping(service, "spec", "selector")
    same = ref(service)[0] == ref(pod)[0]
    return bool(wanted) and same and wanted.items() <= mapping(pod, "metadata", "labels").items()


def _lives(pod: Manifest) -> bool:
    return text(pod, "status", "phase") not in ("Succeeded", "Failed")


def _member(pod: Manifest, named: Named, service: Manifest | None, scene: Scene) -> Member:
    found = netpol.pod(pod)
    hosts = {text(one, "ip") for one in items(pod, "status", "hostIPs")} | {text(pod, "status", "hostIP")}
    if service is not None:
        ports = tuple(_through(service, pod, found))
    else:
        ports = tuple(_declared(pod))
        if named.kind == "vm" or not ports:
            # A guest declares nothing itself: what leads to it tells where it listens.
            leading = [one for one in scene.services if leads_to(one, pod)]
            more = {replace(port, via=0) for one in leading for port in _through(one, pod, found)}
            known = {(one.number, one.protocol) for one in ports}
            ports += tuple(sorted(one for one in more if (one.number, one.protocol) not in known))
    networks = bool(annotation(pod, NETWORKS))
    return Member(found, ports, frozenset(filter(None, hosts)), networks)


def _declared(pod: Manifest) -> Iterable[Port]:
    sidecars = [one for one in items(pod, "spec", "initContainers") if one.get("restartPolicy") == "Always"]
    found: dict[tuple[int, str, str], Port] = {}
    for container in (*items(pod, "spec", "containers"), *sidecars):
        for one in items(container, "ports"):
            protocol, name = text(one, "protocol") or "TCP", text(one, "name")
            if where := number(one, "containerPort"):
                found.setdefault((where, protocol, name), Port(where, protocol, name))
    return found.values()


def _through(service: Manifest, pod: Manifest, found: Pod) -> Iterable[Port]:
    """Where the ports of a Service lead to in a pod."""
    headless = text(service, "spec", "clusterIP") == "None"
    for one in items(service, "spec", "ports"):
        front, protocol = number(one, "port"), text(one, "protocol") or "TCP"
        target = one.get("targetPort", front)
        # The addresses of a headless Service are the pods' own: nobody translates the port.
        where = (
            front
            if headless
            else found.ports.get((target, protocol), 0)
            if isinstance(target, str)
            else target
        )
        if isinstance(where, int) and where:
            yield Port(where, protocol, text(one, "name"), front)


def wanted(end: End, member: Member, port: Wanted | None) -> tuple[Port, ...]:
    """The ports of a target's pod that are asked about."""
    if port is None:
        return tuple({(one.number, one.protocol, one.via): one for one in member.ports}.values())
    protocols = {port.protocol} if port.protocol else set(PROTOCOLS)
    if port.name:
        return tuple(one for one in member.ports if one.name == port.name and one.protocol in protocols)
    if end.service is not None:
        found = [one for one in member.ports if one.via == port.number and one.protocol in protocols]
        return tuple(found if port.protocol else ([o for o in found if o.protocol == "TCP"] or found))
    return (Port(port.number, port.protocol or "TCP"),)


def no_port(end: End, port: Wanted | None) -> str:
    """Why no port of a target is meant."""
    has = sorted({_port(one) for member in end.members for one in member.ports})
    if port is None:
        return f"{end.shown} declares no port. Give one, such as {end.shown}:5432."
    known = f"It has {', '.join(has)}." if has else "It declares none: give a number."
    return f"{end.shown} has no port {port.shown}. {known}"


def _port(one: Port) -> str:
    name = f" ({one.name})" if one.name else ""
    return f"{one.via or one.number}/{one.protocol.lower()}{name}"


def _nobody(named: Named, scene: Scene) -> str:
    what = WORDS[named.kind] if named.kind else "ContainerApp, CloudVM, Service or pod"
    more = "".join(f" {one}" for one in scene.unread)
    return (
        f"There is no {what} {named.name!r} in namespace {named.namespace!r}. See that the name is right, or "
        f"name another namespace: other-ns/{named.kind + '/' if named.kind else ''}{named.name}.{more}"
    )


def _listed(words: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def peer(member: Member, end: End) -> Mapping[str, Any] | None:
    """A pod as a FirewallPolicy names it; None if it has nothing to be known by."""
    labels = member.pod.labels
    if name := labels.get(OWNER_NAME):
        for word, kind in RESOURCES.items():
            if labels.get(KIND) == kind:
                return {word: name}
    if end.service is not None:
        return {"selector": {"matchLabels": dict(mapping(end.service, "spec", "selector"))}}
    lasting = {key: value for key, value in labels.items() if key not in PASSING}
    return {"selector": {"matchLabels": lasting}} if lasting else None


PASSING = frozenset(
    (
        "pod-template-hash",
        "controller-revision-hash",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "job-name",
        "kubevirt.io/created-by",
    )
)
"""Labels that the next pod of the same workload does not have."""
