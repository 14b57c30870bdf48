"""Names that KubeVirt, CDI and the local cluster's manifest share with the played nodes."""

from __future__ import annotations

RANGES = {"vm1": "10.245.1.0/24", "vm2": "10.245.2.0/24"}
"""The played nodes, and where their launchers' addresses come from: apart from those of real pods."""
NODES = tuple(RANGES)
OURS = "local.pileus.dev/vm-node"
"""Label and taint of the played nodes."""
DRIVER = "vm-disks.local.pileus.dev"
"""The provisioner of the class `vm-disks`."""
HANDLER_PORT = 8186
"""Where virt-api asks virt-handler; its parts are told so."""
IMPORTER_PORT = 8443
"""Where CDI reads an importer's progress; importer pods say so."""
KUBEVIRT = "kubevirt"
NODE_NAME = "kubevirt.io/nodeName"
CREATED_BY = "kubevirt.io/created-by"
HEARTBEAT = "kubevirt.io/heartbeat"
