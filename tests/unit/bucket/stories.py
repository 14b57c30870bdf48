"""The stories whose plans stand in tests/golden/bucket: each field on, one file a story."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pileus.engine.plan import Manifest, Plan
from pileus.engine.world import Reference, Referent
from pileus.kinds.bucket import BUCKET
from pileus.objects.s3 import Fault, Feature, StoreSeen, Trouble
from tests.unit.bucket.buckets import Cluster, bucket, target
from tests.unit.objectstore.stores import EVERYTHING, live

Spec = dict[str, Any]
MAIN = live(default=True)
BARE = live(default=True, seen=StoreSeen(features=frozenset({Feature.TAGS, Feature.VERSIONING})))
AWAY = live(
    default=True,
    seen=StoreSeen(features=EVERYTHING, fault=Fault(Trouble.UNREACHABLE, "look: no answer in time")),
)


@dataclass(frozen=True, slots=True)
class Story:
    """One bucket: what it shows, its spec, its store, and what happened before the pass that is shown.

    passes: after so many it is looked at; 0: once nothing changes any more. before: another spec, which was
    settled first. references: other Buckets. leaving: somebody deleted it. happens: what else did, once it
    was settled.
    """

    name: str
    reason: str
    spec: Spec = field(default_factory=dict)
    store: Manifest = field(default_factory=lambda: MAIN)
    passes: int = 0
    before: Spec | None = None
    references: dict[Reference, Referent] = field(default_factory=dict)
    leaving: bool = False
    happens: Callable[[Cluster], None] | None = None

    def plan(self) -> Plan:
        """The plan of the pass that is shown."""
        cluster = Cluster(stores=(self.store,), references=self.references)
        resource = bucket(self.spec)
        if self.before is not None:
            cluster.settle(bucket(self.before))
        for _ in range(self.passes):
            if cluster.apply(resource)[0].wish is not None:
                cluster.act()
        if not self.passes and self.before is None:
            cluster.settle(resource)
        if self.happens:
            self.happens(cluster)
        if self.leaving:
            assert BUCKET.part is not None
            deleted = dataclasses.replace(cluster.known(resource), deleting=True)
            return BUCKET.part(deleted, cluster.world(deleted))
        return cluster.compile(resource)


APP: Spec = {"access": [{"name": "app"}]}
STORIES: tuple[Story, ...] = (
    Story("minimal", "nothing is asked for: the default store, a name of our own"),
    Story(
        "chosen", "a name that was chosen is asked after, and not made yet", {"bucketName": "media"}, passes=1
    ),
    Story("claimed", "a name that is free is claimed, and made", {"bucketName": "media"}),
    Story(
        "adopt",
        "a bucket that is there is taken over: of nobody if it is listed, of this namespace if it was left",
        {"bucketName": "media", "adopt": True},
        live(default=True, adopt=[{"bucket": "med*", "namespace": "acme"}]),
        passes=1,
    ),
    Story("versioning", "replaced and deleted objects are kept", {"versioning": True}),
    Story("quota", "what fits in, in whole KiB", {"quota": {"size": "1500001", "objects": 1000}}),
    Story(
        "lifecycle",
        "what happens by itself, in the order of prefixes",
        {
            "versioning": True,
            "lifecycle": [
                {"prefix": "tmp/", "expireAfter": "7d"},
                {"abortUploadsAfter": "1d", "expireNoncurrentAfter": "30d"},
            ],
        },
    ),
    Story(
        "cors",
        "pages that may use it, methods and headers in order",
        {
            "cors": [
                {
                    "origins": ["https://acme.dev"],
                    "methods": ["PUT", "GET"],
                    "headers": ["content-type"],
                    "expose": ["ETag"],
                    "maxAge": "1h",
                }
            ]
        },
    ),
    Story("encryption", "the store encrypts what it keeps", {"encryption": "SSE-S3"}),
    Story(
        "lock",
        "new versions cannot be removed for a while",
        {"versioning": True, "objectLock": {"mode": "Governance", "days": 30}},
    ),
    Story("public", "anybody may read", {"publicRead": True}),
    Story("access-told", "consumers are named by the status before they are wished for", APP, before={}),
    Story("access-wished", "a consumer without a key yet", APP, passes=1),
    Story("access-written", "a key was made: it comes into the Secret", APP, passes=2),
    Story(
        "access",
        "consumers with their roles and Secrets; one gets a new key now and then",
        {
            "access": [
                {"name": "app"},
                {"name": "reports", "role": "ReadOnly", "secret": "s3-reports"},
                {"name": "ingest", "role": "WriteOnly", "rotateEvery": "720h", "overlap": "24h"},
            ]
        },
    ),
    Story(
        "access-asked",
        "a new key is asked for: the old one works on meanwhile",
        {"access": [{"name": "app", "rotate": "1"}]},
        before=APP,
    ),
    Story(
        "access-deleted",
        "a Secret was deleted: its key works on in what runs",
        APP,
        happens=lambda cluster: cluster.children.clear(),
    ),
    Story("access-past", "a consumer that is not asked for any more goes", {}, before=APP),
    Story(
        "copies",
        "another Bucket gets a copy of some of it, by the key of its own consumer",
        {"versioning": True, "replicateTo": [{"bucket": "copy", "prefix": "assets/"}]},
        references=target(),
    ),
    Story(
        "lost",
        "it vanished from its store, and was made anew",
        happens=lambda cluster: cluster.saw(lost=True),
    ),
    Story("taken", "somebody else has it by now", APP, happens=lambda cluster: cluster.saw(owner="x/y/z/u")),
    Story(
        "lacking",
        "a store that cannot do it: nothing is wished for",
        {"versioning": True, "publicRead": True, **APP},
        BARE,
        passes=1,
    ),
    Story("away", "a store that does not answer: it is wished for all the same", {}, AWAY),
    Story("missing", "a store that does not exist", {"store": "other"}, passes=1),
    Story("retain", "its resource is deleted: its users go, the data stays", APP, leaving=True),
    Story(
        "delete-if-empty",
        "its resource is deleted: it goes if nothing is in it",
        {"deletionPolicy": "DeleteIfEmpty"},
        leaving=True,
    ),
    Story("delete", "its resource is deleted: all of it goes", {"deletionPolicy": "Delete"}, leaving=True),
)
