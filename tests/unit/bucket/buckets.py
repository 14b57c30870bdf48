"""Buckets, worlds and what was seen of stores, for tests, as values.

`Cluster` keeps what was applied and what the status says, and plays the driver of a store that does as it is
told; that real drivers and real stores do is shown by the tests on real stores.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pileus.engine.compare import covers, stamped
from pileus.engine.conditions import Condition, Verdict
from pileus.engine.plan import Manifest, ObjectRef, Plan
from pileus.engine.world import Reference, ReferenceState, Referent, Resource, Settings, World
from pileus.kinds.bucket import BUCKET
from pileus.objects.catalog import OBJECT_STORE, SECRET
from pileus.objects.s3 import BucketWish, Copied, Key, Parting, Seen, Usage, User
from pileus.objectstores.buckets import foreign
from tests.unit.objectstore.stores import CLUSTER, NOW, live

UID = "11111111-2222-3333-4444-555555555555"
MARK = f"{CLUSTER}/acme/media/{UID}"
APP: Manifest = {"access": [{"name": "app"}]}


def bucket(
    spec: Mapping[str, Any] | None = None,
    *,
    name: str = "media",
    namespace: str = "acme",
    uid: str = UID,
    **more: Any,
) -> Resource:
    """A Bucket with this spec, as users write it."""
    return Resource(
        kind="Bucket",
        api_version="pileus.dev/v1alpha1",
        namespace=namespace,
        name=name,
        uid=uid,
        generation=1,
        spec=BUCKET.spec.model_validate({**(spec or {}), **more}),
    )


def secret(name: str = "media-app") -> ObjectRef:
    """The reference of a consumer's Secret."""
    return ObjectRef(SECRET.id, "acme", name)


def world(*stores: Manifest, **more: Any) -> World:
    """A world with these stores, or one that can do everything."""
    given: dict[str, Any] = {"settings": Settings(cluster=CLUSTER), "now": NOW, **more}
    return World(shared={OBJECT_STORE.id: stores or (live(default=True),)}, **given)


def target(name: str = "copy", **more: Any) -> dict[Reference, Referent]:
    """A Bucket that takes copies, as a reference of another. more: of its spec, or its store and state."""
    state = {"keyId": "AKCOPY", "provisioned": "True", "reason": "Provisioned", "observed": 1, **more}
    spec = {"versioning": True, "access": [{"name": "replica", "role": "Replica"}]}
    conditions = [
        {"type": "Ready", "status": state["provisioned"], "message": "It is not there yet."},
        {"type": "Provisioned", "status": state["provisioned"], "reason": state["reason"]},
    ]
    live = {
        "metadata": {"name": name, "namespace": "acme", "generation": 1, "resourceVersion": "7"},
        "spec": {**spec, **more.get("spec", {})},
        "status": {
            "observedGeneration": state["observed"],
            "bucketName": f"acme-{name}",
            "endpoint": more.get("endpoint", f"https://{name}.example.dev"),
            "region": "eu-1",
            "access": [{"name": "replica", "secret": f"{name}-replica", "keyId": state["keyId"]}],
            "conditions": conditions,
        },
    }
    return {Reference("Bucket", name): Referent(ReferenceState.PRESENT, manifest=live)}


