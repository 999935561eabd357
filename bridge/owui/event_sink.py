"""Shows one chat in Open WebUI: from the request actor to the generator at the door."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.kernel.handover import HandOver
from actors.ports import Ending
from actors.values import ReasoningAdvanced, RefusalAdvanced, StreamEvent, TextAdvanced
from bridge.transforms.chat_chunks import Piece, PieceKind


class OwuiSink:
    """An `EventSink` whose lines are written when the generator takes them.

    What waits is bounded in bytes (and, where an admin wants it, in pieces): a slow browser
    stops the generator, the hand-over fills up, no credit is granted, and the socket to the
    provider is not read.
    """

    def __init__(self, *, bytes_max: int, pieces_max: int | None) -> None:
        self._pieces: HandOver[Piece] = HandOver(bytes_max, pieces_max or 1_000_000)
        self.ending: Ending | None = None

    def show(self, events: Sequence[StreamEvent]) -> bool:
        """See `EventSink.show`."""
        has_room = True
        for event in events:
            if isinstance(event, TextAdvanced | RefusalAdvanced):
                has_room = self._pieces.put((PieceKind.CONTENT, event.text), len(event.text))
            elif isinstance(event, ReasoningAdvanced):
                has_room = self._pieces.put((PieceKind.REASONING, event.text), len(event.text))
        return has_room

    def when_room(self, callback: Callable[[], object]) -> None:
        """See `EventSink.when_room`."""
        self._pieces.when_room(callback)

    def finish(self, ending: Ending) -> None:
        """See `EventSink.finish`."""
        assert self.ending is None, "an answer ends once (SPEC 97)"
        self.ending = ending
        self._pieces.close()

    def abandon(self) -> None:
        """The tree has ended without a word; let the generator go on."""
        self._pieces.close()

    async def take(self) -> list[Piece]:
        """Wait for pieces and take all that wait; an empty list is the end."""
        return await self._pieces.take()
