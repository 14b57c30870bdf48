"""All stores and everything on them, in the background: implements `pileus.engine.ports.Outside`.

A pass says what is wished for and reads what was seen last; it never waits for a store. What is wished for is
looked at once, done if anything is to be done, looked at again after that, and then left alone until the wish
changes, a resync is due, or somebody asks. When anything else is seen than before, the resource gets a pass.

Before anything is done the resource and what the wish was made from are read anew, for the caches may be of
the past: what is gone must not be made again, nor what is needed taken away. The lease is checked, too.
Secrets of keys live in memory only, from the moment that a key is made until its Secret is written.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from pileus.engine.backoff import backoff
from pileus.engine.ports import ApiError, NotLeading
from pileus.objects.catalog import OBJECT_STORE
from pileus.objects.s3 import (
    BucketWish,
    Farewell,
    Fault,
    Identity,
    Parting,
    Seen,
    StoreSeen,
    StoreWish,
    Trouble,
)
from pileus.objectstores import buckets
from pileus.objectstores.connection import Keys
from pileus.objectstores.errors import StoreError
from pileus.objectstores.gate import Count
from pileus.objectstores.replication import keys_of
from pileus.objectstores.sites import Read, Site, Sites, same

logger = logging.getLogger(__name__)

RESYNC = 900.0
"""Seconds after which a bucket is looked at though nothing happened."""
HEARTBEAT = 15.0
"""Seconds between two calls that show whether a store answers."""
FIRST_RETRY, LONGEST_RETRY = 1.0, 120.0
REFUSED_RETRY = 60.0
"""Seconds after which what a store refused is tried again; then twice as many, up to a resync's."""

Key = tuple[str, str, str]
Wish = BucketWish | Farewell | StoreWish
Result = Seen | Parting | StoreSeen
Confirm = Callable[[], Awaitable[bool]]

_RESULTS: Mapping[type, type] = {BucketWish: Seen, Farewell: Parting, StoreWish: StoreSeen}


