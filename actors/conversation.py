"""What has been said so far in one answer. Pure: (conversation, events) -> conversation.

A provider says everything up to four times: in deltas, in a `done` event, in the finished item
and in the terminal event. Deltas stand; a later statement only fills a part that never had one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum, auto
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from actors.values import (
    Annotated,
    EventSkipped,
    ImageMade,
    Item,
    MessagePhased,
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningMade,
    ReasoningStated,
    RefusalAdvanced,
    RefusalStated,
    Role,
    SearchAdvanced,
    Shown,
    StreamEnded,
    StreamEvent,
    TextAdvanced,
    TextPart,
    TextStated,
    ToolCallBegan,
    ToolCalled,
    Turn,
)


class PartKind(IntEnum):
    """What a part of an item holds. A number, because keys are hashed for every read."""

    TEXT = auto()
    REASONING = auto()
    SUMMARY = auto()
    REFUSAL = auto()
    IMAGE = auto()


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_TEXT, _REASONING, _SUMMARY, _REFUSAL, _IMAGE = PartKind

# Items overlap and their ids are made up, so the place in the output is what names a part.
PartKey: TypeAlias = tuple[PartKind, int, int]

Told: TypeAlias = TextAdvanced | ReasoningAdvanced | RefusalAdvanced


class Conversation(Struct, frozen=True, kw_only=True):
    """One answer so far.

    Attributes:
        parts: those that have something to see already.
        calls: tools that the model wants to be run, in the order in which they were worded.
        kept: what is not shown and goes back to the model with a tool's output.
        named: citations and images that were shown, so that each is shown once.
        skipped: events that could not be understood.
        ended: the terminal event, once it came.
    """

    parts: frozenset[PartKey] = frozenset()
    calls: tuple[ToolCalled, ...] = ()
    kept: tuple[ReasoningMade | MessagePhased | Annotated, ...] = ()
    named: frozenset[str] = frozenset()
    skipped: int = 0
    ended: StreamEnded | None = None


# No method may hang on the type of a constant that the collector does not look into: by way of its
# globals it would keep a build in memory that was replaced.
NOTHING_SAID = Conversation()


def is_visible(conversation: Conversation) -> bool:
    """Say whether anything visible was said (SPEC 83): from then on nothing is re-posted."""
    return bool(conversation.parts)


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
    parts = conversation.parts
    if (
        len(events) == 1
        and type(first := events[0]) is TextAdvanced
        and (_TEXT, first.output_index, first.content_index) in parts
    ):
        # Nearly every read of a long answer is this: more text where there was some.
        return conversation, (first,)
    skipped, ended = conversation.skipped, None
    shown: list[Shown] = []
    others: list[_Other] = []
    for event in events:
        match event:
            case TextAdvanced() | ReasoningAdvanced() | RefusalAdvanced():
                key = _key_of(event)
                if key not in parts:
                    parts |= {key}
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
                break
            case ToolCallBegan() | SearchAdvanced():
                shown.append(event)
            case _:
                others.append(event)
                if isinstance(event, Annotated | ImageMade) and _is_new(conversation, others):
                    shown.append(event)
    after = replace(conversation, parts=parts, skipped=skipped, ended=ended)
    return (after if not others else _with_others(after, others)), shown


def has_output(events: Sequence[StreamEvent]) -> bool:
    """Say whether any of these events shows something to the reader."""
    for event in events:
        if isinstance(event, (TextAdvanced, ReasoningAdvanced, RefusalAdvanced, ImageMade)):
            return True
        if isinstance(event, (TextStated, ReasoningStated, RefusalStated)) and event.text:
            return True
    return False


def reply_items(conversation: Conversation, told: Iterable[Shown]) -> tuple[Item, ...]:
    """Write an answer down as items of the history, so that the model can go on from it.

    Args:
        conversation: the finished answer.
        told: everything that `advance` returned to show of it, in order.

    Returns:
        Thinking, text and calls in the order of the provider's output: what a model wants back
        unchanged stands before what it led to (FACTS, Reasoning).
    """
    texts: dict[int, list[str]] = {}
    for event in told:
        if isinstance(event, TextAdvanced | RefusalAdvanced):
            texts.setdefault(event.output_index, []).append(event.text)
    phases = {e.output_index: e.phase for e in conversation.kept if isinstance(e, MessagePhased)}
    notes: dict[int, list[str]] = {}
    for kept in conversation.kept:
        if isinstance(kept, Annotated) and kept.json:
            notes.setdefault(kept.output_index, []).append(kept.json)
    placed: list[tuple[int, Item]] = [
        (kept.output_index, kept.reasoning)
        for kept in conversation.kept
        if isinstance(kept, ReasoningMade)
    ]
    placed += [
        (
            index,
            Turn(
                role=Role.ASSISTANT,
                parts=(TextPart(text="".join(pieces)),),
                annotations=tuple(notes.get(index, ())),
                phase=phases.get(index, ""),
            ),
        )
        for index, pieces in texts.items()
    ]
    placed += [(each.output_index, each.call) for each in conversation.calls]
    # Stable: what shares an index keeps the order thinking, text, call.
    return tuple(item for _, item in sorted(placed, key=lambda pair: pair[0]))


_Other: TypeAlias = ToolCalled | ReasoningMade | MessagePhased | Annotated | ImageMade


def _is_new(conversation: Conversation, others: Sequence[_Other]) -> bool:
    """Say whether the last of these is shown for the first time."""
    *before, last = others
    name = _name_of(last)
    if not name:
        return isinstance(last, ImageMade)
    return name not in conversation.named and all(_name_of(each) != name for each in before)


def _with_others(conversation: Conversation, others: Sequence[_Other]) -> Conversation:
    known = {each.call.call_id for each in conversation.calls}
    calls = list(conversation.calls)
    for each in others:
        if isinstance(each, ToolCalled) and each.call.call_id not in known:
            known.add(each.call.call_id)
            calls.append(each)
    images = [(_IMAGE, each.output_index, 0) for each in others if isinstance(each, ImageMade)]
    kept = [e for e in others if isinstance(e, ReasoningMade | MessagePhased | Annotated)]
    return replace(
        conversation,
        parts=conversation.parts.union(images),
        calls=tuple(calls),
        kept=(*conversation.kept, *kept),
        named=conversation.named.union(filter(None, map(_name_of, others))),
    )


def _name_of(event: _Other) -> str:
    """Name what is shown once: a page by its address, an image by its item."""
    match event:
        case Annotated(url=url):
            return url
        case ImageMade(item_id=item_id):
            return item_id
        case _:
            return ""


def _key_of(event: Told) -> PartKey:
    match event:
        case TextAdvanced():
            return (_TEXT, event.output_index, event.content_index)
        case RefusalAdvanced(output_index=item, content_index=part):
            return (_REFUSAL, item, part)
        case ReasoningAdvanced(output_index=item, part_index=part, kind=ReasoningKind.RAW):
            return (_REASONING, item, part)
        case ReasoningAdvanced(output_index=item, part_index=part):
            return (_SUMMARY, item, part)


def _advance_of(event: TextStated | ReasoningStated | RefusalStated) -> Told:
    match event:
        case TextStated(output_index=item, content_index=part, text=text):
            return TextAdvanced(output_index=item, content_index=part, text=text)
        case RefusalStated(output_index=item, content_index=part, text=text):
            return RefusalAdvanced(output_index=item, content_index=part, text=text)
        case ReasoningStated(output_index=item, part_index=part, kind=kind, text=text):
            return ReasoningAdvanced(output_index=item, part_index=part, kind=kind, text=text)
