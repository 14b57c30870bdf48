"""The consumers of a bucket: an identity in the store and a Secret each, and how keys follow each other.

A key is made in the store first and then written into the Secret; only what the Secret says counts, so a key
that was made and not written is no more than something to be removed. The Secret's annotations hold the ids
of its key and of the one before it, and since when; its content is never read. A key that is replaced works
on for the overlap. What a Secret's removal or somebody's edit destroys is replaced by a new key.

A consumer is made only after the status names it: whatever happens then, it is known that it may be there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from pileus.engine.compare import covers, digest, stamped
from pileus.engine.conditions import Reason
from pileus.engine.plan import Finding, Manifest, ObjectRef, Sealed
from pileus.engine.world import Resource, World
from pileus.kinds.bucket.build import names
from pileus.kinds.bucket.build.stores import Place
from pileus.kinds.bucket.model import Access, BucketSpec
from pileus.objects import metadata
from pileus.objects.catalog import SECRET
from pileus.objects.reading import at, items, text
from pileus.objects.s3 import Identity, Role, Seen
from pileus.objects.said import soonest
from pileus.objects.times import elapsed, seconds, stamp

KEY = "pileus.dev/key"
PREVIOUS = "pileus.dev/previous-key"
SINCE = "pileus.dev/key-since"
ASKED = "pileus.dev/rotate"
CONTENT = "pileus.dev/content"

SECRET_FIELD = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - its name
LOOK_AT_APPS = 5.0
"""Seconds between two looks at apps that are to get a new key."""
FIELDS = sorted(("AWS_ACCESS_KEY_ID", SECRET_FIELD, "AWS_ENDPOINT_URL_S3", "AWS_REGION", "BUCKET_NAME"))


@dataclass(frozen=True, slots=True)
class Consumer:
    """One consumer, and what becomes of it.

    key: what its Secret holds or is to hold, empty while there is none that works; previous: what works
        beside it; since when.
    manifest: its Secret; None: the one that is there, if any, stays as it is for now.
    behind: apps whose pods do not all run with the key, though the one before it should be gone by now.
    recheck_after: seconds after which time alone changes something.
    """

    access: Access
    secret: ObjectRef
    identity: Identity
    key: str = ""
    previous: str = ""
    since: str = ""
    manifest: Manifest | None = None
    sealed: Sealed | None = None
    behind: tuple[str, ...] = ()
    recheck_after: float | None = None

    def written(self, world: World) -> bool:
        """Whether the Secret that is there holds the key."""
        marks: Mapping[str, str] = at(world.children.get(self.secret), "metadata", "annotations") or {}
        return bool(self.key) and marks.get(KEY) == self.key


@dataclass(frozen=True, slots=True)
class Consumers:
    """All of them. told: those that the status names already; past: users that may be left of others."""

    each: tuple[Consumer, ...] = ()
    told: frozenset[str] = frozenset()
    past: frozenset[str] = frozenset()

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Those that may be made."""
        return tuple(one.identity for one in self.each if one.identity.user in self.told)

    @property
    def objects(self) -> tuple[Manifest, ...]:
        """Their Secrets."""
        return tuple(one.manifest for one in self.each if one.manifest is not None)

    @property
    def sealed(self) -> dict[ObjectRef, Sealed]:
        """What goes into them."""
        return {one.secret: one.sealed for one in self.each if one.sealed is not None}

    @property
    def secrets(self) -> frozenset[ObjectRef]:
        """All of them: by what they say keys go, and none is pruned."""
        return frozenset(one.secret for one in self.each)

    @property
    def untold(self) -> bool:
        """Whether there are some that the status is still to name."""
        return any(one.identity.user not in self.told for one in self.each)

    @property
    def recheck_after(self) -> float | None:
        """At once, while some are untold."""
        return 0.0 if self.untold else soonest(*(one.recheck_after for one in self.each))


def clashes(resource: Resource, spec: BucketSpec) -> list[Finding]:
    """Two consumers with one Secret, which they would take from each other; a name may be one by default."""
    users: dict[str, list[str]] = {}
    for access in spec.access:
        users.setdefault(names.secret(resource, access), []).append(access.name)
    return [
        Finding(
            Reason.INVALID_SPEC,
            f"spec.access: {' and '.join(map(repr, found))} share the Secret {name!r}: give each its own.",
            stalled=True,
        )
        for name, found in users.items()
        if len(found) > 1
    ]


def decide(resource: Resource, spec: BucketSpec, place: Place, bucket: str, world: World) -> Consumers:
    """Who may use the bucket, and by which keys."""
    content = {"AWS_ENDPOINT_URL_S3": place.endpoint, "AWS_REGION": place.region, "BUCKET_NAME": bucket}
    each = tuple(_consumer(resource, access, content, world) for access in spec.access)
    named = frozenset(text(one, "user") for one in items(resource.status, "access"))
    # Whose Secret holds a key was named once, though the status may have been lost since.
    holding = frozenset(one.identity.user for one in each if one.written(world))
    return Consumers(each, named | holding, named - {one.identity.user for one in each} - {""})


def withheld(resource: Resource, spec: BucketSpec, place: Place, bucket: str, world: World) -> Consumers:
    """The same while no Secret may be written: nobody gets a new key, and nobody loses one."""
    entries = {text(one, "user"): one for one in items(resource.status, "access")}
    each = []
    for one in spec.access:
        user = names.user(resource, one.name, world)
        entry = entries.get(user, {})
        keep = frozenset({text(entry, "keyId"), text(entry, "previousKeyId")} - {""})
        ref = names.secret_ref(resource, names.secret(resource, one))
        each.append(Consumer(one, ref, Identity(user, Role(one.role), keep)))
    told = frozenset(user for user, entry in entries.items() if text(entry, "keyId"))
    return Consumers(tuple(each), told, frozenset(entries) - {one.identity.user for one in each} - {""})


