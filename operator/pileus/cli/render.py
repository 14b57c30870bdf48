"""`pileus render`: what a resource would become, without a cluster.

Compiles the resources of a file as the operator would and prints the objects; what it would refuse or
warn about goes to standard error. The API server's own checks (the CRD's rules) are not
made here: `kubectl apply --dry-run=server` makes them. Every engine counts as served and every Secret and
ConfigMap as present, unless said otherwise.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import TextIO

import click
import yaml

from pileus.cli.crds import dump
from pileus.engine.kind import Kind, Survey
from pileus.engine.plan import Finding, Manifest, Plan
from pileus.engine.reconcile import parse
from pileus.engine.world import ReferenceState, Referent, Settings, World
from pileus.kinds import KINDS
from pileus.objects.reading import text

NOBODY = uuid.UUID(int=0)
"""The uid of a resource that no API server has seen."""


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--namespace", "-n", default="default", show_default=True, help="Where the file names none.")
@click.option(
    "--without", multiple=True, metavar="ENGINE", help='An engine that is absent, as in "Gateway API".'
)
@click.option(
    "--seen",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Objects of the cluster that count, such as the Gateway and its GatewayClass.",
)
@click.option(
    "--gateway", envvar="PILEUS_GATEWAY", default="", help="namespace/name of the Gateway for hosts."
)
@click.option(
    "--cluster-issuer", envvar="PILEUS_CLUSTER_ISSUER", default="", help="ClusterIssuer for tls: Auto."
)
@click.option("--ingress-class", envvar="PILEUS_INGRESS_CLASS", default="", help="Class for Ingresses.")
@click.option("--cluster-domain", envvar="PILEUS_CLUSTER_DOMAIN", default="cluster.local", show_default=True)
def render(
    file: TextIO,
    namespace: str,
    without: tuple[str, ...],
    seen: TextIO | None,
    gateway: str,
    cluster_issuer: str,
    ingress_class: str,
    cluster_domain: str,
) -> None:
    """Print the objects that the resources in FILE (- for standard input) become."""
    settings = Settings(
        gateway=gateway,
        cluster_issuer=cluster_issuer,
        ingress_class=ingress_class,
        cluster_domain=cluster_domain,
    )
    _refuse_unknown(without)
    shared = _documents(seen) if seen is not None else []
    refused = False
    for kind, manifest in _resources(file, namespace):
        plan = compile_offline(kind, manifest, settings=settings, without=without, shared=shared)
        for manifest_out in plan.objects:
            click.echo(f"---\n{dump(manifest_out)}", nl=False)
        for finding in (*plan.findings, *plan.warnings):
            click.echo(_sentence(kind, manifest, finding), err=True)
        refused = refused or any(finding.stalled for finding in plan.findings)
    if refused:
        raise SystemExit(1)


def compile_offline(
    kind: Kind,
    manifest: Manifest,
    *,
    settings: Settings,
    without: tuple[str, ...] = (),
    shared: Sequence[Manifest] = (),
) -> Plan:
    """The plan of one resource in a cluster that has `shared`, and every engine but those in `without`."""
    resource, unreadable = parse(kind, manifest)
    if unreadable is not None:
        return unreadable
    known = {(live.get("kind"), text(live, "metadata", "name")): live for live in shared}
    world = World(
        references={
            named: Referent(
                ReferenceState.PRESENT, digest="unknown-offline", manifest=known.get((named.kind, named.name))
            )
            for named in kind.references(resource.spec)
        },
        served=frozenset(
            foreign.id
            for foreign in (*kind.children, *kind.related, *kind.shared)
            if foreign.engine not in without
        ),
        shared={
            foreign.id: tuple(
                live
                for live in shared
                if (live.get("apiVersion"), live.get("kind")) == (foreign.api_version, foreign.kind)
            )
            for foreign in kind.shared
        },
        survey=_survey(kind, shared),
        settings=settings,
        now=dt.datetime.now(dt.UTC),
    )
    return kind.compile(resource, world)


def _survey(kind: Kind, seen: Sequence[Manifest]) -> Survey | None:
    """What a cluster with these objects looks like to kinds that look at all of it."""
    if kind.surveyed is None:
        return None
    found = kind.surveyed.make()
    kinds = {(foreign.api_version, foreign.kind): foreign for foreign in kind.surveyed.kinds}
    for live in seen:
        if foreign := kinds.get((text(live, "apiVersion"), text(live, "kind"))):
            found.put(foreign.id, text(live, "metadata", "namespace"), text(live, "metadata", "name"), live)
    return found


def _documents(file: TextIO) -> list[Manifest]:
    try:
        return [document for document in yaml.safe_load_all(file) if isinstance(document, dict)]
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file.name} is not YAML: {error}") from error


def _resources(file: TextIO, namespace: str) -> Iterator[tuple[Kind, Manifest]]:
    kinds = {(kind.api_version, kind.name): kind for kind in KINDS}
    ours = [d for d in _documents(file) if (d.get("apiVersion"), d.get("kind")) in kinds]
    if not ours:
        names = ", ".join(kind.name for kind in KINDS)
        raise click.ClickException(f"{file.name} has no resource of Pileus; it knows {names}.")
    for document in ours:
        kind = kinds[document["apiVersion"], document["kind"]]
        metadata = document.get("metadata") or {}
        if not metadata.get("name"):
            raise click.ClickException(f"A {kind.name} in {file.name} has no metadata.name.")
        scope = {"namespace": metadata.get("namespace", namespace)} if kind.namespaced else {}
        yield kind, {**document, "metadata": {"uid": str(NOBODY), "generation": 1, **metadata, **scope}}


def _refuse_unknown(without: tuple[str, ...]) -> None:
    engines = {
        foreign.engine
        for kind in KINDS
        for foreign in (*kind.children, *kind.related, *kind.shared)
        if foreign.engine
    }
    if strangers := [name for name in without if name not in engines]:
        known = ", ".join(sorted(engines))
        raise click.BadParameter(f"{strangers[0]!r} is no engine; there are {known}.", param_hint="--without")


def _sentence(kind: Kind, manifest: Manifest, finding: Finding) -> str:
    weight = "refused" if finding.stalled else "note"
    return f"{kind.name} {manifest['metadata']['name']}: {weight}: {finding.reason}: {finding.message}"
