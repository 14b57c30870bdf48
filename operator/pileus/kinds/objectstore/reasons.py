"""The reasons that an ObjectStore gives beside the engine's own. They are API: never renamed."""

from __future__ import annotations

from enum import StrEnum


class StoreReason(StrEnum):
    """Reasons of conditions and warnings."""

    REACHABLE = "Reachable"
    CONNECTING = "Connecting"
    CREDENTIALS_MISSING = "CredentialsMissing"
    AUTHORITY_MISSING = "AuthorityMissing"


USUAL = frozenset({StoreReason.CONNECTING})
