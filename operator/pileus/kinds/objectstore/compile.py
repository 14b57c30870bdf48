"""What an ObjectStore becomes: no object of the cluster, but a store that is looked after. Pure and total."""

from __future__ import annotations

from pileus.engine.plan import Finding, Plan
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, World
from pileus.kinds.objectstore import denials
from pileus.kinds.objectstore.model import Authority, ObjectStoreSpec
from pileus.kinds.objectstore.reasons import StoreReason
from pileus.objects.reading import condition, text
from pileus.objects.s3 import Engine, Feature, Source, StoreSeen, StoreWish

AWS_USERS = "https://iam.amazonaws.com"


def references(spec: ObjectStoreSpec) -> tuple[Reference, ...]:
    """Keys and authority."""
    found = [_keys(spec)]
    if spec.ca:
        found.append(_authority(spec.ca))
    return tuple(found)


def compile_store(resource: Resource, world: World) -> Plan:
    """The plan for one store."""
    spec: ObjectStoreSpec = resource.spec
    keys = _keys(spec)
    known = world.references.get(keys, Referent(ReferenceState.MISSING))
    if known.state is not ReferenceState.PRESENT:
        return Plan(findings=(_lacking(keys, known, StoreReason.CREDENTIALS_MISSING, "credentials"),))
    ca = None
    if spec.ca:
        reference = _authority(spec.ca)
        referent = world.references.get(reference, Referent(ReferenceState.MISSING))
        if referent.state is not ReferenceState.PRESENT:
            return Plan(findings=(_lacking(reference, referent, StoreReason.AUTHORITY_MISSING, "ca"),))
        ca = _source(reference, referent)
    engine = Engine(spec.engine)
    users = spec.users_endpoint or (AWS_USERS if engine is Engine.AWS else spec.endpoint)
    return Plan(
        wish=StoreWish(
            name=resource.name,
            engine=engine,
            endpoint=spec.endpoint,
            users=users,
            region=spec.region,
            credentials=_source(keys, known),
            ca=ca,
            owner=f"{world.settings.cluster}/{resource.name}",
            known=_known(resource),
        )
    )


def _known(resource: Resource) -> StoreSeen | None:
    """What the status says of the store, if it is of this spec and about everything that is asked today."""
    status = resource.status
    told = [status.get(field) for field in ("features", "lacks")]
    able, unable = ({str(word) for word in one} if isinstance(one, list) else set() for one in told)
    current = status.get("observedGeneration") == resource.generation
    if not current or able & unable or able | unable != {feature.value for feature in Feature}:
        return None
    denied = denials.read(str(condition({"status": status}, "Reachable").get("message", "")))
    return StoreSeen(text(status, "server"), features=frozenset(map(Feature, able)), denied=denied)


def _keys(spec: ObjectStoreSpec) -> Reference:
    return Reference("Secret", spec.credentials.secret, spec.credentials.namespace)


def _authority(ca: Authority) -> Reference:
    if ca.config_map:
        return Reference("ConfigMap", ca.config_map, ca.namespace)
    return Reference("Secret", ca.secret or "", ca.namespace)


def _source(reference: Reference, referent: Referent) -> Source:
    return Source(reference.kind, reference.namespace, reference.name, referent.digest)


def _lacking(reference: Reference, referent: Referent, reason: str, field: str) -> Finding:
    what = f"{reference.kind} {reference.name!r} in namespace {reference.namespace!r}"
    if referent.state is ReferenceState.NOT_PERMITTED:
        return Finding(
            reason,
            f"Pileus may not read {what}, which {field} names: bind the ClusterRole pileus-references there, "
            "or put it into the operator's namespace.",
            stalled=True,
        )
    return Finding(reason, f"{what} does not exist: create it, or correct {field}.", stalled=True)
