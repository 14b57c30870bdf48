"""What is around resources, for the kinds to which that matters: a survey each, and whether policies hold.

Kinds with the same survey share its surveyor. One of the surveys may be about who reaches whom; then a prober
finds out by trial whether anybody enforces that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pileus.cluster.client import Client
from pileus.cluster.prober import Prober, Trial
from pileus.cluster.resources import Key
from pileus.cluster.surveyor import Surveyor
from pileus.engine.kind import Kind
from pileus.objects.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Surveys:
    """The surveyors, by the names of the kinds that have one."""

    surveyors: Mapping[str, Surveyor]

    @classmethod
    def of(
        cls, kinds: Iterable[Kind], client: Client, *, news: Callable[[Key], None], died: Callable[[], None]
    ) -> Surveys:
        """For these kinds; none of the surveyors watches anything before the first resource."""
        made: dict[int, Surveyor] = {}
        found = {}
        for kind in kinds:
            if kind.surveyed:
                key = id(kind.surveyed)
                made[key] = made.get(key) or Surveyor(client, kind.surveyed, news=news, died=died)
                found[kind.name] = made[key]
        return cls(found)

    @property
    def dead(self) -> list[str]:
        """Which of them ended although they must not."""
        return [surveyor.dead for surveyor in self.surveyors.values() if surveyor.dead]

    @property
    def enforcement(self) -> tuple[bool, str] | None:
        """Whether policies hold, and when that was tried; None while it is not known."""
        if (here := self._surroundings()) is None:
            return None
        known = here[1].enforcement
        return None if known.holds is None else (known.holds, known.at)

    def prober(self, client: Client, trial: Trial, *, leading: Callable[[], bool]) -> Prober | None:
        """Who finds out whether policies hold, if there are kinds to which that matters."""
        if (here := self._surroundings()) is None:
            return None
        surveyor, around = here
        surveyor.known.clear()
        return Prober(
            client,
            trial,
            leading=leading,
            fabric=around.fabric.enforcing,
            found=lambda result: surveyor.touched(around.tried(result)),
            asked=surveyor.used,
            known=surveyor.known,
        )

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        if surveyor := self.surveyors.get(key[0]):
            surveyor.forget(key)

    async def close(self) -> None:
        """Watch nothing any more."""
        for surveyor in set(self.surveyors.values()):
            await surveyor.close()

    def _surroundings(self) -> tuple[Surveyor, Surroundings] | None:
        for surveyor in self.surveyors.values():
            if isinstance(surveyor.survey, Surroundings):
                return surveyor, surveyor.survey
        return None
