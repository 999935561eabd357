"""How long the outputs of tools are carried along whole. Pure.

A turn is a run of messages of the user and what the model answered to it. Old outputs are cut
in steps of several turns: a provider recognises a conversation by its beginning, and every cut
changes the beginning (SPEC 34, 121).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from actors.values import Item, Role, ToolOutput, Turn

LONG_OUTPUT_CHARS: Final = 800
HEAD_CHARS: Final = 256
TAIL_CHARS: Final = 128


def with_short_outputs(items: Sequence[Item], *, turns_kept: int) -> tuple[Item, ...]:
    """Shorten long outputs that are older than `turns_kept` turns; 0 keeps all.

    An output stays whole for `turns_kept` turns at least, and for less than twice as many: the
    line between old and new moves once in `turns_kept` turns, first when the first turn is old.
    """
    if turns_kept <= 0 or ToolOutput not in {*map(type, items)}:
        return tuple(items)
    turns = _turns(items)
    steps = (turns[-1] - 1) // turns_kept if turns else 0
    old = (steps - 1) * turns_kept + 1
    return tuple(
        shortened(item) if isinstance(item, ToolOutput) and turn <= old else item
        for item, turn in zip(items, turns, strict=True)
    )


def shortened(output: ToolOutput) -> ToolOutput:
    """Keep the head and the tail of a long output, and say how much is missing.

    What was shortened once is short, so that it is never shortened again.
    """
    text = output.output
    if len(text) < LONG_OUTPUT_CHARS:
        return output
    removed = len(text) - HEAD_CHARS - TAIL_CHARS
    note = f"\n\n[{removed} characters removed]\n\n"
    return replace(output, output=text[:HEAD_CHARS] + note + text[-TAIL_CHARS:])


def _turns(items: Iterable[Item]) -> list[int]:
    """Number the turn of each item from 1; what stands before the first user is of turn 1."""
    turns: list[int] = []
    turn, is_asking = 0, False
    for item in items:
        is_user = isinstance(item, Turn) and item.role is Role.USER
        if is_user and not is_asking:
            turn += 1
        # Instructions in between neither begin a turn nor end one.
        if not (isinstance(item, Turn) and item.role in (Role.SYSTEM, Role.DEVELOPER)):
            is_asking = is_user
        turns.append(max(1, turn))
    return turns
