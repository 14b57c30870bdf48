"""CloudVM: a virtual machine with its disks, networks and snapshots, through KubeVirt and CDI."""

from pydantic import BaseModel

from pileus.engine.kind import Kind, PrinterColumn
from pileus.engine.world import Reference
from pileus.kinds.cloudvm.build.disks import neighbours
from pileus.kinds.cloudvm.build.references import wanted
from pileus.kinds.cloudvm.compile import compile_vm
from pileus.kinds.cloudvm.gauges import GAUGES
from pileus.kinds.cloudvm.judge import judge_vm
from pileus.kinds.cloudvm.model import ROOT_RULES, CloudVMSpec
from pileus.kinds.cloudvm.reasons import USUAL
from pileus.kinds.cloudvm.status import CloudVMStatus
from pileus.objects import catalog


def _references(spec: BaseModel) -> tuple[Reference, ...]:
    return wanted(spec) if isinstance(spec, CloudVMSpec) else ()


CLOUD_VM = Kind(
    name="CloudVM",
    plural="cloudvms",
    singular="cloudvm",
    short_names=("cvm",),
    description="A virtual machine: it runs, keeps its disks, grows, moves and is brought back.",
    spec=CloudVMSpec,
    status=CloudVMStatus,
    root_rules=ROOT_RULES,
    columns=(
        PrinterColumn("Phase", "string", ".status.phase", "What it does."),
        PrinterColumn("Size", "string", ".status.size", "Class, or processors and memory."),
        PrinterColumn("Address", "string", ".status.addresses[0].ip", "Its first address."),
        PrinterColumn("Node", "string", ".status.node", "Node on which it runs."),
        PrinterColumn("OS", "string", ".status.guest.os", "What the guest agent tells.", priority=1),
        PrinterColumn(
            "Restart", "string", ".status.restartRequired", "Fields that need a restart.", priority=1
        ),
    ),
    children=(
        catalog.DATA_VOLUME,
        catalog.VIRTUAL_MACHINE,
        catalog.SERVICE,
        catalog.MIGRATION,
        catalog.VIRTUAL_MACHINE_SNAPSHOT,
    ),
    related=(catalog.VIRTUAL_MACHINE_INSTANCE, catalog.POD, catalog.PERSISTENT_VOLUME_CLAIM),
    shared=(
        catalog.CLUSTER_INSTANCETYPE,
        catalog.INSTANCETYPE,
        catalog.CLUSTER_PREFERENCE,
        catalog.PREFERENCE,
        catalog.STORAGE_CLASS,
        catalog.NETWORK_ATTACHMENT,
        catalog.NODE,
    ),
    removes=(catalog.VIRTUAL_MACHINE_INSTANCE,),
    amends=(catalog.PERSISTENT_VOLUME_CLAIM,),
    calls=(
        (catalog.VIRTUAL_MACHINE_INSTANCE_CALLS, "pause"),
        (catalog.VIRTUAL_MACHINE_INSTANCE_CALLS, "unpause"),
    ),
    permanent=frozenset({catalog.VIRTUAL_MACHINE.id}),
    references=_references,
    gauges=GAUGES,
    usual=USUAL,
    looks_at=neighbours,
    compile=compile_vm,
    judge=judge_vm,
)

__all__ = ["CLOUD_VM"]
