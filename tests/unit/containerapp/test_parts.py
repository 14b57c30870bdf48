"""Selectors, references, claims, resources: the parts that must hold still while the spec moves."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pileus.engine.plan import Manifest, ObjectRef
from pileus.engine.world import Reference, ReferenceState, Referent
from pileus.kinds.containerapp import CONTAINER_APP
from pileus.kinds.containerapp.build import names, pods
from pileus.kinds.containerapp.build.names import REFERENCES
from pileus.objects.catalog import PERSISTENT_VOLUME_CLAIM
from tests.unit.containerapp.apps import WEB, Cluster, app, bucket, objects

FROM = {**WEB, "envFrom": [{"secret": "shop"}, {"configMap": "shop"}]}
SECRET, CONFIG = Reference("Secret", "shop"), Reference("ConfigMap", "shop")
HERE, GONE, BLIND = (
    Referent(ReferenceState.PRESENT, "d1"),
    Referent(ReferenceState.MISSING),
    Referent(ReferenceState.NOT_PERMITTED),
)


def noted(cluster: Cluster) -> str:
    metadata = cluster.deployment()["spec"]["template"]["metadata"]
    value: str = metadata.get("annotations", {}).get(REFERENCES, "")
    return value


@pytest.mark.parametrize(
    ("then", "expected", "reason"),
    [
        ({SECRET: HERE, CONFIG: HERE}, "ConfigMap/shop=d1 Secret/shop=d1", "both are followed"),
        (
            {SECRET: Referent(ReferenceState.PRESENT, "d2"), CONFIG: HERE},
            "ConfigMap/shop=d1 Secret/shop=d2",
            "a change of content rolls the pods",
        ),
        (
            {SECRET: GONE, CONFIG: HERE},
            "ConfigMap/shop=d1 Secret/shop=d1",
            "gone for a while: nothing restarts",
        ),
        (
            {SECRET: BLIND, CONFIG: HERE},
            "ConfigMap/shop=d1 Secret/shop=d1",
            "permission lost: nothing restarts",
        ),
        (
            {SECRET: GONE, CONFIG: Referent(ReferenceState.PRESENT, "d2")},
            "ConfigMap/shop=d2 Secret/shop=d1",
            "the other one is followed meanwhile",
        ),
    ],
)
def test_digests_in_the_template(then: dict[Reference, Referent], expected: str, reason: str) -> None:
    cluster = Cluster(references={SECRET: HERE, CONFIG: HERE})
    cluster.settle(app(FROM))
    cluster.references = then
    cluster.settle(app(FROM))
    assert expected == noted(cluster), reason


def test_what_is_missing_is_named_and_the_app_applied() -> None:
    """Kubelet starts the pods by itself once the Secret is there."""
    cluster = Cluster(references={SECRET: GONE, CONFIG: HERE})
    plan = cluster.apply(app(FROM))
    (finding,) = plan.findings
    assert (finding.reason, finding.stalled) == ("ReferenceMissing", False)
    assert "Secret 'shop'" in finding.message
    assert ("Deployment", "shop") in objects(plan)
    assert noted(cluster) == "ConfigMap/shop=d1"


def test_what_may_not_be_read_is_a_warning() -> None:
    cluster = Cluster(references={SECRET: BLIND, CONFIG: BLIND})
    plan = cluster.apply(app(FROM))
    assert plan.findings == ()
    (warning,) = plan.warnings
    assert warning.reason == "ReferencesNotFollowed"
    assert noted(cluster) == ""


def test_everything_that_is_named_is_followed() -> None:
    spec = {
        **WEB,
        "envFrom": [{"secret": "a"}, {"secret": "a"}],
        "volumes": [
            {"name": "b", "path": "/b", "secret": "b"},
            {"name": "c", "path": "/c", "configMap": "c"},
            {"name": "d", "path": "/d", "ephemeral": "1Mi"},
        ],
        "sidecars": [{"name": "e", "image": "e", "envFrom": [{"configMap": "e"}]}],
    }
    expected = (
        Reference("ConfigMap", "c"),
        Reference("ConfigMap", "e"),
        Reference("Secret", "a"),
        Reference("Secret", "b"),
    )
    assert expected == CONTAINER_APP.references(app(spec).spec)


DISK = {"name": "data", "path": "/data", "size": "10Gi"}


@pytest.mark.parametrize(
    ("then", "expected", "cause", "reason"),
    [
        ({"size": "20Gi"}, {"storage": "20Gi"}, None, "it grows"),
        ({"size": "10240Mi"}, {"storage": "10Gi"}, None, "the same in other words"),
        (
            {"size": "5Gi"},
            {"storage": "10Gi"},
            "VolumeShrink",
            "it cannot shrink: asked for, it would fail for ever",
        ),
        ({"storageClass": "fast"}, {"storageClassName": "slow"}, "VolumeFixed", "the class cannot change"),
        (
            {"accessMode": "ReadWriteMany"},
            {"accessModes": ["ReadWriteOnce"]},
            "VolumeFixed",
            "nor who may mount it",
        ),
    ],
)
def test_a_claim_that_is_there(
    then: dict[str, Any], expected: dict[str, Any], cause: str | None, reason: str
) -> None:
    """Also one that outlived an earlier app of the same name, which no rule of the API server sees."""
    cluster = Cluster()
    cluster.settle(app({**WEB, "volumes": [DISK]}))
    ref = ObjectRef(PERSISTENT_VOLUME_CLAIM.id, "acme", "shop-data")
    cluster.children[ref]["spec"].setdefault("storageClassName", "slow")
    plan = cluster.apply(app({**WEB, "volumes": [{**DISK, **then}]}))

    claim = objects(plan)["PersistentVolumeClaim", "shop-data"]["spec"]
    flat = {**claim, **claim["resources"]["requests"]}
    assert expected == {key: flat[key] for key in expected}, reason
    assert [f.reason for f in plan.findings if f.stalled] == ([cause] if cause else [])


@pytest.mark.parametrize(
    ("retain", "owned", "reason"),
    [
        (None, False, "data survives unless asked"),
        ("Retain", False, "said so"),
        ("Delete", True, "garbage collection takes it"),
    ],
)
def test_who_takes_the_data_away(retain: str | None, owned: bool, reason: str) -> None:
    disk = {**DISK, "retain": retain} if retain else DISK
    plan = Cluster().compile(app({**WEB, "volumes": [disk]}))
    metadata = objects(plan)["PersistentVolumeClaim", "shop-data"]["metadata"]
    assert owned == ("ownerReferences" in metadata), reason


def test_bindings_hold_what_runs() -> None:
    cluster = Cluster()
    cluster.settle(app())
    cluster.references = {}
    bound = app({**WEB, "image": "shop:2", "bindings": [{"bucket": "assets"}]})
    plan = cluster.apply(bound)
    (finding,) = plan.findings
    assert (finding.reason, finding.stalled) == ("BindingMissing", True)
    assert "'assets'" in finding.message
    image = cluster.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == WEB["image"], "what runs goes on, unchanged"


ASSETS = Reference("Bucket", "assets")


@pytest.mark.parametrize(
    ("binding", "referent", "reason", "words"),
    [
        ({"bucket": "media"}, bucket("media"), "BindingUnknown", "(there is app, reader)"),
        ({"bucket": "media", "access": "x"}, bucket("media"), "BindingUnknown", "has no consumer 'x'"),
        ({"bucket": "assets"}, bucket("assets", key=""), "BindingPending", "The store is away."),
    ],
)
def test_a_binding_says_what_it_waits_for(
    binding: Manifest, referent: Referent, reason: str, words: str
) -> None:
    cluster = Cluster(references={Reference("Bucket", binding["bucket"]): referent})
    plan = cluster.compile(app({**WEB, "bindings": [binding]}))
    (finding,) = plan.findings
    assert finding.reason == reason
    assert words in finding.message
    assert ("Deployment", "shop") not in objects(plan)


def test_a_new_key_rolls_the_pods_and_is_told_when_all_have_it() -> None:
    cluster, bound = (
        Cluster(references={ASSETS: bucket("assets")}),
        app({**WEB, "bindings": [{"bucket": "assets"}]}),
    )
    cluster.settle(bound)
    first = {"bucket": "assets", "access": "app", "keyId": "AK1"}
    assert cluster.judge(bound).fields["bindings"] == [first]
    cluster.references = {ASSETS: bucket("assets", key="AK2")}
    cluster.apply(bound)
    rolling = dataclasses.replace(bound, status={"bindings": [first]})
    assert cluster.judge(rolling).fields["bindings"] == [first], "pods with the old key are there still"
    cluster.settle(bound)
    assert cluster.judge(rolling).fields["bindings"] == [{**first, "keyId": "AK2"}]


@pytest.mark.parametrize(
    ("replicas", "expected", "reason"),
    [
        ({"replicas": 1}, False, "a budget of one would say nothing"),
        ({"replicas": 2}, True, "from two replicas up"),
        ({"replicas": 0}, False, "nothing to protect"),
        ({"scale": {"min": 1, "max": 2, "cpu": 50}}, True, "two are possible"),
        ({"scale": {"min": 1, "max": 1, "cpu": 50}}, False, "never two"),
    ],
)
def test_disruption_budget(replicas: dict[str, Any], expected: bool, reason: str) -> None:
    plan = Cluster().compile(app({**WEB, **replicas}))
    assert expected == (("PodDisruptionBudget", "shop") in objects(plan)), reason


def test_more_replicas_replace_no_pod() -> None:
    """Rules of spreading stand in the template from the first replica on, or the second would replace it."""
    templates = [
        objects(Cluster().compile(app({**WEB, "replicas": count})))["Deployment", "shop"]["spec"]["template"]
        for count in (1, 2, 5)
    ]
    assert templates[0] == templates[1] == templates[2]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("shop:1", "IfNotPresent"),
        ("shop", "Always"),
        ("shop:latest", "Always"),
        ("localhost:5000/shop", "Always"),
        ("localhost:5000/shop:1", "IfNotPresent"),
        (f"shop@sha256:{'a' * 64}", "IfNotPresent"),
        (f"shop:1@sha256:{'a' * 64}", "IfNotPresent"),
    ],
)
def test_a_pull_policy_follows_its_image(image: str, expected: str) -> None:
    """The API server chooses it once, for a new container, and leaves it when the image changes."""
    spec = {**WEB, "image": image, "init": [{"name": "first"}], "sidecars": [{"name": "log", "image": image}]}
    pod = objects(Cluster().apply(app(spec)))["Deployment", "shop"]["spec"]["template"]["spec"]
    policies = {c["name"]: c["imagePullPolicy"] for c in (*pod["initContainers"], *pod["containers"])}
    assert policies == dict.fromkeys(("app", "first", "log"), expected)


def test_the_pull_policy_makes_no_new_version() -> None:
    """It follows from the image, so a release that begins to write it must not begin a rollout."""
    body = {"spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
    on_track = pods.on_track(app(), body, names.STABLE)
    assert on_track["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert "imagePullPolicy" not in body["spec"]["containers"][0]
