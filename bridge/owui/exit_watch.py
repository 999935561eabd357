"""Notices that the server is told to end, in time to keep what has to be kept (SPEC 192).

At SIGTERM uvicorn ends its work and then lets the signal kill the process, from within the loop:
no task is cancelled, and nothing of `atexit` runs. So the signal is noticed beside uvicorn's own
handler, which is called first. From then on it is held back from the main thread until everybody
who asked for it has left; then it does what the server wanted of it. A second SIGTERM from outside
is not held back: other threads take it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType, ModuleType
from typing import Any, Final, TypeAlias

TABLE_NAME: Final = "_greenroom_exits"

# Told that the end has begun; says with what it is given that it has left. Never waits.
Leaver: TypeAlias = Callable[[Callable[[], None]], object]


def leavers_here() -> dict[object, Leaver]:
    """Give the table of this process: everybody who wants to know."""
    fresh = ModuleType(TABLE_NAME)
    vars(fresh).update(table={})
    table: dict[object, Leaver] = vars(sys.modules.setdefault(TABLE_NAME, fresh))["table"]
    return table


def watch_exit(leaver: Leaver) -> Callable[[], None]:
    """Have `leaver` told of a SIGTERM; return what ends the watch.

    Only on the main thread, and only where somebody handles the signal already: to handle it
    alone is not a plugin's business.
    """
    if threading.current_thread() is not threading.main_thread():
        return _nothing
    place = object()
    leavers_here()[place] = leaver
    handler = signal.getsignal(signal.SIGTERM)
    # Of handlers of ours there is one at a time: one of an older build would keep it in memory.
    before = getattr(handler, "greenroom_before", handler)
    if not callable(before):
        del leavers_here()[place]
        return _nothing
    ours = _Handler(before)
    signal.signal(signal.SIGTERM, ours)

    def end() -> None:
        leavers_here().pop(place, None)
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is ours:
            signal.signal(signal.SIGTERM, before)

    return end


class _Handler:
    """What is called at the signal. `greenroom_before` is whose it was."""

    def __init__(self, before: Callable[[int, FrameType | None], Any]) -> None:
        self.greenroom_before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.greenroom_before(number, frame)
        table = leavers_here()
        waited_for = set(table)
        if not waited_for:
            return
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        for place, leaver in tuple(table.items()):
            leaver(partial(_left, waited_for, place))
        table.clear()


def _left(waited_for: set[object], place: object) -> None:
    waited_for.discard(place)
    if not waited_for:
        # If uvicorn has raised it meanwhile, this is the end.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _nothing() -> None:
    """Nothing is watched, so there is nothing to end."""
