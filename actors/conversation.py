"""What has been said so far in one answer. Pure: (conversation, events) -> conversation.

A provider says everything up to four times: in deltas, in a `done` event, in the finished item
and in the terminal event. Deltas stand; a later statement only fills a part that never had one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from actors.values import (
    EventSkipped,
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningStated,
    RefusalAdvanced,
    RefusalStated,
    StreamEnded,
    StreamEvent,
    TextAdvanced,
    TextStated,
)


class PartKind(Enum):
    """What a part of an item holds."""

    TEXT = "text"
    REASONING = "reasoning"
    SUMMARY = "summary"
    REFUSAL = "refusal"


# Items overlap and their ids are made up, so the place in the output is what names a part.
PartKey: TypeAlias = tuple[PartKind, int, int]

Shown: TypeAlias = TextAdvanced | ReasoningAdvanced | RefusalAdvanced


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One answer so far.

    `parts` are those that have text already; `ended` is the terminal event, once it came.
    """

    parts: frozenset[PartKey] = frozenset()
    skipped: int = 0
    ended: StreamEnded | None = None

    @property
    def has_output(self) -> bool:
        """Whether anything visible was said (SPEC 83): from then on nothing is re-posted."""
        return bool(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The answer after some events, and what of them is new to the reader, in order."""

    conversation: Conversation
    shown: Sequence[Shown]


def advance(conversation: Conversation, events: Sequence[StreamEvent]) -> Advance:
    """Take events in.

    Args:
        conversation: the answer before them.
        events: in the order of the stream; what follows the terminal event is ignored.
    """
    parts = conversation.parts
    skipped, ended = conversation.skipped, conversation.ended
    shown: list[Shown] = []
    for event in events:
        if ended is not None:
            break
        match event:
            case TextAdvanced() | ReasoningAdvanced() | RefusalAdvanced():
                key = _key_of(event)
                if key not in parts:
                    parts |= {key}
                shown.append(event)
            case TextStated() | ReasoningStated() | RefusalStated():
                stated = _advance_of(event)
                key = _key_of(stated)
                if stated.text and key not in parts:
                    parts |= {key}
                    shown.append(stated)
            case EventSkipped(count=count):
                skipped += count
            case StreamEnded():
                ended = event
    if parts is conversation.parts and ended is None and skipped == conversation.skipped:
        return Advance(conversation=conversation, shown=shown)
    return Advance(
        conversation=replace(conversation, parts=parts, skipped=skipped, ended=ended),
        shown=shown,
    )


def has_output(events: Sequence[StreamEvent]) -> bool:
    """Say whether any of these events shows something to the reader."""
    return any(
        isinstance(event, TextAdvanced | ReasoningAdvanced | RefusalAdvanced)
        or (isinstance(event, TextStated | ReasoningStated | RefusalStated) and event.text != "")
        for event in events
    )


def end_of(events: Sequence[StreamEvent]) -> StreamEnded | None:
    """Return the terminal event among these, or None."""
    return next((event for event in events if isinstance(event, StreamEnded)), None)


def _key_of(event: Shown) -> PartKey:
    match event:
        case TextAdvanced(output_index=item, content_index=part):
            return (PartKind.TEXT, item, part)
        case RefusalAdvanced(output_index=item, content_index=part):
            return (PartKind.REFUSAL, item, part)
        case ReasoningAdvanced(output_index=item, part_index=part, kind=ReasoningKind.RAW):
            return (PartKind.REASONING, item, part)
        case ReasoningAdvanced(output_index=item, part_index=part):
            return (PartKind.SUMMARY, item, part)


def _advance_of(event: TextStated | ReasoningStated | RefusalStated) -> Shown:
    match event:
        case TextStated(output_index=item, content_index=part, text=text):
            return TextAdvanced(output_index=item, content_index=part, text=text)
        case RefusalStated(output_index=item, content_index=part, text=text):
            return RefusalAdvanced(output_index=item, content_index=part, text=text)
        case ReasoningStated(output_index=item, part_index=part, kind=kind, text=text):
            return ReasoningAdvanced(output_index=item, part_index=part, kind=kind, text=text)
