"""Every message that nobody will handle is counted here, by reason and class, without payload."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from actors.kernel.callbacks import call_listener
from actors.kernel.clock import Clock

_log = logging.getLogger("greenroom.dead_letters")

LOG_EVERY_S = 10.0


class Loss(Enum):
    """Why a message was not handled."""

    CLOSED = "closed"
    FULL = "full"
    DROPPED = "dropped"
    EXPIRED = "expired"
    POISON = "poison"
    LATE_REPLY = "late_reply"
    UNDELIVERABLE = "undeliverable"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One lost message: who was to get it, of which class it was, why and when."""

    reason: Loss
    target: str
    message_class: str
    at_s: float


class DeadLetters:
    """Counters, the last few letters, and whoever wants to hear of them.

    Args:
        clock: where `at_s` comes from.
        kept_max: how many of the newest letters are remembered.
    """

    def __init__(self, clock: Clock, *, kept_max: int = 256) -> None:
        self.by_reason: Counter[Loss] = Counter()
        self.by_class: Counter[tuple[Loss, str]] = Counter()
        self.recent: deque[DeadLetter] = deque(maxlen=kept_max)
        self._clock = clock
        self._listeners: list[Callable[[DeadLetter, object], object]] = []
        self._logged_s: dict[Loss, float] = {}

    def record(self, reason: Loss, target: str, message: object) -> None:
        """Count one loss. The message itself is not kept."""
        name = type(message).__name__
        self.by_reason[reason] += 1
        self.by_class[reason, name] += 1
        now_s = self._clock.now_s()
        letter = DeadLetter(reason=reason, target=target, message_class=name, at_s=now_s)
        self.recent.append(letter)
        self._log(letter, now_s)
        for listener in self._listeners:
            call_listener(listener, letter, message)

    def subscribe(self, listener: Callable[[DeadLetter, object], object]) -> None:
        """Call `listener` with every letter and the lost message, on the loop's thread."""
        self._listeners.append(listener)

    def _log(self, letter: DeadLetter, now_s: float) -> None:
        last_s = self._logged_s.get(letter.reason)
        if last_s is not None and now_s - last_s < LOG_EVERY_S:
            return
        self._logged_s[letter.reason] = now_s
        # Late mail to a chat that was stopped is everyday life; it is counted apart.
        level = logging.DEBUG if letter.reason is Loss.CLOSED else logging.WARNING
        _log.log(
            level,
            "dead letter %s: %s to %s (%d so far)",
            letter.reason.value,
            letter.message_class,
            letter.target,
            self.by_reason[letter.reason],
        )
