"""What a ContainerApp's status shows beside the fields that every kind has.

Only what a user cares for, and nothing that changes by itself: every change is a write.
"""

from __future__ import annotations

from pydantic import Field

from pileus.crds.types import Model


class Replicas(Model):
    """Replicas of the version in service."""

    ready: int = Field(default=0, description="Replicas that are ready.")
    desired: int = Field(default=0, description="Replicas that should be.")
    summary: str = Field(default="", max_length=24, description="Both, as ready/desired.")


class Revision(Model):
    """A version of the app that can be gone back to with spec.rollbackTo."""

    revision: int = Field(description="Number of the revision.")
    image: str = Field(default="", max_length=512, description="Image of the revision.")
    created: str = Field(default="", max_length=40, description="When it was made.")
    active: bool = Field(default=False, description="Whether it is the version in service.")


class RolloutStatus(Model):
    """A BlueGreen or Canary rollout that is under way."""

    strategy: str = Field(default="", max_length=16, description="BlueGreen or Canary.")
    step: int = Field(
        default=0, description="Step of the canary that is reached, from 1; 0 before the first."
    )
    weight: int = Field(default=0, description="Percent of the requests that the new version gets.")


class BindingStatus(Model):
    """A binding with which the pods run."""

    bucket: str = Field(max_length=253, description="Name of the Bucket.")
    access: str = Field(default="", max_length=63, description="Name of the consumer.")
    key_id: str = Field(default="", max_length=128, description="Id of the key that all pods have.")


class ContainerAppStatus(Model):
    """What was found; written by the operator only."""

    url: str | None = Field(
        default=None, max_length=1024, description="Where the app is reached from outside."
    )
    internal_url: str | None = Field(
        default=None, max_length=1024, description="Where the app is reached in the cluster."
    )
    replicas: Replicas | None = Field(default=None, description="Replicas of the version in service.")
    revision: int | None = Field(default=None, description="Revision in service, or being rolled out.")
    revisions: tuple[Revision, ...] = Field(
        default=(), max_length=16, description="Revisions that spec.rollbackTo can name, newest first."
    )
    bindings: tuple[BindingStatus, ...] = Field(
        default=(), max_length=16, description="The bindings with which all pods run."
    )
    rollout: RolloutStatus | None = Field(
        default=None, description="The BlueGreen or Canary rollout under way."
    )
