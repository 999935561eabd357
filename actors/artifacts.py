"""What is kept of an answer beyond its text, so that later turns can send it back.

An artifact is one item of a conversation (thinking, a call, what a call gave back), stored under
an id of its own. The answer's text names it by a mark, a line that no reader sees:
`[<id>]: #`. Marks come back with the history; what they name is put in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from actors.values import OpaqueItem, Reasoning, ToolCall, ToolOutput

# Length of an id: 16 characters of time and 4 of chance, in Crockford's base 32 (SPEC 38).
ID_CHARS: Final = 20

StoredItem = Reasoning | ToolCall | ToolOutput | OpaqueItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One stored item and where it belongs.

    Attributes:
        id: sortable by time; unique.
        chat_id, message_id: the chat, and the answer in it that made the item. Never empty.
        model_id: who made it, by the provider's id.
        item: the item itself.
        place: how many items of the same answer come before it; the order of replay.
    """

    id: str
    chat_id: str
    message_id: str
    model_id: str
    item: StoredItem = field(repr=False)
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What was found of the artifacts that were asked for.

    Attributes:
        artifacts: those that could be read, in the order in which they were asked for.
        missing: how many are not there (any more).
        unreadable: how many are there, and could not be opened: damaged, foreign, or another key.
    """

    artifacts: tuple[Artifact, ...] = ()
    missing: int = 0
    unreadable: int = 0
