"""What administrators write in an ObjectStore: where it is, by which keys, and who may have buckets there.

The URLs in here are dialled by the operator itself, which is why the kind is the cluster's and not a
tenant's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pileus.crds.markers import Rule, validations
from pileus.crds.types import Model, ObjectName

URL_PATTERN = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*)?$"
Url = Annotated[str, Field(pattern=URL_PATTERN, min_length=8, max_length=512)]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
LabelValue = Annotated[str, Field(max_length=63)]


class Credentials(Model):
    """The keys by which the operator makes buckets and users."""

    secret: ObjectName = Field(
        description=(
            "Name of a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for Garage also "
            "GARAGE_ADMIN_TOKEN."
        )
    )
    namespace: Namespace = Field(
        default="pileus-system",
        description="Namespace of the Secret. Any other than the operator's needs a RoleBinding.",
    )


class Authority(Model):
    """Who signed the store's certificate; exactly one of configMap and secret."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule("has(self.configMap) != has(self.secret)", "Give exactly one of configMap and secret.")
        )
    )

    config_map: ObjectName | None = Field(default=None, description="Name of a ConfigMap.")
    secret: ObjectName | None = Field(default=None, description="Name of a Secret.")
    namespace: Namespace = Field(default="pileus-system", description="Its namespace.")


class Selector(Model):
    """Namespaces by their labels; without any, all."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=16)] = Field(
        default={}, description="Labels that the namespace has, all of them."
    )


class Allowed(Model):
    """Who may have buckets on the store."""

    namespace_selector: Selector = Field(
        default=Selector(), description="The namespaces whose Buckets may use the store; {} means all."
    )


class Adoption(Model):
    """Buckets that were there before, and who may take them over."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9.*-]+$", min_length=1, max_length=63)] = Field(
        description="Name of a bucket; `*` stands for any letters."
    )
    namespace: Annotated[
        str, Field(pattern=r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$", min_length=1, max_length=63)
    ] = Field(description="Namespace whose Buckets may take it over with adopt: true; `*` means any.")


class ObjectStoreSpec(Model):
    """A store, as its administrator declares it."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            Rule(
                "!self.endpoint.contains('.amazonaws.com') || self.endpoint.startsWith('https://')",
                "AWS is reached by https only.",
                field_path=".endpoint",
            ),
            Rule(
                "self.engine != 'Garage' || has(self.usersEndpoint)",
                "Garage's admin API has a port of its own: give usersEndpoint.",
                field_path=".usersEndpoint",
            ),
        )
    )

    engine: Literal["AWS", "Versity", "Ceph", "MinIO", "Garage"] = Field(
        description=(
            "How its users are managed: by the IAM API (AWS, Versity), by Ceph's Admin Ops API, or by the "
            "admin API of MinIO or Garage. The keys need the rights for that."
        )
    )
    endpoint: Url = Field(description="Where S3 is spoken, for the operator and for apps.")
    users_endpoint: Url | None = Field(
        default=None,
        description=(
            "Where users are managed. Absent: the endpoint; with engine AWS https://iam.amazonaws.com. For "
            "Garage it is required."
        ),
    )
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$", min_length=1, max_length=32)] = Field(
        default="us-east-1", description="The region that requests are signed for."
    )
    credentials: Credentials = Field(description="The keys by which the operator makes buckets and users.")
    ca: Authority | None = Field(
        default=None,
        description="Who signed its certificate, in ca.crt. Absent: one whom the operator's image trusts.",
    )
    allow: Allowed = Field(
        default=Allowed(), description="Who may have buckets here. Absent: every namespace."
    )
    default: bool = Field(default=False, description="Whether Buckets that name no store get this one.")
    adopt: tuple[Adoption, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="Existing buckets that Buckets may take over. Without an entry none can be.",
    )


class ObjectStoreStatus(Model):
    """What was found; written by the operator only."""

    server: str | None = Field(default=None, max_length=64, description="What the store calls itself.")
    features: tuple[str, ...] = Field(
        default=(), max_length=32, description="What it can do, found out by trying it."
    )
    lacks: tuple[str, ...] = Field(
        default=(), max_length=32, description="What it cannot do; Buckets that ask for it are refused."
    )
    buckets: int = Field(default=0, description="How many Buckets it has; counted every minute.")
