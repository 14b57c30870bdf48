"""KubeVirt's and CDI's own controllers and webhooks in the local cluster, on nodes that are played.

No guest boots, so nothing here is about guests: it is about what users and operators see of machines and
disks, and that the played nodes misbehave on request. What `tests/e2e/vms` sees through the operator is not
looked at twice.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.local import ClusterError, LocalCluster, host, images, launch, plan, status
from pileus.local.payload.volume_resizer import size
from pileus.local.report import Silent
from pileus.local.vmnode.names import HANDLER_PORT, NODES
from tests.cluster.machines import (
    asked,
    call,
    condition,
    disk,
    machine,
    migrate,
    restore,
    running,
    said,
    snapshot,
    stopped,
)
from tests.cluster.traces import eventually, traces
from tests.e2e.kubectl import Kubectl, RefusedError
from tests.vmnode import VmNode

pytestmark = pytest.mark.cluster
_SUPERVISED = ("virt-api", "virt-controller", "cdi", "snapshot-controller", "vm-node")


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A control plane to which KubeVirt was added while it ran."""
    directory = tmp_path_factory.mktemp("virtual") / "cluster"
    plain = LocalCluster(directory, profile="control-plane")
    before = traces(plain.layout)
    try:
        plain.up()
        yield LocalCluster(directory, with_=["kubevirt"]).up()
    finally:
        plain.down()
    assert traces(plain.layout) == before, "down leaves nothing of KubeVirt either"


@pytest.fixture(scope="module")
def admin(virtual: LocalCluster) -> Kubectl:
    return Kubectl(virtual.kubectl, virtual.kubeconfig)


@pytest.fixture
def kubectl(admin: Kubectl) -> Iterator[Kubectl]:
    """kubectl for a namespace of the test's own."""
    name = f"vms-{os.urandom(3).hex()}"
    admin("create", "namespace", name)
    yield admin.within(name)
    admin.delete("namespace", name)


@pytest.fixture
def agent(kubectl: Kubectl) -> Iterator[VmNode]:
    agent = VmNode(kubectl)
    yield agent
    agent.find()


@pytest.fixture
def vm(kubectl: Kubectl) -> Kubectl:
    """kubectl for a namespace in which the machine `vm` runs from the disk `root`."""
    kubectl.apply(disk("root"), machine("vm", volumes=("root",)))
    kubectl.until("vm", "vm", running)
    return kubectl


def test_its_parts_work_and_a_second_up_changes_nothing(virtual: LocalCluster) -> None:
    parts = {part.name: part.state for part in status.read(virtual).parts}
    assert {name: parts[name] for name in _SUPERVISED} == dict.fromkeys(_SUPERVISED, "ready")
    first, spec = launch.find(virtual.layout), virtual.layout.spec.read_text()
    assert LocalCluster(virtual.layout.root, with_=["kubevirt"]).up().running()
    assert (launch.find(virtual.layout), virtual.layout.spec.read_text()) == (first, spec)


def test_it_is_refused_where_no_controllers_run(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="in profile apiserver"):
        LocalCluster(tmp_path / "small", profile="apiserver", with_=["kubevirt"]).up()


def test_instance_types_and_preferences_are_kubevirts_own(admin: Kubectl) -> None:
    medium = admin.get("virtualmachineclusterinstancetype", "u1.medium")
    assert (medium["spec"]["cpu"]["guest"], medium["spec"]["memory"]["guest"]) == (1, "4Gi")
    assert admin.exists("virtualmachineclusterpreference", "fedora")


