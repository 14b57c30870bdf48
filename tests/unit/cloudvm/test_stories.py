"""A machine's life, pass by pass: what is written, and what is said."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from pileus.engine.plan import Amendment, Call, ObjectRef, Removal
from pileus.engine.world import Reference, ReferenceState, Referent
from pileus.kinds.cloudvm import CLOUD_VM
from pileus.kinds.cloudvm.build import names
from pileus.objects import catalog
from pileus.objects.times import stamp
from tests.unit.cloudvm.vms import BARE, ROOT, Cluster, named, objects, vm

Spec = dict[str, Any]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def spec_of(cluster: Cluster) -> Spec:
    found: Spec = cluster.machine()["spec"]["template"]["spec"]
    return found


def volumes(cluster: Cluster) -> dict[str, str]:
    return {v["name"]: v["dataVolume"]["name"] for v in spec_of(cluster)["volumes"] if "dataVolume" in v}


def data_volumes(cluster: Cluster) -> set[str]:
    return {ref.name for ref in cluster.children if ref.kind == catalog.DATA_VOLUME.id}


def reasons(cluster: Cluster, resource: Any) -> list[str]:
    plan, verdict = cluster.compile(resource), cluster.judge(resource)
    return [str(finding.reason) for finding in (*plan.findings, *verdict.findings)]


def condition(cluster: Cluster, resource: Any, type_: str) -> Any:
    return next(c for c in cluster.judge(resource).conditions if c.type == type_)


def test_the_smallest_machine_is_two_objects(cluster: Cluster) -> None:
    plan = cluster.compile(vm())

    assert list(objects(plan)) == [("DataVolume", "db-root"), ("VirtualMachine", "db")]
    machine = objects(plan)["VirtualMachine", "db"]
    assert machine["spec"]["runStrategy"] == "Always"
    assert machine["spec"]["template"]["spec"]["domain"]["memory"] == {"guest": "2Gi"}


def test_a_second_pass_wants_the_same(cluster: Cluster) -> None:
    resource = vm()
    cluster.settle(resource)
    assert cluster.compile(resource).objects == cluster.compile(resource).objects
    before = cluster.compile(resource)
    cluster.apply(resource)
    assert cluster.compile(resource).objects == before.objects
    assert not cluster.judge(resource).findings


POWER = {
    "Running": ("Always", "Running"),
    "Stopped": ("Halted", "Stopped"),
}


@pytest.mark.parametrize("power", POWER)
def test_power_is_declared(cluster: Cluster, power: str) -> None:
    strategy, phase = POWER[power]
    resource = vm(power=power)
    cluster.settle(resource)
    assert cluster.machine()["spec"]["runStrategy"] == strategy
    assert cluster.judge(resource).fields["phase"] == phase
    assert not cluster.judge(resource).findings


def test_pausing_and_going_on(cluster: Cluster) -> None:
    cluster.settle(vm())
    (pause,) = cluster.compile(vm(power="Paused")).acts
    assert isinstance(pause, Call)
    assert pause.subresource == "pause"
    assert reasons(cluster, vm(power="Paused")) == ["PausedByUser"]

    cluster.tell("Paused", "True", reason="PausedByUser")
    assert not cluster.compile(vm(power="Paused")).acts
    assert not cluster.judge(vm(power="Paused")).findings
    (unpause,) = cluster.compile(vm()).acts
    assert isinstance(unpause, Call)
    assert unpause.subresource == "unpause"


def test_what_kubevirt_paused_stays_paused(cluster: Cluster) -> None:
    cluster.settle(vm())
    cluster.tell("Paused", "True", reason="PausedIOError", message="the disk is full")
    assert not cluster.compile(vm()).acts
    assert "the disk is full" in cluster.judge(vm()).findings[0].message


def test_a_new_token_restarts_once(cluster: Cluster) -> None:
    cluster.settle(vm())
    asked = vm(restart={"token": "1"})
    assert cluster.running is not None
    (act,) = cluster.apply(asked).acts
    assert isinstance(act, Removal)
    assert act.uid == "run-1"
    (act,) = cluster.apply(asked).acts
    assert isinstance(act, Removal)
    assert act.uid == "run-1", "a crash in between repeats what is still to be done"
    assert reasons(cluster, asked) == ["Restarting"]

    cluster.start()
    assert not cluster.apply(asked).acts, "what runs now is not meant"
    (act,) = cluster.apply(vm(restart={"token": "2"})).acts
    assert isinstance(act, Removal)
    assert act.uid == "run-2"


def test_a_token_of_a_new_machine_asks_for_nothing(cluster: Cluster) -> None:
    resource = vm(restart={"token": "1"}, migrate={"token": "1"})
    cluster.settle(resource)
    plan = cluster.compile(resource)
    assert not plan.acts
    assert ("VirtualMachineInstanceMigration") not in {kind for kind, _ in objects(plan)}


RESTARTS: dict[str, tuple[Spec, bool]] = {
    "by hand": ({"policy": "Manual"}, False),
    "at once": ({"policy": "Automatic"}, True),
    "in the window": ({"policy": "Window", "window": {"cron": "30 11 * * *", "lasts": "1h"}}, True),
    "before the window": ({"policy": "Window", "window": {"cron": "0 13 * * *", "lasts": "1h"}}, False),
}


@pytest.mark.parametrize("row", RESTARTS)
def test_a_change_that_needs_a_restart(cluster: Cluster, row: str) -> None:
    restart, expected = RESTARTS[row]
    cluster.settle(vm())
    changed = vm(cpu={"pinned": True}, restart=restart)
    cluster.apply(changed)
    said = condition(cluster, changed, "RestartRequired")
    assert said.status == "True", "found before KubeVirt says so"
    assert cluster.judge(changed).fields["restartRequired"] == ["cpu.pinned"]
    cluster.require_restart()
    acts = cluster.compile(changed).acts
    assert [act.uid for act in acts if isinstance(act, Removal)] == (["run-1"] if expected else [])
    if row == "before the window":
        assert cluster.compile(changed).recheck_after == pytest.approx(3590)


@pytest.mark.parametrize("phase", ["Pending", "Scheduling"])
def test_a_machine_that_has_not_begun_takes_in_what_is_mended(cluster: Cluster, phase: str) -> None:
    """No guest runs that could be disturbed, and what is mended may be what keeps it from running."""
    cluster.settle(vm(devices={"gpus": [{"name": "a", "class": "example.dev/nobodys"}]}))
    assert cluster.running is not None
    cluster.running["status"]["phase"] = phase
    mended = vm()
    cluster.apply(mended)
    cluster.require_restart()
    (act,) = cluster.compile(mended).acts
    assert isinstance(act, Removal)
    assert act.uid == "run-1"


@pytest.mark.parametrize(("made_for", "expected"), [("1", ["run-1"]), ("2", [])])
def test_a_machine_that_found_no_node_is_started_as_it_is_now(
    cluster: Cluster, made_for: str, expected: list[str]
) -> None:
    """KubeVirt takes a changed node selector in by itself, but for the pod that waits with the old one."""
    cluster.settle(vm(placement={"nodeSelector": {"disk": "golden"}}))
    assert cluster.running is not None
    cluster.running["status"]["phase"] = "Scheduling"
    cluster.running["metadata"]["annotations"]["kubevirt.io/vm-generation"] = made_for
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
    cluster.pods = ({"metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [refused]}},)
    mended = vm()
    cluster.apply(mended)
    cluster.machine()["metadata"]["generation"] = 2
    assert [act.uid for act in cluster.compile(mended).acts if isinstance(act, Removal)] == expected


def test_a_change_that_is_taken_back_restarts_nothing(cluster: Cluster) -> None:
    """KubeVirt says so until the next start all the same."""
    cluster.settle(vm(size={"cpu": 2, "memory": "2Gi"}))
    less = vm(size={"cpu": 1, "memory": "2Gi"}, restart={"policy": "Automatic"})
    cluster.apply(less)
    cluster.require_restart()
    back = vm(size={"cpu": 2, "memory": "2Gi"}, restart={"policy": "Automatic"})
    assert cluster.compile(less).acts
    cluster.apply(back)
    assert not cluster.compile(back).acts
    assert condition(cluster, back, "RestartRequired").status == "False"


def test_what_somebody_else_changed_is_told_in_kubevirts_words(cluster: Cluster) -> None:
    resource = vm()
    cluster.settle(resource)
    cluster.machine()["spec"]["template"]["spec"]["hostname"] = "theirs"
    cluster.require_restart("a non-live-updatable field was changed")
    told = condition(cluster, resource, "RestartRequired")
    assert (told.status, "a non-live-updatable field was changed" in told.message) == ("True", True)


def test_growing_while_it_runs_needs_no_restart(cluster: Cluster) -> None:
    cluster.settle(vm(size={"cpu": 2, "memory": "4Gi"}))
    bigger = vm(size={"cpu": 4, "memory": "8Gi"})
    cluster.apply(bigger)
    assert condition(cluster, bigger, "RestartRequired").status == "False"
    smaller = vm(size={"cpu": 1, "memory": "2Gi"})
    cluster.apply(smaller)
    assert cluster.judge(smaller).fields["restartRequired"] == ["size.cpu", "size.memory"]


def test_from_numbers_to_a_class_in_one_apply(cluster: Cluster) -> None:
    cluster.settle(vm(size={"cpu": 2, "memory": "4Gi"}))
    by_class = vm(size={"class": "u1.medium"})
    cluster.apply(by_class)
    assert "cpu" not in spec_of(cluster)["domain"]
    assert cluster.machine()["spec"]["instancetype"] == {
        "name": "u1.medium",
        "kind": "VirtualMachineClusterInstancetype",
    }
    assert condition(cluster, by_class, "RestartRequired").status == "False", "for KubeVirt to say"
    cluster.require_restart()
    assert cluster.judge(by_class).fields["restartRequired"] == ["size.class"]


UNKNOWN: dict[str, tuple[Spec, str, str]] = {
    "class": ({"size": {"class": "u9.huge"}}, "ClassNotFound", "u1.large, u1.medium"),
    "preference": ({"os": {"preference": "plan9"}}, "PreferenceNotFound", "fedora"),
    "storage class": ({"disks": [{**ROOT, "storageClass": "slow"}]}, "StorageClassNotFound", "fast"),
    "network": ({"networks": [{"name": "lan", "network": "lan-9"}]}, "NetworkNotFound", "lan-120"),
}


@pytest.mark.parametrize("row", UNKNOWN)
def test_an_unknown_name_is_told_with_what_there_is(cluster: Cluster, row: str) -> None:
    spec, reason, offered = UNKNOWN[row]
    plan = cluster.compile(vm({**BARE, **spec}))
    (finding,) = plan.findings
    assert finding.reason == reason
    assert finding.stalled
    assert offered in finding.message
    assert not plan.objects
    assert not plan.prune, "what runs is left as it is"


def test_a_namespaces_own_class_goes_first(cluster: Cluster) -> None:
    cluster.shared |= named(catalog.INSTANCETYPE, "u1.medium")
    cluster.apply(vm(size={"class": "u1.medium"}))
    assert cluster.machine()["spec"]["instancetype"]["kind"] == "VirtualMachineInstancetype"


def test_a_network_without_multus(cluster: Cluster) -> None:
    cluster.served -= {catalog.NETWORK_ATTACHMENT.id}
    (finding,) = cluster.compile(vm(networks=[{"name": "lan", "network": "lan-120"}])).findings
    assert finding.reason == "EngineMissing"
    assert "Multus" in finding.message


# disks

OTHER = {"registry": "quay.io/containerdisks/fedora:42"}


def test_a_changed_source_is_kept_and_told(cluster: Cluster) -> None:
    cluster.settle(vm())
    plan = cluster.apply(vm(disks=[{**ROOT, "source": OTHER}]))
    assert volumes(cluster) == {"root": "db-root"}
    (warning,) = plan.warnings
    assert warning.reason == "SourceChanged"
    assert "rebuild" in warning.message
    source = objects(plan)["DataVolume", "db-root"]["spec"]["source"]
    assert source["registry"]["url"].endswith(":41"), "a DataVolume is sent as it was made"


def test_a_changed_source_with_rebuild_is_a_new_disk_beside_the_old(cluster: Cluster) -> None:
    cluster.settle(vm())
    changed = vm(disks=[{**ROOT, "source": OTHER, "rebuild": "WhenSourceChanges", "retain": "Delete"}])
    cluster.apply(changed)
    (new,) = data_volumes(cluster) - {"db-root"}
    assert volumes(cluster) == {"root": "db-root"}, "nothing is lost before the new one is there"
    assert [disk["phase"] for disk in cluster.judge(changed).fields["disks"]] == ["Ready", "Pending"]

    cluster.fill()
    cluster.apply(changed)
    assert volumes(cluster) == {"root": new}
    assert "db-root" in data_volumes(cluster), "the running machine has it still"
    assert cluster.judge(changed).fields["restartRequired"] == ["disks[root]"]

    cluster.start()
    cluster.apply(changed)
    cluster.apply(changed)
    assert data_volumes(cluster) == {new}
    assert not cluster.compile(changed).warnings


@pytest.mark.parametrize("retain", ["Retain", "Delete"])
def test_a_source_that_is_corrected_needs_no_leave_where_nothing_was_filled(
    cluster: Cluster, retain: str
) -> None:
    cluster.apply(vm(disks=[{**ROOT, "retain": retain}]))
    wrong = cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", "db-root")]
    wrong["status"] = {"phase": "Failed"}
    assert reasons(cluster, vm())[0] == "DiskFailed"

    mended = vm(disks=[{**ROOT, "source": OTHER, "retain": retain}])
    plan = cluster.apply(mended)
    assert not plan.warnings
    (new,) = data_volumes(cluster) - {"db-root"}
    assert volumes(cluster) == {"root": new}
    assert reasons(cluster, mended)[0] == "DiskPending", "the old one is not spoken of any more"
    gone = [act.uid for act in plan.acts if isinstance(act, Removal)]
    assert gone == ([wrong["metadata"]["uid"]] if retain == "Retain" else []), "one that is owned is pruned"
    assert cluster.settle(mended).warnings == ()
    assert volumes(cluster) == {"root": new}


def test_what_somebody_else_put_our_labels_on_is_not_given_up(cluster: Cluster) -> None:
    cluster.apply(vm())
    ref = ObjectRef(catalog.DATA_VOLUME.id, "acme", "db-root")
    stranger = copy.deepcopy(cluster.children[ref])
    stranger["metadata"] |= {"name": "theirs", "uid": "theirs", "annotations": {}}
    cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", "theirs")] = stranger
    assert not cluster.compile(vm()).acts


@pytest.mark.parametrize("phase", ["Lost", "Running"])
def test_what_may_hold_something_is_kept(cluster: Cluster, phase: str) -> None:
    """A lost claim may be restored, and what runs has its disk whatever is said of the job."""
    cluster.settle(vm())
    cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", "db-root")]["status"]["phase"] = "Failed"
    if phase == "Lost":
        cluster.running = None
        cluster.claims["db-root"]["status"]["phase"] = "Lost"
    plan = cluster.compile(vm(disks=[{**ROOT, "source": OTHER}]))
    assert [warning.reason for warning in plan.warnings] == ["SourceChanged"]
    assert not plan.acts


def test_a_disk_grows_by_its_claim(cluster: Cluster) -> None:
    cluster.settle(vm())
    cluster.claims["db-root"]["spec"]["resources"]["requests"]["storage"] = "21474836480"
    bigger = vm(disks=[{**ROOT, "size": "40Gi"}])
    (act,) = cluster.apply(bigger).acts
    assert isinstance(act, Amendment)
    assert act.manifest["spec"]["resources"]["requests"]["storage"] == "40Gi"
    data_volume = objects(cluster.compile(bigger))["DataVolume", "db-root"]
    assert data_volume["spec"]["storage"]["resources"]["requests"]["storage"] == "20Gi"


def test_a_claim_with_a_file_system_grows_in_proportion(cluster: Cluster) -> None:
    cluster.settle(vm())
    cluster.claims["db-root"]["spec"]["resources"]["requests"]["storage"] = "22Gi"
    (act,) = cluster.compile(vm(disks=[{**ROOT, "size": "40Gi"}])).acts
    assert isinstance(act, Amendment)
    assert act.manifest["spec"]["resources"]["requests"]["storage"] == "44Gi"
    cluster.claims["db-root"]["spec"]["resources"]["requests"]["storage"] = "44Gi"
    cluster.claims["db-root"]["metadata"]["annotations"] = act.manifest["metadata"]["annotations"]
    plan = cluster.compile(vm(disks=[{**ROOT, "size": "40Gi"}]))
    assert not plan.acts
    assert not plan.findings
    (finding,) = cluster.compile(vm(disks=[{**ROOT, "size": "30Gi"}])).findings
    assert finding.reason == "DiskShrink"


def test_a_class_that_cannot_expand_is_told_and_can_be_left(cluster: Cluster) -> None:
    cluster.shared |= named(catalog.STORAGE_CLASS, "fast")
    cluster.settle(vm())
    (finding,) = cluster.compile(vm(disks=[{**ROOT, "size": "40Gi"}])).findings
    assert finding.reason == "DiskNotExpandable"
    assert not cluster.compile(vm()).findings, "the way back is open"


def test_what_is_kept_has_no_owner(cluster: Cluster) -> None:
    cluster.settle(vm(disks=[ROOT, {**ROOT, "name": "tmp", "retain": "Delete"}]))
    kept = cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", "db-root")]
    gone = cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", "db-tmp")]
    assert "ownerReferences" not in kept["metadata"]
    assert "ownerReferences" in gone["metadata"]


def test_a_disk_that_comes_while_it_runs_is_hot(cluster: Cluster) -> None:
    cluster.settle(vm())
    more = vm(disks=[ROOT, {"name": "data", "size": "1Gi", "source": {"blank": True}}])
    cluster.apply(more)
    volume = next(v for v in spec_of(cluster)["volumes"] if v["name"] == "data")
    assert volume["dataVolume"] == {"name": "db-data", "hotpluggable": True}
    assert condition(cluster, more, "RestartRequired").status == "False"
    cluster.apply(more)
    assert next(v for v in spec_of(cluster)["volumes"] if v["name"] == "data") == volume, "and stays so"
    cluster.apply(vm())
    assert volumes(cluster) == {"root": "db-root"}


def test_a_copy_is_of_the_disk_that_the_neighbour_has_by_now(cluster: Cluster) -> None:
    copy = vm(disks=[{**ROOT, "source": {"disk": {"vm": "web", "disk": "root"}}}])
    ref = ObjectRef(catalog.VIRTUAL_MACHINE.id, "acme", "web")
    assert CLOUD_VM.looks_at(copy) == (ref,)
    source = objects(cluster.compile(copy))["DataVolume", "db-root"]["spec"]["source"]
    assert source["pvc"] == {"name": "web-root", "namespace": "acme"}

    volumes = [{"name": "root", "dataVolume": {"name": "web-root-1a2b3c4d"}}]
    cluster.named = {ref: {"spec": {"template": {"spec": {"volumes": volumes}}}}}
    source = objects(cluster.compile(copy))["DataVolume", "db-root"]["spec"]["source"]
    assert source["pvc"]["name"] == "web-root-1a2b3c4d"

    cluster.settle(copy)
    cluster.named = {}
    assert not cluster.compile(copy).warnings, "what the neighbour does later is no new source"


def test_a_copy_of_a_disk_in_use_says_what_it_waits_for(cluster: Cluster) -> None:
    copy = vm(disks=[{**ROOT, "source": {"disk": {"vm": "web", "disk": "root"}}}])
    ref = ObjectRef(catalog.VIRTUAL_MACHINE.id, "acme", "web")
    cluster.named = {ref: {"status": {"created": True}}}
    cluster.apply(copy)
    live = next(live for found, live in cluster.children.items() if found.kind == catalog.DATA_VOLUME.id)
    live["status"] = {"phase": "CSICloneInProgress", "progress": "N/A"}
    told = cluster.judge(copy).findings[0]
    assert (told.reason, "once CloudVM 'web' is stopped" in told.message) == ("DiskPending", True)
    cluster.named = {ref: {"status": {"created": False}}}
    assert cluster.judge(copy).findings[0].reason == "DiskFilling"


@pytest.mark.parametrize(
    ("source", "original", "field"),
    [
        ({"volume": "golden"}, "PersistentVolumeClaim 'golden'", "source.volume"),
        ({"snapshot": "golden-1"}, "VolumeSnapshot 'golden-1'", "source.snapshot"),
        ({"disk": {"vm": "web", "disk": "root"}}, "disk 'root' of CloudVM 'web'", "source.disk"),
    ],
)
def test_a_copy_of_nothing_names_what_is_missing(
    cluster: Cluster, source: Spec, original: str, field: str
) -> None:
    copy = vm(disks=[{**ROOT, "source": source}])
    cluster.apply(copy)
    live = next(live for found, live in cluster.children.items() if found.kind == catalog.DATA_VOLUME.id)
    live["status"] = {"conditions": [{"type": "Ready", "status": "False", "reason": "CloneWithoutSource"}]}
    told = cluster.judge(copy).findings[0]
    assert (told.reason, told.stalled) == ("SourceNotFound", True)
    assert original in told.message
    assert field in told.message


PHASES: dict[str, tuple[Spec, str, str, bool]] = {
    "filling": ({"phase": "ImportInProgress", "progress": "37.2%"}, "DiskFilling", "30% of it", False),
    "failing": (
        {
            "phase": "ImportInProgress",
            "restartCount": 4,
            "conditions": [
                {"type": "Running", "status": "False", "reason": "Error", "message": "404 Not Found"}
            ],
        },
        "DiskFailed",
        "404 Not Found",
        False,
    ),
    "failed": ({"phase": "Failed"}, "DiskFailed", "Correct its source", True),
    "waiting": ({"phase": "Pending"}, "DiskPending", "no volume yet", False),
}


@pytest.mark.parametrize("row", PHASES)
def test_why_a_disk_is_not_there(cluster: Cluster, row: str) -> None:
    status, reason, words, stalled = PHASES[row]
    cluster.apply(vm())
    cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", "db-root")]["status"] = status
    finding = cluster.judge(vm()).findings[0]
    assert finding.reason == reason
    assert words in finding.message
    assert finding.stalled is stalled
    assert condition(cluster, vm(), "DisksReady").reason == reason


# networks, access


def test_macs_are_the_machines_own_and_stay(cluster: Cluster) -> None:
    cluster.settle(vm(networks=[{"name": "default"}, {"name": "lan", "network": "lan-120"}]))
    first, second = spec_of(cluster)["domain"]["devices"]["interfaces"]
    assert first["macAddress"] != second["macAddress"]
    assert first["macAddress"].startswith("02:")
    assert second["bridge"] == {}


def test_an_interface_that_goes_is_shown_as_absent_first(cluster: Cluster) -> None:
    cluster.settle(vm(networks=[{"name": "default"}, {"name": "lan", "network": "lan-120"}]))
    less = vm(networks=[{"name": "default"}])
    cluster.apply(less)
    assert [i.get("state") for i in spec_of(cluster)["domain"]["devices"]["interfaces"]] == [None, "absent"]
    assert condition(cluster, less, "RestartRequired").status == "False"
    assert cluster.running is not None
    del cluster.running["spec"]["domain"]["devices"]["interfaces"][1]
    cluster.apply(less)
    assert [i["name"] for i in spec_of(cluster)["networks"]] == ["default"]


def test_secrets_go_by_name_only(cluster: Cluster) -> None:
    access = {"sshSecret": {"secret": "keys"}, "userData": {"secret": "init"}, "sysprep": {"secret": "win"}}
    cluster.apply(vm(access=access))
    found = {v["name"]: v for v in spec_of(cluster)["volumes"]}
    assert found[names.CLOUD_INIT]["cloudInitNoCloud"] == {"secretRef": {"name": "init"}}
    assert found[names.ANSWERS]["sysprep"] == {"secret": {"name": "win"}}
    (credential,) = spec_of(cluster)["accessCredentials"]
    assert credential["sshPublicKey"]["source"] == {"secret": {"secretName": "keys"}}


def test_a_secret_that_is_not_there_is_told(cluster: Cluster) -> None:
    resource = vm(access={"userData": {"secret": "init"}})
    cluster.references = {Reference("Secret", "init"): Referent(ReferenceState.MISSING)}
    (finding,) = cluster.compile(resource).findings
    assert finding.reason == "ReferenceMissing"
    assert "access.userData" in finding.message


# migration


def test_a_new_token_moves_it_once(cluster: Cluster) -> None:
    cluster.settle(vm())
    asked = vm(migrate={"token": "1"})
    plan = cluster.apply(asked)
    (name,) = [name for kind, name in objects(plan) if kind == "VirtualMachineInstanceMigration"]
    ref = ObjectRef(catalog.MIGRATION.id, "acme", name)
    assert cluster.judge(asked).fields["migration"]["phase"] == "Running"
    cluster.children[ref]["status"] = {"phase": "Succeeded", "migrationState": {"targetNode": "node-2"}}
    cluster.apply(asked)
    assert cluster.judge(asked).fields["migration"] == {
        "token": "1",
        "phase": "Succeeded",
        "source": "",
        "target": "node-2",
        "reason": "",
    }
    del cluster.children[ref]  # KubeVirt tidies up
    plan = cluster.apply(asked)
    assert "VirtualMachineInstanceMigration" not in {kind for kind, _ in objects(plan)}


def test_a_failed_migration_is_told(cluster: Cluster) -> None:
    cluster.settle(vm())
    asked = vm(migrate={"token": "1"})
    cluster.apply(asked)
    (ref,) = [ref for ref in cluster.children if ref.kind == catalog.MIGRATION.id]
    cluster.children[ref]["status"] = {
        "phase": "Failed",
        "migrationState": {"failureReason": "no target node"},
    }
    assert cluster.judge(asked).fields["migration"]["reason"] == "no target node"
    assert not cluster.judge(asked).findings, "it runs on where it is"


def test_what_became_of_another_token_is_not_told(cluster: Cluster) -> None:
    cluster.settle(vm())
    cluster.apply(vm(migrate={"token": "1"}))
    (ref,) = [ref for ref in cluster.children if ref.kind == catalog.MIGRATION.id]
    cluster.children[ref]["status"] = {"phase": "Failed"}
    assert "migration" not in cluster.judge(vm(migrate={"token": "2"})).fields


def test_a_silent_node_is_told(cluster: Cluster) -> None:
    cluster.settle(vm())
    cluster.shared |= named(
        catalog.NODE, "node-1", status={"conditions": [{"type": "Ready", "status": "Unknown"}]}
    )
    verdict = cluster.judge(vm())
    assert verdict.fields["phase"] == "Unreachable"
    assert verdict.findings[0].reason == "Unreachable"
    assert "out-of-service" in verdict.findings[0].message


# snapshots

DAILY: Spec = {"snapshots": {"schedules": [{"cron": "0 3 * * *", "keep": 2}]}}


def taken(cluster: Cluster) -> list[str]:
    return sorted(ref.name for ref in cluster.children if ref.kind == catalog.VIRTUAL_MACHINE_SNAPSHOT.id)


def succeed(cluster: Cluster) -> None:
    for ref, live in cluster.children.items():
        if ref.kind == catalog.VIRTUAL_MACHINE_SNAPSHOT.id:
            live["status"] = {
                "phase": "Succeeded",
                "readyToUse": True,
                "creationTime": live["metadata"]["creationTimestamp"],
                "snapshotVolumes": {"includedVolumes": ["root"]},
            }


def test_snapshots_by_schedule_with_retention(cluster: Cluster) -> None:
    resource = vm(**DAILY)
    cluster.settle(resource)
    assert taken(cluster) == [], "what was due before the schedule was there is not made up for"
    assert cluster.compile(resource).recheck_after == 3600.0
    for _ in range(4):
        cluster.now += dt.timedelta(days=1)
        cluster.settle(resource)
        succeed(cluster)
        cluster.settle(resource)
    assert taken(cluster) == ["db-auto-202601050300", "db-auto-202601060300"]
    assert [entry["name"] for entry in cluster.judge(resource).fields["snapshots"]] == [
        "db-auto-202601060300",
        "db-auto-202601050300",
    ]


def test_an_old_snapshot_goes_only_when_the_next_can_be_used(cluster: Cluster) -> None:
    resource = vm(snapshots={"schedules": [{"cron": "0 3 * * *", "keep": 1}]})
    cluster.settle(resource)
    good, failing, last = (f"db-auto-2026010{day}0300" for day in (3, 4, 5))
    cluster.now += dt.timedelta(days=1)
    cluster.settle(resource)
    succeed(cluster)
    cluster.now += dt.timedelta(days=1)
    cluster.settle(resource)
    assert taken(cluster) == [good, failing], "the new one may yet fail"
    cluster.children[ObjectRef(catalog.VIRTUAL_MACHINE_SNAPSHOT.id, "acme", failing)]["status"] = {
        "phase": "Failed",
        "readyToUse": False,
    }
    cluster.settle(resource)
    assert taken(cluster) == [good, failing], "and it did"
    cluster.now += dt.timedelta(days=1)
    cluster.settle(resource)
    assert taken(cluster) == [good, last]
    succeed(cluster)
    cluster.settle(resource)
    assert taken(cluster) == [last]


def test_a_snapshot_without_any_disk_is_not_taken_for_restored(cluster: Cluster) -> None:
    cluster.settle(vm(snapshots={"take": "good"}))
    succeed(cluster)
    for ref, live in cluster.children.items():
        if ref.kind == catalog.VIRTUAL_MACHINE_SNAPSHOT.id:
            live["status"]["snapshotVolumes"] = {"excludedVolumes": ["root"]}
    (finding,) = cluster.compile(vm(snapshots={"restore": "db-good"})).findings
    assert (finding.reason, finding.stalled) == ("SnapshotFailed", True)
    assert "no disk" in finding.message


def test_a_snapshot_that_somebody_deleted_stays_deleted(cluster: Cluster) -> None:
    resource = vm(**DAILY)
    cluster.settle(resource)
    cluster.now += dt.timedelta(days=1)
    cluster.settle(resource)
    (name,) = taken(cluster)
    del cluster.children[ObjectRef(catalog.VIRTUAL_MACHINE_SNAPSHOT.id, "acme", name)]
    cluster.settle(resource)
    assert taken(cluster) == []


def test_a_snapshot_on_demand_is_taken_once_and_kept(cluster: Cluster) -> None:
    cluster.settle(vm())
    cluster.settle(vm(snapshots={"take": "before"}))
    cluster.settle(vm(snapshots={"take": "after"}))
    cluster.settle(vm())
    assert taken(cluster) == ["db-after", "db-before"]


def test_going_back_to_a_snapshot(cluster: Cluster) -> None:
    cluster.settle(vm(snapshots={"take": "good"}))
    succeed(cluster)
    back = vm(snapshots={"restore": "db-good"})
    cluster.apply(back)
    assert "MustBeStopped" in reasons(cluster, back)
    (new,) = data_volumes(cluster) - {"db-root"}
    cluster.fill()
    cluster.apply(back)
    assert volumes(cluster) == {"root": "db-root"}, "never under a running machine"

    stopped = vm(power="Stopped", snapshots={"restore": "db-good"})
    cluster.settle(stopped)
    assert volumes(cluster) == {"root": new}
    source = cluster.children[ObjectRef(catalog.DATA_VOLUME.id, "acme", new)]["spec"]["source"]
    assert source["snapshot"]["name"].endswith("-volume-root")
    cluster.settle(back)
    assert volumes(cluster) == {"root": new}
    assert not reasons(cluster, back)
    cluster.settle(vm())
    assert volumes(cluster) == {"root": new}, "the wish may go, what was restored stays"


def test_going_back_may_stop_the_machine_if_told(cluster: Cluster) -> None:
    cluster.settle(vm(snapshots={"take": "good"}))
    succeed(cluster)
    back = vm(snapshots={"restore": "db-good", "stopToRestore": True})
    cluster.apply(back)
    assert cluster.machine()["spec"]["runStrategy"] == "Always", "it runs until the disks are there"
    cluster.fill()
    cluster.apply(back)
    assert cluster.machine()["spec"]["runStrategy"] == "Halted"
    cluster.settle(back)
    assert cluster.machine()["spec"]["runStrategy"] == "Always"
    assert volumes(cluster)["root"] != "db-root"


def test_an_unknown_snapshot_is_told(cluster: Cluster) -> None:
    cluster.settle(vm())
    (finding,) = cluster.compile(vm(snapshots={"restore": "never"})).findings
    assert finding.reason == "SnapshotNotFound"


def test_a_schedule_that_cannot_be_is_told(cluster: Cluster) -> None:
    (finding,) = cluster.compile(vm(snapshots={"schedules": [{"cron": "0 3 31 2 *", "keep": 1}]})).findings
    assert finding.reason == "InvalidSchedule"
    assert stamp(cluster.now)


REFUSED = {
    "FailedCreate: GPU nvidia.com/B200 is not permitted in permittedHostDevices configuration": (
        "DeviceNotPermitted",
        "have it permitted in KubeVirt's configuration",
    ),
    'failed to create pod: pods "virt-launcher-db-x7" is forbidden: violates PodSecurity "restricted"': (
        "PodSecurityViolation",
        "a namespace of level baseline",
    ),
    'failed to create pod: pods "virt-launcher-db-x7" is forbidden: exceeded quota: few': (
        "QuotaExceeded",
        "Ask for less with size",
    ),
    "something else": ("GuestFailed", "something else"),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_kubevirt_cannot_start_is_told_with_a_remedy(cluster: Cluster, said: str) -> None:
    reason, words = REFUSED[said]
    resource = vm()
    cluster.settle(resource)
    assert cluster.running is not None
    cluster.running["status"]["phase"] = "Pending"
    cluster.tell("Synchronized", "False", reason="FailedCreate", message=said)
    (told,) = cluster.judge(resource).findings
    assert (told.reason, words in told.message) == (reason, True)
    assert "virt-launcher-db-x7" not in told.message, "the pod's name is another one each time"


def test_a_machine_that_has_just_started_may_take_its_time(cluster: Cluster) -> None:
    resource = vm()
    cluster.settle(resource)
    cluster.tell("Ready", "False", reason="GuestNotRunning", message="Guest VM is not reported as running")
    assert cluster.running is not None
    cluster.running["status"]["conditions"][-1]["lastTransitionTime"] = stamp(cluster.now)
    verdict = cluster.judge(resource)
    assert ([str(f.reason) for f in verdict.findings], verdict.recheck_after) == (["Starting"], 30)
    cluster.now += dt.timedelta(seconds=31)
    (told,) = cluster.judge(resource).findings
    assert (told.reason, "not reported as running" in told.message) == ("GuestFailed", True)
