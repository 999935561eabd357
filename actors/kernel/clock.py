"""Time, as the runtime sees it: the one place that reads a clock."""

from __future__ import annotations

import asyncio
import time  # This module is where time comes in
from collections.abc import Callable
from typing import Protocol

MILLISECOND_S = 0.001


class Timer(Protocol):
    """A planned callback that can still be called off."""

    def cancel(self) -> None:
        """Call it off; harmless after it has run."""


class Watch(Protocol):
    """What tells the time and starts nothing."""

    def now_s(self) -> float:
        """Monotonic seconds; only differences mean anything."""

    def wall_s(self) -> float:
        """Seconds since 1970, UTC; may jump."""


class Clock(Watch, Protocol):
    """Monotonic time, wall time and timers.

    Every timer, deadline and backoff of the runtime goes through here, so that a test
    (`ManualClock`) or a simulation (`SimLoop`) owns time completely.
    """

    def call_at(self, when_s: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` on the loop's thread once `now_s()` has reached `when_s`."""


class SystemWatch:
    """The time of the machine, for what lives outside a loop."""

    now_s = staticmethod(time.monotonic)
    wall_s = staticmethod(time.time)


class LoopClock:
    """The clock of an event loop: real on a real loop, virtual on a `SimLoop`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, wall_s: Callable[[], float] = time.time
    ) -> None:
        self.now_s = loop.time
        self.wall_s = wall_s
        self._call_at = loop.call_at
        self._call_soon = loop.call_soon
        # uvloop counts timers in whole milliseconds and rounds to the nearest one: every other
        # timer would run before its time, and find nothing due.
        self._rounding_s = MILLISECOND_S / 2 if type(loop).__module__ == "uvloop" else 0.0

    def call_at(self, when_s: float, callback: Callable[[], object]) -> Timer:
        """See `Clock.call_at`."""
        if self._rounding_s and when_s <= self.now_s():
            # What is due already need not wait for the next millisecond.
            return self._call_soon(callback)
        return self._call_at(when_s + self._rounding_s, callback)
