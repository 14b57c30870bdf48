"""The reasons that a FirewallPolicy gives beside the engine's own. They are API: never renamed."""

from __future__ import annotations

from enum import StrEnum


class PolicyReason(StrEnum):
    """Reasons of conditions, rules and warnings."""

    ACCEPTED = "Accepted"
    CAPABILITY_MISSING = "CapabilityMissing"
    PRESET_UNKNOWN = "PresetUnknown"
    ENFORCED = "Enforced"
    NOT_ENFORCED = "NotEnforced"
    VERIFYING = "Verifying"
    VERIFICATION_FAILED = "VerificationFailed"
    NOT_VERIFIED = "NotVerified"
    DRY_RUN = "DryRun"

    SELECTS_NOTHING = "SelectsNothing"
    NO_DNS_EGRESS = "NoDNSEgress"
    HOST_NETWORK_POD_SELECTED = "HostNetworkPodSelected"
    ALLOW_ISOLATES = "AllowIsolates"
    MASKED_SOURCE_IP = "MaskedSourceIP"
    SECONDARY_NETWORK = "SecondaryNetwork"
    VM_PENDING_RESTART = "VMPendingRestart"
    PEER_SELECTS_NOTHING = "PeerSelectsNothing"


USUAL = frozenset({PolicyReason.VERIFYING, PolicyReason.DRY_RUN})