@dataclass
class Cluster:
    """What was applied and told, which apps there are, and what a store holds of one bucket.

    exists, owner, left: the bucket in the store. users: ids of the keys of each. dead: those of them that do
    not work. vault: by user, a key that was made and is in no Secret yet; lost when the operator ends.
    taken: Secrets whose name somebody else has. references: other Buckets. outside: what the driver saw last.
    """

    stores: tuple[Manifest, ...] = field(default_factory=lambda: (live(default=True),))
    namespace: dict[str, str] = field(default_factory=dict)
    withheld: bool = False
    children: dict[ObjectRef, Manifest] = field(default_factory=dict)
    apps: tuple[Manifest, ...] = ()
    status: Manifest = field(default_factory=dict)
    now: dt.datetime = NOW
    exists: bool = False
    owner: str = ""
    left: bool = False
    users: dict[str, list[str]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    usage: Usage | None = None
    vault: dict[str, str] = field(default_factory=dict)
    taken: set[ObjectRef] = field(default_factory=set)
    references: dict[Reference, Referent] = field(default_factory=dict)
    outside: Seen | Parting | None = None
    wished: object = None
    made: int = 0

    def world(self, resource: Resource, *, pending: bool = False) -> World:
        """Everything as it is."""
        return World(
            children={} if self.withheld else copy.deepcopy(self.children),
            shared={OBJECT_STORE.id: self.stores},
            namespace=self.namespace,
            references=self.references,
            dependents=self.apps if BUCKET.dependents(self.known(resource)) else (),
            withheld=frozenset({SECRET.id}) if self.withheld else frozenset(),
            outside=self.outside,
            pending=pending,
            settings=Settings(cluster=CLUSTER),
            now=self.now,
        )

    def known(self, resource: Resource) -> Resource:
        """The resource with its status."""
        return dataclasses.replace(resource, status=copy.deepcopy(self.status))

    def compile(self, resource: Resource) -> Plan:
        """The plan, without applying it."""
        return BUCKET.compile(self.known(resource), self.world(resource))

    def judge(self, resource: Resource, *, pending: bool = False) -> Verdict:
        """The verdict on what is there."""
        return BUCKET.judge(
            self.known(resource), self.compile(resource), self.world(resource, pending=pending)
        )

    def apply(self, resource: Resource) -> tuple[Plan, Verdict]:
        """One pass of the engine: Secrets written, pruned, the status told; the driver has not acted yet."""
        plan = self.compile(resource)
        pending = plan.wish is not None and plan.wish != self.wished
        self.wished = plan.wish if plan.wish is not None else self.wished
        if isinstance(plan.wish, BucketWish):
            self._hand_out(plan.wish)
        self._write(plan)
        verdict = BUCKET.judge(self.known(resource), plan, self.world(resource, pending=pending))
        self.status = {**verdict.fields, "conditions": list(map(dataclasses.asdict, verdict.conditions))}
        return plan, verdict

    def act(self) -> None:
        """The driver does what was wished for last, and looks."""
        wish = self.wished
        if wish is None:
            return
        assert isinstance(wish, BucketWish)
        if foreign(wish, self._look(wish)) or not (self.exists or wish.makes):
            self.outside = self._look(wish)
            return
        self.exists, self.owner, self.left = True, wish.owner, False
        for one in wish.identities:
            keys = self.users.setdefault(one.user, [])
            held = self.vault.get(one.user) if one.fresh else None
            kept = {*one.keep, held} if held in keys else one.keep
            keys[:] = [key for key in keys if key in kept]
            if one.fresh and held not in keys:
                self.made += 1
                self.vault[one.user] = f"AK{self.made}"
                keys.append(self.vault[one.user])
        for user in wish.past:
            self.users.pop(user, None)
        self.outside = dataclasses.replace(
            self._look(wish),
            settings=wish.settings,
            policy=True,
            copies=tuple(
                Copied(f"arn:{one.bucket}", one.bucket, one.endpoint, one.key, (one.prefix,))
                for one in wish.copies
                if one.key
            ),
            usage=self.usage,
            fresh=dict(self.vault),
        )

    def saw(self, **more: Any) -> None:
        """The driver saw something else in this."""
        assert isinstance(self.outside, Seen)
        self.outside = dataclasses.replace(self.outside, **more)

    def settle(self, resource: Resource) -> Plan:
        """Passes, each with what the driver makes of it, until nothing changes but time could."""
        for _ in range(12):
            before = self._state()
            plan, _ = self.apply(resource)
            if plan.wish is not None:
                self.act()
            if before == self._state():
                return plan
        raise AssertionError("The plan changes without end.")

    def crash(self) -> None:
        """The operator ends: what it knows and has not written is gone."""
        self.vault.clear()
        self.outside, self.wished = None, None

    def marks(self, name: str = "media-app") -> dict[str, str]:
        """Annotations of a Secret without their prefix."""
        found = self.children[secret(name)]["metadata"]["annotations"]
        return {key.removeprefix("pileus.dev/"): value for key, value in found.items()}

    def entry(self, name: str = "app") -> dict[str, str]:
        """What the status says of a consumer."""
        (found,) = (one for one in self.status["access"] if one["name"] == name)
        return dict(found)

    def sooner(self, seconds: float) -> None:
        """Time goes on."""
        self.now += dt.timedelta(seconds=seconds)

    def _look(self, wish: BucketWish) -> Seen:
        named = {one.user for one in wish.identities} | wish.past
        users = {
            user: User(tuple(Key(key, key not in self.dead) for key in self.users[user]))
            if user in self.users
            else None
            for user in named
        }
        return Seen(exists=self.exists, owner=self.owner, left=self.left, users=users)

    def _hand_out(self, wish: BucketWish) -> None:
        waiting = {one.user for one in wish.identities if one.fresh}
        self.vault = {user: key for user, key in self.vault.items() if user in waiting}
        if isinstance(self.outside, Seen):
            fresh = {user: key for user, key in self.outside.fresh.items() if user in waiting}
            self.outside = dataclasses.replace(self.outside, fresh=fresh)

    def _write(self, plan: Plan) -> None:
        desired = {ref_of(manifest): manifest for manifest in plan.objects}
        for ref, manifest in desired.items():
            sent, _ = stamped(manifest)
            sealed = plan.sealed.get(ref)
            if covers(self.children.get(ref), sent) or ref in self.taken:
                continue
            assert sealed is not None
            assert sealed.key in self.vault.values(), f"{ref} is written with a secret that nobody knows."
            self.children[ref] = {**copy.deepcopy(sent), "sealed": sorted((*sealed.data, sealed.field))}
        for ref in [ref for ref in self.children if plan.prune and ref not in desired.keys() | plan.keep]:
            del self.children[ref]

    def _state(self) -> object:
        parts = (self.children, self.status, self.users, self.vault, self.outside, self.owner, self.wished)
        return copy.deepcopy(parts)


def ref_of(manifest: Manifest) -> ObjectRef:
    """The reference of a Secret."""
    metadata = manifest["metadata"]
    return ObjectRef(SECRET.id, metadata["namespace"], metadata["name"])


def condition(verdict: Verdict, type_: str) -> Condition:
    """A condition of the verdict."""
    (found,) = (one for one in verdict.conditions if one.type == type_)
    return found


def reasons(plan: Plan, verdict: Verdict | None = None) -> list[str]:
    """What is told, the first first."""
    return [str(one.reason) for one in (*plan.findings, *(verdict.findings if verdict else ()))]


def only(found: Iterable[Any]) -> Any:
    """The one that there is."""
    (one,) = found
    return one
