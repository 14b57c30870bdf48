"""KubeVirt and CDI beside the API server: their real admission and controllers, without a hypervisor.

virt-api, virt-controller and CDI run as parts of the control plane, outside of pods, because there is no
registry to take their images from. What their operators would install comes from their own Go modules.
The nodes where virtual machines would run are played (`pileus.local.vmnode`): no guest boots there.

`certificates` and `parts` describe processes, `objects` what the API server must hold before and after.
"""

from __future__ import annotations

NAME = "kubevirt"
"""What `--with` calls it."""
