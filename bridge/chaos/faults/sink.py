"""The sink port and who stands behind it: readers that are slow, or gone.

A slow reader takes what waits only now and then, so the hand-over fills up and no credit is
granted. A reader who has gone takes nothing any more; that is how a stop looks from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeAlias

from actors.kernel.handover import HandOver
from actors.ports import Cancelled, Completed, Ending, Failed, StoreError
from actors.values import (
    Marked,
    Notice,
    Noticed,
    ReasoningAdvanced,
    RefusalAdvanced,
    Shown,
    TextAdvanced,
    ToolCallBegan,
    ToolEnded,
    ToolsHandedOver,
    ToolStarted,
)
from bridge.chaos.trace import End, Kind, Visit

Piece: TypeAlias = tuple[Kind, str]


class Moment(Enum):
    """What a reader may see right before pressing stop."""

    WORDS = "words"
    CALL_WRITTEN = "a call is written"
    TOOL_RUNS = "a tool runs"
    TOOL_OVER = "a tool is over"
    NEXT_ROUND = "the next round speaks"


class DoorSink:
    """An `EventSink` that writes down how it is treated.

    Args:
        visit: where.
        fired: counts how often it was full, and what readers were told beside the answer.
        bytes_max, pieces_max: its bounds.
        met: told of each moment that a reader sees; called inside the request's handler.
        is_kept: whether there is a row of this id now.
        now_s: the time.
    """

    def __init__(
        self,
        visit: Visit,
        fired: Counter[str],
        *,
        bytes_max: int,
        pieces_max: int | None,
        met: Callable[[Moment], object],
        is_kept: Callable[[str], bool],
        now_s: Callable[[], float],
    ) -> None:
        self._visit = visit
        self._fired = fired
        self._pieces: HandOver[Piece] = HandOver(bytes_max, pieces_max or 1_000_000)
        self._met = met
        self._is_kept = is_kept
        self._now_s = now_s
        self.ending: Ending | None = None

    def show(self, events: Sequence[Shown]) -> bool:
        """See `EventSink.show`."""
        if self._pieces.is_closed:
            self._visit.shown_after_end += 1
            return True
        has_room = True
        for event in events:
            piece = self._seen(event)
            if piece is not None:
                has_room = self._pieces.put(piece, len(piece[1]))
        if not has_room:
            self._fired["sink hand-over full"] += 1
        return has_room

    def _seen(self, event: Shown) -> Piece | None:
        """Note what happens; return what of it the reader has to take."""
        match event:
            case TextAdvanced(text=text) | RefusalAdvanced(text=text):
                return self._said(Kind.CONTENT, text)
            case ReasoningAdvanced(text=text):
                return self._said(Kind.REASONING, text)
            case ToolCallBegan():
                self._met(Moment.CALL_WRITTEN)
            case ToolStarted(call=call):
                self._met(Moment.TOOL_RUNS)
                return Kind.CARD, f"{call.call_id} begins"
            case ToolEnded(call=call, result=result):
                self._met(Moment.TOOL_OVER)
                return Kind.CARD, f"{call.call_id} gave {result.output}"
            case ToolsHandedOver(calls=calls):
                self._fired["tools handed over"] += 1
                return Kind.CARD, " ".join(call.call_id for call in calls)
            case Noticed(notice=notice, amount=amount):
                self._fired[f"notice: {notice.value}"] += 1
                if notice is Notice.TOOL_PAUSED:
                    self._visit.tool_wait_s = max(self._visit.tool_wait_s, amount or 0.0)
                elif notice is Notice.STORAGE_PAUSED:
                    self._visit.storage_wait_s = max(self._visit.storage_wait_s, amount or 0.0)
            case Marked(ids=ids):
                self._fired["storage marks"] += 1
                self._visit.marks += ids
                self._visit.unkept += [each for each in ids if not self._is_kept(each)]
            case _:
                pass
        return None

    def _said(self, kind: Kind, text: str) -> Piece:
        visit = self._visit
        visit.shown_s.setdefault(visit.round, self._now_s())
        self._met(Moment.WORDS if visit.round <= 1 else Moment.NEXT_ROUND)
        return kind, text

    def when_room(self, callback: Callable[[], object]) -> None:
        """See `EventSink.when_room`."""
        self._pieces.when_room(callback)

    def finish(self, ending: Ending) -> None:
        """See `EventSink.finish`; a second call is written down, not forbidden."""
        self._visit.finishes += 1
        self._visit.goes_on(self._now_s())
        self.ending = ending
        if isinstance(ending, Completed):
            self._visit.rounds_completed = ending.rounds
        elif isinstance(ending, Failed):
            self._visit.was_failed_by_storage |= isinstance(ending.error, StoreError)
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
