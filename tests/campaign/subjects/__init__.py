"""The kinds of the campaign, one module each."""

from tests.campaign.subjects.cloudvm import CLOUD_VM
from tests.campaign.subjects.containerapp import CONTAINER_APP

SUBJECTS = (CONTAINER_APP, CLOUD_VM)