@dataclass(slots=True)
class _Subject:
    """One resource: what it wishes for, and what was seen of it."""

    uid: str
    wish: Wish
    confirm: Confirm
    asked: str = ""
    seen: Result | None = None
    stale: bool = True
    unsure: bool = False
    pending: bool = True
    failures: int = 0
    vault: dict[str, Keys] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class ObjectStores:
    """What resources became on object stores."""

    def __init__(
        self,
        *,
        read: Read,
        news: Callable[[Key], None],
        leading: Callable[[], bool],
        count: Callable[[str], Count],
    ):
        self._read = read
        self._news = news
        self._leading = leading
        self._subjects: dict[Key, _Subject] = {}
        self._sites = Sites(read=read, leading=leading, count=count, answers=self._answers_again)

    def seen(self, key: Key, uid: str) -> Result | None:
        """What was seen last for this resource; None if nothing was yet."""
        subject = self._subjects.get(key)
        return subject.seen if subject is not None and subject.uid == uid else None

    def pending(self, key: Key, uid: str) -> bool:
        """Whether what was wished last was not settled yet."""
        subject = self._subjects.get(key)
        return subject is not None and subject.uid == uid and subject.pending

    def want(self, key: Key, uid: str, wish: Wish, *, confirm: Confirm, asked: str) -> None:
        """From now on it is to be so. confirm: whether that is still what is wished for, read anew.

        asked: any other text than before asks for a look now.
        """
        subject = self._subjects.get(key)
        if subject is None or subject.uid != uid:
            self.forget(key)
            subject = self._subjects[key] = _Subject(uid, wish, confirm, asked)
        elif self._differs(subject, wish):
            subject.stale = subject.pending = True
            before = subject.wish
            if isinstance(wish, StoreWish) and isinstance(before, StoreWish) and not same(wish, before):
                subject.seen = None  # it is another store
        elif subject.asked != asked:
            subject.stale = True
        subject.wish, subject.confirm, subject.asked = wish, confirm, asked
        if isinstance(wish, BucketWish):
            _forget_handed_out(wish, subject)
        if subject.stale:
            self._start(key, subject)

    def unseal(self, key: Key, access_key: str) -> str | None:
        """The secret of a key that was made and is in no Secret yet; None if it is not known any more."""
        subject = self._subjects.get(key)
        kept = subject.vault.values() if subject else ()
        return next((keys.secret for keys in kept if keys.id == access_key), None)

    def forget(self, key: Key) -> None:
        """The resource is gone, or another one."""
        if subject := self._subjects.pop(key, None):
            _halt(subject)
        if key[0] == OBJECT_STORE.kind:
            self._sites.close(key[2])

    def reset(self) -> None:
        """Another replica may have done anything since: what was seen is forgotten."""
        for key in tuple(self._subjects):
            self.forget(key)

    def _differs(self, subject: _Subject, wish: Wish) -> bool:
        """Whether something has to be done, by what was seen last."""
        before, seen = subject.wish, subject.seen
        if not (isinstance(wish, BucketWish) and isinstance(before, BucketWish) and isinstance(seen, Seen)):
            return wish != before
        if wish == before:
            return False
        site = self._sites.known(wish.store)
        if site is None or wish.store != before.store or wish.bucket != before.bucket:
            return True
        if _but_for_keys(wish) != _but_for_keys(before):
            return True  # not looked at yet
        return _lacks(site, subject, wish, seen)

    def _undone(self, subject: _Subject) -> bool:
        """Whether what was done for an earlier wish left something to do for this one."""
        wish, seen = subject.wish, subject.seen
        if not (isinstance(wish, BucketWish) and isinstance(seen, Seen)) or seen.fault or seen.refused:
            return False
        site = self._sites.known(wish.store)
        return site is not None and _lacks(site, subject, wish, seen)

    def _start(self, key: Key, subject: _Subject) -> None:
        if subject.timer is not None:
            subject.timer.cancel()
            subject.timer = None
        if subject.task is None or subject.task.done():
            subject.task = asyncio.create_task(self._work(key, subject), name=f"outside {key}")

    async def _work(self, key: Key, subject: _Subject) -> None:
        while subject.stale:
            subject.stale = False
            before, pending, wish, confirm = subject.seen, subject.pending, subject.wish, subject.confirm
            subject.unsure = False
            try:
                subject.seen = await self._settle(subject)
            except NotLeading:
                subject.stale = True
                return
            except Exception as error:
                # Types only: an exception's text may quote what a store said.
                logger.exception("%s %s/%s: the look at its store failed.", *key)
                fault = Fault(Trouble.BUSY, f"a defect of the operator's ({type(error).__name__})")
                subject.seen = dataclasses.replace(_so_far(subject), fault=fault)
            overtaken = subject.confirm is not confirm and subject.unsure
            if overtaken or (subject.wish is not wish and self._undone(subject)):
                subject.stale = True
            if not subject.stale and not subject.unsure:
                subject.pending = False
            if subject.seen != before or pending:
                self._news(key)
        delay = self._again(subject)
        subject.timer = asyncio.get_running_loop().call_later(delay, self._due, key, subject)

    def _due(self, key: Key, subject: _Subject) -> None:
        subject.timer = None
        if self._subjects.get(key) is subject and self._leading():
            subject.stale = True
            self._start(key, subject)

    def _again(self, subject: _Subject) -> float:
        seen = subject.seen
        if subject.unsure or (seen is not None and seen.fault is not None and seen.fault.passing):
            subject.failures += 1
            return backoff(subject.failures, first=FIRST_RETRY, longest=LONGEST_RETRY)
        if isinstance(seen, Seen) and (seen.fault or seen.refused):
            subject.failures += 1
            return backoff(subject.failures, first=REFUSED_RETRY, longest=RESYNC)
        subject.failures = 0
        if isinstance(seen, Parting) and not seen.done:
            return 0.0 if seen.left and seen.removed and not seen.fault else HEARTBEAT
        usual = HEARTBEAT if isinstance(subject.wish, StoreWish) else RESYNC
        return usual * random.uniform(0.9, 1.1)

    async def _settle(self, subject: _Subject) -> Result:
        # All at once: what is confirmed, and what was made and not handed out, belongs to this wish, whatever
        # is wished for meanwhile.
        wish, confirm, before = subject.wish, subject.confirm, _so_far(subject)
        vault = dict(subject.vault)
        try:
            if isinstance(wish, StoreWish):
                before = before if self._sites.holds(wish) else StoreSeen()
                return await self._sites.visit(wish, before)
            site = await self._sites.ready(wish.store)
            if isinstance(wish, Farewell):
                return await self._part(site, wish, before, confirm)
            return await self._make(site, subject, wish, vault, before, confirm)
        except StoreError as error:
            fault = error.fault
        except ApiError as error:
            fault = Fault(Trouble.UNREACHABLE, str(error))
        return cast("Result", dataclasses.replace(before, fault=fault))

    async def _make(
        self,
        site: Site,
        subject: _Subject,
        wish: BucketWish,
        vault: dict[str, Keys],
        before: Seen,
        confirm: Confirm,
    ) -> Seen:
        """Look, do what is to be done, look again. vault: the keys in no Secret yet, when this was wished."""
        seen = await site.gate.call("look", buckets.look, site.store, wish)
        steps = buckets.steps(site.store, _with_vault(wish, vault, seen), seen)
        missed = wish.known and seen.exists is False
        refused: dict[str, str] = {}
        fault: Fault | None = None
        if steps and not await confirm():
            subject.unsure = True  # whoever knows better comes by himself
            steps = []
        for step in steps:
            if not self._leading():
                raise NotLeading
            try:
                keys = await keys_of(step.copies, self._read)
                if keys is None:
                    subject.unsure = True  # one follows another just now, which is told soon
                    continue
                made = await site.gate.call(step.kind, partial(step.run, keys) if step.copies else step.run)
            except StoreError as error:
                if error.fault.passing or step.vital:
                    fault = error.fault
                    break
                refused[step.what] = error.fault.words
                continue
            if made is not None:
                subject.vault[step.user] = vault[step.user] = made
        if steps:
            try:
                seen = await site.gate.call("look", buckets.look, site.store, wish)
            except StoreError as error:
                fault = fault or error.fault
            for step in buckets.steps(site.store, _with_vault(wish, vault, seen), seen):
                waits = step.copies and subject.unsure
                if not fault and not step.takes and not step.tolerant and not waits:
                    refused.setdefault(step.what, "the store took it and did not keep it")
        lost = (missed or before.lost) and bool(seen.exists)
        if buckets.foreign(wish, seen):
            subject.vault.clear()  # a key to what is somebody else's goes to nobody
        fresh = {user: keys.id for user, keys in subject.vault.items()}
        return dataclasses.replace(seen, fault=fault, refused=refused, lost=lost, fresh=fresh)

    async def _part(self, site: Site, wish: Farewell, before: Parting, confirm: Confirm) -> Parting:
        if before.done:
            return before
        if not self._leading():
            raise NotLeading
        if not await confirm():
            return before
        return await site.gate.call("part", buckets.part, site.store, wish, before)

    def _answers_again(self, name: str) -> None:
        """Whoever waits to try this store again need not wait any longer."""
        for key, subject in self._subjects.items():
            waits = subject.seen is not None and subject.seen.fault is not None
            if waits and not isinstance(subject.wish, StoreWish) and subject.wish.store == name:
                subject.stale, subject.failures = True, 0
                self._start(key, subject)


