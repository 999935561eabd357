"""A body on its way: cut into reads of any size, at any pace, by an adapter with some patience."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from actors.ports import ErrorFacts, ProviderTimedOut, StreamBroken
from actors.testing.simloop import SimLoop
from bridge.chaos.trace import Call
from bridge.standin.stage import Ending, Pause, Step, Write

SMALL_PIECE_MAX: Final = 60
LARGE_PIECE_MAX: Final = 1_500


class Cut(Enum):
    """How a body is cut into reads."""

    AS_WRITTEN = auto()
    JOINED = auto()
    SMALL = auto()
    LARGE = auto()


class Patience:
    """Waits as an adapter does: up to its read timeout, and now and then badly.

    With `swallow_s` a cancelled wait goes on for so long before it gives in, as code does that
    catches too much.
    """

    def __init__(
        self, loop: SimLoop, read_timeout_s: float, swallow_s: float, fired: Counter[str]
    ) -> None:
        self._loop = loop
        self._read_timeout_s = read_timeout_s
        self._swallow_s = swallow_s
        self._fired = fired

    async def sleep(self, seconds: float) -> None:
        """Wait for a byte that comes in so many seconds.

        Raises:
            ProviderTimedOut: that is too long.
        """
        try:
            await asyncio.sleep(min(seconds, self._read_timeout_s))
        except asyncio.CancelledError:
            if self._swallow_s:
                self._fired["provider ignores cancellation"] += 1
                await asyncio.sleep(self._swallow_s)
            raise
        if seconds >= self._read_timeout_s:
            raise ProviderTimedOut(ErrorFacts(code="read-timeout"))

    async def silence(self) -> None:
        """Wait for a byte that never comes.

        Raises:
            ProviderTimedOut: always.
        """
        await self.sleep(self._read_timeout_s)


class Steps:
    """A body on its way: what comes next, and in pieces of which size."""

    def __init__(
        self, loop: SimLoop, steps: tuple[Step, ...], *, tag: str, cut: Cut, pace_s: float | None
    ) -> None:
        self.pace_s = pace_s
        # Without a length, a body that is closed early looks like one that is complete.
        self.close_is_clean = loop.choose(2, tag) == 1
        self._loop = loop
        self._tag = tag
        self._steps: Iterator[Step] = iter(steps)
        self._cut = cut
        self._rest = b""

    def next(self) -> Step:
        """Return the next piece of the body, pause or ending."""
        if self._rest:
            return self._piece()
        step = next(self._steps, Ending.DONE)
        if isinstance(step, Write) and self._cut in (Cut.SMALL, Cut.LARGE):
            self._rest = step.data
            return self._piece()
        return step

    def _piece(self) -> Write:
        most = SMALL_PIECE_MAX if self._cut is Cut.SMALL else LARGE_PIECE_MAX
        size = most - self._loop.choose(most, self._tag)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return Write(data=piece)


class ScriptedStream:
    """A `ProviderStream` that plays steps."""

    def __init__(self, loop: SimLoop, steps: Steps, seen: Call, patience: Patience) -> None:
        self._loop = loop
        self._steps = steps
        self._seen = seen
        self._patience = patience

    async def read(self) -> bytes:
        """See `ProviderStream.read`."""
        if self._steps.pace_s is not None:
            await self._patience.sleep(self._steps.pace_s)
        while True:
            match self._steps.next():
                case Write(data=data):
                    if data:
                        return data
                case Pause(seconds=seconds):
                    if seconds:
                        await self._patience.sleep(seconds)
                case Ending.DONE:
                    return b""
                case Ending.HANG:
                    await self._patience.silence()
                case Ending.CLOSE if self._steps.close_is_clean:
                    return b""
                case _:
                    raise StreamBroken(ErrorFacts(code="connection-lost"))

    def finish(self) -> None:
        """See `ProviderStream.finish`."""
        self.abort()

    def abort(self) -> None:
        """See `ProviderStream.abort`."""
        if self._seen.closed_s is None:
            self._seen.closed_s = self._loop.time()
