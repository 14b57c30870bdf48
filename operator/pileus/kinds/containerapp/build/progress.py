"""How far a BlueGreen or Canary rollout is, as the text of one annotation."""

from __future__ import annotations

from dataclasses import dataclass

from pileus.objects.times import instant


@dataclass(frozen=True, slots=True)
class Progress:
    """The memory of a rollout.

    template: digest of the version that is tried out. step: steps taken so far. since: when the last
    one was taken. size: replicas of the stable version at the start. base: its revision, 0 if unknown.
    """

    template: str
    step: int
    since: str
    size: int
    base: int

    def text(self) -> str:
        """As it stands in the annotation."""
        return (
            f"template={self.template} step={self.step} since={self.since} size={self.size} base={self.base}"
        )

    @classmethod
    def parse(cls, text: str) -> Progress | None:
        """The inverse of `text`; None for anything else."""
        pairs = dict(entry.partition("=")[::2] for entry in text.split())
        numbers = [pairs.get(key, "") for key in ("step", "size", "base")]
        known = pairs.get("template") and instant(pairs.get("since"))
        if not known or not all(_count(n) for n in numbers):
            return None
        step, size, base = map(int, numbers)
        return cls(pairs["template"], step, pairs["since"], size, base)


def _count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
