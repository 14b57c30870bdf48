"""Laws of ContainerApp: what holds for every spec, and for whatever controllers write back."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pileus.engine.compare import covers
from pileus.engine.conditions import Verdict
from pileus.engine.plan import Manifest
from pileus.kinds.containerapp import CONTAINER_APP
from tests.unit.containerapp.apps import BARE, ENGINES, Cluster, app
from tests.unit.containerapp.stories import STORIES

LABEL = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
LONGEST = "a" * 45
words = st.text("abc-.0 ", max_size=12)
names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
processors = st.sampled_from(["1", "0.5", "100m", "1.5", "3"])
quantities = st.sampled_from(["128Mi", "1024Mi", "1.5Gi", "1G", "3M", "1048576"])
durations = st.sampled_from(["0s", "1s", "90s", "5m", "1h30m"])
maybe = st.booleans()


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def some(entry: st.SearchStrategy[Any], most: int = 3, key: str = "name") -> st.SearchStrategy[list[Any]]:
    return st.lists(entry, max_size=most, unique_by=lambda e: e[key])


checks = optional(path=st.just("/healthz"), port=st.integers(1, 65535))
volumes = st.builds(
    lambda name, source: {"name": name, "path": f"/{name}", **source},
    names,
    st.one_of(
        st.builds(lambda q: {"ephemeral": q}, quantities),
        st.builds(
            lambda q, r: {"size": q, "accessMode": "ReadWriteMany", "retain": r},
            quantities,
            st.sampled_from(["Retain", "Delete"]),
        ),
        st.just({"secret": "s"}),
        st.just({"configMap": "c"}),
    ),
)
exposures = st.one_of(
    st.builds(
        lambda tls, more: {"hosts": ["a.acme.dev", "b.acme.dev"], "tls": tls, **more},
        st.sampled_from(["Auto", "None", "cert"]),
        optional(path=st.just("/x"), allowFrom=st.just(["192.0.2.0/24"]), rateLimit=st.just({"rps": 5})),
    ),
    optional(pool=st.just("p"), ipFamily=st.sampled_from(["IPv4", "IPv6", "DualStack"])).map(
        lambda more: {"type": "LoadBalancer", **more}
    ),
)
rollouts = st.sampled_from(
    [
        {"strategy": "Rolling"},
        {"strategy": "Recreate"},
        {"strategy": "BlueGreen"},
        {"strategy": "Canary", "steps": [{"weight": 10, "pause": "5m"}, {"weight": 60}]},
    ]
)
specs = st.builds(
    lambda base, size: {"image": "shop:1", "port": 8080, **base, **size},
    optional(
        image=st.sampled_from(["shop:2", "shop:3"]),
        command=st.lists(words.filter(bool), max_size=2),
        args=st.lists(words.filter(bool), max_size=2),
        env=st.dictionaries(names, words, max_size=4),
        envFrom=st.lists(st.sampled_from([{"secret": "s"}, {"configMap": "c"}]), max_size=2),
        health=optional(
            ready=checks, live=checks, startup=st.builds(lambda c, d: {**c, "within": d}, checks, durations)
        ),
        user=st.integers(1, 9999),
        pullSecrets=st.just(["registry"]),
        rollout=rollouts,
        expose=exposures,
        volumes=some(volumes),
        init=some(
            st.fixed_dictionaries({"name": names.map("i{}".format)}, optional={"command": st.just(["x"])})
        ),
        sidecars=some(st.fixed_dictionaries({"name": names.map("s{}".format), "image": st.just("proxy:1")})),
        arch=st.sampled_from(["amd64", "arm64", "any"]),
        metrics=st.fixed_dictionaries({"port": st.integers(1, 65535)}),
        rollbackTo=st.integers(1, 3),
    ),
    st.one_of(
        st.just({}),
        st.integers(0, 5).map(lambda n: {"replicas": n}),
        st.builds(
            lambda low, more: {"scale": {"min": low, "max": low + more, "cpu": 70}},
            st.integers(0, 3),
            st.integers(1, 3),
        ),
        st.builds(lambda s: {"size": s}, st.sampled_from(["nano", "large"])),
        st.builds(lambda c, m: {"resources": {"cpu": c, "memory": m}}, processors, quantities),
    ),
)
clusters = st.sampled_from([ENGINES, BARE]).map(lambda served: Cluster(served=served))
KEYS = [
    "conditions",
    "type",
    "status",
    "reason",
    "message",
    "parents",
    "phase",
    "ready",
    "state",
    "waiting",
    "running",
    "startedAt",
    "terminated",
    "exitCode",
    "loadBalancer",
    "ingress",
    "ip",
]
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from leaves(entry, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for entry in value:
            yield from leaves(entry, f"{path}[]")
    else:
        yield path, value


@given(specs, clusters)
def test_compiling_again_says_the_same(spec: dict[str, Any], cluster: Cluster) -> None:
    assert cluster.compile(app(spec)) == cluster.compile(app(copy.deepcopy(spec)))


@given(specs, clusters, st.randoms(use_true_random=False))
def test_the_order_of_named_things_means_nothing(spec: dict[str, Any], cluster: Cluster, random: Any) -> None:
    shuffled = copy.deepcopy(spec)
    for field in ("volumes",):
        random.shuffle(shuffled.get(field, []))
    if "env" in shuffled:
        shuffled["env"] = dict(sorted(shuffled["env"].items(), reverse=True))

    assert cluster.compile(app(spec)).objects == cluster.compile(app(shuffled)).objects


@given(specs, clusters)
def test_names_fit_and_nothing_leaves_the_namespace(spec: dict[str, Any], cluster: Cluster) -> None:
    spec = {
        **spec,
        "volumes": [{"name": "v" * 17, "path": "/v", "size": "1Gi", "accessMode": "ReadWriteMany"}],
    }
    resource = app(spec, name=LONGEST)
    for manifest in cluster.compile(resource).objects:
        metadata = manifest["metadata"]
        assert len(metadata["name"]) <= 63
        assert metadata["namespace"] == resource.namespace
        assert all(LABEL.match(value) for value in metadata["labels"].values())


@given(specs, clusters)
def test_objects_are_sparse(spec: dict[str, Any], cluster: Cluster) -> None:
    for manifest in cluster.compile(app(spec)).objects:
        empty = [
            path for path, value in leaves(manifest) if value in (None, "", [], {}) and value is not False
        ]
        assert empty == [], manifest["kind"]


@given(st.lists(specs, min_size=2, max_size=4))
def test_selectors_never_change(wanted: list[dict[str, Any]]) -> None:
    """They are immutable in a Deployment: a change would be refused for ever."""
    cluster, seen = Cluster(), set()
    for spec in wanted:
        for manifest in cluster.settle(app(spec)).objects:
            if manifest["kind"] == "Deployment":
                selector = manifest["spec"]["selector"]["matchLabels"]
                assert selector.items() <= manifest["spec"]["template"]["metadata"]["labels"].items()
                seen.add((manifest["metadata"]["name"], tuple(selector.items())))
    assert len(seen) == len({name for name, _ in seen})


@given(st.lists(specs, min_size=1, max_size=4), st.sampled_from([ENGINES, BARE]))
def test_it_comes_to_rest(wanted: list[dict[str, Any]], served: frozenset[str]) -> None:
    """Whatever came before: the passes end, and the next one would write nothing."""
    cluster = Cluster(served=served)
    for spec in wanted:
        cluster.settle(app(spec))
    plan = cluster.compile(app(wanted[-1]))
    live = {(o["kind"], o["metadata"]["name"]): o for o in cluster.children.values()}
    for manifest in plan.objects:
        assert covers(live[manifest["kind"], manifest["metadata"]["name"]], manifest)


@given(specs, st.data())
def test_judging_never_fails(spec: dict[str, Any], data: st.DataObject) -> None:
    """A foreign status is whatever its controller wrote."""
    cluster, resource = Cluster(), app(spec)
    cluster.settle(resource)
    for manifest in cluster.children.values():
        manifest["status"] = data.draw(junk)
    pods: list[Manifest] = [
        {"metadata": {"name": "p", "labels": {"pileus.dev/track": "stable"}}, "status": status}
        for status in data.draw(st.lists(junk, max_size=2))
    ]
    cluster.pods = tuple(pods)

    verdict = cluster.judge(resource)

    assert isinstance(verdict, Verdict)
    assert {c.type for c in verdict.conditions} == {"Exposed", "Scaling"}
    assert all(c.reason and c.message for c in verdict.conditions)


@given(specs, clusters)
def test_what_is_said_is_a_sentence(spec: dict[str, Any], cluster: Cluster) -> None:
    resource = app(spec)
    plan = cluster.apply(resource)
    verdict = cluster.judge(resource)
    for finding in (*plan.findings, *plan.warnings, *verdict.findings):
        assert re.match(r"^[A-Z][A-Za-z0-9]*$", finding.reason)
        assert finding.message.endswith(".")


def test_stories_use_every_field() -> None:
    """A field without a golden file is a field that nobody has looked at."""
    used = set(itertools.chain.from_iterable(story.spec for story in STORIES)) | {"image", "port"}
    fields = {field.alias for field in CONTAINER_APP.spec.model_fields.values()}
    assert fields - used == {"rollbackTo"}, "rollbackTo needs a history: its tests stand in test_rollout"
