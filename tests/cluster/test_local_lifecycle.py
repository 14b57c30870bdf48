"""`pileus local up` and `down`: whatever happens in between, the machine is left as it was found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.local import ClusterError, LocalCluster, host, launch, plan, status
from pileus.local.plan import Profile
from pileus.local.report import Silent
from tests.cluster.traces import eventually, members, process_namespace, traces

pytestmark = pytest.mark.cluster
COMMAND = [sys.executable, "-m", "pileus", "local"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": "operator"}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[LocalCluster]:
    """A cluster of etcd and API server, not yet up."""
    cluster = LocalCluster(tmp_path / "small", profile="apiserver")
    yield cluster
    cluster.down()


def answers(cluster: LocalCluster) -> bool:
    argv = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", "get", "--raw=/readyz"]
    return subprocess.run(argv, capture_output=True, check=False).stdout == b"ok"


def start_up(cluster: LocalCluster, profile: str) -> subprocess.Popen[str]:
    argv = [*COMMAND, "up", f"--dir={cluster.layout.root}", f"--profile={profile}"]
    return subprocess.Popen(argv, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kill_up_when_it_has_started(cluster: LocalCluster, profile: str) -> None:
    running = start_up(cluster, profile)
    assert eventually(lambda: cluster.progress()["parts"]), running.communicate()
    running.send_signal(signal.SIGKILL)
    running.communicate()


def test_small_cluster_comes_answers_and_goes(small: LocalCluster) -> None:
    before = traces(small.layout)
    assert small.up().running()
    assert answers(small)
    assert {part.name: part.state for part in status.read(small).parts} == {
        "etcd": "ready",
        "kube-apiserver": "ready",
    }
    first = launch.find(small.layout)
    small.up()
    assert launch.find(small.layout) == first, "a second up changes nothing"
    assert small.down()
    assert traces(small.layout) == before
    assert not small.down(), "down again finds nothing, and that is no error"


def test_down_cleans_up_after_up_was_killed(small: LocalCluster) -> None:
    before = traces(small.layout)
    kill_up_when_it_has_started(small, "apiserver")
    assert traces(small.layout) != before, "a cluster goes on when up has died"
    assert small.down()
    assert traces(small.layout) == before


def test_up_continues_where_a_killed_up_stopped(small: LocalCluster) -> None:
    kill_up_when_it_has_started(small, "apiserver")
    first = launch.find(small.layout)
    assert small.up().running()
    assert launch.find(small.layout) == first
    assert answers(small)


def test_parts_that_end_start_again(small: LocalCluster) -> None:
    small.up()
    for name in ("etcd", "kube-apiserver"):
        part = next(part for part in status.read(small).parts if part.name == name)
        assert part.pid is not None
        os.kill(part.pid, signal.SIGKILL)

        def restarted(name: str = name) -> bool:
            now = {part.name: part for part in status.read(small).parts}[name]
            return now.restarts == 1 and now.state == "ready"

        assert eventually(restarted), f"{name} was not started again"
        assert "it starts again" in (small.layout.logs / f"{name}.log").read_text()
    assert eventually(lambda: answers(small))


def test_nothing_outlives_the_first_process(small: LocalCluster) -> None:
    small.up()
    found = launch.find(small.layout)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    assert eventually(lambda: not traces(small.layout)["processes"])
    assert status.read(small).state == "ended"
    assert small.up().running(), "up starts anew"
    assert answers(small)


def test_two_ups_at_once_make_one_cluster(small: LocalCluster) -> None:
    both = [start_up(small, "apiserver") for _ in range(2)]
    ends = [(running.communicate()[1], running.returncode) for running in both]
    assert [code for _, code in ends] == [0, 0], ends
    assert sum("is already running" in said for said, _ in ends) == 1
    assert len([p for p in traces(small.layout)["processes"] if "first.py" in p]) == 1


def test_whole_cluster_leaves_nothing_even_when_up_was_killed(tmp_path: Path) -> None:
    if host.lacks(Silent()):
        pytest.skip("Pods cannot run on this machine.")
    cluster = LocalCluster(tmp_path / "whole")
    before = traces(cluster.layout)
    try:
        kill_up_when_it_has_started(cluster, "node")
        assert cluster.up().running()
        found = launch.find(cluster.layout)
        assert found is not None
        namespace = process_namespace(found.pid)
        assert len(members(namespace)) > 10, "parts, shims and pods"
        assert cluster.down()
        assert traces(cluster.layout) == before
        # What was started from outside is reaped by its parent out there, a moment later.
        assert eventually(lambda: not members(namespace)), "pods and their shims end too"
    finally:
        cluster.down()


def test_a_part_that_cannot_work_is_shown_with_its_log(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path / "broken", profile="apiserver")
    before = traces(cluster.layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan.controlplane, "SERVICE_RANGE", "10.96.0.0/33")
        with pytest.raises(ClusterError) as raised:
            cluster.up()
    said = str(raised.value)
    assert "kube-apiserver ended" in said
    assert str(cluster.layout.logs / "kube-apiserver.log") in said
    assert "is not a valid cidr" in said, "the log's last lines name the cause"
    assert (cluster.layout.logs / "kube-apiserver.log").exists(), "logs stay until down"
    cluster.down()
    assert traces(cluster.layout) == before


@pytest.mark.parametrize(
    ("asked", "lacking", "profile", "says", "why"),
    [
        (None, [], Profile.NODE, "", "everything is there"),
        (None, ["root"], Profile.CONTROL_PLANE, "simulated by kwok", "it says what is not real"),
        (Profile.APISERVER, ["root"], Profile.APISERVER, "", "asked for, and needs nothing"),
        (Profile.CONTROL_PLANE, ["bridges"], Profile.CONTROL_PLANE, "", "asked for, so no surprise"),
    ],
)
def test_profile_follows_the_machine(
    asked: Profile | None, lacking: list[str], profile: Profile, says: str, why: str
) -> None:
    chosen, said = plan.choose(asked, lambda: lacking)
    assert chosen == profile, why
    assert says in said, why


def test_node_where_it_cannot_run_is_refused_by_name() -> None:
    with pytest.raises(host.HostError, match="for want of bridges"):
        plan.choose(Profile.NODE, lambda: ["bridges"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["up", "--with=nonsense"], "There is no add-on nonsense"),
        (["up", "--kind", "--existing"], "exclude each other"),
        (["exec", "--", "true"], "does not run"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, options: list[str], words: str) -> None:
    argv = [*COMMAND, options[0], f"--dir={tmp_path}", *options[1:]]
    done = subprocess.run(argv, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
