"""What the killed writers keep: every row says in its id which it is, and what is in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from actors.artifacts import Artifact
from actors.values import Reasoning, WireFormat

SIZES = (1, 1, 2, 4)


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Rows that are saved together, all or none: the group of this number in a round."""

    round: int
    number: int

    @property
    def chat_id(self) -> str:
        return f"chat-{self.round}"

    @property
    def size(self) -> int:
        return SIZES[self.number % len(SIZES)]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"{self.round:06}{self.number:010}{index:04}" for index in range(self.size))

    def rows(self) -> tuple[Artifact, ...]:
        """The rows themselves, always the same."""
        return tuple(_row(self, index, row_id) for index, row_id in enumerate(self.ids))

    def __str__(self) -> str:
        return f"{self.round}:{self.number}"


def group_named(text: str) -> Group:
    """Read what `str` of a group says."""
    round_, _, number = text.partition(":")
    return Group(int(round_), int(number))


def group_of(row_id: str) -> Group:
    """Return the group that a row belongs to."""
    return Group(int(row_id[:6]), int(row_id[6:16]))


def _row(group: Group, index: int, row_id: str) -> Artifact:
    digest = hashlib.sha256(row_id.encode()).hexdigest()
    # From a hundred characters to a few thousand.
    text = digest * (1 + int(digest[:2], 16) // 4)
    return Artifact(
        id=row_id,
        chat_id=group.chat_id,
        message_id=f"message-{group.number}",
        model_id="openai/gpt-5",
        item=Reasoning(wire=WireFormat.RESPONSES, json=f'{{"type":"reasoning","text":"{text}"}}'),
        place=index,
    )
