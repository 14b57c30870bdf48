"""A small kind that exists only to prove the engine: a Widget becomes up to four core objects.

It has no quirks of its own, so a failing test here is a failing engine.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from pileus.engine.conditions import Verdict
from pileus.engine.kind import Kind
from pileus.engine.plan import Finding, Manifest, ObjectKind, ObjectRef, Plan
from pileus.engine.world import Reference, ReferenceState, Resource, World
from pileus.objects import catalog, metadata
from pileus.objects.reading import text


class WidgetSpec(BaseModel):
    text: str = ""
    parts: list[str] = []
    secret: str = ""
    route: bool = False
    climb: int = 0
    crash: bool = False


class WidgetStatus(BaseModel):
    pass


KINDS = {
    "ConfigMap": (catalog.CONFIG_MAP, lambda spec: {"data": {"text": spec.text}}),
    "ServiceAccount": (catalog.SERVICE_ACCOUNT, lambda spec: {"automountServiceAccountToken": False}),
    "Service": (
        catalog.SERVICE,
        lambda spec: {
            "spec": {"selector": {"app": "x"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
        },
    ),
    "PodDisruptionBudget": (
        catalog.POD_DISRUPTION_BUDGET,
        lambda spec: {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
    ),
}


def compile_widget(resource: Resource, world: World) -> Plan:
    spec: WidgetSpec = resource.spec
    if spec.crash:
        raise RuntimeError("as asked")
    objects: list[Manifest] = []
    for part in spec.parts:
        kind, body = KINDS[part]
        digests = _digests(world) if part == "ConfigMap" else None
        objects.append(_child(resource, kind, resource.name, body(spec), digests))
    if spec.route:
        hosts = {"spec": {"hostnames": ["a.example"]}}
        objects.append(_child(resource, catalog.HTTP_ROUTE, resource.name, hosts))
    exact = frozenset[ObjectRef]()
    if spec.climb:
        ref = ObjectRef(catalog.CONFIG_MAP.id, resource.namespace, f"{resource.name}-climb")
        reached = int(text(world.children.get(ref), "data", "step") or 0)
        step = {"data": {"step": str(min(reached + 1, spec.climb))}}
        objects.append(_child(resource, catalog.CONFIG_MAP, ref.name, step))
        exact = frozenset({ref})
    missing = [ref.name for ref, at in world.references.items() if at.state is ReferenceState.MISSING]
    findings = tuple(Finding("SecretMissing", f"Secret {name!r} does not exist.") for name in missing)
    return Plan(objects=tuple(objects), findings=findings, exact=exact)


def _child(
    resource: Resource, kind: ObjectKind, name: str, body: Manifest, annotations: dict[str, str] | None = None
) -> Manifest:
    return metadata.child(
        resource,
        api_version=kind.api_version,
        kind=kind.kind,
        name=name,
        body=body,
        annotations=annotations,
    )


def _digests(world: World) -> dict[str, str] | None:
    digests = {f"test/{ref.name}": at.digest for ref, at in world.references.items() if at.digest}
    return digests or None


def judge_widget(resource: Resource, plan: Plan, world: World) -> Verdict:
    return Verdict(fields={"made": len(world.children)})


WIDGET = Kind(
    name="Widget",
    plural="widgets",
    singular="widget",
    short_names=("wdg",),
    description="Proves the engine.",
    spec=WidgetSpec,
    status=WidgetStatus,
    columns=(),
    children=(*(kind for kind, _ in KINDS.values()), catalog.HTTP_ROUTE),
    related=(),
    shared=(),
    references=lambda spec: (Reference("Secret", spec.secret),) if spec.secret else (),
    compile=compile_widget,
    judge=judge_widget,
)


def crd() -> dict[str, Any]:
    """The CRD of the Widgets: anything goes, so that a spec may be unreadable for the model."""
    return _crd("pileus.dev", "v1alpha1", "Widget", "widgets")


def route_crd() -> dict[str, Any]:
    """A foreign engine that comes and goes."""
    crd = _crd("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
    # Kubernetes guards its own groups; the real CRD carries this annotation too.
    crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
    return crd


def _crd(group: str, version: str, kind: str, plural: str) -> dict[str, Any]:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}
                    },
                }
            ],
        },
    }
