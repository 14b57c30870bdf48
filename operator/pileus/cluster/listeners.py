"""Who wants to hear of what, found from both sides."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

User = TypeVar("User", bound=Hashable)
Matter = TypeVar("Matter", bound=Hashable)


class Listeners(Generic[User, Matter]):
    """Users, each with the matters that it listens to now."""

    def __init__(self) -> None:
        self._matters: dict[User, frozenset[Matter]] = {}
        self._users: dict[Matter, set[User]] = {}

    def listen(self, user: User, matters: frozenset[Matter]) -> bool:
        """A user listens to these from now on, and to nothing else; whether that is anything new."""
        before = self._matters.get(user, frozenset())
        if matters == before:
            return False
        for matter in before - matters:
            self._users[matter].discard(user)
            if not self._users[matter]:
                del self._users[matter]
        for matter in matters - before:
            self._users.setdefault(matter, set()).add(user)
        if matters:
            self._matters[user] = matters
        else:
            self._matters.pop(user, None)
        return True

    def of(self, *matters: Matter) -> frozenset[User]:
        """Who listens to any of these."""
        return frozenset(user for matter in matters for user in self._users.get(matter, ()))

    def matters(self) -> tuple[Matter, ...]:
        """All that somebody listens to."""
        return tuple(self._users)
