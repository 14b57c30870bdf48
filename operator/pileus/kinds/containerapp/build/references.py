"""What an app's pods read from Secrets and ConfigMaps, and how a change of content reaches them.

Digests of the content stand in an annotation of the pod template, so that a change rolls the pods:
both for environment variables, which a running process never sees change, and for mounted files, which
most programs read once. While an object is missing or may not be read, its last digest stays: losing
sight of something must not restart what runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pileus.engine.plan import Finding, Manifest
from pileus.engine.world import Reference, ReferenceState, World
from pileus.kinds.containerapp.build.names import REFERENCES
from pileus.kinds.containerapp.model import ContainerAppSpec
from pileus.kinds.containerapp.parts import EnvSource, Volume
from pileus.kinds.containerapp.reasons import AppReason
from pileus.objects import references
from pileus.objects.reading import text


def wanted(spec: ContainerAppSpec) -> tuple[Reference, ...]:
    """Everything that the pods read, each once, in order."""
    return references.each(_named(spec))


def _named(spec: ContainerAppSpec) -> Iterator[tuple[Reference, str]]:
    """Each reference with the field that names it."""
    for source in spec.env_from:
        yield _reference(source), "envFrom"
    for sidecar in spec.sidecars:
        for source in sidecar.env_from:
            yield _reference(source), "sidecars.envFrom"
    for volume in spec.volumes:
        if volume.secret or volume.config_map:
            yield _reference(volume), "volumes"


def digests(
    wanted: Iterable[Reference], world: World, templates: Iterable[Manifest], *, keys: Mapping[str, str]
) -> str:
    """The annotation's text.

    templates: live pod templates that hold earlier digests, newest last. keys: what stands there besides.
    """
    known: dict[str, str] = {}
    for template in templates:
        known |= read(template)
    entries: dict[str, str] = {}
    for reference in wanted:
        key = f"{reference.kind}/{reference.name}"
        referent = world.references.get(reference)
        if referent is not None and referent.state is ReferenceState.PRESENT:
            entries[key] = referent.digest
        elif key in known:
            entries[key] = known[key]
    return " ".join(f"{key}={digest}" for key, digest in sorted({**entries, **keys}.items()))


def read(template: Mapping[str, object]) -> Mapping[str, str]:
    """What stands in the annotation of a live pod template."""
    return _parse(text(template, "metadata", "annotations", REFERENCES))


def missing(spec: ContainerAppSpec, world: World) -> list[Finding]:
    """One finding for each object that is not there."""
    return references.missing(_named(spec), world, AppReason.REFERENCE_MISSING)


def not_followed(wanted: Iterable[Reference], world: World) -> list[Finding]:
    """A warning if changes of content go unseen."""
    blind = references.in_state(wanted, world, ReferenceState.NOT_PERMITTED)
    if not blind:
        return []
    listed = ", ".join(f"{reference.kind} {reference.name!r}" for reference in blind)
    return [
        Finding(
            AppReason.REFERENCES_NOT_FOLLOWED,
            f"Changes of {listed} do not roll the pods, since Pileus may not read them. Ask the "
            "administrator to "
            f"list this namespace in the chart's references.namespaces.",
        )
    ]


def _reference(source: EnvSource | Volume) -> Reference:
    return (
        Reference("Secret", source.secret)
        if source.secret
        else Reference("ConfigMap", source.config_map or "")
    )


def _parse(annotation: str) -> Mapping[str, str]:
    pairs = (entry.partition("=") for entry in annotation.split())
    return {key: digest for key, _, digest in pairs}
