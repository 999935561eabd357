"""The parts of one streamed answer: what was told of each, and what a later statement may add.

A part is a text, a refusal or a piece of thinking, at its place in an output item. Text is what
the deltas add up to; a full statement counts only for a part of which nothing came. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Final, TypeAlias

from actors.values import (
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningStated,
    RefusalAdvanced,
    RefusalStated,
    StreamEvent,
    TextAdvanced,
    TextStated,
)
from bridge.openrouter.wire_text import REPLACEMENT, is_torn, split_open_half


class PartKind(IntEnum):
    """What a part is made of. A number, because places are hashed for every run of deltas."""

    TEXT = auto()
    REFUSAL = auto()
    RAW_THINKING = auto()
    SUMMARY = auto()

    @property
    def item_type(self) -> str:
        """The type of output item that such a part belongs to."""
        return "message" if self in (PartKind.TEXT, PartKind.REFUSAL) else "reasoning"


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_TEXT, _REFUSAL = PartKind.TEXT, PartKind.REFUSAL

# Kind, output index, content or summary index.
Place: TypeAlias = tuple[PartKind, int, int]

_REASONING_KINDS: Final = {
    PartKind.RAW_THINKING: ReasoningKind.RAW,
    PartKind.SUMMARY: ReasoningKind.SUMMARY,
}


class PartLedger:
    """Turns deltas and statements into events, and remembers the places they belong to.

    A surrogate half at the end of what was told waits for the next delta of its place; when that
    place is closed first, it becomes U+FFFD.
    """

    __slots__ = ("_halves", "_told", "events", "is_torn")

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self._told: set[Place] = set()
        self._halves: dict[Place, str] = {}
        self.is_torn = False

    @property
    def is_empty(self) -> bool:
        """Whether no part has any text yet."""
        return not self._told

    def is_told(self, place: Place) -> bool:
        """Say whether anything came for this place."""
        return place in self._told

    def item_types(self) -> Mapping[int, str]:
        """Output index -> item type, as far as the told parts show it."""
        return {output_index: kind.item_type for kind, output_index, _ in self._told}

    def note_torn_text(self, text: str) -> None:
        """Look out for surrogate halves, once the lenient reader has met a text with one.

        The strict reader never lets one through, so other streams skip all of this.
        """
        self.is_torn = self.is_torn or is_torn(text)

    def advance(self, place: Place, text: str) -> None:
        """Tell deltas that followed each other at one place."""
        if not text:
            return
        self._told.add(place)
        if self.is_torn:
            text, half = split_open_half(self._halves.pop(place, "") + text)
            if half:
                self._halves[place] = half
        if text:
            self.events.append(_advanced(place, text))

    def state(self, place: Place, text: str) -> None:
        """Tell a full statement, if it is the first that is heard of its place."""
        if self._halves:
            self._release(place)
        if text and place not in self._told:
            self._told.add(place)
            self.events.append(_stated(place, text))

    def close(self) -> None:
        """Let go of every half that waits: the rest of the stream will not bring its partner."""
        if self._halves:
            for place in tuple(self._halves):
                self._release(place)

    def _release(self, place: Place) -> None:
        if self._halves.pop(place, ""):
            self.events.append(_advanced(place, REPLACEMENT))


def _advanced(place: Place, text: str) -> StreamEvent:
    kind, output_index, index = place
    if kind is _TEXT:
        return TextAdvanced(output_index=output_index, content_index=index, text=text)
    if kind is _REFUSAL:
        return RefusalAdvanced(output_index=output_index, content_index=index, text=text)
    return ReasoningAdvanced(
        output_index=output_index, part_index=index, kind=_REASONING_KINDS[kind], text=text
    )


def _stated(place: Place, text: str) -> StreamEvent:
    kind, output_index, index = place
    if kind is _TEXT:
        return TextStated(output_index=output_index, content_index=index, text=text)
    if kind is _REFUSAL:
        return RefusalStated(output_index=output_index, content_index=index, text=text)
    return ReasoningStated(
        output_index=output_index, part_index=index, kind=_REASONING_KINDS[kind], text=text
    )
