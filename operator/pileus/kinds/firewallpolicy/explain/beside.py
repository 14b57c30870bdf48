"""What has to be known beside the verdict: policies that do not hold (yet), and what none covers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pileus.engine.labels import OWNER_NAME
from pileus.engine.plan import Manifest
from pileus.engine.world import Resource, World
from pileus.kinds.firewallpolicy.build import rules
from pileus.kinds.firewallpolicy.compile import resolve
from pileus.kinds.firewallpolicy.explain import flows
from pileus.kinds.firewallpolicy.explain.ends import RESOURCES, End, Wanted
from pileus.kinds.firewallpolicy.explain.flows import Line
from pileus.kinds.firewallpolicy.explain.remedy import spec_of
from pileus.kinds.firewallpolicy.explain.scene import CannotAnswer, Scene, ref
from pileus.kinds.firewallpolicy.model import FirewallPolicySpec
from pileus.objects import netpol
from pileus.objects.catalog import NAMESPACE
from pileus.objects.reading import condition, number, sentence, text
from pileus.objects.surroundings import Surroundings

_LONGEST = 300
_SOME = 3


def notes(source: End, target: End, port: Wanted | None, found: tuple[Line, ...], scene: Scene) -> list[str]:
    """All of it, in sentences."""
    pods = {member.pod for end in (source, target) for member in end.members}
    return [
        *source.remarks,
        *target.remarks,
        *scene.unread,
        *_unenforced(found, scene),
        *(note for one in scene.firewalls for note in _firewall(one, source, target, port, found, scene)),
        *_unlabelled(source, target, scene),
        *_ranged(found),
        *_parts(found),
        *_networks(source, target),
        *_masked(source, target, scene),
        *_host_network(pods),
    ]


def _unenforced(found: tuple[Line, ...], scene: Scene) -> Iterable[str]:
    """That nobody knows whether policies hold here: the policies that were named are asked first."""
    named = {policy for line in found for policy in flows.spoken(line)}
    asked = sorted(scene.firewalls, key=lambda one: (ref(one) not in named, ref(one)))
    for one in asked:
        verified = condition(one, "EnforcementVerified")
        if verified.get("status") == "True":
            return
        said = sentence(text(verified, "message"), _LONGEST)
        because = f": {said}" if said else ""
        if verified.get("status") == "False":
            yield f"NetworkPolicies are not enforced in this cluster, so that everything passes{because}."
        else:
            yield f"It is not verified that this cluster enforces NetworkPolicies{because}."
        return


def _firewall(
    firewall: Manifest, source: End, target: End, port: Wanted | None, found: tuple[Line, ...], scene: Scene
) -> Iterable[str]:
    """A FirewallPolicy that targets an end and is not (wholly) in what was evaluated."""
    spec = spec_of(firewall)
    namespace, name = ref(firewall)
    words = f"FirewallPolicy {name!r}{scene.within(namespace)}"
    if spec is None:
        yield f"{words} cannot be read by this release: what it asks for is left out."
        return
    selector = rules.target(spec.target)
    targeted = [
        end.shown
        for end in (source, target)
        if any(
            one.pod.namespace == namespace and netpol.selects(selector, one.pod.labels) for one in end.members
        )
    ]
    if not targeted:
        return
    who = " and ".join(dict.fromkeys(targeted))
    accepted = condition(firewall, "Accepted")
    if spec.mode == "DryRun":
        would = _dry(firewall, spec, source, target, port, found, scene)
        yield f"{words} targets {who} in mode DryRun: {would}"
    elif accepted.get("status") == "False":
        why = sentence(text(accepted, "message"), _LONGEST)
        yield f"{words} targets {who} and is not accepted, so that its newest state does not count: {why}."
    elif number(firewall, "status", "observedGeneration") < number(firewall, "metadata", "generation"):
        yield f"{words} targets {who}, and its newest change is not applied yet: ask again in a moment."
    elif not any(scene.firewall_of(one) is firewall for one in (*scene.policies, *scene.others)):
        yield f"{words} targets {who}, and what it becomes was not found: see its status."


def _dry(
    firewall: Manifest,
    spec: FirewallPolicySpec,
    source: End,
    target: End,
    port: Wanted | None,
    found: tuple[Line, ...],
    scene: Scene,
) -> str:
    made = _compiled(firewall, spec, scene)
    if made is None:
        return "its status.plan says what it would change."
    own = [one for one in scene.policies if ref(one) != ref(made)]
    try:
        then = flows.lines(source, target, port, replace(scene, policies=(*own, made)))
    except CannotAnswer:
        return "its status.plan says what it would change."
    changed = [
        f"{after.port.number}/{after.port.protocol.lower()} would be {after.answer}"
        for before, after in zip(found, then, strict=True)
        if before.answer != after.answer
    ]
    return f"enforced, {', '.join(changed)}." if changed else "enforced, it would not change the answer."


def _compiled(firewall: Manifest, spec: FirewallPolicySpec, scene: Scene) -> Manifest | None:
    """What it would become; None where that depends on what only the operator sees."""
    if any(one.name != "SameNamespace" for one in spec.presets):
        return None
    around = Surroundings()
    for name, labels in scene.namespaces.items():
        around.put(NAMESPACE.id, "", name, {"metadata": {"name": name, "labels": dict(labels)}})
    namespace, name = ref(firewall)
    resource = Resource(
        kind="FirewallPolicy",
        api_version=text(firewall, "apiVersion") or "pileus.dev/v1alpha1",
        namespace=namespace,
        name=name,
        uid=text(firewall, "metadata", "uid"),
        generation=number(firewall, "metadata", "generation"),
        spec=spec,
    )
    compiled, _ = resolve(resource, World(now=dt.datetime.min.replace(tzinfo=dt.UTC), survey=around))
    return compiled.standard


def _unlabelled(source: End, target: End, scene: Scene) -> Iterable[str]:
    """Machines that run without the labels by which FirewallPolicies know them."""
    for end in (source, target):
        if end.named.kind == "vm" and any(OWNER_NAME not in one.pod.labels for one in end.members):
            own = (RESOURCES["vm"], end.named.namespace, end.named.name)
            if own in scene.resources:
                yield (
                    f"{end.shown} runs without the labels by which FirewallPolicies select it, since they "
                    "came later: what is said of it in them does not hold before it is restarted."
                )


def _ranged(found: tuple[Line, ...]) -> Iterable[str]:
    halves = [
        half for one in found for group in one.groups for half in (group.said.egress, group.said.ingress)
    ]
    if any(half.ranged for half in halves):
        yield (
            "What allows it names a range of addresses, and the other side is a pod: some enforcers (Cilium) "
            "do not match pods by address. Name the pods by app, vm or selector."
        )


def _parts(found: tuple[Line, ...]) -> Iterable[str]:
    parts: Mapping[tuple[str, str], None] = {
        (name, said.answer): None for line in found for name, said in line.parts
    }
    if parts:
        shown = ", ".join(f"{name} ({answer})" for name, answer in list(parts)[:_SOME])
        more = f" and {len(parts) - _SOME} more" if len(parts) > _SOME else ""
        yield f"Parts of the internet differ: {shown}{more}. Ask about an address of them."


def _networks(source: End, target: End) -> Iterable[str]:
    for end in dict.fromkeys(one.shown for one in (source, target) if any(m.networks for m in one.members)):
        yield f"{end} has further networks, of which no policy and this answer say nothing."


def _masked(source: End, target: End, scene: Scene) -> Iterable[str]:
    if source.address and (services := sorted(flows.masks(target, scene))):
        yield (
            f"Whoever comes through Service {services[0]!r} has the address of a node by then: the answer is "
            "for those who keep their own (externalTrafficPolicy: Local)."
        )


def _host_network(pods: Iterable[netpol.Pod]) -> Iterable[str]:
    if found := sorted(one.name for one in pods if one.host_network):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield (
            f"pod/{found[0]}{more}: in the network of the node, so that it is known by the node's "
            "address only, and no NetworkPolicy guards it."
        )
