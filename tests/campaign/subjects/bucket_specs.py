"""Specs of Buckets that the campaign plays with."""

from __future__ import annotations

from typing import Any

from tests.campaign.subject import Spec

VERSITY, CEPH = "versitygw", "ceph"


def bucket(store: str = VERSITY, **more: Any) -> Spec:
    """A bucket that goes with its resource."""
    return {"store": store, "deletionPolicy": "Delete", **more}


def access(name: str = "main", **more: Any) -> Spec:
    """A consumer whose old keys end at once when a new one is there."""
    return {"name": name, "overlap": "1s", **more}


RULES: Spec = {
    "quota": {"size": "1Gi", "objects": 100},
    "lifecycle": [{"prefix": "tmp/", "expireAfter": "7d"}, {"abortUploadsAfter": "3d"}],
    "cors": [{"origins": ["https://acme.dev"], "methods": ["GET"]}],
}
"""What Ceph has and versitygw has not."""
