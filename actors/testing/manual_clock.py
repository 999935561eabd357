"""A clock that stands still until a test moves it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

TIMERS_PER_ADVANCE_MAX: Final = 100_000
"""More than this in one `advance` means timers that plan themselves again for the same instant."""

WALL_START_S: Final = 1_700_000_000.0
"""Seconds since 1970 when a manual or simulated clock starts: a day in November 2023."""


class ManualTimer:
    """A planned callback; see `Timer`."""

    __slots__ = ("callback", "when_s")

    def __init__(self, when_s: float, callback: Callable[[], object]) -> None:
        self.when_s = when_s
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Call it off; harmless after it has run."""
        self.callback = None


class ManualClock:
    """Implements `Clock`: time passes in `advance`, and only there.

    Timers run inside `advance`, each at its own time, earliest first, in the order they were
    planned where times are equal. One that is planned meanwhile and falls due runs as well.
    """

    def __init__(self, *, start_s: float = 0.0, wall_start_s: float = WALL_START_S) -> None:
        self._now_s = start_s
        self._wall_offset_s = wall_start_s - start_s
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._planned = 0
        self._is_advancing = False

    def now_s(self) -> float:
        """See `Clock.now_s`."""
        return self._now_s

    def wall_s(self) -> float:
        """See `Clock.wall_s`."""
        return self._now_s + self._wall_offset_s

    def call_at(self, when_s: float, callback: Callable[[], object]) -> ManualTimer:
        """See `Clock.call_at`; a time that has passed means the next `advance`, even by 0."""
        timer = ManualTimer(when_s, callback)
        heapq.heappush(self._timers, (when_s, self._planned, timer))
        self._planned += 1
        return timer

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator or a time service may."""
        self._wall_offset_s += seconds

    def next_due_s(self) -> float | None:
        """Return when the next timer is due; None if none is planned."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float) -> None:
        """Let time pass and run what falls due.

        An exception of a callback comes out here, with the clock standing at that timer's
        time and later timers still planned.
        """
        assert seconds >= 0, "time runs forward"
        assert not self._is_advancing, "a timer's callback cannot advance its own clock"
        self._is_advancing = True
        try:
            self._run_due(until_s=self._now_s + seconds)
        finally:
            self._is_advancing = False

    def _run_due(self, *, until_s: float) -> None:
        for _ in range(TIMERS_PER_ADVANCE_MAX):
            due_s = self.next_due_s()
            if due_s is None or due_s > until_s:
                self._now_s = until_s
                return
            timer = heapq.heappop(self._timers)[2]
            self._now_s = max(self._now_s, due_s)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
        raise AssertionError(f"more than {TIMERS_PER_ADVANCE_MAX} timers in one advance")
