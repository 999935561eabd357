"""When the turns of plain handlers run: many in one callback of the loop.

A chat takes some ten turns one after the other, and each callback of its own would cost the loop a
look at its sockets. So cells that have something to do stand in a line, and one callback takes
turns from it, those included that its own turns plan. Order is that of planning, as it would be
with a callback each. Every turn has an empty context of its own: a handler inherits neither
deadline nor trace of who woke it, and nothing that it sets is seen by another.

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
    """The line of one system. All of it belongs to the loop's thread.

    Attributes:
        waiting: who stands in the line.
        is_planned: whether the callback that takes turns from it is on its way.
    """

    __slots__ = ("_loop", "_orders_turns", "is_planned", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._orders_turns = bool(getattr(loop, "orders_turns", False))
        self.waiting: deque[Callable[[], object]] = deque()
        self.is_planned = False

    def plan(self, take_turn: Callable[[], object]) -> None:
        """Call `take_turn` soon. Whoever plans sees to it that this is once."""
        self.waiting.append(take_turn)
        if not self.is_planned:
            self.begin()

    def begin(self) -> None:
        """See to it that who waits gets a turn; only while that is not planned."""
        if self._orders_turns:
            self._loop.call_soon(self.waiting.popleft(), context=Context())
        else:
            self.is_planned = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        waiting, left = self.waiting, TURNS_MAX
        try:
            while waiting and left:
                left -= 1
                Context().run(waiting.popleft())
        finally:
            # Also when a turn raised: the loop hears of it, and the others have theirs.
            self.is_planned = bool(waiting)
            if waiting:
                self._loop.call_soon(self._run)