@pytest.mark.parametrize(
    ("wrong", "words", "why"),
    [
        (machine("vm", disks=("nowhere",)), "disks[0].Name 'nowhere' not found", "a disk needs a volume"),
        (
            {**disk("root"), "spec": {**disk("root")["spec"], "source": {}}},
            "Missing Data volume source",
            "a DataVolume comes from somewhere",
        ),
        (
            {**disk("root", {"http": {"url": "nonsense://x"}})},
            "Invalid source URL scheme",
            "CDI knows how to read what it is to read",
        ),
    ],
)
def test_webhooks_refuse(kubectl: Kubectl, wrong: dict[str, object], words: str, why: str) -> None:
    with pytest.raises(RefusedError) as refused:
        kubectl("create", "-f", "-", "--dry-run=server", given=json.dumps(wrong))
    assert words in str(refused.value), why


def test_an_import_shows_its_progress_and_the_machine_waits_for_it(kubectl: Kubectl, agent: VmNode) -> None:
    agent.hold_import("root", 42)
    kubectl.apply(disk("root"), machine("vm", volumes=("root",)))
    seen = kubectl.until("dv", "root", lambda dv: said(dv, "progress").startswith("42"))
    assert seen["status"]["phase"] in ("ImportScheduled", "ImportInProgress")
    kubectl.until("dv", "root", lambda dv: said(dv, "phase") == "ImportInProgress")
    kubectl.until("vm", "vm", lambda vm: said(vm, "printableStatus") == "Provisioning")
    assert kubectl.get("pvc", "root")["status"]["phase"] == "Pending", "it is bound when it is full"

    agent.finish_import("root")
    done = kubectl.until("dv", "root", lambda dv: said(dv, "phase") == "Succeeded")
    assert done["status"]["progress"] == "100.0%"
    kubectl.until("vm", "vm", running)
    assert kubectl.get("pvc", "root")["status"]["phase"] == "Bound"
    instance = kubectl.get("vmi", "vm")
    for kind in ("Ready", "LiveMigratable", "AgentConnected", "DataVolumesReady"):
        assert condition(instance, kind)["status"] == "True", kind
    assert instance["status"]["nodeName"] in NODES


def test_wrong_content_fails_for_good(kubectl: Kubectl, agent: VmNode) -> None:
    agent.fail_import("root", "checksum mismatch: expected sha256:aa, got sha256:bb")
    kubectl.apply(disk("root"))
    failed = kubectl.until("dv", "root", lambda dv: said(dv, "phase") == "Failed")
    assert condition(failed, "Running")["reason"] == "ChecksumError"


def test_blank_cloned_and_grown_disks(kubectl: Kubectl) -> None:
    kubectl.apply(disk("empty", {"blank": {}}))
    kubectl.until("dv", "empty", lambda dv: said(dv, "phase") == "Succeeded")
    copied = {"pvc": {"namespace": kubectl.namespace, "name": "empty"}}
    kubectl.apply(disk("copy", copied))
    kubectl.until("dv", "copy", lambda dv: said(dv, "phase") == "Succeeded")
    kubectl.edit("pvc", "copy", {"spec": {"resources": {"requests": {"storage": "3Gi"}}}})
    kubectl.until("pvc", "copy", lambda pvc: said(pvc, "capacity") == {"storage": "3Gi"})


def test_deleting_a_machine_takes_its_pods_along(vm: Kubectl) -> None:
    vm("delete", "vm", "vm", "--timeout=60s")
    vm.gone("vmi", "vm")
    assert not [name for name in vm.names("pods") if "launcher" in name]


def test_the_guests_answers_say_that_there_is_none(vm: Kubectl) -> None:
    assert asked(vm, "vm", "guestosinfo")["os"]["name"] == "No guest"


def test_a_machine_migrates_there_and_back_and_there_again(vm: Kubectl) -> None:
    for _ in range(3):
        name = migrate(vm, "vm")
        vm.until("vmim", name, lambda found: said(found, "phase") == "Succeeded")
    vm.until("vm", "vm", running)
    alive = [pod for pod in vm.list("pods") if pod["status"]["phase"] == "Running"]
    assert [pod["spec"]["nodeName"] for pod in alive] == [vm.get("vmi", "vm")["status"]["nodeName"]]


