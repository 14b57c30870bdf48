"""Real S3 engines beside the local cluster: how they come and go, and traps that their clients meet.

What they do with buckets and users is in tests/e2e/buckets.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pileus.local import ClusterError, LocalCluster, host, images, launch, status
from pileus.local.report import Silent
from pileus.local.s3.parts import FORWARDER
from pileus.local.s3.stores import Store
from tests.cluster import pods, s3
from tests.cluster.traces import eventually, traces
from tests.e2e.kubectl import Kubectl

pytestmark = pytest.mark.cluster
ENGINES = ("versitygw", "ceph")
PARTS = {"versitygw": ("versitygw-iam", "versitygw"), "ceph": ("ceph-mon", "ceph-osd", "ceph-rgw")}
SUPERVISED = [part for parts in PARTS.values() for part in parts]


@pytest.fixture(scope="module")
def storing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """An API server to which object stores were added while it ran."""
    directory = tmp_path_factory.mktemp("storing") / "cluster"
    plain = LocalCluster(directory, profile="apiserver")
    before = traces(plain.layout)
    try:
        plain.up()
        yield LocalCluster(directory, with_=["s3"]).up()
    finally:
        plain.down()
    assert traces(plain.layout) == before, "down leaves nothing of the engines either"


@pytest.fixture(scope="module")
def kubectl(storing: LocalCluster) -> Kubectl:
    return Kubectl(storing.kubectl, storing.kubeconfig)


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, storing: LocalCluster) -> Store:
    return storing.stores[request.param]


def test_its_parts_work_and_a_second_up_changes_nothing(storing: LocalCluster) -> None:
    parts = {part.name: part.state for part in status.read(storing).parts}
    assert {name: parts[name] for name in SUPERVISED} == dict.fromkeys(SUPERVISED, "ready")
    layout = storing.layout
    before = launch.find(layout), layout.spec.read_text(), layout.stores.read_text()
    assert LocalCluster(layout.root, with_=["s3"]).up().running()
    assert (launch.find(layout), layout.spec.read_text(), layout.stores.read_text()) == before


def test_it_is_refused_in_a_cluster_that_somebody_else_runs(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="in profile existing"):
        LocalCluster(tmp_path / "theirs", profile="existing", with_=["s3"]).up()


def test_status_says_where_they_are_and_not_their_keys(storing: LocalCluster) -> None:
    argv = [sys.executable, "-m", "pileus", "local", "status", "--dir", str(storing.layout.root)]
    for options in ((), ("--json",)):
        environment = {**os.environ, "PYTHONPATH": "operator", "COLUMNS": "200"}
        done = subprocess.run([*argv, *options], capture_output=True, text=True, check=True, env=environment)
        for store in storing.stores.values():
            for word in (store.endpoint, store.users, f"pileus-system/s3-{store.engine}"):
                assert word in done.stdout
            assert store.secret_key not in done.stdout


def test_secrets_configure_a_client_by_themselves(store: Store, kubectl: Kubectl, tmp_path: Path) -> None:
    given = s3.environment(kubectl, store.engine)
    authority = tmp_path / "ca.crt"
    authority.write_text(given.pop("ca.crt", ""))
    program = (
        "import boto3; s3 = boto3.client('s3'); s3.create_bucket(Bucket='by-environment');"
        "s3.put_object(Bucket='by-environment', Key='a', Body=b'hello');"
        "print(s3.get_object(Bucket='by-environment', Key='a')['Body'].read(),"
        "boto3.client('iam').list_access_keys is not None)"
    )
    trust = {"AWS_CA_BUNDLE": str(authority)} if store.ca else {}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**given, **trust}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "b'hello' True", done.stderr


def test_what_a_user_writes_into_ceph_belongs_to_it_not_to_the_buckets_owner(storing: LocalCluster) -> None:
    store = storing.stores["ceph"]
    bucket = s3.scratch(store)
    s3.s3(store, s3.user(store, f"user-{bucket}", bucket)).put_object(Bucket=bucket, Key="a", Body=b"theirs")
    ours = s3.s3(store)
    with pytest.raises(ClientError) as refused:
        ours.get_object(Bucket=bucket, Key="a")
    assert s3.refusal(refused.value) == "AccessDenied"
    everything = s3.policy(bucket, principal={"AWS": ["arn:aws:iam:::user/root"]})
    ours.put_bucket_policy(Bucket=bucket, Policy=everything)
    assert ours.get_object(Bucket=bucket, Key="a")["Body"].read() == b"theirs"


def test_ceph_refuses_what_newer_sdks_send_over_tls(storing: LocalCluster) -> None:
    store = storing.stores["ceph"]
    client = s3.s3(store, checksums="when_supported")
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=s3.scratch(store), Key="a", Body=b"one")
    assert s3.refusal(refused.value) == "MissingContentLength"


@pytest.mark.parametrize(
    ("engine", "killed", "why"),
    [
        ("versitygw", ("versitygw-iam",), "users are asked for with each call"),
        ("versitygw", PARTS["versitygw"], "all of them at once"),
        ("ceph", ("ceph-osd",), "the gateway waits for it"),
        ("ceph", PARTS["ceph"], "all of them at once"),
    ],
)
def test_a_killed_engine_comes_back_with_its_data(
    storing: LocalCluster, engine: str, killed: tuple[str, ...], why: str
) -> None:
    store = storing.stores[engine]
    bucket, body = s3.scratch(store), os.urandom(2**20)
    keys = s3.user(store, f"user-{bucket}", bucket)
    s3.s3(store, keys).put_object(Bucket=bucket, Key="a", Body=body)
    before = {part.name: part for part in status.read(storing).parts}
    for name in killed:
        pid = before[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        now = {part.name: part for part in status.read(storing).parts}
        return all(now[n].state == "ready" and now[n].restarts > before[n].restarts for n in killed)

    assert eventually(again), status.read(storing)
    assert eventually(lambda: _answers(store), seconds=120), why
    assert s3.s3(store, keys).get_object(Bucket=bucket, Key="a")["Body"].read() == body
    s3.s3(store, keys).put_object(Bucket=bucket, Key="b", Body=b"and goes on")


def test_up_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path / "killed", profile="apiserver", with_=["s3"])
    argv = [sys.executable, "-m", "pileus", "local", "up", "--profile=apiserver", "--with=s3"]
    environment = {**os.environ, "PYTHONPATH": "operator"}
    try:
        with subprocess.Popen([*argv, f"--dir={cluster.layout.root}"], env=environment) as killed:
            assert eventually(lambda: "ceph-osd" in cluster.progress()["parts"])
            killed.kill()
        assert not cluster.running()
        before = cluster.layout.stores.read_text()
        cluster.up()
        assert cluster.layout.stores.read_text() == before, "who has read the keys keeps them"
        for store in cluster.stores.values():
            s3.scratch(store)
    finally:
        cluster.down()


def test_pods_and_the_machine_reach_them_on_a_real_node(tmp_path: Path) -> None:
    if host.lacks(Silent()):
        pytest.skip("Pods cannot run on this machine.")
    cluster = LocalCluster(tmp_path / "real", profile="node", with_=["s3"])
    before = traces(cluster.layout)
    try:
        cluster.up()
        kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig, "pileus-system")
        cluster.import_image(images.ensure("tools"))
        for store in cluster.stores.values():
            assert store.endpoint != store.outside
            bucket = s3.scratch(store)
            kubectl.apply(_lists_buckets(store))
            phase = "{.status.phase}"
            kubectl("wait", f"--for=jsonpath={phase}=Succeeded", f"pod/{store.engine}", "--timeout=90s")
            assert bucket in kubectl("logs", store.engine)
        forwarder = next(part for part in status.read(cluster).parts if part.name == FORWARDER)
        assert forwarder.pid is not None
        os.kill(forwarder.pid, signal.SIGKILL)
        assert eventually(lambda: all(map(_answers, cluster.stores.values())))
    finally:
        cluster.down()
    assert traces(cluster.layout) == before


def _answers(store: Store) -> bool:
    try:
        s3.s3(store).list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True


def _lists_buckets(store: Store) -> pods.Manifest:
    """A pod that knows no more than the engine's Secret, and asks by a client that is not boto3."""
    name = f"s3-{store.engine}"
    trust = "--cacert /store/ca.crt" if store.ca else ""
    ask = (
        f"curl --fail --silent --show-error --max-time 20 {trust} --aws-sigv4 aws:amz:$AWS_REGION:s3 "
        '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
        "-H x-amz-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
        '"$AWS_ENDPOINT_URL_S3/"'
    )
    container = {
        "command": ["sh", "-c", ask],
        "envFrom": [{"secretRef": {"name": name}}],
        "volumeMounts": [{"name": "store", "mountPath": "/store", "readOnly": True}],
    }
    pod = pods.once(name=store.engine, namespace="pileus-system", image=images.ref("tools"), **container)
    pod["spec"]["volumes"] = [{"name": "store", "secret": {"secretName": name}}]
    return pod
