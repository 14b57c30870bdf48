"""Leadership by a Lease, with fencing: who may write, and until when.

A replica leads while it has renewed the Lease within `RENEW_DEADLINE`; every write asks
`leading()`, which compares clocks that run on while the process is paused, so a replica that was
stopped and resumed does not write with yesterday's lease. The deadline counts from before the
renewal was sent. Others wait for the full lease duration as they observe it, on their own clock.
A replica that stops hands the Lease back, so its successor need not wait.

The official client's elector is not used: it does not survive a connection error, does not
release, and counts from after the answer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import time

from pileus.cluster.client import Client, path
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError

logger = logging.getLogger(__name__)

LEASE = ObjectKind("coordination.k8s.io", "v1", "Lease", "leases")
DURATION = 15
"""Seconds for which others respect a renewal."""
RENEW_DEADLINE = 10.0
"""Seconds after which a leader that could not renew stops writing."""
RETRY = 2.0


class Lease:
    """Competes for one Lease object under `identity`; `held` and `lost` are set in turn."""

    def __init__(self, client: Client, *, namespace: str, name: str, identity: str):
        self._client = client
        self._namespace = namespace
        self._name = name
        self.identity = identity
        self.held = asyncio.Event()
        self.lost = asyncio.Event()
        self._until = 0.0
        self._observed: tuple[str, str] = ("", "")
        self._observed_at = 0.0

    def leading(self) -> bool:
        """Whether this replica may write at this moment."""
        return _clock() < self._until

    async def run(self) -> None:
        """Compete until cancelled; then hand the Lease back."""
        try:
            while True:
                try:
                    await self._try()
                except ApiError as error:
                    logger.warning(
                        "The lease %s/%s could not be renewed: %s", self._namespace, self._name, error
                    )
                if self.leading() and not self.held.is_set():
                    logger.info("%s leads.", self.identity)
                    self.lost.clear()
                    self.held.set()
                elif not self.leading():
                    self._lapse()
                await asyncio.sleep(RETRY * random.uniform(0.9, 1.1))
        finally:
            held, self._until = self.leading(), 0.0
            self.held.clear()
            self.lost.set()
            if held:
                await asyncio.shield(self._release())

    async def _try(self) -> None:
        before = _clock()
        url = path(LEASE, self._namespace, self._name)
        try:
            lease = await self._client.request("get", url, timeout=RETRY * 2)
        except ApiError as error:
            if error.status != 404:
                raise
            body = self._lease({"metadata": {"name": self._name, "namespace": self._namespace}}, taken=True)
            await self._client.request(
                "create", path(LEASE, self._namespace), method="POST", body=body, timeout=RETRY * 2
            )
            self._renewed(before + RENEW_DEADLINE)
            return
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        seen = (holder, str(spec.get("renewTime", "")))
        if seen != self._observed:
            self._observed, self._observed_at = seen, before
        expired = before - self._observed_at > float(spec.get("leaseDurationSeconds") or DURATION)
        if holder not in ("", self.identity) and not expired:
            return
        body = self._lease(lease, taken=holder != self.identity)
        try:
            await self._client.request("update", url, method="PUT", body=body, timeout=RETRY * 2)
        except ApiError as error:
            if error.status == 409:
                return  # somebody else was quicker
            raise
        self._renewed(before + RENEW_DEADLINE)

    def _renewed(self, until: float) -> None:
        if not self.leading():
            self._lapse()  # it was answered late, and whoever tried to write in between has given up
        self._until = until

    def _lapse(self) -> None:
        if self.held.is_set():
            logger.warning("%s does not lead any more.", self.identity)
            self.held.clear()
            self.lost.set()

    def _lease(self, lease: Manifest, *, taken: bool) -> Manifest:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(lease.get("spec") or {})
        spec |= {"holderIdentity": self.identity, "leaseDurationSeconds": DURATION, "renewTime": now}
        if taken:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        return {**lease, "apiVersion": LEASE.api_version, "kind": LEASE.kind, "spec": spec}

    async def _release(self) -> None:
        url = path(LEASE, self._namespace, self._name)
        try:
            lease = await self._client.request("get", url, timeout=RETRY)
            if (lease.get("spec") or {}).get("holderIdentity") != self.identity:
                return
            lease["spec"]["holderIdentity"] = ""
            await self._client.request("update", url, method="PUT", body=lease, timeout=RETRY)
        except ApiError as error:
            logger.debug("The lease was not handed back: %s", error)


def _clock() -> float:
    # Runs on while the process is stopped and while the machine sleeps.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
