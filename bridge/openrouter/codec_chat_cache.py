"""Which blocks of a chat request say "cache everything up to here" (SPEC 121). Pure.

A mark is put at the very end of a block and nothing else is touched, so the same history gives
the same bytes, marks aside, whatever is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bridge.openrouter.wire_chat_blocks import Block

MARKS_MAX: Final = 4
USER_MESSAGES_MARKED: Final = 3

# The short time to live is what a mark without one means.
_MARK: Final = b',"cache_control":{"type":"ephemeral"}}'
_LONG_MARK: Final = b',"cache_control":{"type":"ephemeral","ttl":"1h"}}'

Content = tuple[str, Sequence[Block]]
"""The role of a message, and its blocks."""


def marked(messages: Sequence[Content], *, ttl: str, marks_elsewhere: int) -> list[list[Block]]:
    """Mark the last text of the last system message, and of the last three of the user.

    Args:
        messages: in order; marks that blocks carry already stay and are counted.
        ttl: `5m` or `1h`.
        marks_elsewhere: those of the tools, and the one that stands for the whole request.

    Returns:
        The blocks of each message. Where there are not enough marks for all, the system message
        comes first, and then the latest message of the user.
    """
    marks = marks_elsewhere + sum(block.is_marked for _, blocks in messages for block in blocks)
    told = [list(blocks) for _, blocks in messages]
    for position in _positions([role for role, _ in messages]):
        place = _last_text(told[position])
        if place is None or told[position][place].is_marked:
            continue
        if marks >= MARKS_MAX:
            break
        told[position][place] = _with_mark(told[position][place], ttl)
        marks += 1
    return told


def _positions(roles: Sequence[str]) -> list[int]:
    latest_first = range(len(roles) - 1, -1, -1)
    system = [at for at in latest_first if roles[at] in ("system", "developer")]
    user = [at for at in latest_first if roles[at] == "user"]
    return system[:1] + user[:USER_MESSAGES_MARKED]


def _last_text(blocks: Sequence[Block]) -> int | None:
    return next((at for at in range(len(blocks) - 1, -1, -1) if blocks[at].is_text), None)


def _with_mark(block: Block, ttl: str) -> Block:
    open_end = block.json.rstrip().removesuffix(b"}")
    return replace(block, json=open_end + (_LONG_MARK if ttl == "1h" else _MARK), is_marked=True)
