"""The ways to the stores: made from what administrators say, tried when that is due, closed when it changed.

A way to a store has its keys, its threads and its circuit (`gate`), and what the store can do as it was tried
last (`probe`). Whoever needs a store waits here until that is known.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from pileus.engine.backoff import backoff
from pileus.engine.ports import NotLeading
from pileus.objects.s3 import Engine, Feature, Source, StoreSeen, StoreWish, Trouble
from pileus.objectstores import probe
from pileus.objectstores.buckets import Store
from pileus.objectstores.connection import Address, Connection, Keys
from pileus.objectstores.errors import StoreError
from pileus.objectstores.gate import Count, Gate
from pileus.objectstores.users import users

PROBE = 3600.0
"""Seconds between two trials of what a store can do."""
DENIED_RETRY = 60.0
"""Seconds after which a store that denied its keys something is tried again; then twice as many."""

Read = Callable[[Source], Awaitable[Mapping[str, str]]]


@dataclass(slots=True)
class Site:
    """One store: the way to it, and when what it can do is tried again (a time on the loop's clock).

    first: of its name in this process. denials: trials in a row in which its keys were denied something.
    """

    wish: StoreWish
    store: Store
    gate: Gate
    first: bool
    due: float = 0.0
    denials: int = 0


class Sites:
    """The stores that there are, by the names of their ObjectStores.

    answers: called with the name of a store that was away, when it answers again.
    """

    def __init__(
        self,
        *,
        read: Read,
        leading: Callable[[], bool],
        count: Callable[[str], Count],
        answers: Callable[[str], None],
    ):
        self._read = read
        self._leading = leading
        self._count = count
        self._answers = answers
        self._sites: dict[str, Site] = {}
        self._arrived = asyncio.Event()

    def known(self, name: str) -> Site | None:
        """The store of this name, whether it was tried yet or not; None if nobody looked at it."""
        return self._sites.get(name)

    def close(self, name: str) -> None:
        """Nobody goes to this store any more."""
        if site := self._sites.pop(name, None):
            site.gate.close()

    def holds(self, wish: StoreWish) -> bool:
        """Whether it is the store that was visited last under its name: else nothing is known of it."""
        site = self._sites.get(wish.name)
        return site is not None and same(site.wish, wish)

    async def ready(self, name: str) -> Site:
        """The store, once it was tried what it can do."""
        while True:
            site = self._sites.get(name)
            if site is not None and site.store.features:
                return site
            await self._arrived.wait()

    async def visit(self, wish: StoreWish, before: StoreSeen) -> StoreSeen:
        """What a store is like: whether it answers, and if that is due, what it can do.

        before: what was seen last. Raises StoreError, ApiError if its keys cannot be read, NotLeading.
        """
        site = self._sites.get(wish.name)
        if site is None or site.wish != wish:
            site = await self._connect(wish, site)
            before = StoreSeen()
        now = asyncio.get_running_loop().time()
        await site.gate.call("health", probe.healthy, site.store, wish.owner)
        if site.first and before.features is None and wish.known is not None and wish.known.features:
            before = wish.known  # another process has tried it
            self._tried(site, now, wish.known.features, wish.known.denied)
        if before.features is None or now > site.due:
            if not self._leading():
                raise NotLeading
            server = await site.gate.call("probe", probe.server, site.store)
            found, denied = await site.gate.call("probe", probe.features, site.store, wish.owner)
            before = StoreSeen(server, features=found, denied=denied)
            self._tried(site, now, found, denied)
        if before.fault:
            self._answers(wish.name)
        return dataclasses.replace(before, fault=None)

    def _tried(self, site: Site, now: float, found: frozenset[Feature], denied: Collection[str]) -> None:
        """It is known what the store can do: whoever waits for that goes on.

        What its keys are denied they may be granted soon, or again, as after a rotation.
        """
        site.denials = site.denials + 1 if denied else 0
        site.due = now + (backoff(site.denials, first=DENIED_RETRY, longest=PROBE) if denied else PROBE)
        site.store = dataclasses.replace(site.store, features=found)
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def _connect(self, wish: StoreWish, old: Site | None) -> Site:
        given = await self._read(wish.credentials)
        try:
            token = given["GARAGE_ADMIN_TOKEN"] if wish.engine is Engine.GARAGE else ""
            keys = Keys(given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], token)
        except KeyError as error:
            source = wish.credentials
            raise StoreError(
                Trouble.DENIED, f"Secret {source.name!r} in {source.namespace!r} lacks {error.args[0]}"
            ) from None
        authority = (await self._read(wish.ca)).get("ca.crt", "") if wish.ca else ""
        address = Address(wish.endpoint, wish.users, wish.region, authority)
        gate = Gate(count=self._count(wish.name))
        # A thread outlives the task that is cancelled, and whoever comes next may lead, too.
        connection = Connection(address, keys, leading=lambda: self._leading() and not gate.closed)
        if old is not None:
            old.gate.close()
        features = old.store.features if old and same(old.wish, wish) else frozenset()
        store = Store(wish.engine, connection, users(wish.engine, connection), features)
        site = self._sites[wish.name] = Site(wish, store, gate, old is None)
        return site


def same(one: StoreWish, other: StoreWish) -> bool:
    """Whether both are about one and the same store."""
    return (one.engine, one.endpoint, one.users) == (other.engine, other.endpoint, other.users)