def test_a_snapshot_of_a_running_machine_and_a_disk_made_from_it(vm: Kubectl) -> None:
    vm.apply(snapshot("before", "vm"))
    taken = vm.until("vmsnapshot", "before", lambda found: said(found, "phase") == "Succeeded")
    assert (taken["status"]["readyToUse"], condition(taken, "Ready")["status"]) == (True, "True")
    assert taken["status"]["snapshotVolumes"]["includedVolumes"] == ["root"]
    of_the_disk = f"vmsnapshot-{taken['metadata']['uid']}-volume-root"
    made = vm.get("volumesnapshot", of_the_disk)
    assert (made["status"]["readyToUse"], made["status"]["restoreSize"]) == (True, "1Gi")
    vm.until("vm", "vm", lambda found: not said(found, "snapshotInProgress"))

    source = {"snapshot": {"namespace": vm.namespace, "name": of_the_disk}}
    vm.apply(disk("again", source), disk("larger", source, size="2Gi"))
    for name, room in (("again", "1Gi"), ("larger", "2Gi")):
        vm.until("dv", name, lambda dv: said(dv, "phase") == "Succeeded")
        vm.until("pvc", name, lambda pvc, room=room: size(said(pvc, "capacity")["storage"]) == size(room))

    content = made["status"]["boundVolumeSnapshotContentName"]
    vm("delete", "vmsnapshot", "before", "--timeout=60s")
    vm.gone("volumesnapshot", of_the_disk)
    vm.gone("volumesnapshotcontent", content)


def test_a_snapshot_fails_on_request_and_says_why(vm: Kubectl, agent: VmNode) -> None:
    agent.fail_snapshot("root", "The array is full.")
    vm.apply(snapshot("before", "vm", failureDeadline="10s"))
    told = vm.until("vmsnapshot", "before", lambda found: "The array is full." in _error(found))
    assert not said(told, "readyToUse")
    vm.until("vmsnapshot", "before", lambda found: said(found, "phase") == "Failed")
    agent.finish_snapshot("root")
    vm.apply(snapshot("after", "vm"))
    vm.until("vmsnapshot", "after", lambda found: said(found, "phase") == "Succeeded")


def test_a_snapshot_that_is_held_goes_on_when_it_may(vm: Kubectl, agent: VmNode) -> None:
    agent.hold_snapshot("root")
    vm.apply(snapshot("before", "vm"))
    vm.until("vm", "vm", lambda found: said(found, "snapshotInProgress") == "before")
    held = vm.until("vmsnapshot", "before", lambda found: said(found, "virtualMachineSnapshotContentName"))
    assert (held["status"]["phase"], held["status"]["readyToUse"]) == ("InProgress", False)
    agent.finish_snapshot("root")
    vm.until("vmsnapshot", "before", lambda found: said(found, "phase") == "Succeeded")


def test_a_machine_is_restored_from_its_snapshot(vm: Kubectl) -> None:
    vm.apply(snapshot("before", "vm"))
    taken = vm.until("vmsnapshot", "before", lambda found: said(found, "readyToUse"))
    assert taken["status"]["snapshotVolumes"]["includedVolumes"] == ["root"]
    vm.edit("vm", "vm", {"spec": {"runStrategy": "Halted"}})
    vm.until("vm", "vm", stopped)
    vm.apply(restore("back", of="before", to="vm"))
    vm.until("vmrestore", "back", lambda found: said(found, "complete"))
    (volume,) = vm.get("vm", "vm")["spec"]["template"]["spec"]["volumes"]
    restored = volume["persistentVolumeClaim"]["claimName"]
    assert vm.get("pvc", restored)["spec"]["dataSourceRef"]["kind"] == "VolumeSnapshot"
    vm.edit("vm", "vm", {"spec": {"runStrategy": "Always"}})
    vm.until("vm", "vm", running)


