"""Notices when the loop stands still, and says which actor holds it up.

A thread of its own sends the loop a heartbeat. When no answer comes in time it looks at the
stack of the loop's thread: the kernel's frame on it knows the actor, and the lines above that
frame are where the handler is. Only names and places are reported, never a value.

Source: asyncio's slow-callback log, turned into something that speaks while it happens.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from types import FrameType

from actors.kernel.callbacks import call_listener
from actors.kernel.cell import Cell
from actors.kernel.executors import SoonCell
from actors.kernel.system import ActorSystem
from actors.kernel.timers import TimerFired

_log = logging.getLogger("greenroom.kernel")

LOG_EVERY_S = 10.0

# Innermost lines of a stack that are reported.
STACK_LINES_MAX = 30

# Seconds that `stop` waits for the thread, which has nothing long to do.
JOIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """The loop has not answered for `elapsed_s` seconds, and still does not.

    Attributes:
        actor: name of the actor whose handler is running; "" if none is.
        message_class: class of the message it has in hand; "" if there is none.
        stack: `file:line in function`, outermost first.
        elapsed_s: how long the loop had been silent when this was noted.
    """

    actor: str
    message_class: str
    stack: tuple[str, ...]
    elapsed_s: float


class LoopGuard:
    """Watches the loop of one system; each stall is reported once, while it lasts.

    Args:
        system: whose loop.
        stall_s: silence from which on it counts as a stall.
        on_stall: called on the guard's own thread, because the loop's is busy.
    """

    def __init__(
        self,
        system: ActorSystem,
        stall_s: float = 0.1,
        on_stall: Callable[[Stall], object] | None = None,
    ) -> None:
        self._system = system
        self._stall_s = stall_s
        self._on_stall = on_stall
        self._thread: threading.Thread | None = None
        self._answered = threading.Event()
        self._stopping = threading.Event()
        self._logged_s: float | None = None

    def start(self) -> None:
        """Begin to watch; harmless when repeated."""
        if self._thread is None:
            self._stopping.clear()
            name = f"{self._system.name}-loop-guard"
            self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no more; harmless when repeated."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping.set()
            self._answered.set()
            thread.join(JOIN_S)

    def _watch(self) -> None:
        while not self._stopping.wait(self._stall_s):
            self._answered.clear()
            # Not the system's clock: some loops stop theirs while a callback runs.
            sent_s = time.monotonic()
            if not self._system.call_soon_threadsafe(self._answered.set):
                return
            if not self._answered.wait(self._stall_s):
                self._report(time.monotonic() - sent_s)
                self._answered.wait()

    def _report(self, elapsed_s: float) -> None:
        if self._stopping.is_set():
            return
        frame = sys._current_frames().get(self._system.thread_id)
        if frame is None:
            return
        actor, message_class = _at_work(frame)
        stall = Stall(
            actor=actor, message_class=message_class, stack=_places(frame), elapsed_s=elapsed_s
        )
        self._log(stall)
        if self._on_stall is not None:
            call_listener(self._on_stall, stall)

    def _log(self, stall: Stall) -> None:
        now_s = time.monotonic()
        if self._logged_s is not None and now_s - self._logged_s < LOG_EVERY_S:
            return
        self._logged_s = now_s
        who = f"{stall.actor} with {stall.message_class}" if stall.actor else "code outside actors"
        where = stall.stack[-1] if stall.stack else "a place unknown"
        # The loop is the host's: what others do on it is theirs to answer for.
        level = logging.WARNING if stall.actor else logging.DEBUG
        _log.log(level, "the loop has stood still for %.3f s: %s, %s", stall.elapsed_s, who, where)


def _at_work(frame: FrameType | None) -> tuple[str, str]:
    """Return the name of the innermost actor on a stack and the class of its message."""
    while frame is not None:
        # Only the executors' frames: a look at a handler's own would copy what it has in hand.
        is_executor = frame.f_globals.get("__name__") == SoonCell.__module__
        cell = frame.f_locals.get("self") if is_executor else None
        if isinstance(cell, Cell):
            return cell.name, _class_in_hand(cell)
        frame = frame.f_back
    return "", ""


def _class_in_hand(cell: Cell) -> str:
    if cell.in_hand is None:
        return ""
    message = cell.in_hand.message
    return type(message.message if isinstance(message, TimerFired) else message).__name__


def _places(frame: FrameType | None) -> tuple[str, ...]:
    places: list[str] = []
    while frame is not None and len(places) < STACK_LINES_MAX:
        code = frame.f_code
        places.append(f"{PurePath(code.co_filename).name}:{frame.f_lineno} in {code.co_name}")
        frame = frame.f_back
    return tuple(reversed(places))
