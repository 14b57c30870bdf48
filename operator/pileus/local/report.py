"""What a person sees while something takes long: a line a step with its seconds, and progress in between.

On a terminal progress is one moving line; elsewhere it is a plain line now and then, so that a log of a
continuous build stays short. Everything goes to standard error: standard output belongs to results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_QUIET_SECONDS = 20.0  # between two plain lines of progress


class Report:
    """Writes to one stream; not for several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty()
        self._shown = ""
        self._last = time.monotonic()

    def line(self, text: str) -> None:
        """One line that stays."""
        self._clear()
        self._write(f"{text}\n")

    def progress(self, text: str) -> None:
        """What is going on just now."""
        now = time.monotonic()
        if self._moving:
            if text != self._shown and now - self._last >= 0.1:
                self._clear()
                self._shown = text[:110]
                self._write(self._shown)
                self._last = now
        elif now - self._last >= _QUIET_SECONDS:
            self._write(f"  {text}\n")
            self._last = now

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A line with the seconds that the block took, once it has succeeded."""
        start = self._last = time.monotonic()
        self.progress(text)
        try:
            yield
        finally:
            self._clear()
        self.done(text, time.monotonic() - start)

    def done(self, text: str, seconds: float) -> None:
        """The line of a finished step."""
        self.line(f"  {text:<58} {seconds:6.1f} s")

    def _clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class Silent(Report):
    """Says nothing: for tests and programs that use the cluster as a library."""

    def line(self, text: str) -> None:
        """Nothing."""

    def progress(self, text: str) -> None:
        """Nothing."""


def ending(log: str) -> str:
    """The last twelve lines of a log that say anything, each of at most 300 characters."""
    lines = [line[:300] for line in log.splitlines() if line.strip()]
    return "\n".join(lines[-12:])
