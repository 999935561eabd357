"""Shows one chat in Open WebUI: from the request actor to the generator at the door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Final, TypeAlias

from actors.kernel.handover import HandOver
from actors.ports import Ending
from actors.values import ReasoningAdvanced, Shown, TextAdvanced, ToolCall
from bridge.owui.show_answer import AnswerShow, weight
from bridge.owui.show_looks import PLAIN, Looks
from bridge.transforms.chat_chunks import Piece, PieceKind
from bridge.transforms.image_text import image_markdown, inline_markdown
from bridge.transforms.json_text import JsonValue
from bridge.transforms.status_text import STOPPED

_log = logging.getLogger("greenroom.pipe")

PIECES_MAX: Final = 1_000_000
LOG_EVERY_S: Final = 30.0

# Bound once: a member of an enum is slow to look at.
_CONTENT, _REASONING, _IMAGE = PieceKind.CONTENT, PieceKind.REASONING, PieceKind.IMAGE

# Finds a place for a `data:` URL; None when it found none. It never raises.
StoreImage: TypeAlias = Callable[[str], Awaitable[str | None]]


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
        looks: how the answer is shown; without it there is text, thinking and calls alone.
        store_image: for images that come in `data:` URLs; None: nobody can.

    Attributes:
        ending: the one outcome, once it is known.
    """

    def __init__(
        self,
        *,
        bytes_max: int,
        pieces_max: int | None,
        warn_pieces: int,
        slow_after_s: float | None,
        slow_log: SlowReaderLog,
        looks: Looks = PLAIN,
        store_image: StoreImage | None = None,
    ) -> None:
        self._pieces: HandOver[Piece] = HandOver(bytes_max, pieces_max or PIECES_MAX)
        self._warn_pieces = warn_pieces
        self._slow_after_s = slow_after_s
        self._slow_log = slow_log
        self._standing: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._answer = AnswerShow(
            looks, self._pieces, self._loop, can_store=store_image is not None
        )
        self._store_image = store_image
        # One look for all that `take` may have to see to: the first time, and a slow reader.
        self._is_calm = not looks.has_events
        self.ending: Ending | None = None

    def show(self, events: Sequence[Shown]) -> bool:
        """See `EventSink.show`."""
        pieces, answer = self._pieces, self._answer
        has_room = True
        for event in events:
            # Nearly every event is this: more of the text, or of the thought, that is under way.
            if type(event) is TextAdvanced and event.output_index == answer.text_item:
                text = event.text
                has_room = pieces.put(
                    (_CONTENT, text), len(text) if text.isascii() else weight(text)
                )
            elif (
                type(event) is ReasoningAdvanced
                and event.output_index == answer.thought_item
                and event.part_index == answer.thought_part
                and event.kind is answer.thought_kind
            ):
                has_room = pieces.put((_REASONING, event.text), weight(event.text))
            else:
                answer.has_room = True
                answer.show(event)
                has_room = answer.has_room
        if len(pieces.waiting) >= self._warn_pieces:
            self._slow_log.backlog(len(pieces), self._loop.time())
        if not has_room and self._standing is None and self._slow_after_s is not None:
            self._standing = self._loop.call_later(self._slow_after_s, self._stands)
            self._is_calm = False
        return has_room

    def when_room(self, callback: Callable[[], object]) -> None:
        """See `EventSink.when_room`."""
        self._pieces.when_room(callback)

    def finish(self, ending: Ending) -> None:
        """See `EventSink.finish`."""
        assert self.ending is None, "an answer ends once (SPEC 97)"
        self.ending = ending
        self._answer.finish(ending)
        self._pieces.close()

    def abandon(self) -> None:
        """The tree has ended without a word, or nobody reads any more."""
        self._calm()
        if self.ending is None:
            self._answer.abandon()
            self._pieces.close()

    # --- the door's side -------------------------------------------------------------------------

    def begin(self) -> None:
        """Somebody waits; the first `take` says so otherwise. Harmless when repeated."""
        self._answer.begin()

    def wake(self) -> None:
        """Let a `take` that waits return, with nothing to see."""
        if not self._pieces.is_closed:
            self._pieces.put((_CONTENT, ""), 0)

    def take(self) -> Awaitable[list[Piece]]:
        """Wait for pieces and take all that wait; an empty list is the end."""
        if not self._is_calm:
            self._calm()
            self._answer.begin()
        return self._pieces.take()

    @property
    def has_images(self) -> bool:
        """Whether among what was put there are images that need a place: see `stored`."""
        return self._answer.images_waiting > 0

    async def stored(self, pieces: list[Piece]) -> list[Piece]:
        """Find a place for every image among the pieces, and put Markdown where it was.

        For the side that takes: it may wait long, and nothing is taken meanwhile. An image that
        nobody could store is shown in the text where it is small, else a notice stands there.
        """
        settled: list[Piece] = []
        for kind, text in pieces:
            if kind is not _IMAGE:
                settled.append((kind, text))
                continue
            self._answer.images_waiting -= 1
            url = await self._store_image(text) if self._store_image else None
            markdown = image_markdown(url) if url else inline_markdown(text)
            settled.append((_CONTENT, f"{markdown}\n\n"))
        return settled

    def leave(self) -> None:
        """Nobody takes any more; call off what was to happen as time goes by.

        The answer is still ended by whoever makes it. One that nobody was let in to make never
        is, and a timer would keep it.
        """
        self._calm()
        self._answer.hush()

    def take_events(self) -> list[dict[str, JsonValue]]:
        """Hand out the side events for an emitter, each once; only where nothing is streamed."""
        return self._answer.take_events()

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """What whoever asked is to run (SPEC 78)."""
        return self._answer.calls

    @property
    def unsettled(self) -> dict[str, JsonValue] | None:
        """The event that stops the newest status line from spinning, if it does.

        For a reader who left in the middle: the generator can yield nothing any more, and Open
        WebUI keeps the line as it is.
        """
        return STOPPED.emitted() if self._answer.is_waiting else None

    def _stands(self) -> None:
        self._standing = None
        if len(self._pieces):
            self._slow_log.standing(self._slow_after_s or 0.0, self._loop.time())

    def _calm(self) -> None:
        self._is_calm = True
        if self._standing is not None:
            self._standing.cancel()
            self._standing = None
