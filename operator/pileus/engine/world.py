"""What a pass sees: the resource and everything around it, as immutable values taken from caches.

`compile` and `judge` are functions of these values and of nothing else; time comes in as `now`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pileus.engine.plan import Manifest, ObjectRef


class ReferenceState(Enum):
    """What is known of a Secret or ConfigMap that a resource names."""

    PRESENT = "present"
    MISSING = "missing"
    NOT_PERMITTED = "not permitted"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A Secret, a ConfigMap or a resource of ours that a field of the spec names.

    `namespace` is for kinds that have none themselves: what a namespaced resource names is in its own.
    """

    kind: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Referent:
    """What a `Reference` points at: its state and a digest of its content (empty unless present).

    Content of Secrets and ConfigMaps never gets here; only its digest leaves the cluster layer. What is
    known of a resource of ours is its `manifest`.
    """

    state: ReferenceState
    digest: str = ""
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the administrator decided for the whole installation (chart values, environment).

    gateway: ``namespace/name`` of the Gateway that exposed hosts attach to; empty means none.
    cluster_issuer: cert-manager ClusterIssuer for `tls: Auto`; empty means none.
    ingress_class: class of the Ingresses made where there is no Gateway API; empty means none.
    cluster_domain: DNS suffix of Services.
    metrics_namespaces, gateway_namespaces: where Prometheus runs, and the pods of gateways.
    cluster: what tells this cluster from others that share something with it; not chosen by anybody.
    """

    gateway: str = ""
    cluster_issuer: str = ""
    ingress_class: str = ""
    cluster_domain: str = "cluster.local"
    metrics_namespaces: tuple[str, ...] = ("monitoring",)
    gateway_namespaces: tuple[str, ...] = ("envoy-gateway-system", "ingress-nginx")
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One custom resource as the user wrote it. `spec` is the kind's parsed model."""

    kind: str
    api_version: str
    namespace: str
    name: str
    uid: str
    generation: int
    spec: Any
    status: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """Everything else that a pass may look at.

    children: live objects that this resource owns (controller owner reference, or for retained
        objects the ``pileus.dev`` labels), by reference.
    related: live objects that carry this resource's labels without being its children (Pods,
        ReplicaSets), by kind id.
    shared: cluster-wide objects that the kind declared as `shared` (Gateways...), by kind id.
    named: live objects of others that the kind `looks_at`, by reference.
    outside: what was seen last of what the resource is outside of the cluster (kind-specific), None: nothing
        yet.
    pending: whether something is being done outside for what was wished last.
    namespace: labels of the resource's namespace, for kinds to which they matter.
    references: what the resource's references point at.
    dependents: resources of ours that refer to this one, for kinds that asked.
    withheld: ids of sealed kinds that the operator may not write in this namespace.
    served: ids of the declared kinds that the API server serves now, for example
        ``HTTPRoute.gateway.networking.k8s.io``.
    survey: what is kept of all objects of the kinds that the kind surveys (kind-specific).
    now: time of the pass (UTC).
    """

    children: Mapping[ObjectRef, Manifest] = field(default_factory=dict)
    related: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    shared: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    named: Mapping[ObjectRef, Manifest] = field(default_factory=dict)
    outside: Any = None
    pending: bool = False
    namespace: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[Reference, Referent] = field(default_factory=dict)
    dependents: tuple[Manifest, ...] = ()
    withheld: frozenset[str] = frozenset()
    served: frozenset[str] = frozenset()
    settings: Settings = field(default_factory=Settings)
    survey: Any = None
    now: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
