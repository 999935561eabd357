"""Time in an answer: lines that reassure whoever waits, and where the seconds went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from actors.kernel.entropy import Entropy
from bridge.transforms.side_event import SideEvent
from bridge.transforms.status_text import REASSURANCES
from bridge.transforms.usage_text import Times

# Seconds after the beginning, one for each line, and how much later a line may come (SPEC 87).
REASSURE_AFTER_S: Final = (1.5, 4.0, 6.0, 7.0)
JITTER_MAX_S: Final = 0.5

assert len(REASSURE_AFTER_S) == len(REASSURANCES)


class Reassurance:
    """Says a line now and then, from `now_s` on, until something happens. One timer at a time.

    Args:
        say: shows a line.
        entropy: keeps a house full of chats from speaking in step.
    """

    __slots__ = ("_begun_s", "_entropy", "_loop", "_said", "_say", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        say: Callable[[SideEvent], None],
        entropy: Entropy | None,
        now_s: float,
    ) -> None:
        self._loop = loop
        self._say = say
        self._entropy = entropy
        self._begun_s = now_s
        self._said = 0
        self._timer: asyncio.TimerHandle | None = self._wait()

    def stop(self) -> None:
        """Say nothing more; harmless when repeated."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> asyncio.TimerHandle:
        jitter_s = self._entropy.uniform(0.0, JITTER_MAX_S) if self._entropy else 0.0
        at_s = self._begun_s + REASSURE_AFTER_S[self._said] + jitter_s
        return self._loop.call_at(at_s, self._speak)

    def _speak(self) -> None:
        self._timer = None
        self._say(REASSURANCES[self._said])
        self._said += 1
        if self._said < len(REASSURANCES):
            self._timer = self._wait()


class Phase(IntEnum):
    """What an answer is doing."""

    WAITING = 0
    THINKING = 1
    WRITING = 2
    TOOLS = 3


_PHASES: Final = len(Phase)


class Stopwatch:
    """Adds up how long an answer was in each phase."""

    __slots__ = ("_begun_s", "_phase", "_since_s", "_spent_s")

    def __init__(self, now_s: float) -> None:
        self._begun_s = self._since_s = now_s
        self._phase = Phase.WAITING
        self._spent_s = [0.0] * _PHASES

    def enter(self, phase: Phase, now_s: float) -> None:
        """Go on in this phase."""
        self._spent_s[self._phase] += now_s - self._since_s
        self._phase, self._since_s = phase, now_s

    def read(self, now_s: float) -> Times:
        """Tell the times so far."""
        self.enter(self._phase, now_s)
        waiting_s, thinking_s, writing_s, tools_s = self._spent_s
        return Times(
            total_s=now_s - self._begun_s,
            waiting_s=waiting_s,
            thinking_s=thinking_s,
            writing_s=writing_s,
            tools_s=tools_s,
        )
