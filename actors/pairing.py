"""Calls and their outputs belong together: what has lost its partner is left out. Pure.

A provider refuses a call without an output and an output without a call, and chat wants an
output right behind its calls. So this is done last, after everything that puts items together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from msgspec import Struct

from actors.values import (
    Item,
    Mark,
    OpaqueItem,
    Reasoning,
    Role,
    ToolCall,
    ToolOutput,
    Turn,
)

# Most conversations hold nothing else, and nothing in them has a partner.
_TURNS_ALONE = {Turn}


class Paired(Struct, frozen=True, kw_only=True, gc=False):
    """Items in which every call has its output. `dropped` had no partner, or led to nothing."""

    items: tuple[Item, ...]
    dropped: int


def paired(items: Sequence[Item]) -> Paired:
    """Keep each call with its output right behind it, and drop the others (SPEC 41).

    Some models count their ids from zero in every answer, so an id names a call only until its
    output came; the first output counts. Calls that stand together keep together: their outputs
    follow the last of them, in the order of the calls. Thinking that led to nothing that is
    left goes as well, because a provider wants to see what it led to.
    """
    if {*map(type, items)} == _TURNS_ALONE:
        return Paired(items=tuple(items), dropped=0)
    pairs = pairs_of(items)
    kept: list[Item] = []
    waiting: list[Item] = []
    for at, item in enumerate(items):
        if isinstance(item, ToolCall):
            if (output_at := pairs.get(at)) is not None:
                kept.append(item)
                waiting.append(items[output_at])
            continue
        kept += waiting
        waiting.clear()
        if not isinstance(item, ToolOutput):
            kept.append(item)
    kept += waiting
    left = with_consequence(kept)
    return Paired(items=tuple(left), dropped=len(items) - len(left))


def pairs_of(items: Sequence[Item]) -> Mapping[int, int]:
    """Find the position of each call's output, by the position of the call."""
    unanswered: dict[str, deque[int]] = {}
    pairs: dict[int, int] = {}
    for at, item in enumerate(items):
        if isinstance(item, ToolCall):
            unanswered.setdefault(item.call_id, deque()).append(at)
        elif isinstance(item, ToolOutput) and (calls := unanswered.get(item.call_id)):
            pairs[calls.popleft()] = at
    return pairs


def with_consequence(items: Sequence[Item]) -> list[Item]:
    """Drop thinking that led to nothing; a mark may name what it led to."""
    left: list[Item] = []
    follows: Item | None = None
    for item in reversed(items):
        if isinstance(item, Reasoning) and not _is_consequence(follows):
            continue
        left.append(item)
        follows = item
    left.reverse()
    return left


def _is_consequence(item: Item | None) -> bool:
    if isinstance(item, Turn):
        return item.role is Role.ASSISTANT
    return isinstance(item, ToolCall | Reasoning | OpaqueItem | Mark)
