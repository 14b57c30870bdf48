"""The names that a Bucket gives: in the store, where everybody's names meet, and in its namespace."""

from __future__ import annotations

import hashlib

from pileus.engine.plan import ObjectRef
from pileus.engine.world import Resource, World
from pileus.kinds.bucket.model import Access, BucketSpec
from pileus.objects.catalog import SECRET

_LONGEST = 63
_HASH = 10


def owner(resource: Resource, world: World) -> str:
    """The mark on the bucket: whose it is. Nobody can choose all of it, so nobody can forge another's."""
    return f"{team(resource, world)}{resource.name}/{resource.uid}"


def team(resource: Resource, world: World) -> str:
    """The beginning of the marks of all Buckets of this namespace."""
    return f"{world.settings.cluster}/{resource.namespace}/"


def bucket(resource: Resource, spec: BucketSpec, world: World) -> str:
    """The name of the bucket: the one that is asked for, or one that nobody can have taken before."""
    if spec.bucket_name:
        return spec.bucket_name
    return derived(resource, world)


def derived(resource: Resource, world: World) -> str:
    """A name with a digest of what nobody chooses: the resource's uid and the cluster's."""
    words = f"{resource.namespace}-{resource.name}"[: _LONGEST - _HASH - 1].rstrip("-")
    return f"{words}-{_digest(owner(resource, world))[:_HASH]}"


def user(resource: Resource, access: str, world: World) -> str:
    """The consumer's name in the store: readable, and by its digest nobody else's."""
    words = f"{resource.namespace}.{resource.name}.{access}"[:42]
    return f"{words}.{_digest(f'{owner(resource, world)}/{access}')[:16]}"


def secret(resource: Resource, access: Access) -> str:
    """The name of a consumer's Secret."""
    return access.secret or f"{resource.name}-{access.name}"


def secret_ref(resource: Resource, name: str) -> ObjectRef:
    """A Secret of the resource's namespace."""
    return ObjectRef(SECRET.id, resource.namespace, name)


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()
