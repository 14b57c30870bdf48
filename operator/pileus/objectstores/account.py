"""What an engine counts and limits of a bucket."""

from __future__ import annotations

from dataclasses import dataclass

from pileus.objects.s3 import Quota, Usage


@dataclass(frozen=True, slots=True)
class Account:
    """By the engine's own count. usage: None while it has not counted yet."""

    quota: Quota
    usage: Usage | None
