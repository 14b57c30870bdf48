"""ObjectStore in the campaign: versitygw and Ceph behind the fault proxy, tried again and again.

It is the whole cluster's: here each stands for one in a namespace, whose name it bears. It has no children.
"""

from __future__ import annotations

from typing import Any

from pileus.engine.plan import Manifest, ObjectKind
from pileus.kinds.objectstore import OBJECT_STORE as KIND
from pileus.objects.reading import condition
from tests.campaign.storecalls import TRIED
from tests.campaign.subject import Effect, Scenario, Spec, Step, Subject, Wrong
from tests.campaign.subjects.bucket_seen import LOTS

NOBODY = "http://127.0.0.1:1"
GONE = Step("delete", None)


def versity(**more: Any) -> Spec:
    """versitygw; what is None is left out."""
    whole = {
        "engine": "Versity",
        "endpoint": "<versitygw>",
        "usersEndpoint": "<users of versitygw>",
        "credentials": {"secret": "s3-versitygw"},
        **more,
    }
    return {key: value for key, value in whole.items() if value is not None}


def ceph(**more: Any) -> Spec:
    """Ceph, which has one endpoint for both."""
    return {"engine": "Ceph", "endpoint": "<ceph>", "credentials": {"secret": "s3-ceph"}, **more}


TEAM: Spec = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
LOST: Spec = versity(credentials={"secret": "nowhere"})

SCENARIOS = (
    Scenario(
        "life",
        "declared, changed, withdrawn",
        (Step("create", versity()), Step("for a team", versity(allow=TEAM, default=True)), GONE),
        smoke=True,
    ),
    Scenario(
        "move",
        "another engine under its name, and back",
        (Step("create", versity()), Step("ceph", ceph()), Step("back", versity())),
    ),
    Scenario(
        "keys",
        "its credentials are gone, and come back",
        (Step("create", ceph()), Step("lost", LOST, "CredentialsMissing"), Step("found", ceph())),
    ),
)

REACHED = tuple(f"status/conditions[{kind}]" for kind in ("Ready", "Stalled", "Reconciling", "Reachable"))
FOUND = tuple(f"status/{field}" for field in ("server", "features", "lacks"))
BUCKETS = "decides about Buckets: tests/e2e/buckets/test_object_stores.py"

EFFECTS: tuple[Effect, ...] = (
    Effect("engine", ("status/features", "status/lacks"), without=None, theirs=(*REACHED, "status/server")),
    Effect("endpoint", REACHED, ("<versitygw>", NOBODY), without=None, theirs=FOUND),
    Effect("usersEndpoint", REACHED, ("<users of versitygw>", NOBODY), theirs=FOUND),
    Effect("region", REACHED, ("eu-west-1",), theirs=FOUND),
    Effect("credentials.secret", REACHED, ("s3-ceph", "nowhere"), without=None, theirs=FOUND),
    Effect("credentials.namespace", REACHED, ("default",), theirs=FOUND),
    Effect("ca.configMap", REACHED, ("nowhere",), without="ca", theirs=FOUND),
    Effect("ca.secret", REACHED, ("nowhere",), without="ca", theirs=FOUND),
    Effect("ca.namespace", REACHED, ("default",), {"ca": {"configMap": "kube-root-ca.crt"}}, theirs=FOUND),
)

INVISIBLE = {
    "allow.namespaceSelector.matchLabels{}": BUCKETS,
    "default": BUCKETS,
    "adopt[].bucket": BUCKETS,
    "adopt[].namespace": BUCKETS,
}

NAMELESS = {
    "endpoint": "a URL, which the administrator answers for",
    "usersEndpoint": "a URL, which the administrator answers for",
    "region": "a word of the store's",
    "credentials.secret": "a Secret of the administrator's, as its namespace",
    "credentials.namespace": "a namespace, by the administrator",
    "ca.configMap": "a ConfigMap of the administrator's",
    "ca.secret": "a Secret of the administrator's",
    "ca.namespace": "a namespace, by the administrator",
    "allow.namespaceSelector.matchLabels{}": "labels of namespaces",
    "adopt[].bucket": "names of buckets that are there",
    "adopt[].namespace": "a namespace, by the administrator",
}


def _refused(name: str, field: str, remedy: str, **more: Any) -> Wrong:
    return Wrong(name, versity(**more), field, remedy, mended=versity())


def _told(name: str, reason: str, field: str, remedy: str, **more: Any) -> Wrong:
    return Wrong(name, versity(**more), field, remedy, reason, mended=versity())


WRONG: tuple[Wrong, ...] = (
    _refused("no URL", "endpoint", "should match", endpoint="s3.example.dev"),
    _refused("another scheme", "endpoint", "should match", endpoint="ftp://s3.example.dev"),
    _refused("no keys", "credentials", "Required", credentials=None),
    _refused("AWS without TLS", "endpoint", "https only", endpoint="http://s3.amazonaws.com"),
    _refused("two authorities", "ca", "exactly one", ca={"secret": "a", "configMap": "b"}),
    _refused("an engine that nobody knows", "engine", "supported values", engine="Swift"),
    _refused("a field that is none", "retention", "unknown field", retention="7d"),
    _told("no such Secret", "CredentialsMissing", "credentials", "create it", credentials={"secret": "no"}),
    _told(
        "a Secret elsewhere",
        "CredentialsMissing",
        "credentials",
        "create it",
        credentials={"secret": "s3-versitygw", "namespace": "kube-node-lease"},
    ),
    _told("no such authority", "AuthorityMissing", "ca", "create it", ca={"secret": "no"}),
    _told("nobody there", "StoreUnreachable", "endpoint", "endpoint is right", endpoint=NOBODY),
    _told(
        "somebody else's keys",
        "StoreDenied",
        "credentials",
        "may manage buckets",
        credentials={"secret": "s3-ceph"},
    ),
)


def settled(live: Manifest) -> bool:
    """Whether the store was looked at."""
    return condition(live, "Reachable").get("reason") != "Connecting"


OBJECT_STORE = Subject(
    kind=KIND,
    target=ObjectKind("pileus.dev", "v1alpha1", "ObjectStore", "objectstores", namespaced=False),
    crd="crds/pileus.dev_objectstores.yaml",
    base=versity(),
    still=versity(),
    mix=(versity(), versity(default=True), ceph(), versity(allow=TEAM)),
    everything=(versity(), ceph()),
    secretive=(versity(), ceph()),
    scenarios=SCENARIOS,
    effects=EFFECTS,
    wrong=WRONG,
    deputies=(),
    nameless=NAMELESS,
    edits={},
    bookkeeping={},
    strangers={},
    replaced=(versity(), versity()),
    cluster=("s3",),
    volumes=False,
    lots=LOTS,
    pending=frozenset({"Connecting"}),
    settled=settled,
    asks=frozenset({"CredentialsMissing", "AuthorityMissing", "StoreUnreachable"}),
    patience=180.0,
    many=(40,),
    each=2e6,
    at_once=8,
    small=("t01", "t02"),
    invisible=INVISIBLE,
    abandoned=(f"StoreBucket {TRIED}", f"StoreUser {TRIED}"),
)
