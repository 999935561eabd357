"""Timers that belong to one life: of a key, and of silence."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from actors.kernel.signals import Signal

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.clock import Timer


class TimerFired(Signal):
    """A timer's message, on its way through the system lane.

    It counts only while the cell still knows it: a timer that was cancelled, was replaced, or
    belonged to an earlier life may have fired already and is then passed over.
    """

    __slots__ = ("key", "message", "timer")

    def __init__(self, key: Hashable, message: object) -> None:
        self.key = key
        self.message = message
        self.timer: Timer | None = None

    def claim(self, cell: Cell) -> bool:
        """Say whether the message is still wanted; it is used up by that."""
        timers = cell.timers
        if timers is None or timers.get(self.key) is not self:
            return False
        del timers[self.key]
        return True

    def cancel(self) -> None:
        """Call the timer off."""
        if self.timer is not None:
            self.timer.cancel()


class ReceiveTimeout(TimerFired):
    """The message for an actor that has had no mail for a while (Akka's receive timeout).

    No timer is touched per message: a turn notes when it ended, and a timer that comes too
    early plans itself anew for the rest.
    """

    __slots__ = ("_after_s", "_cell", "_last_s", "has_mail")

    def __init__(self, cell: Cell, after_s: float, message: object) -> None:
        super().__init__(None, message)
        self._cell = cell
        self._after_s = after_s
        self._last_s = cell.system.clock.now_s()
        self.has_mail = False
        self._arm(self._last_s + after_s)

    def turn_ended(self) -> None:
        """Count the silence from here, if the turn has handled mail."""
        if self.has_mail:
            self.has_mail = False
            self._last_s = self._cell.system.clock.now_s()

    def claim(self, cell: Cell) -> bool:
        """See `TimerFired.claim`; the next silence begins here."""
        if cell.receive_timeout is not self:
            return False
        now_s = cell.system.clock.now_s()
        if cell.queue:
            # Mail came in before this signal had its turn: that was no silence.
            self._arm(now_s + self._after_s)
            return False
        self._last_s = now_s
        self._arm(now_s + self._after_s)
        return True

    def _arm(self, when_s: float) -> None:
        self.timer = self._cell.system.clock.call_at(when_s, self._check)

    def _check(self) -> None:
        cell = self._cell
        now_s = cell.system.clock.now_s()
        # A handler under way, or mail that waits: the silence begins when that is done.
        since_s = now_s if cell.is_executing or cell.queue else self._last_s
        due_s = since_s + self._after_s
        if due_s > now_s:
            self._arm(due_s)
        else:
            cell.signal(self)
