"""Bindings: credentials of Buckets as environment variables of the app.

A Bucket's status says which Secret a consumer has and which key is in it. The app waits until there is one:
started without, it would only fail in its own words. The key's id stands in the pod template, so that a new
key rolls the pods; the old one works until they are replaced. Losing sight of a Bucket restarts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Reference, Resource, World
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.parts import Binding
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects.reading import items, text

BUCKET = "Bucket"


@dataclass(frozen=True, slots=True)
class Bound:
    """What the bindings come to.

    sources: entries of `envFrom`. keys: ids of the keys, by what stands for the binding in the template.
    findings: why the app cannot start.
    """

    sources: tuple[Manifest, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def wanted(spec: ContainerAppSpec) -> tuple[Reference, ...]:
    """The Buckets that are named."""
    return tuple(sorted({Reference(BUCKET, binding.bucket) for binding in spec.bindings}))


def resolve(resource: Resource, spec: ContainerAppSpec, world: World) -> Bound:
    """The Secrets of all bindings, or why there are none yet."""
    sources: list[Manifest] = []
    keys: dict[str, str] = {}
    findings: list[Finding] = []
    for binding in spec.bindings:
        found = _consumer(resource, binding, world)
        if isinstance(found, Finding):
            findings.append(found)
            continue
        source: Manifest = {"secretRef": {"name": text(found, "secret")}}
        sources.append(source | ({"prefix": binding.prefix} if binding.prefix else {}))
        keys[f"{BUCKET}/{binding.bucket}.{text(found, 'name')}"] = text(found, "keyId")
    return Bound(tuple(sources), keys, tuple(findings))


def _consumer(resource: Resource, binding: Binding, world: World) -> Manifest | Finding:
    what = f"Bucket {binding.bucket!r}, which {resource.kind} {resource.name!r} is bound to,"
    referent = world.references.get(Reference(BUCKET, binding.bucket))
    live = referent.manifest if referent else None
    if live is None:
        words = f"{what} does not exist in this namespace: create it, or correct bindings."
        return Finding(AppReason.BINDING_MISSING, words, stalled=True)
    consumers = {text(one, "name"): one for one in items(live, "spec", "access")}
    name = binding.access or (next(iter(consumers)) if len(consumers) == 1 else "")
    if name not in consumers:
        there = ", ".join(sorted(consumers)) or "none"
        asked = f"has no consumer {name!r}" if name else "has not just one consumer"
        words = f"{what} {asked} in spec.access (there is {there}): name one there and in bindings.access."
        return Finding(AppReason.BINDING_UNKNOWN, words, stalled=True)
    found = next((one for one in items(live, "status", "access") if text(one, "name") == name), {})
    if text(found, "keyId"):
        return dict(found)
    conditions = items(live, "status", "conditions")
    ready = next((one for one in conditions if one.get("type") == "Ready"), {})
    why = text(ready, "message") or "it has not been looked at yet"
    return Finding(AppReason.BINDING_PENDING, f"{what} has no key for {name!r} yet: {why}")
