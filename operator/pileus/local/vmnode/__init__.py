"""Two nodes for virtual machines, only played: no hypervisor runs, no guest boots, disks hold nothing.

KubeVirt and CDI leave to a node what this does in its place: kubelet's part for launcher and importer
pods, virt-handler's for machines and migrations, a CSI driver's for volumes of the class `vm-disks`. All
else is theirs, so what users see of a machine's states comes from the real controllers. A guest's answers
are invented, and say so.

It is level-triggered like the operator: `world` keeps what watches bring, `life` asks every role for the
writes that are due, and a write that fails is due again. It can be told to misbehave (`orders`).
"""
