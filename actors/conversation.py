"""What has been said so far in one answer. Pure: (conversation, events) -> conversation.

A provider says everything up to four times: in deltas, in a `done` event, in the finished item
and in the terminal event. Deltas stand; a later statement only fills a part that never had one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, auto
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


class PartKind(IntEnum):
    """What a part of an item holds. A number, because keys are hashed for every read."""

    TEXT = auto()
    REASONING = auto()
    SUMMARY = auto()
    REFUSAL = auto()


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_TEXT, _REASONING, _SUMMARY, _REFUSAL = PartKind

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


def advance(
    conversation: Conversation, events: Sequence[StreamEvent]
) -> tuple[Conversation, Sequence[Shown]]:
    """Take events in.

    Args:
        conversation: the answer before them.
        events: in the order of the stream; what follows the terminal event is ignored.

    Returns:
        The answer after them, and what of them is new to the reader, in order.
    """
    if conversation.ended is not None:
        return conversation, ()
    parts, skipped = conversation.parts, conversation.skipped
    if (
        len(events) == 1
        and type(first := events[0]) is TextAdvanced
        and (_TEXT, first.output_index, first.content_index) in parts
    ):
        # Nearly every read of a long answer is this: more text where there was some.
        return conversation, (first,)
    ended: StreamEnded | None = None
    shown: list[Shown] = []
    for event in events:
        if ended is not None:
            break
        match event:
            case TextAdvanced() | ReasoningAdvanced() | RefusalAdvanced():
                parts |= {_key_of(event)}
                shown.append(event)
            case TextStated() | ReasoningStated() | RefusalStated():
                stated = _advance_of(event)
                if stated.text and _key_of(stated) not in parts:
                    parts |= {_key_of(stated)}
                    shown.append(stated)
            case EventSkipped(count=count):
                skipped += count
            case StreamEnded():
                ended = event
    return replace(conversation, parts=parts, skipped=skipped, ended=ended), shown


def has_output(events: Sequence[StreamEvent]) -> bool:
    """Say whether any of these events shows something to the reader."""
    return any(
        isinstance(event, (TextAdvanced, ReasoningAdvanced, RefusalAdvanced))
        or (isinstance(event, (TextStated, ReasoningStated, RefusalStated)) and event.text != "")
        for event in events
    )


def _key_of(event: Shown) -> PartKey:
    match event:
        case TextAdvanced():
            return (_TEXT, event.output_index, event.content_index)
        case RefusalAdvanced(output_index=item, content_index=part):
            return (_REFUSAL, item, part)
        case ReasoningAdvanced(output_index=item, part_index=part, kind=ReasoningKind.RAW):
            return (_REASONING, item, part)
        case ReasoningAdvanced(output_index=item, part_index=part):
            return (_SUMMARY, item, part)


def _advance_of(event: TextStated | ReasoningStated | RefusalStated) -> Shown:
    match event:
        case TextStated(output_index=item, content_index=part, text=text):
            return TextAdvanced(output_index=item, content_index=part, text=text)
        case RefusalStated(output_index=item, content_index=part, text=text):
            return RefusalAdvanced(output_index=item, content_index=part, text=text)
        case ReasoningStated(output_index=item, part_index=part, kind=kind, text=text):
            return ReasoningAdvanced(output_index=item, part_index=part, kind=kind, text=text)
