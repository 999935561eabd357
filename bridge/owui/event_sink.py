"""Shows one chat in Open WebUI: from the request actor to the generator at the door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Final

from actors.kernel.handover import HandOver
from actors.ports import Ending
from actors.values import ReasoningAdvanced, RefusalAdvanced, Shown, TextAdvanced
from bridge.transforms.chat_chunks import Piece, PieceKind

_log = logging.getLogger("greenroom.pipe")

PIECES_MAX: Final = 1_000_000
LOG_EVERY_S: Final = 30.0

# Bound once: a member of an enum and a union of classes are slow to look at.
_CONTENT, _REASONING = PieceKind
_ANSWERING = (TextAdvanced, RefusalAdvanced)


class SlowReaderLog:
    """Logs that readers fall behind: one line in `LOG_EVERY_S` for all chats of a door (SPEC 80).

    A backlog is not an error: the sender pauses, and nothing is lost. An admin may want to know.
    """

    def __init__(self) -> None:
        self._logged_s = -inf

    def backlog(self, pieces: int, now_s: float) -> None:
        """So many pieces wait for one reader."""
        if self._may_log(now_s):
            _log.warning("%d pieces of an answer wait for Open WebUI to take them", pieces)

    def standing(self, seconds: float, now_s: float) -> None:
        """A full hand-over was not touched for so long."""
        if self._may_log(now_s):
            _log.warning("Open WebUI has not taken from a full answer queue for %.1f s", seconds)

    def _may_log(self, now_s: float) -> bool:
        may_log = now_s - self._logged_s >= LOG_EVERY_S
        if may_log:
            self._logged_s = now_s
        return may_log


class OwuiSink:
    """An `EventSink` whose lines are written when the generator takes them.

    What waits is bounded in bytes (and, where an admin wants it, in pieces): a slow browser
    stops the generator, the hand-over fills up, no credit is granted, and the socket to the
    provider is not read. Make it inside the running loop.

    Args:
        bytes_max, pieces_max: from here on the sender is asked to pause; None: bytes alone.
        warn_pieces: a backlog from here on is logged.
        slow_after_s: a full hand-over that stands so long is logged; None: never.
        slow_log: where that goes.
    """

    def __init__(
        self,
        *,
        bytes_max: int,
        pieces_max: int | None,
        warn_pieces: int,
        slow_after_s: float | None,
        slow_log: SlowReaderLog,
    ) -> None:
        self._pieces: HandOver[Piece] = HandOver(bytes_max, pieces_max or PIECES_MAX)
        self._warn_pieces = warn_pieces
        self._slow_after_s = slow_after_s
        self._slow_log = slow_log
        self._standing: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.ending: Ending | None = None

    def show(self, events: Sequence[Shown]) -> bool:
        """See `EventSink.show`."""
        pieces = self._pieces
        has_room = True
        for event in events:
            if isinstance(event, _ANSWERING):
                has_room = pieces.put((_CONTENT, event.text), _weight(event.text))
            elif isinstance(event, ReasoningAdvanced):
                has_room = pieces.put((_REASONING, event.text), _weight(event.text))
        if len(pieces) >= self._warn_pieces:
            self._slow_log.backlog(len(pieces), self._loop.time())
        if not has_room and self._standing is None and self._slow_after_s is not None:
            self._standing = self._loop.call_later(self._slow_after_s, self._stands)
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
        """The tree has ended without a word, or nobody reads any more."""
        self._calm()
        self._pieces.close()

    def take(self) -> Awaitable[list[Piece]]:
        """Wait for pieces and take all that wait; an empty list is the end."""
        if self._standing is not None:
            self._calm()
        return self._pieces.take()

    def _stands(self) -> None:
        self._standing = None
        if len(self._pieces):
            self._slow_log.standing(self._slow_after_s or 0.0, self._loop.time())

    def _calm(self) -> None:
        if self._standing is not None:
            self._standing.cancel()
            self._standing = None


def _weight(text: str) -> int:
    """Bound the bytes of a text from above, without encoding it."""
    return len(text) if text.isascii() else 4 * len(text)
