"""Apps bound to Buckets: real pods, a real store, and keys that follow each other under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.apps import app, ready, says
from tests.e2e.kubectl import Kubectl, Manifest
from tests.e2e.operator import NAMESPACE, Operator

pytestmark = pytest.mark.cluster

TOOLS = "local.pileus.dev/tools:1"
CALL = (
    'call() { curl -sS -o /tmp/answer -w "%{http_code}" --max-time 10 '
    '-H "x-amz-content-sha256: UNSIGNED-PAYLOAD" '
    '--aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"; }; '
)
WRITER = CALL + (
    "trap 'exit 0' TERM; while :; do "
    'code=$(call -T /etc/hostname "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME/$HOSTNAME"); '
    '[ "$code" = 200 ] && echo "wrote $AWS_ACCESS_KEY_ID" || echo "FAILED $AWS_ACCESS_KEY_ID $code"; '
    "sleep 0.2 & wait $!; done"
)
"""A process that writes all the time, and says by which key and with what success."""


@pytest.fixture(scope="module")
def store(operator: Operator, admin: Kubectl) -> str:
    """The ObjectStore of the cluster's versitygw, as pods reach it."""
    found = operator.cluster.stores["versitygw"]
    spec = {
        "engine": "Versity",
        "endpoint": found.endpoint,
        "usersEndpoint": found.users,
        "credentials": {"secret": "s3-versitygw"},
    }
    store = {"apiVersion": "pileus.dev/v1alpha1", "kind": "ObjectStore", "metadata": {"name": "versitygw"}}
    admin.apply({**store, "spec": spec})
    admin.until("ostore", "versitygw", ready)
    return "versitygw"


@pytest.fixture
def ns(ns: Kubectl) -> Kubectl:
    """kubectl for a namespace in which the operator may write Secrets."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "pileus-credentials"}
    account = {"kind": "ServiceAccount", "name": "pileus", "namespace": NAMESPACE}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"}
    ns.apply({**binding, "metadata": {"name": "credentials"}, "roleRef": role, "subjects": [account]})
    return ns


def bucket(store: str, name: str, **access: object) -> Manifest:
    spec = {"store": store, "access": [{"name": "app", **access}], "deletionPolicy": "Delete"}
    return {"apiVersion": "pileus.dev/v1alpha1", "kind": "Bucket", "metadata": {"name": name}, "spec": spec}


def bound(**spec: object) -> Manifest:
    usual = {"image": TOOLS, "command": ["sh", "-c", WRITER], "port": None, "health": None}
    return app("app", **{**usual, "bindings": [{"bucket": "data"}], **spec})


def ask(ns: Kubectl, *words: str) -> str:
    """The status of a call of the store from within the app, by its own credentials."""
    quoted = " ".join(f'"{word}"' for word in words)
    return ns("exec", "deploy/app", "--", "sh", "-c", f"{CALL} call {quoted}").strip()


def test_an_app_waits_for_its_bucket_and_uses_it(store: str, ns: Kubectl) -> None:
    ns.apply(bound())
    ns.until("capp", "app", says("BindingMissing", "'data'", "create it"))
    assert not ns.exists("deployment", "app"), "without its credentials it would only fail"
    ns.apply(bucket(store, "data"), bucket(store, "other"))
    ns.until("capp", "app", ready)
    ns.until("bkt", "other", ready)
    here, other = "$AWS_ENDPOINT_URL_S3/$BUCKET_NAME", ns.get("bkt", "other")["status"]["bucketName"]
    assert ask(ns, "-T", "/etc/hostname", f"{here}/hello") == "200"
    assert ask(ns, f"{here}/hello") == "200"
    assert ask(ns, f"$AWS_ENDPOINT_URL_S3/{other}/hello") == "403", "the neighbour's is closed"
    assert ask(ns, "-T", "/etc/hostname", f"$AWS_ENDPOINT_URL_S3/{other}/hello") == "403"


def names(ns: Kubectl) -> set[str]:
    """The app's pods."""
    return set(ns("get", "pods", "-l", "app.kubernetes.io/instance=app", "-o", "name").split())


def test_while_keys_are_replaced_no_call_fails(store: str, ns: Kubectl, tmp_path: Path) -> None:
    ns.apply(bucket(store, "data", overlap="1s"), bound(replicas=2))
    found = ns.until("capp", "app", ready)
    (before,) = found["status"]["bindings"]
    old = before["keyId"]
    first = names(ns)
    logs = [ns.follow(pod, tmp_path / pod.partition("/")[2]) for pod in first]
    ns.apply(bucket(store, "data", overlap="1s", rotate="one"))

    def replaced(found: Manifest) -> bool:
        told = found.get("status", {}).get("bindings") or [{}]
        return ready(found) and told[0].get("keyId") not in ("", None, old)

    ns.until("capp", "app", replaced)
    ns.until("bkt", "data", lambda found: not found["status"]["access"][0]["previousKeyId"])
    new = ns.get("capp", "app")["status"]["bindings"][0]["keyId"]
    for process in logs:
        process.wait(timeout=60)  # the pods of the old key are gone
    later = names(ns) - first
    log = "".join(file.read_text() for file in tmp_path.iterdir())
    log += "".join(ns("logs", pod) for pod in later)
    assert "FAILED" not in log, [line for line in log.splitlines() if "FAILED" in line][:5]
    assert f"wrote {new}" in log
    assert f"wrote {old}" in log


def test_two_buckets_have_names_of_their_own(store: str, ns: Kubectl) -> None:
    ns.apply(
        bucket(store, "data"),
        bucket(store, "media"),
        bound(bindings=[{"bucket": "data"}, {"bucket": "media", "access": "app", "prefix": "MEDIA_"}]),
    )
    ns.until("capp", "app", ready)
    names = ns("exec", "deploy/app", "--", "env")
    found = dict(line.split("=", 1) for line in names.splitlines() if "BUCKET_NAME=" in line)
    expected = {name: ns.get("bkt", name)["status"]["bucketName"] for name in ("data", "media")}
    assert found == {"BUCKET_NAME": expected["data"], "MEDIA_BUCKET_NAME": expected["media"]}
