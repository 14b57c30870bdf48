"""The kinds of the campaign, one module each."""

from tests.campaign.subjects.bucket import BUCKET
from tests.campaign.subjects.cloudvm import CLOUD_VM
from tests.campaign.subjects.containerapp import CONTAINER_APP
from tests.campaign.subjects.firewallpolicy import FIREWALL_POLICY
from tests.campaign.subjects.objectstore import OBJECT_STORE

SUBJECTS = (CONTAINER_APP, CLOUD_VM, BUCKET, OBJECT_STORE, FIREWALL_POLICY)
