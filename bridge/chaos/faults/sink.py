"""The sink port and who stands behind it: readers that are slow, or gone.

A slow reader takes what waits only now and then, so the hand-over fills up and no credit is
granted. A reader who has gone takes nothing any more; that is how a stop looks from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from actors.kernel.handover import HandOver
from actors.ports import Cancelled, Completed, Ending
from actors.values import ReasoningAdvanced, RefusalAdvanced, Shown, TextAdvanced
from bridge.chaos.trace import End, Visit

# Is it content (or else reasoning), and the text.
Piece = tuple[bool, str]


class DoorSink:
    """An `EventSink` that writes down how it is treated; `fired` counts how often it was full."""

    def __init__(
        self, visit: Visit, fired: Counter[str], *, bytes_max: int, pieces_max: int | None
    ) -> None:
        self._visit = visit
        self._fired = fired
        self._pieces: HandOver[Piece] = HandOver(bytes_max, pieces_max or 1_000_000)
        self.ending: Ending | None = None

    def show(self, events: Sequence[Shown]) -> bool:
        """See `EventSink.show`."""
        if self._pieces.is_closed:
            self._visit.shown_after_end += 1
            return True
        has_room = True
        for event in events:
            if isinstance(event, TextAdvanced | RefusalAdvanced | ReasoningAdvanced):
                is_content = not isinstance(event, ReasoningAdvanced)
                has_room = self._pieces.put((is_content, event.text), len(event.text))
        if not has_room:
            self._fired["sink hand-over full"] += 1
        return has_room

    def when_room(self, callback: Callable[[], object]) -> None:
        """See `EventSink.when_room`."""
        self._pieces.when_room(callback)

    def finish(self, ending: Ending) -> None:
        """See `EventSink.finish`; a second call is written down, not forbidden."""
        self._visit.finishes += 1
        self.ending = ending
        self._pieces.close()

    def abandon(self) -> None:
        """The tree has ended without a word."""
        self._pieces.close()

    async def take(self) -> list[Piece]:
        """Wait for pieces and take all that wait; an empty list is the end."""
        return await self._pieces.take()

    @property
    def end(self) -> End:
        """How the answer ended, once `take` has come back empty."""
        match self.ending:
            case Completed():
                return End.COMPLETED
            case Cancelled():
                return End.CANCELLED
            case None:
                return End.ABANDONED
            case _:
                return End.FAILED
