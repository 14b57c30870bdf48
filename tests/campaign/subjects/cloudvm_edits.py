"""How each child of a CloudVM is broken by hand: a field that Pileus decides is changed."""

from __future__ import annotations

from pileus.engine.compare import digest
from pileus.engine.plan import Manifest

NAMED = {
    "DataVolume": "app-root",
    "Service": "app-ssh",
    "VirtualMachineSnapshot": "app-first",
    "VirtualMachineInstanceMigration": f"app-{digest('one')[:8]}",
}

EDITS: dict[str, Manifest] = {
    "VirtualMachine": {"spec": {"runStrategy": "Halted"}},  # as `virtctl stop` does
    "DataVolume": {"metadata": {"labels": {"pileus.dev/disk": "another"}}},  # the rest of it cannot change
    "Service": {"spec": {"selector": {"pileus.dev/name": "somebody-else"}}},
}

STRANGERS: dict[str, Manifest] = {
    "VirtualMachine": {
        "spec": {
            "runStrategy": "Halted",
            "template": {"spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}}},
        }
    },
    "DataVolume": {
        "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "2Gi"}}}}
    },
    "VirtualMachineSnapshot": {
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "app"}}
    },
    "VirtualMachineInstanceMigration": {"spec": {"vmiName": "app"}},
    "Service": {
        "spec": {"selector": {"app": "stranger"}, "ports": [{"name": "theirs", "port": 1234}]},
    },
}
"""Objects of the same kinds that somebody else made."""
