"""The reasons that a ContainerApp gives beside the engine's own. They are API: never renamed."""

from __future__ import annotations

from enum import StrEnum


class AppReason(StrEnum):
    """Reasons of conditions and warnings; docs/concepts/containerapp.md says what each means.

    Those of pods are in `pileus.objects.podcauses`.
    """

    # conditions that do not apply, or do
    NOT_REQUESTED = "NotRequested"
    EXPOSED = "Exposed"
    SCALING = "Scaling"
    # refusals: stalled until the spec changes
    VOLUME_SHRINK = "VolumeShrink"
    VOLUME_FIXED = "VolumeFixed"
    REVISION_NOT_FOUND = "RevisionNotFound"
    BINDING_MISSING = "BindingMissing"
    BINDING_UNKNOWN = "BindingUnknown"
    BINDING_PENDING = "BindingPending"
    GATEWAY_LACKS_FEATURE = "GatewayLacksFeature"
    # making the pods
    DEADLINE = "ProgressDeadlineExceeded"
    # what the pods need
    REFERENCE_MISSING = "ReferenceMissing"
    VOLUME_PENDING = "VolumePending"
    VOLUME_LOST = "VolumeLost"
    # the way in
    ROUTE_PENDING = "RoutePending"
    ROUTE_REFUSED = "RouteRefused"
    GATEWAY_MISSING = "GatewayMissing"
    ADDRESS_PENDING = "AddressPending"
    CERTIFICATE_PENDING = "CertificatePending"
    CERTIFICATE_FAILED = "CertificateFailed"
    # scaling
    SCALING_PENDING = "ScalingPending"
    SCALING_INACTIVE = "ScalingInactive"
    # warnings
    REFERENCES_NOT_FOLLOWED = "ReferencesNotFollowed"
    RATE_LIMIT_DROPPED = "RateLimitDropped"
    METRICS_NOT_READ = "MetricsNotRead"
    ROLLED_BACK = "RolledBack"
