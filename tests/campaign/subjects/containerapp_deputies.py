"""x"""

from tests.campaign.subject import Deputy

DEPUTIES: tuple[Deputy, ...] = ()