def test_a_drained_node_s_machine_moves(vm: Kubectl) -> None:
    strategy = {"evictionStrategy": "LiveMigrate"}
    vm.edit("vm", "vm", {"spec": {"runStrategy": "Halted", "template": {"spec": strategy}}})
    vm.until("vm", "vm", stopped)
    vm.edit("vm", "vm", {"spec": {"runStrategy": "Always"}})
    vm.until("vm", "vm", running)
    before = vm.get("vmi", "vm")["status"]["nodeName"]
    launcher = next(pod["metadata"]["name"] for pod in vm.list("pods") if said(pod, "phase") == "Running")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": launcher}}
    path = f"/api/v1/namespaces/{vm.namespace}/pods/{launcher}/eviction"
    with pytest.raises(RefusedError, match="evacuation"):
        vm("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
    vm.until("vmi", "vm", lambda found: found["status"]["nodeName"] != before)
    vm.until("vm", "vm", running)


def test_a_guest_without_an_agent(vm: Kubectl) -> None:
    VmNode(vm).without_agent("vm")
    vm.until("vmi", "vm", lambda found: condition(found, "AgentConnected") == {})


def test_ordinary_pods_do_not_come_to_the_played_nodes(kubectl: Kubectl) -> None:
    container = {"name": "main", "image": "example.invalid/none"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "plain"},
        "spec": {"containers": [container]},
    }
    kubectl.apply(pod)
    refused = kubectl.until("pod", "plain", lambda found: condition(found, "PodScheduled"))
    assert "untolerated taint" in condition(refused, "PodScheduled")["message"]


def test_only_virt_api_may_call_the_played_handler(admin: Kubectl) -> None:
    address = admin.within("kubevirt").get("pod", f"virt-handler-{NODES[0]}")["status"]["podIP"]
    unnamed = ssl.create_default_context()
    unnamed.check_hostname, unnamed.verify_mode = False, ssl.CERT_NONE
    url = f"https://{address}:{HANDLER_PORT}/v1/namespaces/default/virtualmachineinstances/vm/pause"
    with pytest.raises(OSError, match=r"closed connection|certificate required"):
        urllib.request.urlopen(urllib.request.Request(url, method="PUT"), context=unnamed, timeout=10)


def test_beside_a_real_node_and_beside_another_cluster(virtual: LocalCluster, tmp_path: Path) -> None:
    if host.lacks(Silent()):
        pytest.skip("Pods cannot run on this machine.")
    cluster = LocalCluster(tmp_path / "real", profile="node", with_=["kubevirt"])
    container = {"name": "main", "image": images.ref("pause"), "imagePullPolicy": "Never"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "real"},
        "spec": {"containers": [container]},
    }
    try:
        cluster.up()
        kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
        kubectl.apply(pod, disk("root"), machine("vm", volumes=("root",)))
        assert (
            kubectl.until("vmi", "vm", lambda vmi: said(vmi, "phase") == "Running")["status"]["nodeName"]
            in NODES
        )
        real = kubectl.until("pod", "real", lambda found: said(found, "phase") == "Running")
        assert real["spec"]["nodeName"] == plan.NODE
        call(kubectl, "vm", "pause")
        kubectl.until("vm", "vm", lambda found: said(found, "printableStatus") == "Paused")
        assert virtual.running()
    finally:
        cluster.down()


def test_parts_that_end_start_again(virtual: LocalCluster, vm: Kubectl) -> None:
    parts = {part.name: part for part in status.read(virtual).parts}
    for name in _SUPERVISED:
        pid = parts[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        now = {part.name: part for part in status.read(virtual).parts}
        return all(now[n].state == "ready" and now[n].restarts > parts[n].restarts for n in _SUPERVISED)

    assert eventually(again), status.read(virtual)
    vm.apply(disk("other"), machine("other", volumes=("other",)))
    vm.until("vm", "other", running)


def _error(found: dict[str, object]) -> str:
    return str((said(found, "error") or {}).get("message", ""))