def _consumer(resource: Resource, access: Access, content: Mapping[str, str], world: World) -> Consumer:
    user, role = names.user(resource, access.name, world), Role(access.role)
    ref = names.secret_ref(resource, names.secret(resource, access))
    live = world.children.get(ref)
    seen = world.outside if isinstance(world.outside, Seen) else Seen()
    held = _Held.read(live)
    now = _secret(resource, ref, content, held)
    whole = live is not None and live.get("sealed") == FIELDS and covers(live, stamped(now)[0])
    sound = whole and held.works(seen, user)
    if sound and not held.is_due(access, world.now):
        left = seconds(access.overlap) - elapsed(held.since, world.now) if held.previous else 0.0
        behind = _behind(resource, access, held.key, world) if left <= 0 and held.lingers(seen, user) else ()
        previous = held.previous if left > 0 or behind else ""
        return Consumer(
            access,
            ref,
            Identity(user, role, frozenset({held.key, previous} - {""})),
            held.key,
            previous,
            held.since,
            manifest=now,
            sealed=_sealed(content, held.key),
            behind=behind,
            recheck_after=soonest(
                (left if left > 0 else LOOK_AT_APPS) if previous else None, held.next(access, world.now)
            ),
        )
    fresh = seen.fresh.get(user, "")
    if fresh and fresh == held.key:  # first the driver has to know that it is handed out: then comes another
        return Consumer(
            access,
            ref,
            Identity(user, role, frozenset({held.key, held.previous} - {""})),
            held.key if whole else "",
            held.previous,
            held.since,
            manifest=now if whole else None,
            recheck_after=0.0,
        )
    old = held.key or _told(resource, user)
    identity = Identity(user, role, frozenset({old} - {""}), fresh=True)
    if not fresh:
        key, since = (held.key, held.since) if sound else ("", "")
        return Consumer(access, ref, identity, key, since=since, manifest=now if sound else None)
    new = _Held(fresh, old if old != fresh else "", stamp(world.now), access.rotate or "")
    manifest = _secret(resource, ref, content, new)
    return Consumer(
        access,
        ref,
        identity,
        fresh,
        new.previous,
        new.since,
        manifest=manifest,
        sealed=_sealed(content, fresh),
    )


@dataclass(frozen=True, slots=True)
class _Held:
    """What a Secret says of itself. asked: the request for a new key that it answers."""

    key: str = ""
    previous: str = ""
    since: str = ""
    asked: str = ""

    @classmethod
    def read(cls, live: Manifest | None) -> _Held:
        marks: Mapping[str, str] = at(live, "metadata", "annotations") or {}
        return cls(*(marks.get(name, "") for name in (KEY, PREVIOUS, SINCE, ASKED)))

    def works(self, seen: Seen, user: str) -> bool:
        """Whether the store knows its key, as far as can be told."""
        if not self.key:
            return False
        if user not in seen.users:
            return True  # not looked at yet
        found = seen.users[user]
        return found is not None and any(key.id == self.key and key.active for key in found.keys)

    def lingers(self, seen: Seen, user: str) -> bool:
        """Whether the store may still know the key before."""
        if user not in seen.users:
            return bool(self.previous)  # not looked at yet
        found = seen.users[user]
        return found is not None and any(key.id == self.previous for key in found.keys)

    def is_due(self, access: Access, now: dt.datetime) -> bool:
        """Whether it is time for a new key, or one is asked for."""
        left = self.next(access, now)
        return (left is not None and left <= 0) or (access.rotate is not None and access.rotate != self.asked)

    def next(self, access: Access, now: dt.datetime) -> float | None:
        """Seconds until it is time for a new key."""
        if not access.rotate_every:
            return None
        return seconds(access.rotate_every) - elapsed(self.since, now)


def _secret(resource: Resource, ref: ObjectRef, content: Mapping[str, str], held: _Held) -> Manifest:
    return metadata.child(
        resource,
        api_version=SECRET.api_version,
        kind=SECRET.kind,
        name=ref.name,
        annotations={
            KEY: held.key,
            PREVIOUS: held.previous,
            SINCE: held.since,
            ASKED: held.asked,
            CONTENT: digest(dict(content)),
        },
        body={},
    )


def _sealed(content: Mapping[str, str], key: str) -> Sealed:
    return Sealed({"AWS_ACCESS_KEY_ID": key, **content}, SECRET_FIELD, key)


def _behind(resource: Resource, access: Access, key: str, world: World) -> tuple[str, ...]:
    """Names of the apps that are bound to this consumer, and whose pods do not all have this key yet."""
    return tuple(
        text(app, "metadata", "name")
        for app in world.dependents
        if any(
            text(one, "bucket") == resource.name and text(one, "access") in ("", access.name)
            for one in items(app, "spec", "bindings")
        )
        and not any(
            (text(one, "bucket"), text(one, "access"), text(one, "keyId"))
            == (resource.name, access.name, key)
            for one in items(app, "status", "bindings")
        )
    )


def _told(resource: Resource, user: str) -> str:
    """The key that the consumer had by the status: what runs has it still, though the Secret is gone."""
    entries = items(resource.status, "access")
    return next((text(one, "keyId") for one in entries if text(one, "user") == user), "")
