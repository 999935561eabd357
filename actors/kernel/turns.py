"""When the turns of plain handlers run: many in one callback of the loop.

A chat takes some ten turns one after the other, and each callback of its own would cost the loop a
look at its sockets. So cells that have something to do stand in a line, and one callback takes
turns from it, those included that its own turns plan. Order is that of planning, as it would be
with a callback each.

A loop that wants to choose the order of all that is ready, as a simulation does, says so with an
attribute `orders_turns`; there each turn is a callback.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context

# Turns in one callback; then the loop looks at its sockets and timers.
TURNS_MAX = 64


class Turns:
    """The line of one system. All of it belongs to the loop's thread."""

    __slots__ = ("_is_planned", "_loop", "_orders_turns", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._orders_turns = bool(getattr(loop, "orders_turns", False))
        self._waiting: deque[tuple[Context, Callable[[], None]]] = deque()
        self._is_planned = False

    def plan(self, context: Context, take_turn: Callable[[], None]) -> None:
        """Call `take_turn` in its context soon. Whoever plans sees to it that this is once."""
        if self._orders_turns:
            self._loop.call_soon(take_turn, context=context)
            return
        self._waiting.append((context, take_turn))
        if not self._is_planned:
            self._is_planned = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        waiting, left = self._waiting, TURNS_MAX
        try:
            while waiting and left:
                left -= 1
                context, take_turn = waiting.popleft()
                context.run(take_turn)
        finally:
            # Also when a turn raised: the loop hears of it, and the others have theirs.
            self._is_planned = bool(waiting)
            if waiting:
                self._loop.call_soon(self._run)