def _lacks(site: Site, subject: _Subject, wish: BucketWish, seen: Seen) -> bool:
    """Whether anything would be done for the wish, as things were seen."""
    return bool(buckets.steps(site.store, _with_vault(wish, subject.vault, seen), seen))


def _but_for_keys(wish: BucketWish) -> BucketWish:
    """What else is wished for: whether keys are as they should be can be told from what was seen."""
    identities = tuple(dataclasses.replace(one, keep=frozenset(), fresh=False) for one in wish.identities)
    copies = tuple(dataclasses.replace(one, key="", secret=None) for one in wish.copies)
    return dataclasses.replace(wish, identities=identities, copies=copies)


def _so_far(subject: _Subject) -> Any:
    """What was seen last, if it was for a wish of this kind."""
    kind = _RESULTS[type(subject.wish)]
    return subject.seen if isinstance(subject.seen, kind) else kind()


def _halt(subject: _Subject) -> None:
    if subject.timer is not None:
        subject.timer.cancel()
    if subject.task is not None:
        subject.task.cancel()


def _with_vault(wish: BucketWish, vault: Mapping[str, Keys], seen: Seen) -> BucketWish:
    """The wish, in which a key that was made and is in no Secret yet is not made again, nor taken away."""

    def one(identity: Identity) -> Identity:
        held = vault.get(identity.user)
        found = seen.users.get(identity.user)
        known = {key.id for key in found.keys if key.active} if found else set()
        if not identity.fresh or held is None or held.id not in known:
            return identity
        return dataclasses.replace(identity, keep=identity.keep | {held.id}, fresh=False)

    return dataclasses.replace(wish, identities=tuple(map(one, wish.identities)))


def _forget_handed_out(wish: BucketWish, subject: _Subject) -> None:
    """Keys that their Secrets hold by now are no news any more."""
    waiting = {identity.user for identity in wish.identities if identity.fresh}
    for user in subject.vault.keys() - waiting:
        del subject.vault[user]
    if isinstance(subject.seen, Seen) and subject.seen.fresh.keys() - waiting:
        fresh = {user: key for user, key in subject.seen.fresh.items() if user in waiting}
        subject.seen = dataclasses.replace(subject.seen, fresh=fresh)
