"""The kinds that users write, one folder each. Kinds never import each other."""

from pileus.engine.kind import Kind
from pileus.kinds.bucket import BUCKET
from pileus.kinds.cloudvm import CLOUD_VM
from pileus.kinds.containerapp import CONTAINER_APP
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.kinds.objectstore import OBJECT_STORE

KINDS: tuple[Kind, ...] = (CONTAINER_APP, CLOUD_VM, BUCKET, OBJECT_STORE, FIREWALL_POLICY)
"""Every kind of this release, in the order in which pages and charts list them."""

__all__ = ["KINDS"]
